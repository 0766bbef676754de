"""The pace of a busy shaper: how long one of our packets takes, with others' packets among ours and a machine that is late.

While a queue stands, packet n leaves at `start + n × slot`, later by whatever others' packets took that stood between
ours. Two things move an arrival off that line, and they are told apart by what follows. A kernel that was late (a timer, an
interrupt, a stolen CPU) makes a packet late and not the next ones: they return to the line, so such packets are left out.
Another's packet makes all that follow later: the line is broken there, and only the slopes between breaks count.
Lateness is never negative, so the line is the lower edge of the arrivals.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

_LAG = 4  # the first guess: the middle one of the slopes over so many packets
_LOOK = 8  # packets that follow and show that one was late
_OFF = 0.2  # slots off the line: late, or behind another's packet
_ROUNDS = 4  # guess, sort out, fit, and again
_MIN_ON_TIME = 0.6  # share of the tail
_MIN_RUN = 5  # packets between breaks, on the average
_EVEN = 0.025  # the halves of the tail agree to this, or something else than the shaper was at work


class Pace(NamedTuple):
    """`slot_ns` of one packet; the packets on time (their places in what was given), and what was ahead of each: ns
    others' packets took since the first."""

    slot_ns: float
    places: list[int]
    others_ns: list[float]


def pace(slots: Sequence[int], times: Sequence[int]) -> Pace | None:
    """The pace of arrivals `times` (ns) of packets that took these `slots` of the shaper; None when they keep none."""
    lags = range(len(slots) - _LAG)
    if not lags:
        return None
    slot_ns = statistics.median((times[at + _LAG] - times[at]) / (slots[at + _LAG] - slots[at]) for at in lags)
    paced = Pace(slot_ns, [], [])
    for _ in range(_ROUNDS):
        if paced.slot_ns <= 0:
            return None
        paced = _sorted_out(slots, times, paced.slot_ns)
    return paced if paced.slot_ns > 0 and _is_steady(paced, slots, times) else None


def _sorted_out(slots: Sequence[int], times: Sequence[int], slot_ns: float) -> Pace:
    """Who is on time at this pace, where the line breaks, and the slope it has between its breaks."""
    places = [at for at in range(len(slots)) if _late_ns(slots, times, slot_ns, at) <= _OFF * slot_ns]
    others_ns = [0.0]
    for before, after in zip(places, places[1:], strict=False):
        more_ns = times[after] - times[before] - (slots[after] - slots[before]) * slot_ns
        others_ns.append(others_ns[-1] + (more_ns if more_ns > _OFF * slot_ns else 0.0))
    return Pace(_slope(slots, times, places, others_ns) or slot_ns, places, others_ns)


def _late_ns(slots: Sequence[int], times: Sequence[int], slot_ns: float, at: int) -> float:
    """How much earlier the packets that follow say that this one could have been here."""
    follow = range(at + 1, min(len(slots), at + 1 + _LOOK))
    return max(((slots[after] - slots[at]) * slot_ns - (times[after] - times[at]) for after in follow), default=0.0)


def _slope(slots: Sequence[int], times: Sequence[int], places: Sequence[int], others_ns: Sequence[float]) -> float:
    """The one slope that fits all stretches between breaks with the least squared error; 0 when there is none."""
    runs: dict[float, list[int]] = {}
    for place, others in zip(places, others_ns, strict=True):
        runs.setdefault(others, []).append(place)
    product = square = 0.0
    for run in runs.values():
        middle, when = statistics.fmean(slots[at] for at in run), statistics.fmean(times[at] - times[0] for at in run)
        product += sum((slots[at] - middle) * (times[at] - times[0] - when) for at in run)
        square += sum((slots[at] - middle) ** 2 for at in run)
    return product / square if square else 0.0


def _is_steady(paced: Pace, slots: Sequence[int], times: Sequence[int]) -> bool:
    """Most were on time, breaks are seldom, and both halves have the same slope."""
    many, runs = len(paced.places), len(set(paced.others_ns))
    if many < _MIN_ON_TIME * len(slots) or many < _MIN_RUN * runs:
        return False
    half = many // 2
    first = _slope(slots, times, paced.places[:half], paced.others_ns[:half])
    second = _slope(slots, times, paced.places[half:], paced.others_ns[half:])
    return abs(first - second) <= _EVEN * paced.slot_ns
