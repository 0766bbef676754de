"""NTP as a client that sets no clock needs it (RFC 5905 §7.3, §8, §14): one packet out, one in, and what they say.

Times: Unix nanoseconds; on the wire NTP 32.32 of any era (§6), so differences are taken modulo 2**64 and mean less than 68
years. `decode` raises `WireError` and nothing else.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from probes.errors import WireError
from probes.wire.cursor import ByteCursor
from probes.wire.ntp_time import NTP_EPOCH_S

PORT = 123
UNSYNCHRONISED, MAX_STRATUM = 3, 16  # leap indicator, stratum of a server without time
_CLIENT, _SERVER = 3, 4
_PACKET = struct.Struct("!BBbbii4sQQQQ")
_HALF, _WHOLE = 1 << 63, 1 << 64


class NtpReply(NamedTuple):
    """A server's packet. Stamps are NTP 32.32 as they came; the root's delay and dispersion in ms."""

    leap: int
    version: int
    stratum: int
    poll: int
    precision: int  # log2 seconds
    root_delay_ms: float
    root_dispersion_ms: float
    reference: bytes  # four bytes: an address, a clock's name, or why there is no time (stratum 0)
    reference_at: int
    origin: int
    received_at: int
    sent_at: int

    @property
    def kiss(self) -> str:
        """The code of a kiss-o'-death (RFC 5905 §7.4), "" when it is none."""
        code = self.reference.rstrip(b"\0")
        return code.decode("latin-1") if self.stratum == 0 and code.isalnum() else ""

    @property
    def synchronised(self) -> bool:
        """The server says it has the time."""
        return self.leap != UNSYNCHRONISED and 0 < self.stratum < MAX_STRATUM


def encode(cookie: int) -> bytes:
    """A client's packet (version 4) that tells nothing about us: `cookie` (64 random bits) stands for our time, and a
    reply must repeat it, so that nobody off the path can make one up."""
    return _PACKET.pack(4 << 3 | _CLIENT, 0, 0, 0, 0, 0, b"", 0, 0, 0, cookie)


def decode(data: bytes) -> NtpReply:
    """A server's packet; what follows the 48 bytes (extensions, a MAC) is not looked at. Raises `WireError`."""
    said = ByteCursor(data).unpack(_PACKET, "shorter than an NTP packet")
    first, stratum, poll, precision, delay, dispersion, reference, *stamps = said
    if first & 7 != _SERVER or not 1 <= first >> 3 & 7 <= 4:
        raise WireError(0, "no NTP server's packet")
    if stratum > MAX_STRATUM:
        raise WireError(1, f"a stratum of {stratum}")
    return NtpReply(
        first >> 6, first >> 3 & 7, stratum, poll, precision, delay / 65.536, (dispersion & 0xFFFFFFFF) / 65.536,
        reference, *stamps,
    )  # fmt: skip


def ntp(unix_ns: int) -> int:
    """A time as NTP 32.32."""
    seconds, nanos = divmod(unix_ns, 1_000_000_000)
    return ((seconds + NTP_EPOCH_S) << 32 | (nanos << 32) // 1_000_000_000) % _WHOLE


def between_ms(later: int, earlier: int) -> float:
    """The signed difference of two NTP stamps in ms."""
    return ((later - earlier + _HALF) % _WHOLE - _HALF) * 1000.0 / (1 << 32)


class Offset(NamedTuple):
    """What one exchange measures (RFC 5905 §8), in ms. `offset`: how far the server's clock is ahead of ours."""

    offset_ms: float
    delay_ms: float
    error_ms: float  # the offset is true within this much, if the server is right about itself


def sample(reply: NtpReply, sent_ns: int, at_ns: int) -> Offset:
    """From the reply, our send stamp and our arrival stamp."""
    sent, at = ntp(sent_ns), ntp(at_ns)
    forward_ms, backward_ms = between_ms(reply.received_at, sent), between_ms(reply.sent_at, at)
    delay_ms = max(0.0, between_ms(at, sent) - between_ms(reply.sent_at, reply.received_at))
    error_ms = (delay_ms + max(0.0, reply.root_delay_ms)) / 2 + reply.root_dispersion_ms
    return Offset((forward_ms + backward_ms) / 2, delay_ms, error_ms)
