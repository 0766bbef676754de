"""Will the delay of a stream rise too much before the word to stop arrives? Asked while it runs, of each way by itself."""

from __future__ import annotations

from collections import deque

APART_S = 0.01  # between two looks
_LOOKS = 4  # growing from each to the next: a burst of others' fills a queue at once, and then it drains
_GROWN_NS = 500_000  # by so much at each
_SHARE = 0.6  # of the most: above that it is stopped in any case
_REACH_S = 0.08  # until a stop is heeded: what a look tells is old by what both queues hold, and the word is as slow


class RiseWatch:
    """One way's looks at how much the delay is above the least. `max_ns`: what it may rise by; 0: as much as it likes."""

    def __init__(self, max_ns: int) -> None:
        self._max_ns = max_ns
        self._looks: deque[tuple[float, int]] = deque(maxlen=_LOOKS)

    def is_too_much(self, rise_ns: int, now: float) -> bool:
        """True when it is near the most, or grows so that it will be above it before anybody can stop it."""
        if not self._max_ns:
            return False
        if rise_ns > _SHARE * self._max_ns:
            return True
        if not self._looks or now - self._looks[-1][0] >= APART_S:
            self._looks.append((now, rise_ns))
        return self._foreseen_ns() > self._max_ns

    def _foreseen_ns(self) -> float:
        """The rise a while after the last look; 0 when it does not grow steadily."""
        looks = list(self._looks)
        if len(looks) < _LOOKS or any(
            after[1] - before[1] < _GROWN_NS for before, after in zip(looks, looks[1:], strict=False)
        ):
            return 0.0
        (began, low), (ended, high) = looks[0], looks[-1]
        return high + (high - low) / (ended - began) * _REACH_S
