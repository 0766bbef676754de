"""Heads of many UDP packets that lie at equal distances in one buffer, read and written at once.

At some ten thousand packets a second a step of Python for each costs as much as the kernel's work; strided copies do not.
"""

from __future__ import annotations

import sys
from array import array
from typing import Literal

from probes.wire.iperf3.messages import head_bytes, write_head

_WORD = 4
_CODE: Literal["I"] = "I"  # four bytes wherever Linux runs
_SWAPPED = sys.byteorder == "little"  # the wire is big-endian


def _words(values: list[int] | range) -> array[int]:
    made = array(_CODE, values)
    if _SWAPPED:
        made.byteswap()
    return made


class HeadWriter:
    """Writes the heads of `buffer`'s packets of `block_bytes` each."""

    def __init__(self, buffer: bytearray, block_bytes: int, wide: bool) -> None:
        self._wide = wide
        whole = memoryview(buffer)
        self._blocks = [whole[at : at + block_bytes] for at in range(0, len(buffer), block_bytes)]
        self._step = 0 if block_bytes % _WORD else block_bytes // _WORD
        self._by_word = whole.cast(_CODE) if self._step else None

    def write(self, many: int, now_ns: int, first: int) -> None:
        """The first `many` packets: sent at `now_ns`, numbered from `first` on."""
        last = first + many - 1
        if self._by_word is None or many < 4 or first >> 32 != last >> 32:
            for place in range(many):
                write_head(self._blocks[place], now_ns, first + place, self._wide)
            return
        seconds, nanos = divmod(now_ns, 1_000_000_000)
        low = first & 0xFFFFFFFF
        columns = [_words([seconds & 0xFFFFFFFF]) * many, _words([nanos // 1000]) * many]
        if self._wide:
            columns.append(_words([(first >> 32) & 0xFFFFFFFF]) * many)
        columns.append(_words(range(low, low + many)))
        for place, column in enumerate(columns):
            self._by_word[place : place + self._step * (many - 1) + 1 : self._step] = memoryview(column)


def read_heads(view: memoryview, stride: int, many: int, wide: bool) -> tuple[list[int], list[int], list[int]] | None:
    """(seconds, microseconds, numbers) of `many` packets, `stride` bytes apart; None when they must be read one by one."""
    end = stride * (many - 1) + -(-head_bytes(wide) // _WORD) * _WORD
    if stride % _WORD or end > len(view):
        return None
    by_word, step = view[:end].cast(_CODE), stride // _WORD
    seconds, micros, *numbers = (_column(by_word[place::step]) for place in range(4 if wide else 3))
    if wide:
        return seconds, micros, [high << 32 | low for high, low in zip(*numbers, strict=True)]
    return seconds, micros, numbers[0]


def _column(words: memoryview) -> list[int]:
    column = array(_CODE)
    column.frombytes(words.tobytes())
    if _SWAPPED:
        column.byteswap()
    return column.tolist()
