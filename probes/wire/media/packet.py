"""Packets of the media protocol: an agent and a responder send each other a conference's streams and tell what arrived.

The handshake is that of `probes.wire.handshake`, with the magic `nmd1`; the tag is the key's id (0: no key).

| type | from | after the head |
|---|---|---|
| GO | agent | cookie, version of the plan (1), variant (1), ways (1; 1: to the responder, 2: back), TOS of pictures (1) and of sound (1), rate bit/s (4), ms (4), seed (4) |
| DATA | both | stream (1), DSCP as sent (1), µs the packet left late (2), number (4), frame (4), part (2), parts (2), ns as it left (8), zeros to the size |
| ASK | agent | cookie, number of the question (4), arrivals already known (4), flags (1; 1: send no more) |
| REPORT | responder | number of the question (4), µs it was held (4), arrivals known before these (4), arrivals in all (4), packets of its own stream so far (4), packets its own buffer dropped (4), ms since the last arrival (2), flags (1; 1: its own stream is over, 2: its clock was set meanwhile), then each arrival: number (4), µs since the first (4), TOS (1) |
| STOP | agent | cookie; the session is over |
"""  # fmt: skip

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from probes.errors import WireError
from probes.wire.cursor import ByteCursor
from probes.wire.handshake import HEAD_BYTES, PacketCodec, PacketType
from probes.wire.media.shape import MAX_BYTES, MIN_BYTES, MediaShape, Sort, Variant

CODEC = PacketCodec(b"nmd1", "media", "session", names_key=True)
PORT = 8622
PART = 120  # arrivals in one REPORT: it fits every path
FORWARD, BACKWARD = 1, 2
MAX_LATE_US = 0xFFFF
DATA_BYTES = 40
_GO = struct.Struct("!BBBBBIII")
_DATA = struct.Struct("!BBHIIHHQ")
_ASK = struct.Struct("!IIB")
_REPORT = struct.Struct("!IIIIIIHB")
_CAME = struct.Struct("!IIB")
_WORD = 0xFFFFFFFF


class MediaRefusal(IntEnum):
    """Why a responder says no."""

    BUSY = 1  # as many streams run as it allows
    YOURS = 2  # as many of this source's run as it allows
    BUDGET = 3  # too many bytes for this source in this minute
    BOUNDS = 4  # longer or faster than it sends
    VERSION = 5  # it knows another plan
    UNKNOWN = 6  # no such session, or it is over


class MediaGo(NamedTuple):
    """What an agent wants. The responder's stream has the next seed."""

    version: int
    shape: MediaShape
    directions: int
    video_tos: int
    audio_tos: int


class Data(NamedTuple):
    """What a data packet says of itself; `sent_ns`: its sender's monotonic clock as it left."""

    sort: int
    dscp: int
    late_us: int
    number: int
    frame: int
    part: int
    parts: int
    sent_ns: int


class ReportRequest(NamedTuple):
    """Tell me more: `known` arrivals are here."""

    number: int
    known: int
    halt: bool


class MediaReport(NamedTuple):
    """What a responder has received; `came`: (number, µs since the first, TOS) from the arrival `known` on."""

    number: int
    held_us: int
    known: int
    total: int
    sent: int
    dropped: int
    quiet_ms: int
    over: bool
    clock_set: bool
    came: tuple[tuple[int, int, int], ...] = ()


def data_packets(session: int) -> Callable[[Data, int], bytes]:
    """Makes data packets of a session: (what it says, bytes in all) → packet."""
    head, pack = CODEC.open(PacketType.DATA, session), _DATA.pack
    zeros = bytes(MAX_BYTES)
    return lambda data, size: head + pack(*data) + zeros[DATA_BYTES:size]


def read_data(data: bytes) -> Data:
    """A data packet; raises `WireError` when it is cut off or of no stream."""
    if len(data) < MIN_BYTES:
        raise WireError(len(data), f"{len(data)} bytes are too short for data")
    said = Data(*_DATA.unpack_from(data, HEAD_BYTES))
    if not 1 <= said.sort <= len(Sort):
        raise WireError(HEAD_BYTES, f"stream {said.sort} is unknown")
    return said


def go_body(go: MediaGo) -> bytes:
    """GO behind its cookie."""
    shape = go.shape
    return _GO.pack(
        go.version,
        shape.variant,
        go.directions,
        go.video_tos,
        go.audio_tos,
        shape.rate_bps,
        shape.duration_ms,
        shape.seed,
    )


def read_go(body: bytes) -> MediaGo:
    """GO behind its cookie; raises `WireError` for a variant nobody knows."""
    held = ByteCursor(body)
    version, variant, directions, video_tos, audio_tos, rate_bps, duration_ms, seed = held.unpack(_GO, "GO is cut off")
    if not 1 <= variant <= len(Variant) or not directions & (FORWARD | BACKWARD):
        raise WireError(HEAD_BYTES, f"variant {variant}, ways {directions} are unknown")
    return MediaGo(
        version,
        MediaShape(rate_bps, duration_ms, Variant(variant), seed),
        directions,
        video_tos & 0xFC,
        audio_tos & 0xFC,
    )


def ask_body(asked: ReportRequest) -> bytes:
    """ASK behind its cookie."""
    return _ASK.pack(asked.number, asked.known, asked.halt)


def read_ask(body: bytes) -> ReportRequest:
    """ASK behind its cookie."""
    number, known, flags = ByteCursor(body).unpack(_ASK, "ASK is cut off")
    return ReportRequest(number, known, bool(flags & 1))


def report_body(report: MediaReport) -> bytes:
    """REPORT; numbers beyond what fits are cut."""
    numbers = (min(max(number, 0), _WORD) for number in report[:6])
    quiet_ms = min(report.quiet_ms, 0xFFFF)
    came = (_CAME.pack(number, min(max(at_us, 0), _WORD), tos & 0xFF) for number, at_us, tos in report.came)
    return _REPORT.pack(*numbers, quiet_ms, report.over | report.clock_set << 1) + b"".join(came)


def read_report(body: bytes) -> MediaReport:
    """REPORT; raises `WireError` when it is cut off."""
    if len(body) < _REPORT.size or (len(body) - _REPORT.size) % _CAME.size:
        raise WireError(len(body), "REPORT is cut off")
    number, held_us, known, total, sent, dropped, quiet_ms, flags = _REPORT.unpack_from(body)
    came = tuple(_CAME.iter_unpack(body[_REPORT.size :]))
    return MediaReport(number, held_us, known, total, sent, dropped, quiet_ms, bool(flags & 1), bool(flags & 2), came)
