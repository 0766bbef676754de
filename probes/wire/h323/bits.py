"""Bits of aligned PER (ITU-T X.691): a reader that never leaves its bytes, and a writer."""

from __future__ import annotations

from probes.errors import WireError

MAX_BYTES = 65_535  # of one message
_MAX_SMALL_BYTES = 2


class BitReader:
    """Bits of a message, from the first of byte `start` to the last before byte `end`."""

    __slots__ = ("_at", "_data", "_end")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        if len(data) > MAX_BYTES:
            raise WireError(MAX_BYTES, "longer than a message may be")
        self._data, self._at = data, 8 * start
        self._end = 8 * (len(data) if end is None else end)

    @property
    def byte(self) -> int:
        """Where we are, in whole bytes of the message."""
        return self._at >> 3

    def fault(self, reason: str) -> WireError:
        """The error to raise for what stands here."""
        return WireError(self.byte, reason)

    def bits(self, count: int) -> int:
        """The next `count` bits as a number."""
        begin, end = self._at, self._at + count
        if end > self._end:
            raise self.fault("ends too early")
        self._at = end
        whole = int.from_bytes(self._data[begin >> 3 : (end + 7) >> 3], "big")
        return whole >> (-end & 7) & ((1 << count) - 1)

    def align(self) -> None:
        """Skip to the next whole byte."""
        self._at = self._at + 7 & ~7

    def octets(self, count: int) -> bytes:
        """The next `count` bytes, after alignment."""
        self.align()
        begin = self.byte
        if 8 * (begin + count) > self._end:
            raise self.fault("ends too early")
        self._at += 8 * count
        return self._data[begin : begin + count]

    def length(self) -> int:
        """A length nobody limits (X.691 §11.9.3.5 to 7)."""
        first = self.octets(1)[0]
        if first < 0x80:
            return first
        if first >= 0xC0:
            raise self.fault("a fragment, which is not read here")
        return (first & 0x3F) << 8 | self.octets(1)[0]

    def small(self) -> int:
        """A normally small number (X.691 §11.6)."""
        if not self.bits(1):
            return self.bits(6)
        count = self.length()
        if count > _MAX_SMALL_BYTES:
            raise self.fault("a number that is not small")
        return int.from_bytes(self.octets(count), "big")

    def inside(self) -> BitReader:
        """What an open type holds (X.691 §11.2); skipped here."""
        count = self.length()
        self.octets(count)
        return BitReader(self._data, self.byte - count, self.byte)

    def rest(self) -> bytes:
        """All whole bytes that are left."""
        return self.octets((self._end - (self._at + 7 & ~7)) >> 3)


class BitWriter:
    """Bits, most significant first."""

    __slots__ = ("_done", "_held", "_holds")

    def __init__(self) -> None:
        self._done, self._held, self._holds = bytearray(), 0, 0

    def bits(self, value: int, count: int) -> None:
        """`value` in `count` bits."""
        held, holds = self._held << count | value, self._holds + count
        while holds >= 8:
            holds -= 8
            self._done.append(held >> holds & 0xFF)
        self._held, self._holds = held & ((1 << holds) - 1), holds

    def align(self) -> None:
        """Fill the byte up with zeros."""
        if self._holds:
            self.bits(0, 8 - self._holds)

    def octets(self, data: bytes) -> None:
        """Whole bytes, after alignment."""
        self.align()
        self._done += data

    def length(self, count: int) -> None:
        """A length nobody limits."""
        if count >= 1 << 14:
            raise ValueError(f"{count} is more than goes without fragments")
        self.octets(bytes([count]) if count < 0x80 else (0x8000 | count).to_bytes(2, "big"))

    def small(self, value: int) -> None:
        """A normally small number below 64, which is all our tables have."""
        self.bits(value, 7)

    def inside(self, data: bytes) -> None:
        """An open type; empty ones take one zero byte."""
        data = data or b"\0"
        self.length(len(data))
        self.octets(data)

    def done(self) -> bytes:
        """All of it, filled up to whole bytes."""
        self.align()
        return bytes(self._done)
