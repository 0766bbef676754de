"""TPKT (RFC 1006 §6) and Q.931 as H.225.0 §7.2 uses it: frames of a byte stream, information elements, the cause."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from probes.errors import WireError
from probes.wire.cursor import ByteCursor
from probes.wire.framer import Framer, SizedFramer

ALERTING, CALL_PROCEEDING, PROGRESS, SETUP = 0x01, 0x02, 0x03, 0x05
CONNECT, SETUP_ACKNOWLEDGE, RELEASE_COMPLETE = 0x07, 0x0D, 0x5A
FACILITY, NOTIFY, STATUS_INQUIRY, INFORMATION, STATUS = 0x62, 0x6E, 0x75, 0x7B, 0x7D
BEARER, CAUSE, DISPLAY, USER_USER = 0x04, 0x08, 0x28, 0x7E
NORMAL_CLEARING = 16
MAX_BYTES = 65_535
_BEARER_384K = b"\x88\x93\xa5"  # unrestricted digital, circuit mode 384 kbit/s, H.221 and H.242
_DISCRIMINATOR, _PER = 0x08, b"\x05"  # call control messages; user information in X.208 and X.209
_FROM_CALLED = 0x8000  # the call reference's flag: sent by whom the call came to
_MAX_ELEMENTS = 64
_NO_REFERENCE, _CUT_ELEMENT = "a call reference that ends too early", "an information element that ends too early"


class Q931Message(NamedTuple):
    """One message. `reference`: the call's number; `from_called`: the flag. `elements`: (identifier, value), as sent."""

    reference: int
    from_called: bool
    type: int
    elements: tuple[tuple[int, bytes], ...]

    def element(self, identifier: int) -> bytes | None:
        """The first element of that kind, None when there is none."""
        return next((value for kind, value in self.elements if kind == identifier), None)

    @property
    def user(self) -> bytes | None:
        """The H.225.0 part: what the user-user element holds in PER; None without one."""
        value = self.element(USER_USER)
        return value[1:] if value and value[:1] == _PER else None

    @property
    def cause(self) -> int | None:
        """The cause's number (Q.850 §2.1); None without one."""
        return cause_of(self.element(CAUSE))


def cause_of(value: bytes | None) -> int | None:
    """The number in a cause element: octet 4, behind octet 3 and the 3a there may be."""
    if not value:
        return None
    at = 1 if value[0] & 0x80 else 2
    return value[at] & 0x7F if len(value) > at else None


def cause(number: int) -> bytes:
    """A cause element's value, told by the user (location 0)."""
    return bytes((0x80, 0x80 | number))


def packed(frame: Q931Message) -> bytes:
    """The frame with its TPKT head. Raises `ValueError` when it is too long."""
    reference = frame.reference & 0x7FFF | (_FROM_CALLED if frame.from_called else 0)
    body = bytes((_DISCRIMINATOR, 2)) + reference.to_bytes(2, "big") + bytes((frame.type,))
    for identifier, value in frame.elements:
        size = len(value).to_bytes(2 if identifier == USER_USER else 1, "big")
        body += bytes((identifier,)) + size + value
    if len(body) + 4 > MAX_BYTES:
        raise ValueError("longer than a TPKT may be")
    return b"\x03\0" + (len(body) + 4).to_bytes(2, "big") + body


def message(
    reference: int,
    from_called: bool,
    type: int,
    user: bytes,
    *,
    cause_number: int | None = None,
    display: bytes = b"",
) -> bytes:
    """A message's bytes: what its type must carry (H.225.0 §7.3), and `user` as PER. `display`: who calls, for people."""
    elements: list[tuple[int, bytes]] = []
    if type == SETUP:
        elements.append((BEARER, _BEARER_384K))
    if display:
        elements.append((DISPLAY, display + b"\0"))
    if cause_number is not None:
        elements.append((CAUSE, cause(cause_number)))
    elements.append((USER_USER, _PER + user))
    return packed(Q931Message(reference, from_called, type, tuple(elements)))


def parse(data: bytes) -> Q931Message:
    """One message without its TPKT head; raises `WireError`."""
    held = ByteCursor(data)
    if len(data) < 3 or held.number(1, "") != _DISCRIMINATOR:
        raise WireError(0, "no Q.931 message")
    size = held.number(1, "") & 0x0F
    if not size:
        raise WireError(1, _NO_REFERENCE)
    reference, type = held.number(size, _NO_REFERENCE), held.number(1, _NO_REFERENCE)
    flag = 1 << (8 * size - 1)
    return Q931Message(reference & (flag - 1), bool(reference & flag), type, tuple(_elements(held)))


def _elements(held: ByteCursor) -> Iterator[tuple[int, bytes]]:
    for _ in range(_MAX_ELEMENTS):
        if not held.left:
            return
        identifier = held.number(1, "")
        size = 0
        if not identifier & 0x80:  # else it is one byte alone
            size = held.number(2 if identifier == USER_USER else 1, _CUT_ELEMENT)
        yield identifier, held.take(size, _CUT_ELEMENT)
    raise WireError(held.at, "too many information elements")


def tpkt_framer() -> Framer[Q931Message]:
    """Cuts a byte stream into messages. An empty TPKT (a keep-alive some devices send) is left out."""
    return SizedFramer(1, _tpkt_bytes, lambda tpkt: parse(tpkt[4:]) if len(tpkt) > 4 else None)


def _tpkt_bytes(held: bytearray) -> int | None:
    if held[0] != 3:
        raise WireError(0, "no TPKT")
    if len(held) < 4:
        return None
    size = int.from_bytes(held[2:4], "big")
    if size < 4:
        raise WireError(2, "a TPKT shorter than its head")
    return size
