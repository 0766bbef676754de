"""How far this machine's clock is from the hub's, measured with every write as NTP does (RFC 5905, section 8)."""

from __future__ import annotations

from collections import deque

KEPT = 8  # samples; the one with the least delay says it best


class Clock:
    """The offset by the hub's `X-Netmon-Clock`. One thread adds, any reads."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque(maxlen=KEPT)  # (delay, offset) in ns
        self.offset_ms: float | None = None  # hub's clock minus ours; None before the first answer

    def sample(self, sent_ns: int, arrived_ns: int, answered_ns: int, back_ns: int) -> None:
        """One exchange: our clock as it left, the hub's as it came and as the answer left, ours as that came."""
        delay = (back_ns - sent_ns) - (answered_ns - arrived_ns)
        if delay < 0:  # one of the clocks was set meanwhile
            self._samples.clear()
            return
        self._samples.append((delay, ((arrived_ns - sent_ns) + (answered_ns - back_ns)) // 2))
        self.offset_ms = round(min(self._samples)[1] / 1e6, 3)


def parse(header: str) -> tuple[int, int] | None:
    """The two times of `X-Netmon-Clock: <received> <answered>` in Unix ns; None for anything else."""
    words = header.split()
    if len(words) == 2 and all(word.isascii() and word.isdecimal() and len(word) <= 20 for word in words):
        return int(words[0]), int(words[1])
    return None
