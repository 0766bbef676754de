"""What speaks against one element at a tick. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from alerts.base import Fault, Firing
from alerts.blame.naming import worst

Member = tuple[str, str]  # (rule, check) — or (rule, agent) for `silence`


@dataclass(frozen=True, slots=True, kw_only=True)
class Accusation:
    """One element and what speaks against it. Times are Unix ms of sending."""

    element: str
    fault: Fault
    kind: str  # `down`, `loss`, `delay`, `throughput`, `silent`, …
    severity: str
    members: frozenset[Member]
    start_ms: int  # first miss (of reach), or since when the earliest condition holds
    reported_ms: int  # up to here its checks have reported
    latest_start_ms: int  # the last first miss of all members: a success after it clears the element for everybody
    period_ms: int = 1000
    suspects: tuple[str, ...]  # elements that cannot be told apart from it, itself first
    clear: int = 0  # checks that show that all is fine up to it
    proven: bool = True  # its parent carried a success since the first miss
    shaky: bool = False  # of reach: who else is heard through its parent loses packets as well
    share: float | None = None  # of reach: 0..1 of the flows through it that fail; None: all
    rerouted: bool = False  # of reach: packets have another way, and need time to take it
    siblings: tuple[str, ...] = ()  # elements that hang on it and fail together; empty: it fails itself
    crowd: int = 0  # so many more that hang on the same may be failing, too, and have not had time to say so
    storm: bool = False  # others fail at many places at once: what hangs on the same may be about to say so, too
    outvoted: tuple[str, ...] = ()  # agents whose word against it was not believed
    waiting: bool = False  # somebody who could still clear it, or prove its parent, has not reported that far;
    # of quality: somebody beside it complains too, or has not reported enough, so that it may be the parent


def accuse(element: str, kind: str, firings: Collection[Firing], reported_ms: int, **more: Any) -> Accusation:
    """What rules that fire say against an element; `more`: what is known better than from them alone."""
    since_ms = [firing.since_ms for firing in firings]
    given = {
        "fault": next(iter(firings)).fault,
        "severity": worst(firing.severity for firing in firings),
        "members": frozenset(firing.member for firing in firings),
        "start_ms": min(since_ms),
        "latest_start_ms": max(since_ms),
        "suspects": (element,),
    }
    return Accusation(element=element, kind=kind, reported_ms=reported_ms, **{**given, **more})


def accused_together(element: str, accusations: Sequence[Accusation], *, crowd: int) -> Accusation:
    """One accusation against what several elements hang on."""
    return Accusation(
        element=element,
        fault=accusations[0].fault,
        kind=accusations[0].kind,
        severity=worst(accusation.severity for accusation in accusations),
        members=frozenset(chain.from_iterable(accusation.members for accusation in accusations)),
        start_ms=min(accusation.start_ms for accusation in accusations),
        reported_ms=max(accusation.reported_ms for accusation in accusations),
        latest_start_ms=max(accusation.latest_start_ms for accusation in accusations),
        period_ms=max(accusation.period_ms for accusation in accusations),
        suspects=(element,),
        clear=max(accusation.clear for accusation in accusations),
        siblings=tuple(sorted(set(chain.from_iterable(failing_elements(accusation) for accusation in accusations)))),
        crowd=crowd,
    )


def failing_elements(accusation: Accusation) -> tuple[str, ...]:
    """What an accusation says fails."""
    return accusation.siblings or (accusation.element,)
