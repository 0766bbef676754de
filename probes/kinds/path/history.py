"""The last good path of each check, in this process only: after a restart the first path is compared with nothing."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from probes.clean import clean
from probes.kinds.path.hops import Hop, Trace

_MAX_PATHS = 1000  # paths kept; the oldest goes first


class RouteChange(NamedTuple):
    """`known`: there was a path to compare with. `words`: where it differs, "" when it does not."""

    known: bool = False
    words: str = ""


class _Step(NamedTuple):
    addresses: frozenset[str]
    whole: bool  # every flow that asked there was answered


_Path = tuple[_Step, ...]
_last: dict[Hashable, _Path] = {}


def compare(key: Hashable, trace: Trace) -> RouteChange:
    """How a trace differs from the last one of the same key that reached its target; a good one takes its place.

    A silent hop is no difference. A longer or shorter path shows by other addresses at its hops, the target's included. A trace that breaks off is told where the last good path went on.
    """
    before, steps = _last.pop(key, None), tuple(_step(hop) for hop in trace.steps)
    kept = steps if trace.hops else before
    if kept:
        _last[key] = kept
        while len(_last) > _MAX_PATHS:
            del _last[next(iter(_last))]
    if before is None:
        return RouteChange()
    if trace.hops is None:
        return RouteChange(False, _went_on(before, len(steps)))
    words = next((words for at in range(len(before)) if (words := _differs(before, steps, at))), "")
    return RouteChange(True, words)


def _step(hop: Hop) -> _Step:
    return _Step(frozenset(hop.addresses), len(hop.seen) == hop.asked)


def _differs(before: _Path, steps: tuple[_Step, ...], at: int) -> str:
    """What is else at one hop: a new address, or one that is gone though every flow was answered."""
    was, now = before[at], steps[at] if at < len(steps) else _Step(frozenset(), False)
    if not was.addresses or not now.addresses:
        return ""
    new, gone = now.addresses - was.addresses, was.addresses - now.addresses
    if (new and was.whole) or (gone and now.whole):
        return f"hop {at + 1} was {_names(was)}, it is {_names(now)}"
    return ""


def _went_on(before: _Path, answered: int) -> str:
    if answered >= len(before):
        return ""
    step = next((step for step in before[answered:] if step.addresses), None)
    return f"the last good path went on to {_names(step)}" if step else ""


def _names(step: _Step) -> str:
    return clean(" ".join(sorted(step.addresses)))
