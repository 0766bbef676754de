"""Packets of the train protocol: an agent and a responder send each other trains and streams and tell what arrived.

The handshake is that of `probes.wire.handshake`, with the magic `nmt1`; the tag is the round, the session one test.

| type | from | after the head |
|---|---|---|
| GO | agent | cookie, packets (4), size (2), gap ns (4) of the agent's stream, the same of the responder's, its TOS (1) |
| DATA | both | number (4), ns since the stream's first packet (8), zeros to the size |
| ASK | agent | cookie, part (2; 65535: no arrivals, only the rest) |
| REPORT | responder | part (2), parts (2), packets that came (4), ms since the last (4), µs its delay is above the least (4), packets of its own stream it could not send in time (4), arrivals: each number (2) and ns since the first (6) |
| STOP | agent | cookie; round 0 ends the test, any other the stream of that round |
"""  # fmt: skip

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from probes.errors import WireError
from probes.wire.cursor import ByteCursor
from probes.wire.handshake import HEAD_BYTES, PacketCodec, PacketType

CODEC = PacketCodec(b"nmt1", "train", "test")
PORT = 8621
MIN_DATA, MAX_DATA = 64, 8972  # bytes of a data packet
MAX_PACKETS = 65_535
SUMMARY = 65_535
PART = 140  # arrivals in one REPORT: it fits every path
_STREAM = struct.Struct("!IHI")
_DATA = struct.Struct("!IQ")
_SUMMARY = struct.Struct("!HHIIII")


class TrainRefusal(IntEnum):
    """Why a responder says no."""

    BUSY = 1  # another test is running
    BUDGET = 2  # too many bytes for this source in this minute
    BOUNDS = 3  # more, longer or faster than it sends
    UNKNOWN = 4  # no such test or round here


class PacketStream(NamedTuple):
    """What is to be sent: UDP payload of `size` bytes each, `gap_ns` apart (0: back to back)."""

    packets: int = 0
    size: int = MIN_DATA
    gap_ns: int = 0


class TrainGo(NamedTuple):
    """What an agent wants: the streams of both, and the responder's TOS."""

    ours: PacketStream
    theirs: PacketStream
    tos: int


class Summary(NamedTuple):
    """What a responder has received in a round; `arrivals` of one part: (number, ns since the first)."""

    part: int
    parts: int
    rcvd: int
    quiet_ms: int
    rise_us: int
    starved: int
    arrivals: tuple[tuple[int, int], ...] = ()


def data_head(round_: int, test: int, number: int, sent_ns: int) -> bytes:
    """The first 28 bytes of a data packet."""
    return CODEC.open(PacketType.DATA, test, round_) + _DATA.pack(number, sent_ns)


def read_data(data: bytes) -> tuple[int, int]:
    """(number, ns since the stream's first packet) of a data packet."""
    if len(data) < MIN_DATA:
        raise WireError(len(data), f"{len(data)} bytes are too short for data")
    number, sent_ns = _DATA.unpack_from(data, HEAD_BYTES)
    return number, sent_ns


def go_body(go: TrainGo) -> bytes:
    """GO behind its cookie."""
    return _STREAM.pack(*go.ours) + _STREAM.pack(*go.theirs) + bytes([go.tos])


def read_go(body: bytes) -> TrainGo:
    """GO behind its cookie; raises `WireError` for sizes no data packet has."""
    held = ByteCursor(body)
    ours, theirs = (PacketStream(*held.unpack(_STREAM, "GO is cut off")) for _ in range(2))
    tos = held.number(1, "GO is cut off") & 0xFC
    for stream in (ours, theirs):
        if stream.packets > MAX_PACKETS or not MIN_DATA <= stream.size <= MAX_DATA:
            raise WireError(HEAD_BYTES, f"{stream.packets} packets of {stream.size} bytes are not sent")
    return TrainGo(ours, theirs, tos)


def part_body(part: int) -> bytes:
    """ASK behind its cookie."""
    return part.to_bytes(2, "big")


def read_part(body: bytes) -> int:
    """ASK behind its cookie."""
    return ByteCursor(body).number(2, "ASK is cut off")


def summary_body(summary: Summary) -> bytes:
    """REPORT; times beyond what fits are cut."""
    numbers = (min(number, 0xFFFFFFFF) for number in summary[2:6])
    places = [(number << 48 | min(at, (1 << 48) - 1)).to_bytes(8, "big") for number, at in summary.arrivals]
    return _SUMMARY.pack(summary.part, summary.parts, *numbers) + b"".join(places)


def read_summary(body: bytes) -> Summary:
    """REPORT; raises `WireError` when it is cut off."""
    if len(body) < _SUMMARY.size or (len(body) - _SUMMARY.size) % 8:
        raise WireError(len(body), "REPORT is cut off")
    words = struct.unpack_from(f"!{(len(body) - _SUMMARY.size) // 8}Q", body, _SUMMARY.size)
    part, parts, rcvd, quiet_ms, rise_us, starved = _SUMMARY.unpack_from(body)
    arrivals = tuple((word >> 48, word & (1 << 48) - 1) for word in words)
    return Summary(part, parts, rcvd, quiet_ms, rise_us, starved, arrivals)


def parts_of(arrivals: Sequence[tuple[int, int]]) -> int:
    """How many REPORTs carry these arrivals."""
    return -(-len(arrivals) // PART)


def is_too_long(to: str, type: int, code: int) -> bool:
    """True for ICMP's "fragmentation needed" (RFC 792) and ICMPv6's "packet too big" (RFC 4443 §3.2)."""
    return type == 2 if ":" in to else (type, code) == (3, 4)
