"""DNS messages (RFC 1035 §4; EDNS0: RFC 6891; AD, CD, DO: RFC 4035 §3): a query out, an answer in.

Names are text in the way zone files write them (`\\.` and `\\DDD` for what is no plain character, RFC 1035 §5.1), without
the last dot; the root is `.`. Values of records are text too (`probes.wire.dns_rdata`). `decode` raises `WireError` and
nothing else.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import NamedTuple

from probes.errors import WireError
from probes.wire import dns_rdata
from probes.wire.cursor import ByteCursor
from probes.wire.dns_rdata import MAX_NAME
from probes.wire.framer import Framer, SizedFramer

PORT, TLS_PORT = 53, 853  # RFC 1035 §4.2, RFC 7858 §3.1
UDP_BYTES = 1232  # of an answer we take by UDP: fits every path unfragmented (DNS flag day 2020)
MAX_RECORDS = 4096
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
IN = 1  # the class "Internet"
RCODES = {
    0: "NOERROR",
    1: "FORMERR",
    2: "SERVFAIL",
    3: "NXDOMAIN",
    4: "NOTIMP",
    5: "REFUSED",
    6: "YXDOMAIN",
    7: "YXRRSET",
    8: "NXRRSET",
    9: "NOTAUTH",
    10: "NOTZONE",
    16: "BADVERS",
    23: "BADCOOKIE",
}  # fmt: skip  (IANA "DNS RCODEs")
_QR, _AA, _TC, _RD, _RA, _AD, _CD, _DO = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010, 0x8000
_OPT, _UNKNOWN = 41, 0
_HEADER, _QUESTION, _RECORD = struct.Struct("!6H"), struct.Struct("!2H"), struct.Struct("!HHIH")
_LABEL = re.compile(r"((?:\\\d{3}|\\[^\d]|[^\\.])*)(\.|\Z)", re.ASCII | re.DOTALL)
_ESCAPE = re.compile(r"\\(\d{3}|.)", re.ASCII | re.DOTALL)


class Question(NamedTuple):
    """What is asked: a name as text, a type's name."""

    name: str
    type: str
    klass: int = IN

    def same(self, other: Question) -> bool:
        """Equal but for the case of letters (RFC 4343)."""
        return (self.name.lower(), self.type, self.klass) == (other.name.lower(), other.type, other.klass)


class Record(NamedTuple):
    """One resource record; `value` as text."""

    name: str
    type: str
    ttl_s: int
    value: str
    klass: int = IN


@dataclass(frozen=True, slots=True)
class DnsMessage:
    """An answer. `rcode` with EDNS's upper bits; `edns`: it has an OPT record. `additional` is without that record."""

    ident: int
    response: bool
    opcode: int
    rcode: int
    aa: bool
    tc: bool
    rd: bool
    ra: bool
    ad: bool
    cd: bool
    question: Question | None
    answers: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    edns: bool = False


def encode_name(text: str) -> bytes:
    """A name's wire form, uncompressed; raises `ValueError` for what can be none."""
    if not text.isascii():
        raise ValueError("a name is ASCII (write its xn-- form)")
    wire, at = bytearray(), 0
    if not text:
        raise ValueError("a name has at least one label (the root is .)")
    while at < len(text) and text != ".":
        match = _LABEL.match(text, at)
        label = _ESCAPE.sub(_unescaped, match[1]).encode("latin-1") if match else b""
        if match is None or not 0 < len(label) < 64:
            raise ValueError("a label has 1 to 63 characters")
        wire += bytes((len(label),)) + label
        at = match.end()
    if len(wire) >= MAX_NAME:
        raise ValueError(f"a name has at most {MAX_NAME} bytes")
    return bytes(wire) + b"\0"


def _unescaped(match: re.Match[str]) -> str:
    said = match[1]
    if len(said) == 1:
        return said
    if int(said) > 255:
        raise ValueError(f"\\{said} is no byte")
    return chr(int(said))


