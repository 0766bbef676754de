"""Packets of the media protocol: an agent and a responder send each other a conference's streams and tell what arrived.

netmon's own, over UDP, big-endian. Every packet begins with a head of 16 bytes: `nmd1`, kind, 0, key id (2; 0: no key),
session (8, chosen by the agent at random). What an agent asks is `LEAST` bytes long or more and carries the responder's
cookie: whoever shows one has received it at its address, and only then is it sent more than it sent. With a key, control
packets end with 16 bytes of HMAC-SHA-256 over all before; data packets never do: nobody else knows the session's number.

| kind | from | after the head |
|---|---|---|
| HELLO | agent | zeros to `LEAST` |
| CHALLENGE | responder | cookie (16) |
| GO | agent | cookie, version of the plan (1), variant (1), ways (1; 1: to the responder, 2: back), TOS of pictures (1) and of sound (1), rate bit/s (4), ms (4), seed (4) |
| READY | responder | nothing |
| NO | responder | reason (1) |
| DATA | both | stream (1), DSCP as sent (1), µs the packet left late (2), number (4), frame (4), part (2), parts (2), ns as it left (8), zeros to the size |
| ASK | agent | cookie, number of the question (4), arrivals already known (4), flags (1; 1: send no more) |
| REPORT | responder | number of the question (4), µs it was held (4), arrivals known before these (4), arrivals in all (4), packets of its own stream so far (4), packets its own buffer dropped (4), ms since the last arrival (2), flags (1; 1: its own stream is over, 2: its clock was set meanwhile), then each arrival: number (4), µs since the first (4), TOS (1) |
| STOP | agent | cookie; the session is over |
"""  # fmt: skip

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from probes.errors import WireError
from probes.wire.handshake import LEAST, seal, unseal
from probes.wire.media.shape import LEAST_BYTES, MOST_BYTES, Shape, Sort, Variant

PORT = 8622
PART = 120  # arrivals in one REPORT: it fits every path
FORWARD, BACK = 1, 2
MOST_LATE_US = 0xFFFF
DATA_BYTES = 40
_MAGIC = b"nmd1"
_HEAD = struct.Struct("!4sBxHQ")
_GO = struct.Struct("!BBBBBIII")
_DATA = struct.Struct("!BBHIIHHQ")
_ASK = struct.Struct("!IIB")
_REPORT = struct.Struct("!IIIIIIHB")
_CAME = struct.Struct("!IIB")
_WORD = 0xFFFFFFFF


class What(IntEnum):
    """Kinds of packets."""

    HELLO = 1
    CHALLENGE = 2
    GO = 3
    READY = 4
    NO = 5
    DATA = 6
    ASK = 7
    REPORT = 8
    STOP = 9


_WHATS = {int(what): what for what in What}  # quicker than to call `What`


class Reason(IntEnum):
    """Why a responder says no."""

    BUSY = 1  # as many streams run as it allows
    YOURS = 2  # as many of this source's run as it allows
    BUDGET = 3  # too many bytes for this source in this minute
    BOUNDS = 4  # longer or faster than it sends
    VERSION = 5  # it knows another plan
    UNKNOWN = 6  # no such session, or it is over


class Head(NamedTuple):
    """What every packet begins with."""

    what: What
    key_id: int
    session: int


class Go(NamedTuple):
    """What an agent wants. The responder's stream has the next seed."""

    version: int
    shape: Shape
    ways: int
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


class Ask(NamedTuple):
    """Tell me more: `known` arrivals are here."""

    number: int
    known: int
    halt: bool


class Report(NamedTuple):
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


@lru_cache(maxsize=8)
def key_id(key: bytes) -> int:
    """Which key it is, without telling it; 0: none."""
    return int.from_bytes(hashlib.sha256(key).digest()[:2], "big") | 1 if key else 0


def _packet(what: What, session: int, body: bytes, key: bytes, least: int = 0) -> bytes:
    """Filled up to `least` bytes and signed."""
    return seal(_HEAD.pack(_MAGIC, what, key_id(key), session) + body, key, least)


def head(data: bytes) -> Head:
    """The head; raises `WireError` for what is no packet of this protocol."""
    if len(data) < _HEAD.size:
        raise WireError(len(data), f"{len(data)} bytes are too short for a packet")
    magic, what, key, session = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise WireError(0, "not a packet of the media protocol")
    if what not in _WHATS:
        raise WireError(4, f"kind {what} is unknown")
    return Head(_WHATS[what], key, session)


