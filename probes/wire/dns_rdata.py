"""What stands in DNS messages: names with compression (RFC 1035 §4.1.4), types, and the values of records as text."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable

from probes.errors import WireError

MAX_NAME = 255  # RFC 1035 §2.3.4, bytes of the wire form
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


def name_at(data: bytes, at: int, end: int | None = None) -> tuple[str, int]:
    """The name that begins at `at`, and where it ends. A pointer may only point before the bytes it stands in for, so
    that no name goes round in circles; raises `WireError`."""
    labels: list[bytes] = []
    room, after, limit = MAX_NAME, -1, len(data) if end is None else end
    begin, jumps = at, 0
    while True:
        length = _byte(data, at, limit)
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | _byte(data, at + 1, limit)
            after = at + 2 if after < 0 else after
            jumps += 1
            if target >= begin or jumps > _MAX_JUMPS:
                raise WireError(at, "a name that points forward or in circles")
            at = begin = target
            limit = len(data)
            continue
        if length > 63:
            raise WireError(at, "a label of an unknown kind")
        room -= length + 1
        if room < 0:
            raise WireError(at, "a name that is too long")
        if not length:
            return _text(labels), at + 1 if after < 0 else after
        if at + 1 + length > limit:
            raise WireError(at, "cut inside a name")
        labels.append(data[at + 1 : at + 1 + length])
        at += 1 + length


def _byte(data: bytes, at: int, limit: int) -> int:
    if at >= limit:
        raise WireError(at, "cut inside a name")
    return data[at]


def _text(labels: list[bytes]) -> str:
    return ".".join(map(_label, labels)) or "."


def _label(label: bytes) -> str:
    return "".join(chr(byte) if byte in _PLAIN else f"\\{byte:03}" for byte in label)


def value(data: bytes, at: int, length: int, type_: int) -> str:
    """A record's value as zone files write it (names without the last dot, the strings of a TXT joined); raises
    `WireError`. A type not known here is told in hexadecimal (RFC 3597 §5)."""
    reader = _VALUES.get(type_)
    return reader(data, at, at + length) if reader else _unknown(data, at, at + length)


def _unknown(data: bytes, at: int, end: int) -> str:
    return f"\\# {end - at} {data[at:end].hex()}".rstrip()


def _address(data: bytes, at: int, end: int) -> str:
    try:
        return str((ipaddress.IPv4Address if end - at == 4 else ipaddress.IPv6Address)(data[at:end]))
    except ValueError:
        raise WireError(at, "an address of the wrong length") from None


def _v4(data: bytes, at: int, end: int) -> str:
    return _address(data, at, _exactly(at, end, 4))


def _v6(data: bytes, at: int, end: int) -> str:
    return _address(data, at, _exactly(at, end, 16))


def _exactly(at: int, end: int, length: int) -> int:
    if end - at != length:
        raise WireError(at, f"a value of {end - at} bytes, not {length}")
    return end


def _name(data: bytes, at: int, end: int) -> str:
    name, after = name_at(data, at, end)
    _exactly(after, end, 0)
    return name


def _numbers(form: str) -> Callable[[bytes, int, int], str]:
    """Fixed numbers, then a name."""
    layout = struct.Struct(form)

    def read(data: bytes, at: int, end: int) -> str:
        if end - at < layout.size:
            raise WireError(at, "a value that is too short")
        return " ".join([*map(str, layout.unpack_from(data, at)), _name(data, at + layout.size, end)])

    return read


_SOA_NUMBERS = struct.Struct("!5I")


def _soa(data: bytes, at: int, end: int) -> str:
    mname, at = name_at(data, at, end)
    rname, at = name_at(data, at, end)
    numbers = _SOA_NUMBERS.unpack_from(data, _exactly(at, end, _SOA_NUMBERS.size) - _SOA_NUMBERS.size)
    return " ".join([mname, rname, *map(str, numbers)])


def serial(soa: str) -> int:
    """The serial of a SOA's value."""
    return int(soa.split(" ")[2])


def _txt(data: bytes, at: int, end: int) -> str:
    parts = []
    while at < end:
        stop = at + 1 + data[at]
        if stop > end:
            raise WireError(at, "cut inside a string")
        parts.append(data[at + 1 : stop])
        at = stop
    return b"".join(parts).decode("utf-8", "backslashreplace")


def _caa(data: bytes, at: int, end: int) -> str:
    """RFC 8659 §4.1."""
    if end - at < 2 or (stop := at + 2 + data[at + 1]) > end:
        raise WireError(at, "a value that is too short")
    tag, content = (part.decode("latin-1") for part in (data[at + 2 : stop], data[stop:end]))
    return f'{data[at]} {tag} "{content}"'


_VALUES: dict[int, Callable[[bytes, int, int], str]] = {
    1: _v4, 2: _name, 5: _name, 6: _soa, 12: _name, 15: _numbers("!H"), 16: _txt, 28: _v6, 33: _numbers("!3H"),
    257: _caa,
}  # fmt: skip
