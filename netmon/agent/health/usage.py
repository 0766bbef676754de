"""What the agent costs: memory and CPU, from /proc and the process clock."""

from __future__ import annotations

import ctypes
import gc
import os
import time
from contextlib import suppress
from pathlib import Path

GARBAGE = 20_000  # objects made and not yet let go before the collector looks (Python's own: 700)
_ARENA_MAX = -8  # <malloc.h> M_ARENA_MAX
_PAGE = os.sysconf("SC_PAGE_SIZE")


def calm_collector() -> None:
    """Look for rings of garbage seldom: what an agent makes each second dies by itself, and what it began with stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 100)


def one_heap() -> None:
    """Before any thread begins: glibc gives each a heap of its own, which threads that take turns do not need."""
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def rss_bytes() -> int:
    """Resident memory of this process; 0 where /proc does not say."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0


class Cpu:
    """Share of one core used since the last look."""

    def __init__(self) -> None:
        self._at, self._used = time.monotonic(), time.process_time()

    def share(self) -> float:
        """0 to 1 for one core; more with several."""
        now, used = time.monotonic(), time.process_time()
        elapsed, spent = now - self._at, used - self._used
        self._at, self._used = now, used
        return round(spent / elapsed, 5) if elapsed > 0 else 0.0
