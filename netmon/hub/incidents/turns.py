"""The time between two turns of evaluation: what was the network's, and what was the hub's own pause or a set clock."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import NamedTuple

LONGEST_S = 2.0  # a turn counts for so long at most …
SLOW = 2.0  # … or so many usual turns of a hub that is slow
PAUSE_S = 5.0  # and if it took longer, whoever the hub waits for has his full time again
STEP_S = 1.0  # the wall clock and the steady one differ by more: it was set


class Jump(NamedTuple):
    """Time that is nobody's: so much between two turns (negative: the clock was set back). `is_pause`: long enough that
    what waits in sockets and agents must be heard first. `is_step`: the wall clock was set."""

    seconds: float
    is_pause: bool
    is_step: bool


class ListenedTime:
    """Counts the time in which the hub listened. Not thread-safe."""

    def __init__(self) -> None:
        self.listened_s = 0.0  # altogether
        self._now_s: float | None = None
        self._steady_s: float | None = None
        self._last = deque((1.0,) * 3, maxlen=5)

    def begin(self, now_s: float) -> None:
        """The wall clock when somebody listened last: at the end of what was read back."""
        self._now_s, self._steady_s = now_s, None

    def turn(self, now_s: float, steady_s: float | None = None) -> Jump | None:
        """A turn begins, by the wall clock and a steady one; what is nobody's time since the last one. Without a steady
        clock any large step counts as a pause."""
        before_s, steady_before_s = self._now_s, self._steady_s
        self._now_s, self._steady_s = now_s, steady_s
        if before_s is None:
            return None
        passed_s = now_s - before_s
        really_s = passed_s if steady_s is None or steady_before_s is None else steady_s - steady_before_s
        usual_s = median(self._last)
        if really_s > 0:
            self._last.append(really_s)
        counted_s = min(max(really_s, 0.0), max(LONGEST_S, SLOW * usual_s))
        self.listened_s += counted_s
        is_step = steady_before_s is not None and steady_s is not None and abs(passed_s - really_s) > STEP_S
        is_pause = really_s > max(PAUSE_S, 3 * usual_s) or really_s < 0 or is_step
        seconds = passed_s - counted_s
        return Jump(seconds, is_pause, is_step) if is_pause or abs(seconds) > 0.001 else None
