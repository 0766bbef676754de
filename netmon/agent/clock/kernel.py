"""Whether this machine's kernel believes its own clock: what a time daemon keeps right is no clock to accuse."""

from __future__ import annotations

import ctypes

_TIMEX_BYTES = 512  # struct timex of <sys/timex.h> has 208; modes 0 at its head: read only
_ERROR = 5  # TIME_ERROR: not synchronised


def is_synchronised() -> bool | None:
    """What adjtimex(2) says; None where there is none, or it is forbidden."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except AttributeError:
        return None
    return None if state < 0 else state != _ERROR
