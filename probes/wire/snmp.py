"""BER as SNMP uses it (X.690 §8, RFC 3417 §8): is a datagram well formed all the way down? Values are not looked at.

Decoders made by others may fall over what no honest device sends, or take seconds for it: nothing reaches them before
it passed here.
"""

from __future__ import annotations

from probes.errors import WireError
from probes.wire.ber import body as _body

_INTEGER, _OID, _NULLS = 0x02, 0x06, (0x05, 0x80, 0x81, 0x82)
_WHOLE = (0x02, 0x41, 0x42, 0x43, 0x46, 0x47)  # INTEGER, Counter32, Gauge32, TimeTicks, Counter64, UInteger32
_PLAIN = (0x04, 0x40, 0x44)  # OCTET STRING, IpAddress, Opaque
_SEQUENCE, _PDUS = 0x30, range(0xA0, 0xA9)
_DEEPEST = 8
_MAX_WHOLE = 9  # bytes: Counter64 with its leading zero
MAX_ARCS = 128  # of one object identifier (RFC 2578 §3.5); the first byte holds two of them
_MAX_OID = MAX_ARCS * 5  # bytes: an arc has 32 bits in groups of seven
MAX_ROWS = 128  # of one message: twice what we ever ask for at once
_V3 = 3  # msgVersion
_NEVER = (1, 0)
_SIZES = {**dict.fromkeys(_WHOLE, (1, _MAX_WHOLE)), **dict.fromkeys(_PLAIN, (0, 127)), **dict.fromkeys(_NULLS, (0, 0))}


def check(data: bytes) -> None:
    """Raises `WireError` unless `data` is one whole SNMP element of known types with lengths that fit."""
    if not data or data[0] != _SEQUENCE:
        raise WireError(0, "no SNMP message")
    end = _element(data, 0, len(data), 0)
    if end != len(data):
        raise WireError(end, "bytes after the end")


def _element(data: bytes, at: int, limit: int, depth: int) -> int:
    """Check the element at `at`; where the next begins."""
    (begin, end), tag = _body(data, at, limit), data[at]
    if tag in _PDUS:
        _pdu(data, begin, end)
        return end
    if tag == _SEQUENCE:
        if depth == _DEEPEST:
            raise WireError(at, "nested too deep")
        while begin < end:
            begin = _element(data, begin, end, depth + 1)
        return end
    if not _fits(tag, data[begin:end]):
        raise WireError(at, f"type {tag:#04x} of {end - begin} bytes")
    return end


def _pdu(data: bytes, begin: int, end: int) -> None:
    """Three numbers and the list of rows, each a name and a value (RFC 3416 §3)."""
    for _ in range(3):
        begin = _typed(data, begin, end, _INTEGER)
    begin, last = _inside(data, begin, end)
    if last != end:
        raise WireError(last, "more than a list of rows")
    rows = 0
    while begin < end:
        rows += 1
        if rows > MAX_ROWS:
            raise WireError(begin, f"more than {MAX_ROWS} rows")
        usual = _usual(data, begin, end)
        if usual:
            begin = usual
            continue
        row, begin = _inside(data, begin, end)
        if _element(data, _typed(data, row, begin, _OID), begin, _DEEPEST) != begin:
            raise WireError(row, "more than a name and a value")


def _usual(data: bytes, at: int, limit: int) -> int:
    """Where the row at `at` ends when it is as nearly all are: short lengths, a name, a value. 0: look closer."""
    if at + 6 > limit or data[at] != _SEQUENCE or data[at + 2] != _OID:
        return 0
    end, value = at + 2 + data[at + 1], at + 4 + data[at + 3]
    if end > limit or value + 2 > end or data[at + 1] > 127 or not 0 < data[at + 3] < 128 or data[value - 1] > 127:
        return 0
    size, minimum, maximum = data[value + 1], *_SIZES.get(data[value], _NEVER)
    return end if value + 2 + size == end and minimum <= size <= maximum else 0


def _typed(data: bytes, at: int, limit: int, tag: int) -> int:
    end = _element(data, at, limit, _DEEPEST)
    if data[at] != tag:
        raise WireError(at, f"type {data[at]:#04x} where {tag:#04x} belongs")
    return end


def _inside(data: bytes, at: int, limit: int) -> tuple[int, int]:
    """Begin and end of what is in the sequence at `at`."""
    begin, end = _body(data, at, limit)
    if data[at] != _SEQUENCE:
        raise WireError(at, f"type {data[at]:#04x} where a sequence belongs")
    return begin, end


def _fits(tag: int, body: bytes) -> bool:
    """Is this a body such a type can have?"""
    if tag in _WHOLE:
        return 0 < len(body) <= _MAX_WHOLE
    if tag == _OID:
        return _is_oid(body)
    return not body if tag in _NULLS else tag in _PLAIN


def _is_oid(body: bytes) -> bool:
    """At most 128 arcs, in no more bytes than they need: a longer one costs some decoders seconds."""
    if not body or body[-1] & 0x80 or len(body) > _MAX_OID:
        return False
    return len(body) < MAX_ARCS or sum(byte < 0x80 for byte in body) < MAX_ARCS


def ident(data: bytes) -> tuple[int, bytes] | None:
    """Version and number of a message, by which an answer is told from all others: the request's (v1, v2c: RFC 3416 §3)
    or the message's (v3: RFC 3412 §6). None when there is none."""
    try:
        begin, end = _body(data, 0, len(data))
        at, version_end = _body(data, begin, end)
        version = int.from_bytes(data[at:version_end], "big")
        if version < _V3:
            version_end = _body(data, version_end, end)[1]  # the community
        at, _ = _body(data, version_end, end)  # v3: the header; else the PDU
        number = slice(*_body(data, at, end))
        return version, data[number]
    except WireError:
        return None
