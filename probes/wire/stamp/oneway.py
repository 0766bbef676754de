"""One-way figures from two clocks that need not agree: what can be told of each direction, and how far it may be wrong.

With T1…T4 of one packet, forward = T2 − T1 and backward = T4 − T3 hold each direction's delay and, with opposite signs, how
far the clocks are apart. Their sum is a round trip and knows no clock. So a difference that grows evenly is drift: it
lifts the lower envelope of one direction as it sinks the other's. A jump of half their difference that the round
trips cannot account for is a clock that was set (or, not to be told from it, a path longer there and as much shorter back).

Pure; times are monotonic seconds, delays milliseconds, slopes milliseconds a second (1 ms/s = 1000 ppm).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from probes import stats

WINDOW_S = 300.0  # what is older tells nothing about today's drift
MAX_DRIFT = 0.2  # ms/s: clocks that run apart faster are not clocks
_SLACK_MS = 0.5  # smaller steps are not told from delay variation
_MIN_S, _MIN_PACKETS = 30.0, 30  # no drift is told from less time, or fewer packets
_MIN_STEP = 10  # no step is told from fewer packets
_MEMORY = 32
_CORNERS = 128


class Drift(NamedTuple):
    """How the far clock runs against ours (ms/s; more: faster), and how far that may be wrong."""

    slope: float
    error: float


class Envelope:
    """The lower convex hull of one direction's differences over the last `WINDOW_S`."""

    __slots__ = ("_corners",)

    def __init__(self) -> None:
        self._corners: list[tuple[float, float]] = []

    def add(self, at_s: float, delay_ms: float) -> None:
        """One more packet; packets come in the order of their sending, or nearly so."""
        corners = self._corners
        if corners and at_s <= corners[-1][0]:
            if delay_ms >= corners[-1][1]:
                return
            at_s = corners.pop()[0]
        while len(corners) > 1 and _above(corners[-2], corners[-1], (at_s, delay_ms)):
            corners.pop()
        corners.append((at_s, delay_ms))
        while corners[0][0] < at_s - WINDOW_S:
            del corners[0]
        if len(corners) > _CORNERS:
            del corners[1:-1:2]

    def slope(self) -> float | None:
        """Of the edge over the middle: the line below all packets that is nearest to them; None when it is too short."""
        corners = self._corners
        if len(corners) < 2 or corners[-1][0] - corners[0][0] < _MIN_S:
            return None
        middle = (corners[0][0] + corners[-1][0]) / 2
        after = next(n for n, (at_s, _) in enumerate(corners) if at_s >= middle and n)
        (from_s, low), (to_s, high) = corners[after - 1], corners[after]
        return (high - low) / (to_s - from_s)


def _above(before: tuple[float, float], middle: tuple[float, float], after: tuple[float, float]) -> bool:
    """True when the middle one does not lie below the line between the others."""
    return (middle[1] - before[1]) * (after[0] - before[0]) >= (after[1] - before[1]) * (middle[0] - before[0])


class Shortest:
    """The shortest round trip of the last half to whole `WINDOW_S`, and how far the quiet path may lie below it."""

    __slots__ = ("_before", "_many", "_mean", "_now", "_until")

    def __init__(self) -> None:
        self._before, self._now = (math.inf, 0), (math.inf, 0)  # shortest, of how many
        self._until = -math.inf
        self._many, self._mean = 0, 0.0  # … how much longer round trips are than the shortest

    def add(self, at_s: float, rtt_ms: float) -> float:
        """Take one; the shortest."""
        if at_s >= self._until:
            self._before, self._now, self._until = self._now, (math.inf, 0), at_s + WINDOW_S / 2
        self._now = min(self._now[0], rtt_ms), self._now[1] + 1
        shortest = min(self._before[0], self._now[0])
        self._many += 1
        self._mean += (rtt_ms - shortest - self._mean) / min(self._many, _MEMORY)
        return shortest

    def below_ms(self) -> float:
        """Among many packets one finds the path nearly empty; among few the emptiest may still have waited."""
        many = self._before[1] + self._now[1]
        return math.inf if self._many < _MIN_STEP else 2 * max(0.0, self._mean) / math.sqrt(many)


