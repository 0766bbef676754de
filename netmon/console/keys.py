"""The keyboard: raw bytes of a terminal to key names. Escape sequences by xterm's and the Linux console's tables."""

from __future__ import annotations

import codecs
import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

_SEQUENCES = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1b[5~": "pgup",
    "\x1b[6~": "pgdn",
    "\x1b[H": "home",
    "\x1b[F": "end",
    "\x1b[1~": "home",
    "\x1b[4~": "end",
    "\x1bOH": "home",
    "\x1bOF": "end",
    "\x1bOP": "?",
    "\x1b[11~": "?",
}
_SINGLE = {"\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace", "\x1b": "esc", "\x03": "q"}


class Keys:
    """Turns what one read gave into key names; an incomplete sequence is dropped, never shown."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("ignore")

    def feed(self, data: bytes) -> list[str]:
        """Keys in these bytes."""
        return list(_split(self._utf8.decode(data)))


def _split(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        sequence = next((key for key in _SEQUENCES if text.startswith(key, at)), None)
        if sequence:
            yield _SEQUENCES[sequence]
            at += len(sequence)
        elif text[at] == "\x1b" and text[at + 1 : at + 2] in ("[", "O"):
            at = _skip(text, at + 2)
        else:
            yield _SINGLE.get(text[at], text[at])
            at += 1


def _skip(text: str, at: int) -> int:
    """Past an unknown control sequence (ECMA-48: parameters, then one final byte 0x40–0x7E)."""
    while at < len(text) and not "@" <= text[at] <= "~":
        at += 1
    return at + 1


@contextmanager
def raw_keys() -> Iterator[int]:
    """The terminal's input without echo and line editing; its file descriptor. Restored afterwards."""
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    try:
        tty.setcbreak(number)
        yield number
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)


def read(number: int) -> bytes:
    """What was typed; b"" at the end of input."""
    return os.read(number, 1024)