def checked(data: bytes, key: bytes) -> bytes:
    """What follows the head of a control packet, without its HMAC; raises `WireError` when that is not ours."""
    if key and int.from_bytes(data[6:8], "big") != key_id(key):
        raise WireError(6, "the HMAC is made with another key")
    return unseal(data, key)


def hello(session: int, key: bytes = b"") -> bytes:
    """A session wants to begin."""
    return _packet(What.HELLO, session, b"", key, LEAST)


def ask(what: What, session: int, cookie: bytes, body: bytes = b"", key: bytes = b"") -> bytes:
    """GO, ASK or STOP."""
    return _packet(what, session, cookie + body, key, LEAST)


def answer(what: What, session: int, body: bytes = b"", key: bytes = b"") -> bytes:
    """CHALLENGE, READY, NO or REPORT."""
    return _packet(what, session, body, key)


def data_packets(session: int) -> Callable[[Data, int], bytes]:
    """Makes data packets of a session: (what it says, bytes in all) → packet."""
    opened, pack = _HEAD.pack(_MAGIC, What.DATA, 0, session), _DATA.pack
    zeros = bytes(MOST_BYTES)
    return lambda data, size: opened + pack(*data) + zeros[DATA_BYTES:size]


def read_data(data: bytes) -> Data:
    """A data packet; raises `WireError` when it is cut off or of no stream."""
    if len(data) < LEAST_BYTES:
        raise WireError(len(data), f"{len(data)} bytes are too short for data")
    found = Data(*_DATA.unpack_from(data, _HEAD.size))
    if not 1 <= found.sort <= len(Sort):
        raise WireError(_HEAD.size, f"stream {found.sort} is unknown")
    return found


def go_body(go: Go) -> bytes:
    """GO behind its cookie."""
    shape = go.shape
    return _GO.pack(
        go.version, shape.variant, go.ways, go.video_tos, go.audio_tos, shape.rate_bps, shape.duration_ms, shape.seed
    )


def read_go(body: bytes) -> Go:
    """GO behind its cookie; raises `WireError` for a variant nobody knows."""
    if len(body) < _GO.size:
        raise WireError(len(body), "GO is cut off")
    version, variant, ways, video_tos, audio_tos, rate_bps, duration_ms, seed = _GO.unpack_from(body)
    if not 1 <= variant <= len(Variant) or not ways & (FORWARD | BACK):
        raise WireError(_HEAD.size, f"variant {variant}, ways {ways} are unknown")
    return Go(version, Shape(rate_bps, duration_ms, Variant(variant), seed), ways, video_tos & 0xFC, audio_tos & 0xFC)


def ask_body(asked: Ask) -> bytes:
    """ASK behind its cookie."""
    return _ASK.pack(asked.number, asked.known, asked.halt)


def read_ask(body: bytes) -> Ask:
    """ASK behind its cookie."""
    if len(body) < _ASK.size:
        raise WireError(len(body), "ASK is cut off")
    number, known, flags = _ASK.unpack_from(body)
    return Ask(number, known, bool(flags & 1))


def report_body(report: Report) -> bytes:
    """REPORT; numbers beyond what fits are cut."""
    numbers = (min(max(one, 0), _WORD) for one in report[:6])
    quiet_ms = min(report.quiet_ms, 0xFFFF)
    came = (_CAME.pack(number, min(max(at_us, 0), _WORD), tos & 0xFF) for number, at_us, tos in report.came)
    return _REPORT.pack(*numbers, quiet_ms, report.over | report.clock_set << 1) + b"".join(came)


def read_report(body: bytes) -> Report:
    """REPORT; raises `WireError` when it is cut off."""
    if len(body) < _REPORT.size or (len(body) - _REPORT.size) % _CAME.size:
        raise WireError(len(body), "REPORT is cut off")
    number, held_us, known, total, sent, dropped, quiet_ms, flags = _REPORT.unpack_from(body)
    came = tuple(_CAME.iter_unpack(body[_REPORT.size :]))
    return Report(number, held_us, known, total, sent, dropped, quiet_ms, bool(flags & 1), bool(flags & 2), came)
