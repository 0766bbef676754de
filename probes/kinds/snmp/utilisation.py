"""How full a link was: five-minute samples, and the 95th percentile of a week's against 90 % of the capacity.

Circular 06/2026/TT-BKHCN, Art. 5.6; `reference/security.md` §6. Each direction by itself. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

SLOT_S = 300
WEEK = 7 * 86400 // SLOT_S  # samples of seven days
MAX_SHARE = 0.9
_COVERED = 0.9  # of a slot must be known, or there is no sample
_KNOWN = 0.95  # of a week's samples must be there, or there is no verdict


class Slots:
    """Averages of one direction over aligned five-minute slots of the wall clock, from polls at any rhythm."""

    def __init__(self) -> None:
        self._slot, self._bits, self._covered_s = -1, 0.0, 0.0

    def add(self, end_s: float, elapsed_s: float, bits: float) -> float | None:
        """`bits` were carried in the `elapsed_s` before `end_s` (Unix s). The mean rate (bit/s) of the last slot this
        closes; None while it is open, or when too little of it is known."""
        closed, begin_s = None, end_s - elapsed_s
        for slot in range(int(begin_s // SLOT_S), int(end_s // SLOT_S) + 1):
            if slot != self._slot:
                closed = self._closed()
                self._slot, self._bits, self._covered_s = slot, 0.0, 0.0
            part_s = min(end_s, (slot + 1) * SLOT_S) - max(begin_s, slot * SLOT_S)
            self._bits += bits * part_s / elapsed_s
            self._covered_s += part_s
        return closed

    def _closed(self) -> float | None:
        return self._bits / self._covered_s if self._covered_s >= _COVERED * SLOT_S else None


def percentile95(samples: Sequence[float]) -> float:
    """The 95th percentile, nearest rank; raises ValueError for no samples."""
    if not samples:
        raise ValueError("a percentile of nothing")
    return sorted(samples)[math.ceil(0.95 * len(samples)) - 1]


def verdict(shares: Sequence[float], expected: int = WEEK) -> str:
    """Of a week's samples (shares of the capacity, one direction): "ok", "breach", or "unknown" when too few."""
    if len(shares) < _KNOWN * expected:
        return "unknown"
    return "ok" if percentile95(shares) <= MAX_SHARE else "breach"
