"""Packets of the train protocol: an agent and a responder send each other trains and streams and tell what arrived.

netmon's own, over UDP, big-endian. Every packet begins with a head of 16 bytes: `nmt1`, kind, 0, round (2), test (8, chosen
by the agent at random). What an agent asks is `LEAST` bytes long or more and carries the responder's cookie: whoever shows
one has received it at its address, and only then is it sent more than it sent. With a key, control packets end with 16
bytes of HMAC-SHA-256 over all before; data packets never do: nobody else knows the test's number.

| kind | from | after the head |
|---|---|---|
| HELLO | agent | zeros to `LEAST` |
| COOKIE | responder | cookie (16) |
| GO | agent | cookie, packets (4), size (2), gap ns (4) of the agent's stream, the same of the responder's, its TOS (1) |
| READY | responder | nothing |
| NO | responder | reason (1) |
| DATA | both | number (4), ns since the stream's first packet (8), zeros to the size |
| ASK | agent | cookie, part (2; 65535: no arrivals, only the rest) |
| TOLD | responder | part (2), parts (2), packets that came (4), ms since the last (4), µs its delay is above the least (4), packets of its own stream it could not send in time (4), arrivals: each number (2) and ns since the first (6) |
| STOP | agent | cookie; round 0 ends the test, any other the stream of that round |
"""  # fmt: skip

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from probes.errors import WireError
from probes.wire.handshake import LEAST, seal, unseal

PORT = 8621
LEAST_DATA, MOST_DATA = 64, 8972  # bytes of a data packet
MOST_PACKETS = 65_535
SUMMARY = 65_535
PART = 140  # arrivals in one TOLD: it fits every path
_MAGIC = b"nmt1"
_HEAD = struct.Struct("!4sBxHQ")
_STREAM = struct.Struct("!IHI")
_DATA = struct.Struct("!IQ")
_TOLD = struct.Struct("!HHIIII")


class What(IntEnum):
    """Kinds of packets."""

    HELLO = 1
    COOKIE = 2
    GO = 3
    READY = 4
    NO = 5
    DATA = 6
    ASK = 7
    TOLD = 8
    STOP = 9


class Reason(IntEnum):
    """Why a responder says no."""

    BUSY = 1  # another test is running
    BUDGET = 2  # too many bytes for this source in this minute
    BOUNDS = 3  # more, longer or faster than it sends
    UNKNOWN = 4  # no such test or round here


class Stream(NamedTuple):
    """What is to be sent: UDP payload of `size` bytes each, `gap_ns` apart (0: back to back)."""

    packets: int = 0
    size: int = LEAST_DATA
    gap_ns: int = 0


class Head(NamedTuple):
    """What every packet begins with."""

    what: What
    round: int
    test: int


class Go(NamedTuple):
    """What an agent wants: the streams of both, and the responder's TOS."""

    ours: Stream
    theirs: Stream
    tos: int


class Told(NamedTuple):
    """What a responder has received in a round; `arrivals` of one part: (number, ns since the first)."""

    part: int
    parts: int
    rcvd: int
    quiet_ms: int
    rise_us: int
    starved: int
    arrivals: tuple[tuple[int, int], ...] = ()


def head(data: bytes) -> Head:
    """The head; raises `WireError` for what is no packet of this protocol."""
    if len(data) < _HEAD.size:
        raise WireError(len(data), f"{len(data)} bytes are too short for a packet")
    magic, what, round_, test = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise WireError(0, "not a packet of the train protocol")
    if not 1 <= what <= len(What):
        raise WireError(4, f"kind {what} is unknown")
    return Head(What(what), round_, test)


def checked(data: bytes, key: bytes) -> bytes:
    """What follows the head of a control packet, without its HMAC; raises `WireError` when that is not ours."""
    return unseal(data, key)


def _open(what: What, round_: int, test: int) -> bytes:
    return _HEAD.pack(_MAGIC, what, round_, test)


def hello(test: int, key: bytes = b"") -> bytes:
    """A test wants to begin."""
    return seal(_open(What.HELLO, 0, test), key, LEAST)


def ask(what: What, round_: int, test: int, cookie: bytes, body: bytes = b"", key: bytes = b"") -> bytes:
    """GO, ASK or STOP."""
    return seal(_open(what, round_, test) + cookie + body, key, LEAST)


def answer(what: What, round_: int, test: int, body: bytes = b"", key: bytes = b"") -> bytes:
    """COOKIE, READY, NO or TOLD."""
    return seal(_open(what, round_, test) + body, key)


def data_head(round_: int, test: int, number: int, sent_ns: int) -> bytes:
    """The first 28 bytes of a data packet."""
    return _open(What.DATA, round_, test) + _DATA.pack(number, sent_ns)


def read_data(data: bytes) -> tuple[int, int]:
    """(number, ns since the stream's first packet) of a data packet."""
    if len(data) < LEAST_DATA:
        raise WireError(len(data), f"{len(data)} bytes are too short for data")
    number, sent_ns = _DATA.unpack_from(data, _HEAD.size)
    return number, sent_ns


def go_body(go: Go) -> bytes:
    """GO behind its cookie."""
    return _STREAM.pack(*go.ours) + _STREAM.pack(*go.theirs) + bytes([go.tos])


def read_go(body: bytes) -> Go:
    """GO behind its cookie; raises `WireError` for sizes no data packet has."""
    if len(body) < 2 * _STREAM.size + 1:
        raise WireError(len(body), "GO is cut off")
    ours, theirs = (Stream(*_STREAM.unpack_from(body, at)) for at in (0, _STREAM.size))
    for one in (ours, theirs):
        if one.packets > MOST_PACKETS or not LEAST_DATA <= one.size <= MOST_DATA:
            raise WireError(_HEAD.size, f"{one.packets} packets of {one.size} bytes are not sent")
    return Go(ours, theirs, body[2 * _STREAM.size] & 0xFC)


def part_body(part: int) -> bytes:
    """ASK behind its cookie."""
    return part.to_bytes(2, "big")


def read_part(body: bytes) -> int:
    """ASK behind its cookie."""
    if len(body) < 2:
        raise WireError(len(body), "ASK is cut off")
    return int.from_bytes(body[:2], "big")


def told_body(told: Told) -> bytes:
    """TOLD; times beyond what fits are cut."""
    numbers = (min(one, 0xFFFFFFFF) for one in told[2:6])
    places = [(number << 48 | min(at, (1 << 48) - 1)).to_bytes(8, "big") for number, at in told.arrivals]
    return _TOLD.pack(told.part, told.parts, *numbers) + b"".join(places)


def read_told(body: bytes) -> Told:
    """TOLD; raises `WireError` when it is cut off."""
    if len(body) < _TOLD.size or (len(body) - _TOLD.size) % 8:
        raise WireError(len(body), "TOLD is cut off")
    words = struct.unpack_from(f"!{(len(body) - _TOLD.size) // 8}Q", body, _TOLD.size)
    part, parts, rcvd, quiet_ms, rise_us, starved = _TOLD.unpack_from(body)
    arrivals = tuple((one >> 48, one & (1 << 48) - 1) for one in words)
    return Told(part, parts, rcvd, quiet_ms, rise_us, starved, arrivals)


def parts_of(arrivals: Sequence[tuple[int, int]]) -> int:
    """How many TOLDs carry these arrivals."""
    return -(-len(arrivals) // PART)


def is_too_long(to: str, type: int, code: int) -> bool:
    """True for ICMP's "fragmentation needed" (RFC 792) and ICMPv6's "packet too big" (RFC 4443 §3.2)."""
    return type == 2 if ":" in to else (type, code) == (3, 4)