class _Point(NamedTuple):
    at_s: float
    half_ms: float  # half the difference of both directions: the clocks' distance, and half the paths' asymmetry
    rtt_ms: float


class Directions:
    """Both directions to one target. `steps`: how often the clocks were set against each other."""

    __slots__ = ("_anchor", "_backward", "_forward", "_many", "_odd", "_shortest", "steps")

    def __init__(self) -> None:
        self.steps = 0
        self._shortest = Shortest()
        self._anchor: _Point | None = None  # what the next packet is held against
        self._odd: _Point | None = None  # the last packet that did not fit; a second one like it makes a step
        self._begin()

    def _begin(self) -> None:
        self._forward, self._backward, self._many = Envelope(), Envelope(), 0

    def add(self, at_s: float, forward_ms: float, backward_ms: float) -> bool | None:
        """One answered packet. True: it fits; False: it does not, leave it out; None: a step, begin anew with this one."""
        point = _Point(at_s, (forward_ms - backward_ms) / 2, forward_ms + backward_ms)
        shortest = self._shortest.add(at_s, point.rtt_ms)
        slack = _SLACK_MS + self._shortest.below_ms()
        fits: bool | None = True
        if self._anchor is not None and not _near(point, self._anchor, shortest, slack):
            if self._odd is None or not _near(point, self._odd, shortest, slack):
                self._odd = point
                return False
            self.steps += 1
            self._begin()
            self._anchor, fits = None, None
        self._odd = None
        if self._anchor is None or _doubt(point, shortest) <= _doubt(self._anchor, shortest) + MAX_DRIFT * (
            at_s - self._anchor.at_s
        ):
            self._anchor = point
        self._forward.add(at_s, forward_ms)
        self._backward.add(at_s, backward_ms)
        self._many += 1
        return fits

    def drift(self) -> Drift:
        """What both envelopes agree on. Where they do not agree nothing is taken for drift, and the error says how much
        there may be."""
        forward, backward = self._forward.slope(), self._backward.slope()
        if forward is None or backward is None or self._many < _MIN_PACKETS:
            return Drift(0.0, MAX_DRIFT)
        slope, error = (forward - backward) / 2, abs(forward + backward) / 2
        return Drift(slope, error) if abs(slope) > 2 * error else Drift(0.0, abs(slope) + error)


def _doubt(point: _Point, shortest_ms: float) -> float:
    """How far a packet's half difference may be from the quiet path's: half of what its round trip was longer."""
    return max(0.0, point.rtt_ms - shortest_ms) / 2


def _near(point: _Point, other: _Point, shortest_ms: float, slack_ms: float) -> bool:
    """True when delay variation and drift can account for both."""
    room = slack_ms + MAX_DRIFT * abs(point.at_s - other.at_s)
    return abs(point.half_ms - other.half_ms) <= _doubt(point, shortest_ms) + _doubt(other, shortest_ms) + room


def variation(delays_ms: Sequence[float], at_s: Sequence[float], slope: float) -> float:
    """95th percentile less minimum of one direction once its drift is taken out."""
    ordered = sorted(delay - slope * at for delay, at in zip(delays_ms, at_s, strict=True))
    return stats.quantile(ordered, 0.95) - ordered[0]


class Absolute(NamedTuple):
    """One-way delays (medians) and the bound of their error, in milliseconds."""

    forward_ms: float
    backward_ms: float
    error_ms: float


def absolute(forward_ms: Sequence[float], backward_ms: Sequence[float], error_ms: float) -> Absolute | None:
    """The split of the round trip, where two clocks may be `error_ms` apart. None when that says no more than half the
    round trip would, or when a delay below nothing shows that a clock is worse than it says."""
    if not forward_ms or not backward_ms:
        return None
    shortest = min(forward + backward for forward, backward in zip(forward_ms, backward_ms, strict=True))
    if error_ms >= shortest / 2 or min(*forward_ms, *backward_ms) < -error_ms:
        return None
    middles = [max(0.0, stats.quantile(sorted(delays), 0.5)) for delays in (forward_ms, backward_ms)]
    return Absolute(middles[0], middles[1], error_ms)
