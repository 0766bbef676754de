"""Which packet size still passes a path: sizes to try one after the other, told by what became of each.

A router that drops a packet as too big says so (RFC 1191, RFC 8201) and names its MTU, which is then tried; where its
word is lost, a black hole, halving finds the size (the search of RFC 4821 §7, without its dependence on a transport).
"""

from __future__ import annotations

CONTROL = 96  # bytes: so small a packet passes wherever anything does


class MtuSearch:
    """Sizes are bytes of the whole IP packet. `low`: known to pass; `high`: the most this machine can send."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self._fails = low, high + 1
        self.black_hole = False  # a size vanished without a word
        self._next = high
        self.said_by = ""  # the router that named an MTU

    @property
    def mtu(self) -> int | None:
        """The largest size that passes; None: not found yet."""
        return self.low if self._fails <= self.low + 1 else None

    @property
    def size(self) -> int:
        """The size to try next."""
        return self._next

    def passed(self) -> None:
        """The size tried came through."""
        self.low = self._next
        self._halve()

    def too_big(self, mtu: int, by: str) -> None:
        """Somebody on the way says it is too big; `mtu` 0: without saying what fits."""
        self._fails = min(self._fails, self._next)
        if self.low < mtu < self._fails:
            self.said_by, self._next, self._fails = by, mtu, mtu + 1
        else:
            self._halve()

    def vanished(self) -> None:
        """No answer at all, though it was tried more than once."""
        self._fails = min(self._fails, self._next)
        self.black_hole = True
        self._halve()

    def _halve(self) -> None:
        self._next = (self.low + self._fails) // 2
