"""ICMP error messages: who complains of what, the packet they quote, and the MPLS labels it wore.

RFC 792, RFC 4443 (messages), RFC 4884 (length field, extension structure), RFC 4950 (MPLS label stack object).
"""

from __future__ import annotations

import struct
from enum import Enum
from typing import NamedTuple

from probes.errors import WireError
from probes.wire.cursor import ByteCursor
from probes.wire.icmp.header import checksum

ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
HEAD = 8  # bytes before the quoted packet
MIN_QUOTE = 128  # RFC 4884 §4.2: a quote that an extension follows is at least so long, padded with zeros
_LENGTH_AT = {False: (5, 4), True: (4, 8)}  # IPv6? → where the length field stands, its unit in bytes
EXCEEDED = ((11, 0), (3, 0))  # type, code of IPv4, IPv6: no hops are left
_QUOTING = {False: (3, 11, 12), True: (1, 2, 3, 4)}
_PORTS, _UDP, _ECHO = struct.Struct("!HH"), struct.Struct("!HHH"), struct.Struct("!xxxxHH")
_MPLS, _OBJECT = (1, 1), struct.Struct("!HBB")
_MAX_LABELS = 16


class IcmpMeaning(Enum):
    """What a complaint says."""

    EXCEEDED = "hop limit exceeded"
    TOO_BIG = "packet too big"
    PORT = "port unreachable"
    UNREACHABLE = "unreachable"
    OTHER = "another complaint"


class Label(NamedTuple):
    """One entry of an MPLS label stack. `tc`: traffic class bits."""

    label: int
    tc: int
    bottom: bool
    ttl: int

    def __str__(self) -> str:
        return f"{self.label}/{self.tc}/{self.ttl}"


class Quote(NamedTuple):
    """An ICMP error and what of the packet it quotes names its sender's probe.

    `mtu`: of a packet that was too big, 0 when not said. `dscp`, `ttl`: as the complaining router saw them. `source`,
    `port`: ports of UDP and TCP; an echo's identifier and 0. `number`: UDP length, echo sequence, TCP sequence number.
    """

    what: IcmpMeaning
    type: int
    code: int
    mtu: int
    protocol: int
    to: bytes
    dscp: int
    ttl: int
    source: int
    port: int
    number: int
    labels: tuple[Label, ...]


def meaning(type: int, code: int, v6: bool) -> IcmpMeaning:
    """What an error's type and code say."""
    if v6:
        named = {(1, 4): IcmpMeaning.PORT, (3, 0): IcmpMeaning.EXCEEDED}
        families = {1: IcmpMeaning.UNREACHABLE, 2: IcmpMeaning.TOO_BIG}
    else:
        named = {(3, 3): IcmpMeaning.PORT, (3, 4): IcmpMeaning.TOO_BIG, (11, 0): IcmpMeaning.EXCEEDED}
        families = {3: IcmpMeaning.UNREACHABLE}
    return named.get((type, code)) or families.get(type, IcmpMeaning.OTHER)


def decode(data: bytes, v6: bool) -> Quote:
    """One ICMP error message (no IP header before it); raises `WireError` for anything else."""
    if len(data) < HEAD:
        raise WireError(0, f"{len(data)} bytes are no ICMP message")
    type, code = data[0], data[1]
    if type not in _QUOTING[v6]:
        raise WireError(0, f"ICMP type {type} quotes no packet")
    quoted = _quoted6(data) if v6 else _quoted4(data)
    return Quote(meaning(type, code, v6), type, code, _mtu(data, v6), *quoted, _labels(data, v6))


def _mtu(data: bytes, v6: bool) -> int:
    if v6:
        return int.from_bytes(data[4:8], "big") if data[0] == 2 else 0
    return int.from_bytes(data[6:8], "big") if data[:2] == b"\x03\x04" else 0


def _quoted4(data: bytes) -> tuple[int, bytes, int, int, int, int, int]:
    header = data[HEAD:]
    if len(header) < 20 or header[0] >> 4 != 4 or header[0] & 15 < 5:
        raise WireError(HEAD, "no IPv4 header is quoted")
    if int.from_bytes(header[6:8], "big") & 0x1FFF:
        raise WireError(HEAD + 6, "a later fragment is quoted")
    protocol, begins = header[9], (header[0] & 15) * 4
    return protocol, header[16:20], header[1] >> 2, header[8], *_transport(data, HEAD + begins, protocol)


def _quoted6(data: bytes) -> tuple[int, bytes, int, int, int, int, int]:
    header = data[HEAD:]
    if len(header) < 40 or header[0] >> 4 != 6:
        raise WireError(HEAD, "no IPv6 header is quoted")
    protocol, dscp = header[6], int.from_bytes(header[:2], "big") >> 6 & 63
    return protocol, header[24:40], dscp, header[7], *_transport(data, HEAD + 40, protocol)


def _transport(data: bytes, at: int, protocol: int) -> tuple[int, int, int]:
    """Source, port and number of the quoted transport header's first 8 bytes."""
    head = data[at : at + 8]
    if len(head) < 8:
        raise WireError(at, "less than 8 bytes of the transport header are quoted")
    if protocol == UDP:
        return _UDP.unpack_from(head)
    if protocol == TCP:
        return *_PORTS.unpack_from(head), int.from_bytes(head[4:8], "big")
    if protocol in (ICMP, ICMP6):
        ident, number = _ECHO.unpack_from(head)
        return ident, 0, number
    raise WireError(at, f"protocol {protocol} is none of ours")


def _labels(data: bytes, v6: bool) -> tuple[Label, ...]:
    """Labels of a whole message; none when its extension is broken: it may be no extension at all."""
    at, unit = _LENGTH_AT[v6]
    length = 0 if v6 and data[0] == 2 else data[at] * unit
    begins = HEAD + (length if length >= MIN_QUOTE else MIN_QUOTE)  # old routers leave the length 0
    return labels_at(data, begins, sure=length >= MIN_QUOTE)


def labels_at(data: bytes, at: int, sure: bool) -> tuple[Label, ...]:
    """Labels of the extension structure at an offset. A place not `sure` by a length must prove itself by its checksum."""
    try:
        return labels(data[at:], sure=sure)
    except WireError:
        return ()


def labels(extension: bytes, sure: bool = True) -> tuple[Label, ...]:
    """The label stack of an extension structure (RFC 4884 §7, RFC 4950 §3); raises `WireError` when it is none.

    `sure` False: a checksum of 0, which means none, is not enough.
    """
    if len(extension) < 4 or extension[0] >> 4 != 2:
        raise WireError(0, "no extension structure of version 2")
    unchecked = extension[2:4] == b"\0\0"
    if (unchecked and not sure) or (not unchecked and checksum(extension)):
        raise WireError(2, "the extension's checksum is wrong")
    held, stack = ByteCursor(extension, 4), list[Label]()
    while held.left:
        length, *kind = held.unpack(_OBJECT, "an object's header is cut short")
        at, body = held.at, held.take(length - _OBJECT.size, f"an object of {length} bytes does not fit")
        if tuple(kind) == _MPLS:
            stack += _stack(body, at)
    return tuple(stack[:_MAX_LABELS])


def _stack(body: bytes, at: int) -> list[Label]:
    if len(body) % 4:
        raise WireError(at, "a label stack is no multiple of 4 bytes")
    words = [int.from_bytes(body[start : start + 4], "big") for start in range(0, len(body), 4)]
    return [Label(word >> 12, word >> 9 & 7, bool(word >> 8 & 1), word & 0xFF) for word in words]
