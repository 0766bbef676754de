"""Of an X.509 certificate (RFC 5280 §4.1, DER) what an operator asks: for whom, by whom, from when, until when.

A small reader: nothing is verified here. `read` raises `WireError` and nothing else.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from probes.errors import WireError
from probes.wire import ber

_INTEGER, _OCTETS, _OID, _UTC_TIME, _TIME, _SEQUENCE, _SET = 0x02, 0x04, 0x06, 0x17, 0x18, 0x30, 0x31
_VERSION, _EXTENSIONS, _DNS, _IP = 0xA0, 0xA3, 0x82, 0x87
_COMMON_NAME, _ORGANISATION, _ALTERNATIVES = b"\x55\x04\x03", b"\x55\x04\x0a", b"\x55\x1d\x11"
_DIGITS = re.compile(rb"(\d{2,4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z\Z")
_MAX_NAMES = 256


class Certificate(NamedTuple):
    """Names are a peer's own text: clean them before showing. Times: Unix seconds. `names`: whom it is for (DNS names
    and addresses of the subjectAltName extension)."""

    subject: str
    issuer: str
    not_before_s: int
    not_after_s: int
    names: tuple[str, ...]


class _Item(NamedTuple):
    tag: int
    body: bytes


def read(der: bytes) -> Certificate:
    """A certificate; raises `WireError`."""
    fields = list(_items(_sequence(_sequence(der))))
    if fields and fields[0].tag == _VERSION:
        del fields[0]
    if [item.tag for item in fields[:5]] != [_INTEGER, *[_SEQUENCE] * 4]:
        raise WireError(0, "not a certificate")
    since, until = _validity(fields[3].body)
    return Certificate(_name(fields[4].body), _name(fields[2].body), since, until, _alternatives(fields[5:]))


def _items(data: bytes) -> Iterator[_Item]:
    """Each tag, length and value."""
    at = 0
    while at < len(data):
        begin, end = ber.body(data, at, len(data))
        yield _Item(data[at], data[begin:end])
        at = end


def _sequence(data: bytes) -> bytes:
    """What the sequence at the beginning holds."""
    begin, end = ber.body(data, 0, len(data))
    if data[0] != _SEQUENCE:
        raise WireError(0, "not a certificate")
    return data[begin:end]


def _validity(body: bytes) -> tuple[int, int]:
    times = [_time(item) for item in _items(body)]
    if len(times) != 2:
        raise WireError(0, "a validity of other than two times")
    return times[0], times[1]


def _time(item: _Item) -> int:
    """UTCTime (years 1950 to 2049) or GeneralizedTime (RFC 5280 §4.1.2.5)."""
    match = _DIGITS.match(item.body)
    if match is None or item.tag not in (_UTC_TIME, _TIME) or len(match[1]) != (2 if item.tag == _UTC_TIME else 4):
        raise WireError(0, "a time that is none")
    year, *rest = map(int, match.groups())
    year += 0 if item.tag == _TIME else 1900 if year >= 50 else 2000
    try:
        return int(datetime(year, *rest, tzinfo=UTC).timestamp())  # type: ignore[arg-type, misc]
    except ValueError:
        raise WireError(0, "a time that is none") from None


def _name(body: bytes) -> str:
    """A Name's common name, else its organisation, else ""."""
    attributes = {oid: text for oid, text in _attributes(body) if oid in (_COMMON_NAME, _ORGANISATION)}
    return attributes.get(_COMMON_NAME) or attributes.get(_ORGANISATION) or ""


def _attributes(body: bytes) -> Iterator[tuple[bytes, str]]:
    for group in _items(body):
        for pair in _items(group.body) if group.tag == _SET else ():
            parts = list(_items(pair.body))
            if len(parts) == 2 and parts[0].tag == _OID:
                yield parts[0].body, parts[1].body.decode("utf-16-be" if parts[1].tag == 0x1E else "utf-8", "replace")


def _alternatives(fields: list[_Item]) -> tuple[str, ...]:
    for field in fields:
        for extension in _items(_sequence(field.body)) if field.tag == _EXTENSIONS else ():
            parts = list(_items(extension.body))
            if len(parts) >= 2 and parts[0].body == _ALTERNATIVES and parts[-1].tag == _OCTETS:
                items = list(_items(_sequence(parts[-1].body)))[:_MAX_NAMES]
                return tuple(text for item in items if (text := _alternative(item)))
    return ()


def _alternative(item: _Item) -> str:
    if item.tag == _DNS:
        return item.body.decode("ascii", "replace")
    if item.tag == _IP and len(item.body) in (4, 16):
        return str(ipaddress.ip_address(item.body))
    return ""
