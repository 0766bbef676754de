"""RTP packets and what a receiver makes of them (RFC 3550 §5.1, §6.4.1, appendix A). Pure.

Losses are counted by number alone: a packet that comes twice is one packet, one that comes late is not lost.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from probes.errors import WireError

HEAD_BYTES = 12
_HEAD = struct.Struct("!BBHII")
_MOST_JUMP = 3000  # MAX_DROPOUT of RFC 3550 appendix A.1: a larger step is another stream
_MOST_KEPT = 65_536  # numbers of one stream that are remembered: more than 20 minutes of audio


class Packet(NamedTuple):
    """One packet. `stamp`: in the payload's clock; `number`: 16 bits; `source`: the SSRC."""

    payload_type: int
    number: int
    stamp: int
    source: int
    payload: bytes
    marker: bool = False


def encode(packet: Packet) -> bytes:
    """The bytes of a packet without contributors and extensions."""
    second = packet.payload_type | (0x80 if packet.marker else 0)
    head = _HEAD.pack(0x80, second, packet.number & 0xFFFF, packet.stamp & 0xFFFFFFFF, packet.source)
    return head + packet.payload


def decode(data: bytes) -> Packet:
    """A packet; contributors, an extension and padding are left out. Raises `WireError`."""
    if len(data) < HEAD_BYTES or data[0] >> 6 != 2:
        raise WireError(0, "not an RTP packet")
    first, second, number, stamp, source = _HEAD.unpack_from(data)
    start = HEAD_BYTES + 4 * (first & 15)
    if first & 0x10:
        if len(data) < start + 4:
            raise WireError(start, "an RTP extension without its length")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = len(data) - (data[-1] if first & 0x20 else 0)
    if start > end:
        raise WireError(start, "an RTP packet shorter than it says")
    return Packet(second & 0x7F, number, stamp, source, data[start:end], bool(second & 0x80))


class Reception:
    """What arrived of one stream. Feed it each packet with the kernel's stamp; its figures may be read at any time."""

    def __init__(self, clock_hz: int) -> None:
        self._clock_hz = clock_hz
        self.source: int | None = None
        self.received = 0  # without repeats
        self.dup = self.reordered = self.foreign = self.octets = 0
        self.first_at_ns = self.last_at_ns = 0
        self._base = self._highest = 0
        self._seen: set[int] = set()
        self._transit: float | None = None
        self._jitter = 0.0  # in the payload's clock
        self._reported = (0, 0)

    def receive(self, packet: Packet, at_ns: int) -> None:
        """Take one packet of the stream; those of another source are only counted."""
        if self.source is None:
            self.source, self._base = packet.source, packet.number
            self._highest, self.first_at_ns = packet.number, at_ns
        number = self._extended(packet.number)
        if packet.source != self.source or abs(number - self._highest) > _MOST_JUMP:
            self.foreign += 1
            return
        if number in self._seen or len(self._seen) >= _MOST_KEPT:
            self.dup += number in self._seen
            return
        self._seen.add(number)
        self.received += 1
        self.octets += len(packet.payload)
        self.last_at_ns = at_ns
        if number < self._highest:
            self.reordered += 1
            self._base = min(self._base, number)  # the first of all came second
        self._highest = max(self._highest, number)
        self._vary(packet.stamp, at_ns)

    def _extended(self, number: int) -> int:
        """The number without its wrap, nearest to the highest so far."""
        step = (number - self._highest + 0x8000 & 0xFFFF) - 0x8000
        return self._highest + step

    def _vary(self, stamp: int, at_ns: int) -> None:
        """Interarrival jitter (RFC 3550 §6.4.1)."""
        transit = at_ns * self._clock_hz / 1e9 - stamp
        if self._transit is not None:
            step = (transit - self._transit + 0x80000000) % 0x100000000 - 0x80000000
            self._jitter += (abs(step) - self._jitter) / 16
        self._transit = transit

    @property
    def expected(self) -> int:
        """Packets from the first to the highest number, 0 when none came."""
        return self._highest - self._base + 1 if self.source is not None else 0

    @property
    def lost(self) -> int:
        """Expected and not come."""
        return self.expected - self.received

    @property
    def jitter_ms(self) -> float | None:
        """RFC 3550's jitter in ms; None before a second packet."""
        return 1000.0 * self._jitter / self._clock_hz if self.received > 1 else None

    def report(self) -> tuple[int, int, int, int]:
        """For a report block: fraction lost since the last report (of 256), lost in all, highest number, jitter."""
        expected, received = self.expected - self._reported[0], self.received - self._reported[1]
        self._reported = (self.expected, self.received)
        lost = max(0, expected - received)
        fraction = min(255, 256 * lost // expected) if expected else 0
        return fraction, max(0, self.lost), self._highest & 0xFFFFFFFF, int(self._jitter)
