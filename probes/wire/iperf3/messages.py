"""What iperf3 writes: cookie, states, parameters and results as JSON behind a length, the UDP packet's head.

The layout is that of esnet/iperf 3.12 (reference/measurement.md §8). A peer's JSON is bounded in length and depth and
every value's type is checked before use: several iperf3 servers fell to a number where a text was expected.
"""

from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

from probes.errors import WireError

PORT = 5201
COOKIE_BYTES = 37  # 36 characters of the alphabet and NUL
_ALPHABET = b"abcdefghijklmnopqrstuvwxyz234567"
_MARK = b"netmon"
MAX_PARAMS_BYTES = 8 * 1024
MAX_RESULTS_BYTES = 64 * 1024
_MAX_DEPTH = 6
MAX_STREAMS = 128
_MAX_BLOCK = {"tcp": 1024 * 1024, "udp": 65_507}
_MIN_UDP_BLOCK = 16
UDP_HELLOS = (b"9876", struct.pack("<I", 123456789), struct.pack(">I", 0x36373839))
UDP_REPLY = b"6789"
UDP_REPLIES = (UDP_REPLY, struct.pack("<I", 987654321), struct.pack(">I", 0x39383736))
_LENGTH = struct.Struct(">I")
_HEAD_32, _HEAD_64 = struct.Struct(">III"), struct.Struct(">IIQ")


class ControlState(IntEnum):
    """The control connection's one-byte messages (signed)."""

    TEST_START = 1
    TEST_RUNNING = 2
    TEST_END = 4
    PARAM_EXCHANGE = 9
    CREATE_STREAMS = 10
    SERVER_TERMINATE = 11
    CLIENT_TERMINATE = 12
    EXCHANGE_RESULTS = 13
    DISPLAY_RESULTS = 14
    IPERF_START = 15  # iperf3 never sends it; between ours, before PARAM_EXCHANGE: you are in our queue
    IPERF_DONE = 16
    ACCESS_DENIED = -1
    SERVER_ERROR = -2


