"""This machine's wall clock as seen from outside: whether, and by how much, it was set since a point got its stamp.

CLOCK_BOOTTIME runs on evenly from the machine's start, through suspends and whatever is done to the wall clock. A record of
the spool keeps how the two stood, so that points stamped by a wrong clock come to their right place once it is set right.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

MAX_OFF_MS = 600_000  # hub and agent may differ by so much (the hub's own limit): no point is moved for less
STEP_NS = 500_000_000  # in one look; slewing makes at most half a millisecond a second
EARLIEST_MS = 1_735_689_600_000  # 2025-01-01: no clock of this network is right and earlier
SLACK_MS = 2_000  # of a stamp against the clock it was taken by
KEPT_STEPS = 16
_KNOWN = struct.Struct(">8sqq")
_UNTOLD = -(1 << 63)
SIZE = _KNOWN.size


class Known(NamedTuple):
    """What was known of the clock that stamped a record. `machine`: this boot of the machine; `ahead_ms`: wall clock less
    CLOCK_BOOTTIME, but for slewing; `offset_ms`: the hub's clock less ours, None when the hub had not told yet."""

    machine: bytes
    ahead_ms: int
    offset_ms: int | None

    def pack(self) -> bytes:
        """As a record keeps it."""
        return _KNOWN.pack(self.machine, self.ahead_ms, _UNTOLD if self.offset_ms is None else self.offset_ms)

    @property
    def is_well(self) -> bool:
        """Did hub and agent agree?"""
        return self.offset_ms is not None and abs(self.offset_ms) <= MAX_OFF_MS


def unpack(raw: bytes) -> Known | None:
    """The opposite of `pack`; None for a record of an earlier version."""
    if len(raw) != SIZE:
        return None
    machine, ahead_ms, offset_ms = _KNOWN.unpack(raw)
    return Known(machine, ahead_ms, None if offset_ms == _UNTOLD else offset_ms)


def shift_ms(then: Known | None, now: Known, stamp_ms: int) -> int:
    """By how much stamps of a record must be moved to stand where today's clock would have put them.

    Never when hub and agent agreed as it was stored. In the same boot of the machine by as much as the clock was set since;
    over a restart nobody knows that, and only a stamp that cannot be is moved, by what the hub said then.
    """
    if then is None or then.is_well:
        return 0
    if then.machine == now.machine:
        set_ms = now.ahead_ms - then.ahead_ms
        return set_ms if abs(set_ms) > MAX_OFF_MS else 0
    return then.offset_ms if then.offset_ms is not None and stamp_ms < EARLIEST_MS else 0


def moved(lines: Iterable[str], by_ms: int) -> tuple[str, ...]:
    """Lines of this agent with other stamps."""
    return tuple(f"{rest} {int(stamp) + by_ms}" for rest, _, stamp in (line.rpartition(" ") for line in lines))


def _boottime_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Wall:
    """Watches the wall clock. Any thread may ask."""

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        even_ns: Callable[[], int] = _boottime_ns,
        machine: bytes | None = None,
    ) -> None:
        self._wall_ns, self._even_ns = wall_ns, even_ns
        self.machine = _machine() if machine is None else machine
        self._lock = threading.Lock()
        self._last_ns = self._first_ns = wall_ns() - even_ns()
        self._set_ns = 0
        self._steps: list[tuple[int, int]] = [(0, 0)]  # (even ms from which on, by how much it was set until then, ms)

    def set_ns(self) -> int:
        """By how much it was set, all in all, since this process began."""
        with self._lock:
            ahead_ns = self._wall_ns() - self._even_ns()
            by_ns, self._last_ns = ahead_ns - self._last_ns, ahead_ns
            if abs(by_ns) > STEP_NS:
                self._set_ns += by_ns
                self._steps.append((self._even_ns() // 1_000_000, self._set_ns // 1_000_000))
                del self._steps[1:-KEPT_STEPS]
            return self._set_ns

    def known(self, offset_ms: float | None) -> Known:
        """What is known of it now."""
        ahead_ms = (self._first_ns + self.set_ns()) // 1_000_000
        return Known(self.machine, ahead_ms, None if offset_ms is None else round(offset_ms))

    def place_ms(self, at_ms: int) -> int:
        """A stamp that may have been taken before the clock was set, as far as `set_ns` saw it, as the clock says now."""
        if len(self._steps) == 1:
            return at_ms
        with self._lock:
            steps, first_ms, set_ms = self._steps[:], self._first_ns // 1_000_000, self._set_ns // 1_000_000
        until_ms = self._even_ns() // 1_000_000
        for from_ms, then_ms in reversed(steps):
            if from_ms - SLACK_MS <= at_ms - first_ms - then_ms <= until_ms + SLACK_MS:
                return at_ms + set_ms - then_ms
            until_ms = from_ms
        return at_ms


def _machine() -> bytes:
    """Which boot of this machine it is; zeros where the kernel does not say."""
    try:
        return bytes.fromhex(Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", ""))[:8]
    except (OSError, ValueError):
        return bytes(8)
