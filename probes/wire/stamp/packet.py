"""STAMP test packets (RFC 8762 §4.2, §4.3; RFC 8972 §3 for the SSID) and what of TWAMP-Light looks the same.

All big-endian. Times are Unix nanoseconds; on the wire NTP 32.32 (Z = 0) or truncated PTP (Z = 1). A decoder raises
`WireError` and nothing else.
"""

from __future__ import annotations

import hmac
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from probes.errors import WireError
from probes.wire.ntp_time import NTP_EPOCH_S

PORT = 862
PLAIN, AUTHENTICATED, TWAMP = 44, 112, 41  # least bytes of a packet
_MAC = 16
_RESIDENCE_S = 60  # no reflector keeps a packet so long

_PLAIN_SENDER = struct.Struct("!IQHH28x")
_PLAIN_REFLECTOR = struct.Struct("!IQHHQIQHxxBxxx")
_AUTH_SENDER = struct.Struct("!I12xQHH68x")
_AUTH_REFLECTOR = struct.Struct("!I12xQHHxxxxQ8xI12xQHxxxxxxB15x")


class Test(NamedTuple):
    """What a sender says."""

    seq: int
    sent_ns: int
    error: int  # the error estimate field as it is (RFC 4656 §4.1.2 with RFC 8762's Z bit)
    ssid: int


class StampReply(NamedTuple):
    """What a reflector says: its own counter and stamps, and the sender's packet repeated."""

    seq: int
    sent_ns: int
    error: int
    ssid: int
    received_ns: int
    sender_seq: int
    sender_ns: int
    sender_error: int
    sender_ttl: int
    stamped: bool = True  # False: one of its own two stamps is all zeros, which is no time


