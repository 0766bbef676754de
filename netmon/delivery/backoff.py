"""How long to wait before what failed is tried again: about twice as long each time, and never all at the same moment."""

from __future__ import annotations

import os


class Backoff:
    """The waits of one sender, in seconds: the first is half of `first_s` at least, none is more than `max_s`."""

    def __init__(self, first_s: float, max_s: float) -> None:
        self._first_s, self._max_s = first_s, max_s
        self._failures = 0

    def next_s(self, max_s: float = 0.0) -> float:
        """It failed again: the wait, of at most `max_s` this time when that is given."""
        wait_s = min(max_s or self._max_s, self._first_s * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return (0.5 + jitter() / 2) * wait_s

    def reset(self) -> None:
        """It went well."""
        self._failures = 0


def jitter() -> float:
    """0 to 1, at random; `random` brings hashes along that no agent needs."""
    return int.from_bytes(os.urandom(2), "big") / 65_536
