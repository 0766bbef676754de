"""What stands in DNS messages: names with compression (RFC 1035 §4.1.4), types, and the values of records as text."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable

from probes.errors import WireError
from probes.wire.cursor import ByteCursor

MAX_NAME = 255  # RFC 1035 §2.3.4, bytes of the wire form
_CUT, _SHORT = "cut inside a name", "a value that is too short"
_MAX_JUMPS = 32  # a name of pointers to pointers must not cost more than any name
TYPES = {
    "A": 1,
    "NS": 2,
    "CNAME": 5,
    "SOA": 6,
    "PTR": 12,
    "MX": 15,
    "TXT": 16,
    "AAAA": 28,
    "SRV": 33,
    "NAPTR": 35,
    "DS": 43,
    "DNSKEY": 48,
    "TLSA": 52,
    "CAA": 257,
}  # fmt: skip  (IANA "Resource Record (RR) TYPEs")
_NAMES = {number: name for name, number in TYPES.items()}
_PLAIN = frozenset(range(0x21, 0x7F)) - frozenset(b'".;\\()@$')


def number(type_: str) -> int:
    """A type's number; `TYPE123` names any (RFC 3597 §5)."""
    return TYPES.get(type_) or int(type_.removeprefix("TYPE"))


def type_name(type_: int) -> str:
    """A type's name."""
    return _NAMES.get(type_) or f"TYPE{type_}"


def name(held: ByteCursor) -> str:
    """The name that begins here. A pointer may only point before the bytes it stands in for, so that no name goes round
    in circles; raises `WireError`."""
    labels: list[bytes] = []
    room, begin, jumps = MAX_NAME - 1, held.at, 0
    while length := held.number(1, _CUT):
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | held.number(1, _CUT)
            jumps += 1
            if target >= begin or jumps > _MAX_JUMPS:
                raise WireError(held.at, "a name that points forward or in circles")
            held, begin = ByteCursor(held.data, target), target
            continue
        if length > 63:
            raise WireError(held.at, "a label of an unknown kind")
        room -= length + 1
        if room < 0:
            raise WireError(held.at, "a name that is too long")
        labels.append(held.take(length, _CUT))
    return _text(labels)


def _text(labels: list[bytes]) -> str:
    return ".".join(map(_label, labels)) or "."


def _label(label: bytes) -> str:
    return "".join(chr(byte) if byte in _PLAIN else f"\\{byte:03}" for byte in label)


def value(held: ByteCursor, type_: int) -> str:
    """A record's value as zone files write it (names without the last dot, the strings of a TXT joined); raises
    `WireError`. A type not known here is told in hexadecimal (RFC 3597 §5)."""
    return _VALUES.get(type_, _unknown)(held)


def _unknown(held: ByteCursor) -> str:
    return f"\\# {held.left} {held.rest().hex()}".rstrip()


def _v4(held: ByteCursor) -> str:
    return str(ipaddress.IPv4Address(_whole(held, 4)))


def _v6(held: ByteCursor) -> str:
    return str(ipaddress.IPv6Address(_whole(held, 16)))


def _whole(held: ByteCursor, size: int) -> bytes:
    """All that is left, which must be so long."""
    if held.left != size:
        raise WireError(held.at, f"a value of {held.left} bytes, not {size}")
    return held.rest()


def _name(held: ByteCursor) -> str:
    text = name(held)
    _whole(held, 0)
    return text


def _numbers(form: str) -> Callable[[ByteCursor], str]:
    """Fixed numbers, then a name."""
    layout = struct.Struct(form)
    return lambda held: " ".join([*map(str, held.unpack(layout, _SHORT)), _name(held)])


_SOA_NUMBERS = struct.Struct("!5I")


def _soa(held: ByteCursor) -> str:
    names = name(held), name(held)
    return " ".join([*names, *map(str, _SOA_NUMBERS.unpack(_whole(held, _SOA_NUMBERS.size)))])


def serial(soa: str) -> int:
    """The serial of a SOA's value."""
    return int(soa.split(" ")[2])


def _txt(held: ByteCursor) -> str:
    parts = []
    while held.left:
        parts.append(held.take(held.number(1, ""), "cut inside a string"))
    return b"".join(parts).decode("utf-8", "backslashreplace")


def _caa(held: ByteCursor) -> str:
    """RFC 8659 §4.1."""
    flags, size = held.number(1, _SHORT), held.number(1, _SHORT)
    tag, content = held.take(size, _SHORT).decode("latin-1"), held.rest().decode("latin-1")
    return f'{flags} {tag} "{content}"'


_VALUES: dict[int, Callable[[ByteCursor], str]] = {
    1: _v4, 2: _name, 5: _name, 6: _soa, 12: _name, 15: _numbers("!H"), 16: _txt, 28: _v6, 33: _numbers("!3H"),
    257: _caa,
}  # fmt: skip