# i_errno of iperf_api.h: what a server says after SERVER_ERROR, and what it means to people.
DURATION, STREAMS, BLOCK, UNIMPLEMENTED, TOTAL_RATE, BAD_PARAMS, LOGIN = 5, 6, 7, 13, 27, 113, 142
ERRORS = {
    DURATION: "it does not run so long",
    STREAMS: "it does not take so many streams",
    BLOCK: "it does not take this block size",
    UNIMPLEMENTED: "it cannot do this kind of test",
    TOTAL_RATE: "it does not take this rate",
    BAD_PARAMS: "it cannot read our parameters",
    LOGIN: "it does not let us in: wrong user or password, another padding, or clocks apart",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """What the client asks for. `rate_bps` is each stream's (0: as fast as it goes); `time_s` 0: until it says so."""

    protocol: str = "tcp"
    time_s: int = 10
    omit_s: int = 0
    parallel: int = 1
    reverse: bool = False
    block_bytes: int = 128 * 1024
    rate_bps: int = 0
    wide: bool = False  # 64-bit packet numbers
    both_ways: bool = False  # `--bidir`: read so that it can be refused
    login: str = field(default="", repr=False)  # the token, as text


class StreamResult(NamedTuple):
    """One stream as its end saw it; None: not known there."""

    id: int
    bytes: int
    retransmits: int | None = None
    jitter_s: float = 0.0
    lost: int = 0
    packets: int = 0
    took_s: float | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """One end's results."""

    streams: tuple[StreamResult, ...]
    has_retransmits: bool = False


def stream_id(place: int) -> int:
    """The id of the stream at `place` (from 0): 1, 3, 4, 5, … (2 is never used)."""
    return 1 if place == 0 else place + 2


def cookie(random: bytes, ours: bool = False) -> bytes:
    """A test's cookie from at least 36 random bytes. `ours`: with our mark; who bears it understands `IPERF_START`."""
    letters = bytes(_ALPHABET[byte & 31] for byte in random[: COOKIE_BYTES - 1])
    return (_MARK + letters[len(_MARK) :] if ours else letters) + b"\0"


def is_ours(cookie: bytes) -> bool:
    """Does it bear our mark? By chance one of 2^30 does."""
    return cookie.startswith(_MARK)


def is_cookie(data: bytes) -> bool:
    """Is it 36 characters of the alphabet and NUL?"""
    return len(data) == COOKIE_BYTES and data[-1] == 0 and all(byte in _ALPHABET for byte in data[:-1])


# --- JSON ---


def frame(table: dict[str, Any]) -> bytes:
    """A table as it goes over the wire: u32 length, UTF-8."""
    text = json.dumps(table, separators=(",", ":")).encode()
    return _LENGTH.pack(len(text)) + text


def framed_bytes(held: bytearray, max_bytes: int) -> int | None:
    """How long the framed table at the beginning is, None while nobody can tell; `WireError` when it may never be."""
    if len(held) < _LENGTH.size:
        return None
    length = int.from_bytes(held[: _LENGTH.size], "big")
    if not 2 <= length <= max_bytes:
        raise WireError(0, f"a JSON text of {length} bytes (2 to {max_bytes} are allowed)")
    return _LENGTH.size + length


def unframed(message: bytes) -> bytes:
    """The JSON text of a framed table."""
    return message[_LENGTH.size :]


def _table(text: bytes) -> dict[str, Any]:
    _check_depth(text)
    try:
        table = json.loads(text.rstrip(b"\0"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise WireError(4, "no JSON") from None
    if not isinstance(table, dict):
        raise WireError(4, "a JSON text that is no table")
    return table


def _no_number(word: str) -> None:
    raise ValueError(word)


_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _check_depth(text: bytes) -> None:
    depth = 0
    for bracket in re.findall(rb"[\[\]{}]", _STRINGS.sub(b"", text)):
        depth += 1 if bracket in b"[{" else -1
        if depth > _MAX_DEPTH:
            raise WireError(4, f"a JSON text nested deeper than {_MAX_DEPTH}")


def _number(table: dict[str, Any], key: str, default: float = 0.0) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WireError(4, f"{key} is no number")
    try:
        value = float(value)
    except OverflowError:
        raise WireError(4, f"{key} is too large") from None
    if not math.isfinite(value):
        raise WireError(4, f"{key} is too large")
    return value


def _integer(table: dict[str, Any], key: str, high: int, default: int = 0) -> int:
    """A whole number from 0 to `high`; a large one may come as 1e+15."""
    value = _number(table, key, default)
    if not (value.is_integer() and 0 <= value <= high):
        raise WireError(4, f"{key} is not from 0 to {high}")
    exact = table.get(key, default)
    return exact if isinstance(exact, int) else int(value)


def _flag(table: dict[str, Any], key: str) -> bool:
    """true; absent, false and null are false. Numbers are read too: newer flags are 0 or 1."""
    value = table.get(key)
    if value is not None and not isinstance(value, bool | int):
        raise WireError(4, f"{key} is neither true nor false")
    return bool(value)


def _text(table: dict[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise WireError(4, f"{key} is no text")
    return value


# --- parameters ---


def encode_params(params: Params) -> bytes:
    """The client's parameters, framed; keys in iperf3's order."""
    table: dict[str, Any] = {params.protocol: True, "omit": params.omit_s, "time": params.time_s}
    table |= {"num": 0, "blockcount": 0, "parallel": params.parallel}
    if params.reverse:
        table["reverse"] = True
    table["len"] = params.block_bytes
    if params.rate_bps:
        table["bandwidth"] = params.rate_bps
    table["pacing_timer"] = 1000
    if params.wide:
        table["udp_counters_64bit"] = 1
    if params.login:
        table["authtoken"] = params.login
    return frame(table | {"client_version": "netmon"})


def decode_params(text: bytes) -> Params:
    """A client's parameters; raises `WireError`. Unknown keys are passed over, as iperf3 does."""
    table = _table(text)
    protocol = _protocol(table)
    return Params(
        protocol=protocol,
        time_s=_integer(table, "time", 86_400),
        omit_s=_integer(table, "omit", 600),
        parallel=_between(table, "parallel", 1, MAX_STREAMS, 1),
        reverse=_flag(table, "reverse"),
        block_bytes=_block(table, protocol),
        rate_bps=_integer(table, "bandwidth", 10**15),
        wide=_flag(table, "udp_counters_64bit"),
        both_ways=_flag(table, "bidirectional"),
        login=_text(table, "authtoken"),
    )


def _protocol(table: dict[str, Any]) -> str:
    asked = [name for name in ("tcp", "udp", "sctp") if table.get(name) is True]
    if len(asked) != 1 or asked[0] == "sctp":
        raise WireError(4, "neither tcp nor udp")
    return asked[0]


def _block(table: dict[str, Any], protocol: str) -> int:
    if protocol == "udp":
        return _between(table, "len", _MIN_UDP_BLOCK, _MAX_BLOCK["udp"], 1448)
    return _between(table, "len", 1, _MAX_BLOCK["tcp"], 128 * 1024)


def _between(table: dict[str, Any], key: str, low: int, high: int, default: int) -> int:
    value = _integer(table, key, high, default)
    if value < low:
        raise WireError(4, f"{key} is not from {low} to {high}")
    return value


# --- results ---


def encode_results(results: Results) -> bytes:
    """One end's results, framed. What is not known is -1 for retransmits."""
    streams = [
        {
            "id": stream.id,
            "bytes": stream.bytes,
            "retransmits": -1 if stream.retransmits is None else stream.retransmits,
            "jitter": stream.jitter_s,
            "errors": stream.lost,
            "packets": stream.packets,
            "start_time": 0,
            "end_time": stream.took_s or 0,
        }
        for stream in results.streams
    ]
    table: dict[str, Any] = dict.fromkeys(("cpu_util_total", "cpu_util_user", "cpu_util_system"), 0)
    return frame(table | {"sender_has_retransmits": 1 if results.has_retransmits else 0, "streams": streams})


def decode_results(text: bytes) -> Results:
    """The peer's results; raises `WireError`."""
    table = _table(text)
    streams = table.get("streams")
    if not isinstance(streams, list) or len(streams) > 2 * MAX_STREAMS:
        raise WireError(4, "streams is no list of streams")
    return Results(tuple(_stream(stream) for stream in streams), _number(table, "sender_has_retransmits") == 1)


_MAX_BYTES = 2**60  # an exabyte: more was not sent
_MAX_PACKETS = 2**53


def _stream(table: object) -> StreamResult:
    if not isinstance(table, dict):
        raise WireError(4, "a stream is no table")
    retransmits = _number(table, "retransmits", -1)
    took_s = _number(table, "end_time") - _number(table, "start_time")
    jitter_s = _number(table, "jitter")
    return StreamResult(
        _integer(table, "id", 2**31),
        _integer(table, "bytes", _MAX_BYTES),
        int(retransmits) if 0 <= retransmits < 2**53 else None,  # an unsigned -1 comes as 2^64 - 1
        jitter_s if 0 <= jitter_s < 3600 else 0.0,
        max(0, int(_number(table, "errors"))),  # more late packets than lost ones make it negative
        _integer(table, "packets", _MAX_PACKETS),
        took_s if took_s > 0 else None,
    )


# --- UDP ---


class UdpHead(NamedTuple):
    """The beginning of a UDP packet: the sender's clock (ns; any epoch) and the packet's number, from 1."""

    sent_ns: int
    seq: int


def head_bytes(wide: bool) -> int:
    """Length of a packet's head."""
    return _HEAD_64.size if wide else _HEAD_32.size


def write_head(buffer: bytearray | memoryview, sent_ns: int, seq: int, wide: bool) -> None:
    """Put a packet's head at the beginning of `buffer`."""
    seconds, nanos = divmod(sent_ns, 1_000_000_000)
    if wide:
        _HEAD_64.pack_into(buffer, 0, seconds & 0xFFFFFFFF, nanos // 1000, seq & 0xFFFFFFFFFFFFFFFF)
    else:
        _HEAD_32.pack_into(buffer, 0, seconds & 0xFFFFFFFF, nanos // 1000, seq & 0xFFFFFFFF)


def read_head(data: bytes | memoryview, wide: bool) -> UdpHead:
    """The head of a packet; raises `WireError` when it is too short."""
    layout = _HEAD_64 if wide else _HEAD_32
    if len(data) < layout.size:
        raise WireError(len(data), f"a packet of {len(data)} bytes has no head")
    seconds, micros, seq = layout.unpack_from(data)
    return UdpHead(seconds * 1_000_000_000 + micros * 1000, seq)
