"""A timer to the microsecond: asyncio rounds waits up to whole milliseconds, a timerfd does not (Linux)."""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import time
from collections.abc import Callable

_LIBC = ctypes.PyDLL(None, use_errno=True)  # calls that never wait keep the interpreter's lock
_LIBC.timerfd_settime.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_MONOTONIC, _NONBLOCK_CLOEXEC, _ABSOLUTE = 1, 0o2004000, 1
_SPEC = struct.Struct("@llll")  # struct itimerspec: interval s, ns, first expiry s, ns
_NEVER = _SPEC.pack(0, 0, 0, 0)
_OFTEN, _FIRED = -3.0, -2.0  # in place of a time: `every` is in force, or `fire` has not asked for another yet


class Timer:
    """Calls `fire` at a monotonic time, in the event loop. One pending time; setting another replaces it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fire: Callable[[], None]) -> None:
        self._fd = _LIBC.timerfd_create(_MONOTONIC, _NONBLOCK_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._loop, self._fire, self._at = loop, fire, -1.0
        loop.add_reader(self._fd, self._expired)

    def at(self, when: float | None) -> None:
        """Fire at `when` (monotonic s; the past: at once); None: not at all."""
        when = -1.0 if when is None else max(when, 0.001)
        if when == self._at:
            return
        self._at = when
        whole = int(when)
        spec = _SPEC.pack(0, 0, whole, int((when - whole) * 1e9)) if when > 0 else _NEVER
        _LIBC.timerfd_settime(self._fd, _ABSOLUTE, spec, None)

    def every(self, period_s: float) -> None:
        """Fire every so often until told otherwise; the kernel winds it up, which `at` each time costs a call for."""
        self._at = _OFTEN
        each = divmod(int(period_s * 1e9), 10**9)
        _LIBC.timerfd_settime(self._fd, 0, _SPEC.pack(*each, *each), None)

    def close(self) -> None:
        """Stop and give the descriptor back."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
            self._fire = _nothing  # else owner and timer hold each other, and the owner's packet slots, until the collector looks

    def _expired(self) -> None:
        """A time that is set anew makes the descriptor unreadable: reading it too would be one call more."""
        if self._at == _OFTEN:
            try:
                os.read(self._fd, 8)
            except BlockingIOError:
                return
            self._fire()
        elif 0.0 < self._at <= time.monotonic():  # else another callback of this turn has set it anew
            self._at = _FIRED
            self._fire()
            if self._at == _FIRED and self._fd >= 0:
                self.at(None)


def _nothing() -> None:
    """What a closed timer calls."""
