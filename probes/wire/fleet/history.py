"""What became of a target's last packets, by number: two integers instead of a table, for there are many targets."""

from __future__ import annotations

_AROUND, _HALF = 1 << 32, 1 << 31  # packet numbers begin again after 2^32


class Fates:
    """The fates of the last `kept` packets. Bit n of either integer is the packet n before the newest."""

    __slots__ = ("_answered", "_known", "_newest", "kept")

    def __init__(self, kept: int) -> None:
        self.kept = kept
        self._newest, self._known, self._answered = -1, 0, 0

    def note(self, seq: int, answered: bool) -> None:
        """The fate of packet `seq` is known (again)."""
        ahead = seq - self._newest
        if ahead == 1:  # nearly always
            mask = (1 << self.kept) - 1
            self._known = (self._known << 1 | 1) & mask
            self._answered = (self._answered << 1 | answered) & mask
            self._newest = seq
        else:
            self._note(seq, answered)

    def _note(self, seq: int, answered: bool) -> None:
        ahead = self._ahead(seq)
        if ahead > 0:
            mask = (1 << self.kept) - 1
            far = ahead >= self.kept  # all others are forgotten
            self._known = 0 if far else self._known << ahead & mask
            self._answered = 0 if far else self._answered << ahead & mask
            self._newest, ahead = seq, 0
        if -ahead < self.kept:
            bit = 1 << -ahead
            self._known |= bit
            self._answered = self._answered | bit if answered else self._answered & ~bit

    def get(self, seq: int) -> bool | None:
        """Whether packet `seq` was answered; None: it is not known, or not any more."""
        back = -self._ahead(seq)
        if not 0 <= back < self.kept or not self._known >> back & 1:
            return None
        return bool(self._answered >> back & 1)

    def _ahead(self, seq: int) -> int:
        """How many numbers `seq` is ahead of the newest."""
        if self._newest < 0:
            return 1
        return (seq - self._newest + _HALF) % _AROUND - _HALF

    def __len__(self) -> int:
        return self._known.bit_count()
