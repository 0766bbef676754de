"""How far this machine's clock is from the hub's, measured with every write as NTP does (RFC 5905, section 8)."""

from __future__ import annotations

from collections import deque

from netmon.agent.clock.wall import MAX_OFF_MS, Wall

SET_NS = 1_000_000_000  # an offset that moved by more than the delays allow, and this, is of a clock that was set
KEPT = 8  # samples; the one with the least delay says it best


class HubClock:
    """The offset by the hub's `X-Netmon-Clock`. Any thread adds, any reads."""

    def __init__(self, wall: Wall | None = None) -> None:
        """`wall`: knows when this machine's clock was set, so that an offset measured before still holds."""
        self._wall = wall or Wall()
        self._samples: deque[tuple[int, int]] = deque(maxlen=KEPT)  # (delay, offset had the clock never been set) in ns
        self._best_ns: int | None = None

    def sample(self, sent_ns: int, arrived_ns: int, answered_ns: int, back_ns: int) -> None:
        """One exchange: our clock as it left, the hub's as it came and as the answer left, ours as that came."""
        delay = (back_ns - sent_ns) - (answered_ns - arrived_ns)
        if delay < 0:  # one of the clocks was set meanwhile
            self._samples.clear()
            return
        offset = ((arrived_ns - sent_ns) + (answered_ns - back_ns)) // 2 + self._wall.set_ns()
        if self._samples and abs(offset - min(self._samples)[1]) > delay + min(self._samples)[0] + SET_NS:
            self._samples.clear()  # the hub's clock was set
        self._samples.append((delay, offset))
        self._best_ns = min(self._samples)[1]

    @property
    def offset_ms(self) -> float | None:
        """The hub's clock less ours, as ours stands now; None before the first answer."""
        best_ns = self._best_ns
        return None if best_ns is None else round((best_ns - self._wall.set_ns()) / 1e6, 3)

    @property
    def is_off(self) -> bool:
        """Do hub and agent differ by more than points can be sent with?"""
        offset_ms = self.offset_ms
        return offset_ms is not None and abs(offset_ms) > MAX_OFF_MS


def parse(header: str) -> tuple[int, int] | None:
    """The two times of `X-Netmon-Clock: <received> <answered>` in Unix ns; None for anything else."""
    words = header.split()
    if len(words) == 2 and all(word.isascii() and word.isdecimal() and len(word) <= 20 for word in words):
        return int(words[0]), int(words[1])
    return None
