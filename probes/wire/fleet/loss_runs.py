"""Losses as a pattern: how long the runs are, and how likely a loss follows a loss. Plain counters, so intervals add up.

Each run is counted once, in the interval that ends after a later packet's fate ended the run. Packets are looked at in
the order of sending, whatever the order their fates became known in (RFC 3357 §5 calls a run a loss period).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque

SHORTEST = (1, 2, 3, 6, 11, 51)  # a bucket's name is its shortest run: 1, 2, 3-5, 6-10, 11-50, 51 and more
_OURS = 256  # packets of no evidence remembered while a run goes on


class LossRuns:
    """One target's runs. `busy`: a run goes on, or may; while nothing is lost it costs nothing."""

    __slots__ = ("_last", "_many", "_ours", "_waiting", "after_lost", "busy", "lost_after_lost", "runs")

    def __init__(self) -> None:
        self.runs: Counter[int] = Counter()  # shortest run of the bucket → runs that ended
        self.after_lost = self.lost_after_lost = 0  # packets whose predecessor was lost; those of them lost too
        self._waiting: list[int] = []  # lost, but an earlier packet may still be in the air
        self._ours: deque[int] = deque(maxlen=_OURS)
        self._last, self._many = -1, 0
        self.busy = False

    def lost(self, seq: int) -> None:
        """This packet's time is over."""
        self._waiting.append(seq)
        self.busy = True

    def ours(self, seq: int) -> None:
        """This packet is no evidence: it ends a run, but nobody can tell whether it would have been lost."""
        self._ours.append(seq)

    def settle(self, before: int, finished: bool = False) -> None:
        """The fate of every packet numbered less than `before` is known. `finished`: no packet will follow."""
        self._waiting.sort()
        known = bisect_right(self._waiting, before - 1)
        for seq in self._waiting[:known]:
            if self._many and seq == self._last + 1:
                self.after_lost += 1
                self.lost_after_lost += 1
                self._many += 1
            else:
                self._end()
                self._many = 1
            self._last = seq
        del self._waiting[:known]
        if finished and self._last + 1 >= before:
            self._count()
        elif self._last + 1 < before:
            self._end()
        self.busy = bool(self._waiting) or self._many > 0

    def take(self) -> tuple[dict[int, int], int, int]:
        """`runs`, `after_lost` and `lost_after_lost` since the last call."""
        counted = dict(self.runs), self.after_lost, self.lost_after_lost
        self.runs.clear()
        self.after_lost = self.lost_after_lost = 0
        return counted

    def _end(self) -> None:
        """A packet that was not lost ended the run."""
        if self._many:
            self.after_lost += self._last + 1 not in self._ours
            self._count()

    def _count(self) -> None:
        if self._many:
            self.runs[SHORTEST[bisect_right(SHORTEST, self._many) - 1]] += 1
            self._many = 0


def longest(lost: list[int], before: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    """The longest run of lost packets in the order of sending, and the last run: it may go on in the next interval."""
    longest_run, (last, many) = 0, before
    for seq in sorted(lost):
        last, many = seq, many + 1 if seq == last + 1 else 1
        longest_run = max(longest_run, many)
    return longest_run, (last, many)
