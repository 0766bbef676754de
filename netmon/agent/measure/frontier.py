"""Up to when everything this agent measures has been told: what the hub may judge. Pure."""

from __future__ import annotations

SLACK_MS = 50  # an interval may start a little earlier than its predecessor says
PATIENCE_MS = 500  # beyond the time its fate must be known; then it holds nobody back any more


class Frontier:
    """Open intervals of the packet checks and open runs of the others. Times are Unix ms."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}  # check → start of the interval that is told next
        self._step: dict[str, tuple[int, int]] = {}  # check → (interval, how long after its start all is known)
        self._runs: dict[str, tuple[int, int]] = {}  # check → (start, held back until)

    def watch(self, check: str, now_ms: int, interval_ms: int, known_ms: int) -> None:
        """A packet check begins; an interval's fate is known `known_ms` after its start."""
        self._step[check] = (interval_ms, known_ms + PATIENCE_MS)
        self._next[check] = now_ms

    def interval_done(self, check: str, at_ms: int) -> None:
        """The interval that began at `at_ms` was told."""
        if check in self._step:
            self._next[check] = at_ms + self._step[check][0]

    def began(self, check: str, now_ms: int, hold_ms: int) -> None:
        """A run begins; it is waited for at most `hold_ms`."""
        self._runs[check] = (now_ms, now_ms + hold_ms)

    def ended(self, check: str) -> None:
        """A run was told."""
        self._runs.pop(check, None)

    def at(self, now_ms: int) -> int:
        """Every point before this is told."""
        oldest = now_ms
        for check, start in self._next.items():
            if start < oldest and now_ms - start <= self._step[check][1]:
                oldest = start
        for start, until in self._runs.values():
            if start < oldest and now_ms <= until:
                oldest = start
        return oldest - SLACK_MS