def plain_name(text: str) -> str:
    """A name as `decode` writes it, so that equal ones are equal texts but for the case of letters; raises `ValueError`."""
    return dns_rdata.name(ByteCursor(encode_name(text)))


def encode_query(
    ident: int, question: Question, *, recurse: bool = True, dnssec: bool = False, edns: bool = True
) -> bytes:
    """One query, with an OPT record unless `edns` is False. AD is set: tell us whether you checked it (RFC 6840 §5.7);
    `dnssec` sets DO too."""
    head = _HEADER.pack(ident, _AD | (_RD if recurse else 0), 1, 0, 0, int(edns))
    asked = encode_name(question.name) + _QUESTION.pack(dns_rdata.number(question.type), question.klass)
    opt = b"\0" + _RECORD.pack(_OPT, UDP_BYTES, _DO if dnssec else 0, 0)
    return head + asked + (opt if edns else b"")


def decode(data: bytes) -> DnsMessage:
    """One message of at most one question; raises `WireError`. One that says it is truncated may end anywhere."""
    held = ByteCursor(data)
    ident, flags, questions, *counts = held.unpack(_HEADER, "shorter than a header")
    if questions > 1:
        raise WireError(4, f"{questions} questions")
    if sum(counts) > MAX_RECORDS:
        raise WireError(6, f"{sum(counts)} records")
    question = _question(held) if questions else None
    sections, opt = _sections(held, counts, whole=not flags & _TC)
    return DnsMessage(
        ident=ident,
        response=bool(flags & _QR),
        opcode=flags >> 11 & 15,
        rcode=flags & 15 | ((opt or 0) >> 24 << 4),
        aa=bool(flags & _AA),
        tc=bool(flags & _TC),
        rd=bool(flags & _RD),
        ra=bool(flags & _RA),
        ad=bool(flags & _AD),
        cd=bool(flags & _CD),
        question=question,
        answers=tuple(sections[0]),
        authority=tuple(sections[1]),
        additional=tuple(sections[2]),
        edns=opt is not None,
    )


def _question(held: ByteCursor) -> Question:
    name = dns_rdata.name(held)
    type_, klass = held.unpack(_QUESTION, "cut inside the question")
    return Question(name, dns_rdata.type_name(type_), klass)


def _sections(held: ByteCursor, counts: list[int], *, whole: bool) -> tuple[list[list[Record]], int | None]:
    """Answer, authority, additional, and the OPT record's TTL field (RFC 6891 §6.1.3), None without one."""
    sections: list[list[Record]] = [[], [], []]
    opt: int | None = None
    try:
        for section, count in zip(sections, counts, strict=True):
            for _ in range(count):
                type_, record = _record(held)
                if type_ != _OPT:
                    section.append(record)
                elif opt is None and section is sections[2]:
                    opt = record.ttl_s
                else:
                    raise WireError(held.at, "an OPT record where none may be")
    except WireError:
        if whole:
            raise
    return sections, opt


def _record(held: ByteCursor) -> tuple[int, Record]:
    name = dns_rdata.name(held)
    type_, klass, ttl, length = held.unpack(_RECORD, "cut inside a record")
    said = held.inside(length, "cut inside a record")
    if type_ == _OPT:
        return type_, Record(name, "OPT", ttl, "")
    ttl_s = 0 if ttl >> 31 else ttl  # RFC 2181 §8
    value = dns_rdata.value(said, type_ if klass == IN else _UNKNOWN)  # values of other classes are others
    return type_, Record(name, dns_rdata.type_name(type_), ttl_s, value, klass)


def dns_framer() -> Framer[bytes]:
    """Cuts a byte stream into messages, two bytes of length before each (RFC 1035 §4.2.2)."""
    return SizedFramer(2, lambda held: 2 + int.from_bytes(held[:2], "big"), lambda message: message[2:])


def framed(data: bytes) -> bytes:
    """A message as a stream carries it."""
    return len(data).to_bytes(2, "big") + data
