"""What the kernel says of its own clock: adjtimex(2), asked without changing anything. No privilege is needed.

Where the call is not there or not allowed (a service whose seccomp filter leaves out the clock calls) nothing is known,
and that is said; it never means a good clock.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any, NamedTuple

from probes.wire.stamp import packet as stamp

_STA_UNSYNC, _TIME_ERROR = 0x0040, 5
_LONGS = ("offset", "freq", "maxerror", "esterror")


class _Timex(ctypes.Structure):
    """`struct timex` up to what is read here; the kernel writes the whole of it."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        *[(name, ctypes.c_long) for name in _LONGS],
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    ]


class KernelClock(NamedTuple):
    """`state` is adjtimex's result; errors in microseconds: the bound the kernel keeps (it grows by 500 ppm between two
    corrections), and the estimate of whoever corrects."""

    state: int
    status: int
    max_error_us: int
    estimated_us: int


@cache
def _adjtimex() -> Any:
    return getattr(ctypes.CDLL(None, use_errno=True), "adjtimex", None)


def kernel_clock() -> KernelClock | None:
    """The kernel's word now; None when it gives none."""
    call, timex = _adjtimex(), _Timex()
    state = -1 if call is None else call(ctypes.byref(timex))
    return None if state < 0 else KernelClock(state, timex.status, timex.maxerror, timex.esterror)


def judged(kernel: KernelClock | None) -> stamp.ClockQuality | None:
    """As what stamps are worth: synchronised only when both state and status say so, the error is the bound."""
    if kernel is None or kernel.max_error_us < 0:
        return None
    synced = kernel.state != _TIME_ERROR and not kernel.status & _STA_UNSYNC
    return stamp.ClockQuality(max(kernel.max_error_us, 1) / 1e6, synced)


def our_clock() -> stamp.ClockQuality | None:
    """`judged` of now."""
    return judged(kernel_clock())
