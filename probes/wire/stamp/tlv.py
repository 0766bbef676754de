"""STAMP's optional extensions (RFC 8972 §4): a chain of TLVs behind the base packet.

Each: flags (u8), type (u8), length of its value (u16). A sender writes U into the flags; a reflector takes it away where
it knows the type, writes M where the length is wrong, I into all of them where the HMAC TLV is wrong, and sends the
chain back as long as it came. Whatever the bytes, a chain is read in bounded steps and nothing raises.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

PADDING, LOCATION, TIMESTAMP, COS, DIRECT, ACCESS, FOLLOW_UP, HMAC = range(1, 9)
UNKNOWN, MALFORMED, INTEGRITY = 0x80, 0x40, 0x20  # the flags U, M, I
NTP, FREE, SOFTWARE = 1, 5, 2  # Timestamp Information: kept right by NTP, by nobody; stamped by software
LENGTHS = {TIMESTAMP: 4, COS: 4, DIRECT: 12, FOLLOW_UP: 16, HMAC: 16}  # what we know, beside padding of any length
NAMES = {"cos": COS, "timestamp": TIMESTAMP, "direct": DIRECT, "followup": FOLLOW_UP}  # what a sender may ask for
_MAX_TLVS, _MAX_BYTES = 8, 256  # TLVs that are read, and bytes of them beside padding
_HEAD = struct.Struct("!BBH")
_FOLLOW_UP = struct.Struct("!IQB3x")
_DIRECT = struct.Struct("!III")
Answer = Callable[[bytes], bytes]  # a TLV's value as it came → as it goes back, equally long


class Spot(NamedTuple):
    """Where a TLV stands in its chain: its head `at`, its value from `at` + 4 to `end`."""

    at: int
    end: int
    type: int


def spots(chain: bytes) -> tuple[list[Spot], int]:
    """The TLVs that can be told apart, and where the chain is broken (its length when it is not)."""
    whole: list[Spot] = []
    at = counted = 0
    while len(chain) - at >= _HEAD.size and len(whole) < _MAX_TLVS:
        _, type_, length = _HEAD.unpack_from(chain, at)
        end = at + _HEAD.size + length
        counted += 0 if type_ == PADDING else end - at
        if end > len(chain) or counted > _MAX_BYTES:
            break
        whole.append(Spot(at, end, type_))
        at = end
    return whole, at


def chain_of(values: Mapping[int, bytes], *, head: bytes = b"", key: bytes = b"", size: int = 0) -> bytes:
    """A sender's chain: the values in their order, with a key the HMAC TLV over `head` (the base packet's sequence
    number) and all before it, then Extra Padding up to `size` bytes where there is room for one."""
    chain = b"".join(_HEAD.pack(UNKNOWN, type_, len(value)) + value for type_, value in values.items())
    if key and chain:
        chain += _HEAD.pack(UNKNOWN, HMAC, 16) + mac(key, head, chain)
    room = size - len(chain) - _HEAD.size
    return chain + _HEAD.pack(UNKNOWN, PADDING, room) + bytes(room) if room >= 0 else chain


def mac(key: bytes, head: bytes, chain: bytes) -> bytes:
    """HMAC-SHA-256 cut to 16 bytes (RFC 8972 §4.8)."""
    return hmac.digest(key, head + chain, "sha256")[:16]


def is_whole(chain: bytes, tlvs: list[Spot], head: bytes, key: bytes) -> bool:
    """True when the HMAC TLV is there, right, and only padding stands behind it; padding alone needs none."""
    places = [number for number, spot in enumerate(tlvs) if spot.type == HMAC]
    if not places:
        return all(spot.type == PADDING for spot in tlvs)
    spot, behind = tlvs[places[0]], tlvs[places[0] + 1 :]
    right = hmac.compare_digest(mac(key, head, chain[: spot.at]), chain[spot.at + 4 : spot.end])
    return right and all(spot.type == PADDING for spot in behind)


def reflected(
    chain: bytes, answers: Mapping[int, Answer], *, key: bytes = b"", head: bytes = b"", reply_head: bytes = b""
) -> bytes:
    """The chain as a reflector sends it back. `head`, `reply_head`: the sequence numbers of the test and the answer."""
    tlvs, broken = spots(chain)
    out = bytearray(chain)
    if broken < len(chain):
        out[broken] = MALFORMED
    if key and not is_whole(chain, tlvs, head, key):
        for spot in tlvs:
            out[spot.at] = INTEGRITY
        return bytes(out)
    for spot in tlvs:
        out[spot.at] = _flags(spot)
        answer = answers.get(spot.type) if not out[spot.at] else None
        if answer is not None:
            out[spot.at + 4 : spot.end] = answer(chain[spot.at + 4 : spot.end])
        elif spot.type == HMAC and key:
            out[spot.at + 4 : spot.end] = mac(key, reply_head, bytes(out[: spot.at]))
    return bytes(out)


def _flags(spot: Spot) -> int:
    if spot.type == PADDING:
        return 0
    length = LENGTHS.get(spot.type)
    if length is None:
        return UNKNOWN
    return 0 if spot.end - spot.at - _HEAD.size == length else MALFORMED


def answered(chain: bytes, *, key: bytes = b"", head: bytes = b"") -> dict[int, bytes]:
    """The values a reflector has filled in: with no flag, of a type we know, whole; nothing else is believed."""
    tlvs, _ = spots(chain)
    if key and not is_whole(chain, tlvs, head, key):
        return {}
    return {
        spot.type: chain[spot.at + 4 : spot.end]
        for spot in tlvs
        if spot.type in LENGTHS and not chain[spot.at] and not _flags(spot)
    }


# --- values ---


class Cos(NamedTuple):
    """Class of Service (§4.4): the DSCP the sender wants back, the DSCP and ECN the reflector saw, and whether it would
    not answer with the one wanted."""

    wanted: int
    dscp: int = 0
    ecn: int = 0
    refused: bool = False

    def encode(self) -> bytes:
        """DSCP1 (6 bits), DSCP2 (6), ECN (2), RP (2), 16 reserved."""
        return (self.wanted << 26 | self.dscp << 20 | self.ecn << 18 | self.refused << 16).to_bytes(4, "big")


def cos(value: bytes) -> Cos:
    """Of four bytes."""
    bits = int.from_bytes(value, "big")
    return Cos(bits >> 26, bits >> 20 & 63, bits >> 18 & 3, bool(bits >> 16 & 3))


def follow_up(number: int, stamp: int, how: int) -> bytes:
    """Follow-Up Telemetry (§4.7): the number of an earlier answer, and when it really left (64 bits as on the wire)."""
    return _FOLLOW_UP.pack(number, stamp, how)


def followed(value: bytes) -> tuple[int, int, int]:
    """Number, stamp, how it was stamped (0: nothing is told)."""
    number, stamp, how = _FOLLOW_UP.unpack(value)
    return number, stamp, how


def direct(sent: int, received: int = 0, answered_: int = 0) -> bytes:
    """Direct Measurement (§4.5): packets sent by the sender, received and answered by the reflector, modulo 2^32."""
    return _DIRECT.pack(sent & 0xFFFFFFFF, received & 0xFFFFFFFF, answered_ & 0xFFFFFFFF)


def counted(value: bytes) -> tuple[int, int, int]:
    """The three counts."""
    sent, received, back = _DIRECT.unpack(value)
    return sent, received, back
