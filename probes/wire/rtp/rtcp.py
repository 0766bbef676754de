"""RTCP: what senders and receivers of RTP tell each other (RFC 3550 §6). Pure.

A compound packet is one report, a name, and at the end of a call a goodbye.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from probes.errors import WireError
from probes.wire.cursor import ByteCursor
from probes.wire.ntp_time import NTP_EPOCH_S

SR, RR, SDES, BYE = 200, 201, 202, 203
_HEAD, _SENT, _BLOCK = struct.Struct("!BBH"), struct.Struct("!QIII"), struct.Struct("!IIIIII")
_SHORT = "an RTCP report shorter than it says"
_MAX_PACKETS = 16  # of one compound that are read


class Block(NamedTuple):
    """What the far end received of a stream. `source`: the stream's; `fraction`: lost since its last report, 0 to 1.

    `lost`: in all; `jitter` in the stream's clock; `last_sr`, `delay_s`: for the round trip (RFC 3550 §6.4.1).
    """

    source: int
    fraction: float
    lost: int
    highest: int
    jitter: int
    last_sr: int
    delay_s: float


class Sent(NamedTuple):
    """A sender's own account: when (NTP, 64 bits), its media clock then, packets, octets."""

    ntp: int
    stamp: int
    packets: int
    octets: int


class RtcpReport(NamedTuple):
    """A sender's (`sent` given) or receiver's report."""

    source: int
    sent: Sent | None
    blocks: tuple[Block, ...]


class Goodbye(NamedTuple):
    """These sources leave."""

    sources: tuple[int, ...]


def ntp64(at_ns: int) -> int:
    """A wall clock in ns as NTP's 64 bits."""
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return ((seconds + NTP_EPOCH_S) << 32) + (rest << 32) // 1_000_000_000


def encode(report: RtcpReport, name: str, *, leaving: bool = False) -> bytes:
    """A compound: the report, the sender's name (SDES CNAME), and a goodbye when `leaving`."""
    body = struct.pack("!I", report.source)
    if report.sent:
        sent = report.sent
        body += _SENT.pack(sent.ntp, sent.stamp & 0xFFFFFFFF, sent.packets, sent.octets & 0xFFFFFFFF)
    body += b"".join(_block(block) for block in report.blocks)
    out = _packet(SR if report.sent else RR, len(report.blocks), body)
    item = b"\x01" + bytes([len(name)]) + name.encode("ascii") + b"\0"
    chunk = struct.pack("!I", report.source) + item
    out += _packet(SDES, 1, chunk + b"\0" * (-len(chunk) % 4))
    return out + (_packet(BYE, 1, struct.pack("!I", report.source)) if leaving else b"")


def _block(block: Block) -> bytes:
    lost = max(-0x800000, min(0x7FFFFF, block.lost)) & 0xFFFFFF
    head = (min(255, int(block.fraction * 256)) << 24) | lost
    delay = min(0xFFFFFFFF, int(block.delay_s * 65_536))
    return _BLOCK.pack(block.source, head, block.highest, block.jitter, block.last_sr, delay)


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEAD.pack(0x80 | count, kind, len(body) // 4) + body


def decode(data: bytes) -> list[RtcpReport | Goodbye]:
    """The reports and goodbyes of a compound; other packets are passed over. Raises `WireError`."""
    if len(data) < 8 or data[0] >> 6 != 2 or not SR <= data[1] <= 223:
        raise WireError(0, "not an RTCP packet")
    return list(_each(data))


def _each(data: bytes) -> Iterator[RtcpReport | Goodbye]:
    held = ByteCursor(data)
    for _ in range(_MAX_PACKETS):
        if held.left < _HEAD.size:
            return
        first, kind, words = held.unpack(_HEAD, "")
        if first >> 6 != 2:
            raise WireError(held.at, "not an RTCP packet")
        body = held.inside(4 * words, "an RTCP packet shorter than it says")
        if kind in (SR, RR):
            yield _report(kind, first & 31, body)
        elif kind == BYE:
            yield Goodbye(tuple(body.number(4, "") for _ in range(min(first & 31, body.left // 4))))


def _report(kind: int, count: int, body: ByteCursor) -> RtcpReport:
    source = body.number(4, _SHORT)
    sent = Sent(*body.unpack(_SENT, _SHORT)) if kind == SR else None
    return RtcpReport(source, sent, tuple(_read(body) for _ in range(count)))


def _read(body: ByteCursor) -> Block:
    source, head, highest, jitter, last_sr, delay = body.unpack(_BLOCK, _SHORT)
    lost = head & 0xFFFFFF
    lost -= 0x1000000 if lost & 0x800000 else 0
    return Block(source, (head >> 24) / 256, lost, highest, jitter, last_sr, delay / 65_536)


def round_trip_ms(block: Block, at_ns: int) -> float | None:
    """From our report to this answer less what the far end held it; None when it answers no report of ours."""
    if not block.last_sr:
        return None
    now = ntp64(at_ns) >> 16 & 0xFFFFFFFF
    passed = (now - block.last_sr & 0xFFFFFFFF) / 65_536 - block.delay_s
    return passed * 1000.0 if 0.0 <= passed < 60.0 else None


def blocks_of(reports: Sequence[RtcpReport | Goodbye], source: int) -> list[Block]:
    """The blocks about one stream."""
    theirs = [report for report in reports if isinstance(report, RtcpReport)]
    return [block for report in theirs for block in report.blocks if block.source == source]
