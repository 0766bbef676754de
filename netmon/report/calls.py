"""How test calls went, over many of them: the figures of RFC 6076 from the points of `sipcall`, for each province the calls
were made from and for all together (`reference/videoconference.md` §1.2).

One call of one agent says little of its commune; many say much of a province. Figures stand on `MIN_CALLS` calls or are not given.
A point is one call: an INVITE that was challenged and came again with credentials counts once. An INVITE nobody answered
is a 408 and one that could not be carried there a 503, as RFC 3261 §8.1.3.1 wants it. Left out are calls that
asked nobody: our own fault, a name without an address, and those that ended with a challenge.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from netmon.fields import PREFIX
from netmon.point import TAGS
from netmon.report.utilisation import SlotWindow
from netmon.store import read
from probes.base import Outcome

MIN_CALLS = 20  # under so many one call more or less moves a ratio by over 5 points, and the largest value is the 95th percentile
ALL = "all"  # the row of all calls
_FIELDS = ("outcome", "status", "srd_ms", "sdd_ms")
_EFFECTIVE = frozenset({480, 486, 600, 603})  # of the callee, not of the network (RFC 6076 §4.7)
_INEFFECTIVE = frozenset({408, 500, 503, 504})  # RFC 6076 §4.8
_CHALLENGES = frozenset({401, 402, 407})
_TAKEN_FOR = {Outcome.LOST: 408, Outcome.REFUSED: 503}  # of calls without a final answer
_NOT_ASKED = (Outcome.LOCAL, Outcome.UNRESOLVED)


class TestCall(NamedTuple):
    """One call. `status` 0: what came back was no SIP; `srd_ms`, `sdd_ms` None: not measured."""

    status: int
    is_completed: bool
    srd_ms: float | None
    sdd_ms: float | None

    @property
    def is_taken(self) -> bool:
        """A 2xx ended the INVITE."""
        return 200 <= self.status < 300

    @property
    def is_elsewhere(self) -> bool:
        """A 3xx: it is to be asked elsewhere, and says nothing of whether it would have been taken."""
        return 300 <= self.status < 400


@dataclass(frozen=True, slots=True)
class CallFigures:
    """Of the calls made from one province, or of all. Ratios are shares; None: fewer than `MIN_CALLS` stand behind it.

    `left_out`: calls that asked nobody. `srd_n` and so on: how many values stand behind a delay.
    """

    province: str
    calls: int
    left_out: int
    redirected: int
    ser: float | None
    seer: float | None
    isa: float | None
    scr: float | None
    srd_n: int
    srd_p50_ms: float | None
    srd_p95_ms: float | None
    srd_failed_n: int
    srd_failed_p50_ms: float | None
    srd_failed_p95_ms: float | None
    sdd_n: int
    sdd_p50_ms: float | None
    sdd_p95_ms: float | None


def calls(store: Path, over: SlotWindow, province: str = "") -> list[CallFigures]:
    """One row for each province in the order of the codes, then, unless one is asked for, `ALL`; none without calls."""
    made: dict[str, list[TestCall | None]] = {}
    for where, call in _made(store, over):
        if province in ("", where):
            made.setdefault(where, []).append(call)
    rows = [figures(where, calls_there) for where, calls_there in sorted(made.items())]
    if rows and not province:
        rows.append(figures(ALL, [call for calls_there in made.values() for call in calls_there]))
    return rows


def _made(store: Path, over: SlotWindow) -> Iterator[tuple[str, TestCall | None]]:
    at = TAGS.index("province")
    for tags, values in read.points(store, PREFIX + "sipcall", _FIELDS, 1000 * over.start_s, 1000 * over.end_s):
        yield tags[at], call(dict(zip(_FIELDS, values, strict=True)))


def call(values: Mapping[str, float | None]) -> TestCall | None:
    """A point's call, None when nobody was asked."""
    said, final = values["outcome"], values["status"]
    outcome = Outcome.PROTOCOL if said is None else Outcome(int(said))
    if final is None and outcome in _NOT_ASKED:
        return None
    status = _TAKEN_FOR.get(outcome, 0) if final is None else int(final)
    if status in _CHALLENGES:
        return None
    return TestCall(status, 200 <= status < 300 and outcome is Outcome.OK, values["srd_ms"], values["sdd_ms"])


def figures(province: str, points: Sequence[TestCall | None]) -> CallFigures:
    """The figures of some calls."""
    made = [call for call in points if call is not None]
    asked = [call for call in made if not call.is_elsewhere]
    taken = [call.srd_ms for call in made if call.is_taken]
    failed = [call.srd_ms for call in asked if not call.is_taken]
    srd, srd_failed, sdd = _known(taken), _known(failed), _known(call.sdd_ms for call in made)
    return CallFigures(
        province=province,
        calls=len(made),
        left_out=len(points) - len(made),
        redirected=len(made) - len(asked),
        ser=_share([call.is_taken for call in asked]),
        seer=_share([call.is_taken or call.status in _EFFECTIVE for call in asked]),
        isa=_share([call.status in _INEFFECTIVE for call in made]),
        scr=_share([call.is_completed for call in made]),
        srd_n=len(srd),
        srd_p50_ms=_rank(srd, 0.5),
        srd_p95_ms=_rank(srd, 0.95),
        srd_failed_n=len(srd_failed),
        srd_failed_p50_ms=_rank(srd_failed, 0.5),
        srd_failed_p95_ms=_rank(srd_failed, 0.95),
        sdd_n=len(sdd),
        sdd_p50_ms=_rank(sdd, 0.5),
        sdd_p95_ms=_rank(sdd, 0.95),
    )


def _known(values: Iterable[float | None]) -> list[float]:
    return sorted(value for value in values if value is not None)


def _share(said: Sequence[bool]) -> float | None:
    return round(sum(said) / len(said), 5) if len(said) >= MIN_CALLS else None


def _rank(values: Sequence[float], share: float) -> float | None:
    """Of values in order: the smallest that so many are not above (nearest rank)."""
    return round(values[math.ceil(share * len(values)) - 1], 3) if len(values) >= MIN_CALLS else None