@dataclass(frozen=True, slots=True)
class ClockQuality:
    """How good a stamp is: `error_s` seconds, `synced` to UTC; `ptp` chooses the format."""

    error_s: float = 0.001
    synced: bool = False
    ptp: bool = False

    @property
    def field(self) -> int:
        """S, Z, Scale, Multiplier: error = Multiplier · 2^(Scale − 32) s, Multiplier never 0."""
        scale = 0
        while scale < 63 and self.error_s * 2.0 ** (32 - scale) > 255:
            scale += 1
        multiplier = min(255, max(1, -int(-self.error_s * 2.0 ** (32 - scale) // 1)))
        return self.synced << 15 | self.ptp << 14 | scale << 8 | multiplier


UNKNOWN = ClockQuality(16.0)  # nobody answers for it; the kernel's own word for a clock nobody sets (<linux/timex.h>)
_ASK_S = 1.0


class AskedClock:
    """Our clock as `ask` tells it, once a second: its error grows between two corrections. `ask` may know nothing."""

    __slots__ = ("_ask", "_next", "field", "known", "worth")

    def __init__(self, worth: ClockQuality, ask: Callable[[], ClockQuality | None] | None = None) -> None:
        self._ask, self._next = ask, -math.inf
        self.worth, self.field = worth, worth.field  # what stamps say, and how they say it
        self.known: ClockQuality | None = None  # what was told; None: nothing

    def look(self, now: float) -> None:
        """Ask again when it is time (monotonic s)."""
        if self._ask is not None and now >= self._next:
            self._next = now + _ASK_S
            self.known = self._ask()
            self.worth = self.known or UNKNOWN
            self.field = self.worth.field


def error_s(field: int) -> float | None:
    """Seconds of an error estimate; None when it is invalid (Multiplier 0)."""
    return float((field & 255) * 2.0 ** ((field >> 8 & 63) - 32)) if field & 255 else None


def to_wire(unix_ns: int, ptp: bool = False) -> int:
    """Unix ns as the 64 bits of a stamp."""
    seconds, nanos = divmod(unix_ns, 1_000_000_000)
    if ptp:
        return (seconds & 0xFFFFFFFF) << 32 | nanos
    return ((seconds + NTP_EPOCH_S) & 0xFFFFFFFF) << 32 | ((nanos << 32) + 500_000_000) // 1_000_000_000 & 0xFFFFFFFF


def from_wire(stamp: int, field: int = 0) -> int:
    """The Unix ns of a stamp; `field`: the error estimate that belongs to it (its Z bit tells the format)."""
    seconds, low = stamp >> 32, stamp & 0xFFFFFFFF
    if field & 0x4000:
        return seconds * 1_000_000_000 + low
    if seconds < 1 << 31:  # the seconds begin anew in February 2036 (RFC 4330 §3)
        seconds += 1 << 32
    return (seconds - NTP_EPOCH_S) * 1_000_000_000 + (low * 1_000_000_000 + (1 << 31) >> 32)


def encode_test(test: Test, key: bytes = b"", size: int = 0) -> bytes:
    """A sender's packet, padded with zeros to `size`; with a key the authenticated form."""
    stamp = to_wire(test.sent_ns, bool(test.error & 0x4000))
    form = _AUTH_SENDER if key else _PLAIN_SENDER
    body = form.pack(test.seq & 0xFFFFFFFF, stamp, test.error, test.ssid)
    body += _mac(key, body) if key else b""
    return body + bytes(max(0, size - len(body)))


def decode_test(data: bytes, key: bytes = b"") -> Test:
    """A sender's packet: at least 112 bytes with a key; 44 without, or 41 to 43 as TWAMP-Light (no SSID there)."""
    if key:
        _checked(data, key)
        seq, stamp, error, ssid = _AUTH_SENDER.unpack_from(data)
    elif len(data) >= PLAIN:
        seq, stamp, error, ssid = _PLAIN_SENDER.unpack_from(data)
    elif len(data) >= TWAMP:
        seq, stamp, error = struct.unpack_from("!IQH", data)
        ssid = 0
    else:
        raise WireError(len(data), f"{len(data)} bytes are too short for a test packet ({TWAMP} at least)")
    return Test(seq, from_wire(stamp, error), error, ssid)


def encode_reply(reply: StampReply, key: bytes = b"", size: int = PLAIN) -> bytes:
    """A reflector's packet of exactly `size` bytes (a plain one cut to 41 is TWAMP-Light's; never longer than asked)."""
    sent = to_wire(reply.sent_ns, bool(reply.error & 0x4000))
    received = to_wire(reply.received_ns, bool(reply.error & 0x4000))
    sender = to_wire(reply.sender_ns, bool(reply.sender_error & 0x4000))
    form = _AUTH_REFLECTOR if key else _PLAIN_REFLECTOR
    body = form.pack(
        reply.seq & 0xFFFFFFFF, sent, reply.error, reply.ssid, received,
        reply.sender_seq, sender, reply.sender_error, reply.sender_ttl,
    )  # fmt: skip
    if key:
        body += _mac(key, body)
    return (body + bytes(max(0, size - len(body))))[: max(size, TWAMP)]


def decode_reply(data: bytes, key: bytes = b"") -> StampReply:
    """A reflector's packet; 41 bytes are enough (TWAMP-Light), 112 with a key."""
    if key:
        _checked(data, key)
        fields = _AUTH_REFLECTOR.unpack_from(data)
    elif len(data) >= TWAMP:
        fields = _PLAIN_REFLECTOR.unpack_from(data.ljust(PLAIN, b"\0"))
    else:
        raise WireError(len(data), f"{len(data)} bytes are too short for a reply ({TWAMP} at least)")
    seq, sent, error, ssid, received, sender_seq, sender, sender_error, ttl = fields
    return StampReply(
        seq, from_wire(sent, error), error, ssid, from_wire(received, error),
        sender_seq, from_wire(sender, sender_error), sender_error, ttl, bool(sent and received),
    )  # fmt: skip


def tail(data: bytes, keyed: bool) -> bytes:
    """What stands behind the base packet: TLVs (RFC 8972), padding, or nothing."""
    return data[AUTHENTICATED if keyed else PLAIN :]


def is_answer(data: bytes, keyed: bool) -> bool:
    """True for a reflector's packet: its receive and send stamps are close; a test has zeros or padding in one's place."""
    if len(data) < TWAMP:
        return False
    sent, received = (16, 32) if keyed else (4, 16)
    apart_s = int.from_bytes(data[sent : sent + 4], "big") - int.from_bytes(data[received : received + 4], "big")
    return abs(apart_s) < _RESIDENCE_S


def _mac(key: bytes, body: bytes) -> bytes:
    """HMAC-SHA-256 cut to 16 bytes over the first 96 (RFC 8762 §4.4)."""
    return hmac.digest(key, body, "sha256")[:_MAC]


def _checked(data: bytes, key: bytes) -> None:
    if len(data) < AUTHENTICATED:
        raise WireError(len(data), f"{len(data)} bytes are too short for an authenticated packet ({AUTHENTICATED})")
    if not hmac.compare_digest(_mac(key, data[:96]), data[96:112]):
        raise WireError(96, "the HMAC is not made with our key")
