"""How much the delay of a stream has risen since it began: what a queue on the path holds."""

from __future__ import annotations

from collections import deque

_LASTING = 8  # packets that must all be late for the delay to have risen: one that was held up alone says nothing


class DelayRise:
    """How much more than the least delay each of the last packets had, in the unit of the transit times given."""

    def __init__(self) -> None:
        self._min: int | None = None
        self._recent: deque[int] = deque(maxlen=_LASTING)

    def add(self, transit: int) -> None:
        """One more packet."""
        self._min = transit if self._min is None else min(self._min, transit)
        self._recent.append(transit)

    @property
    def now(self) -> int:
        """0 while there are few."""
        return min(self._recent) - self._min if self._min is not None and len(self._recent) == _LASTING else 0
