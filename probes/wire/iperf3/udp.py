"""UDP streams: heads of many packets that lie at equal distances in one buffer, read and written at once, and what a receiver
writes down of its stream: goodput, loss, jitter (RFC 1889 A.8), late and repeated packets.

At some ten thousand packets a second a step of Python for each costs as much as the kernel's work; strided copies do not.
"""

from __future__ import annotations

import sys
from array import array
from typing import Literal

from probes.errors import WireError
from probes.wire.iperf3.messages import head_bytes, read_head, write_head

_WORD = 4
_CODE: Literal["I"] = "I"  # four bytes wherever Linux runs
_MAX_LEAP = 1_000_000  # packet numbers that leap further were not sent by our peer
_MAX_MISSING = 10_000  # newest ones remembered, so that a late packet and a repeated one can be told apart
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


class StreamLedger:
    """Counts of one stream. A gap is a loss until the packet comes late; a repeated packet counts for nothing."""

    def __init__(self, wide: bool = False) -> None:
        self._wide, self._head_bytes = wide, head_bytes(wide)
        self.bytes = self.lost = self.reordered = self.repeated = self.strange = 0
        self.highest = 0  # the highest number seen is how many packets the sender has sent, as far as we know
        self.jitter_ns = 0.0
        self._transit_ns: int | None = None
        self._missing: set[int] = set()

    def take(self, data: bytes | memoryview, length: int, at_ns: int) -> None:
        """One packet: at least its beginning in `data`, its whole `length`, when it arrived (wall, ns)."""
        try:
            sent_ns, seq = read_head(data, self._wide)
        except WireError:
            self.strange += 1
            return
        if not 0 < seq <= self.highest + _MAX_LEAP:
            self.strange += 1
        elif seq > self.highest or self._late(seq):
            self.bytes += length
            self._advance(seq)
            self._jitter(at_ns - sent_ns)

    def take_run(self, view: memoryview, stride: int, lengths: list[int], stamps: list[int]) -> None:
        """Packets `stride` bytes apart: at once when they are the next ones in order, else one by one."""
        many = len(lengths)
        heads = read_heads(view, stride, many, self._wide) if min(lengths) >= self._head_bytes else None
        first = self.highest + 1
        if heads is None or heads[2] != list(range(first, first + many)):
            for place, (length, at_ns) in enumerate(zip(lengths, stamps, strict=True)):
                self.take(view[place * stride :][:length], length, at_ns)
            return
        self.bytes += sum(lengths)
        self.highest += many
        jitter_ns, before_ns = self.jitter_ns, self._transit_ns
        for at_ns, whole, part in zip(stamps, heads[0], heads[1], strict=True):
            transit_ns = at_ns - whole * 1_000_000_000 - part * 1000
            if before_ns is not None:
                jitter_ns += (abs(transit_ns - before_ns) - jitter_ns) / 16
            before_ns = transit_ns
        self.jitter_ns, self._transit_ns = jitter_ns, before_ns

    def _late(self, seq: int) -> bool:
        if seq in self._missing:
            self._missing.remove(seq)
            self.lost -= 1
            self.reordered += 1
            return True
        self.repeated += 1
        return False

    def _advance(self, seq: int) -> None:
        gap = seq - self.highest - 1
        if gap > 0:
            self.lost += gap
            self._remember(self.highest + 1, seq)
        self.highest = max(self.highest, seq)

    def _remember(self, first: int, end: int) -> None:
        self._missing.update(range(max(first, end - _MAX_MISSING), end))
        if len(self._missing) > 2 * _MAX_MISSING:  # seldom, so each packet pays little
            self._missing = {seq for seq in self._missing if seq >= end - _MAX_MISSING}

    def _jitter(self, transit_ns: int) -> None:
        if self._transit_ns is not None:
            self.jitter_ns += (abs(transit_ns - self._transit_ns) - self.jitter_ns) / 16
        self._transit_ns = transit_ns

    def anew(self) -> None:
        """Count from here on (the warm-up is over); packet numbers and jitter go on."""
        self.bytes = self.lost = self.reordered = self.repeated = self.strange = 0
        self._missing.clear()
