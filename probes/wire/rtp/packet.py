"""RTP packets: their bytes (RFC 3550 §5.1). What a receiver makes of them: `probes.wire.rtp.reception`. Pure."""

from __future__ import annotations

import struct
from typing import NamedTuple

from probes.errors import WireError

HEAD_BYTES = 12
_HEAD = struct.Struct("!BBHII")


class RtpPacket(NamedTuple):
    """One packet. `stamp`: in the payload's clock; `number`: 16 bits; `source`: the SSRC."""

    payload_type: int
    number: int
    stamp: int
    source: int
    payload: bytes
    marker: bool = False


def encode(packet: RtpPacket) -> bytes:
    """The bytes of a packet without contributors and extensions."""
    second = packet.payload_type | (0x80 if packet.marker else 0)
    head = _HEAD.pack(0x80, second, packet.number & 0xFFFF, packet.stamp & 0xFFFFFFFF, packet.source)
    return head + packet.payload


def decode(data: bytes) -> RtpPacket:
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
    return RtpPacket(second & 0x7F, number, stamp, source, data[start:end], bool(second & 0x80))
