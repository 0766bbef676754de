"""What a reflector remembers of one asker: how many answers it had, and which authenticated tests were its own.

A session is (source address, port, SSID). Pure.
"""

from __future__ import annotations

_WINDOW = 1024  # numbers behind the highest that may still come (the packets overtook each other)
_ALL = (1 << _WINDOW) - 1


class Session:
    """One asker. `count`: answers so far, which is the number of the next one; `left`: the number of an answer and when
    it really left (Unix ns), the last that is known."""

    __slots__ = ("_floor_ns", "_high", "_seen", "_top_ns", "count", "left")

    def __init__(self) -> None:
        self.count = 0
        self.left: tuple[int, int] | None = None
        self._high = -1  # the highest number accepted in the asker's present run
        self._seen = 0  # bit n: the number n below the highest was accepted
        self._top_ns = self._floor_ns = -1 << 63  # the newest stamp accepted; the newest one of earlier runs

    def number(self) -> int:
        """The number of the next answer."""
        self.count += 1
        return self.count - 1

    def accept(self, seq: int, sent_ns: int) -> bool:
        """True when this authenticated test was never accepted before: no (number, stamp) is so twice.

        A stamp newer than all before cannot be a replay; where its number is no step forward the asker has begun anew,
        and whatever bears an older stamp than that is of a run that is over.
        """
        if seq > self._high and sent_ns > self._floor_ns:
            self._seen = (self._seen << min(seq - self._high, _WINDOW) | 1) & _ALL
            self._high = seq
        elif sent_ns > self._top_ns:
            self._high, self._seen, self._floor_ns = seq, 1, self._top_ns
        elif not self._fill(self._high - seq, sent_ns):
            return False
        self._top_ns = max(self._top_ns, sent_ns)
        return True

    def _fill(self, behind: int, sent_ns: int) -> bool:
        """A number at or behind the highest, late: once, while it is near enough to be remembered."""
        bit = 1 << behind if 0 <= behind < _WINDOW else 0
        if not bit or self._seen & bit or sent_ns <= self._floor_ns:
            return False
        self._seen |= bit
        return True
