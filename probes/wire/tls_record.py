"""What a TLS server says before it begins to encrypt (RFC 8446 §4, §5.1; RFC 5246 §7.4.2), read beside the real
handshake: whether it speaks TLS at all, which alert it refuses with, and (up to TLS 1.2) the certificates it shows.
"""

from __future__ import annotations

from contextlib import suppress

from probes.errors import WireError
from probes.wire.cursor import ByteCursor
from probes.wire.framer import SizedFramer

ALERTS = {
    0: "close notify",
    10: "unexpected message",
    20: "bad record",
    22: "record overflow",
    40: "handshake failure",
    42: "bad certificate",
    43: "unsupported certificate",
    44: "certificate revoked",
    45: "certificate expired",
    46: "certificate unknown",
    47: "illegal parameter",
    48: "unknown authority",
    49: "access denied",
    50: "decode error",
    51: "decrypt error",
    70: "protocol version",
    71: "insufficient security",
    80: "internal error",
    86: "inappropriate fallback",
    90: "user cancelled",
    109: "missing extension",
    110: "unsupported extension",
    112: "unrecognized name",
    113: "bad certificate status",
    115: "unknown PSK identity",
    116: "certificate required",
    120: "no application protocol",
}  # fmt: skip  (IANA "TLS Alerts")
_KINDS = _CHANGE_CIPHER, _ALERT, _HANDSHAKE, _DATA = 20, 21, 22, 23
_CERTIFICATE, _REQUEST = 11, 13
_MAX_RECORD = 16_384 + 2048  # RFC 5246 §6.2.3
_MAX_MESSAGE = 131_072
_RECORD_HEAD, _MESSAGE_HEAD = 5, 4  # bytes


class Plaintext:
    """Fed with the server's bytes in any slicing; never raises. `foreign`: what it says is no TLS. `alert`: the number
    of its plain alert, None without one. `certificates`: DER, as it shows them, the server's own first.
    `demands_certificate`: it asked for one of ours (up to TLS 1.2; later that is encrypted)."""

    def __init__(self) -> None:
        self.foreign = False
        self.alert: int | None = None
        self.certificates: tuple[bytes, ...] = ()
        self.demands_certificate = False
        self._records = SizedFramer(_RECORD_HEAD, _record_bytes, bytes)
        self._messages = SizedFramer(_MESSAGE_HEAD, _message_bytes, bytes)
        self._over = False

    def feed(self, data: bytes) -> None:
        """Take bytes as they come."""
        if self._over:
            return
        try:
            for record in self._records.feed(data):
                self._record(record[0], record[_RECORD_HEAD:])
                if self._over:
                    return
        except WireError:
            self.foreign = self._over = True

    def _record(self, kind: int, body: bytes) -> None:
        self._over = kind != _HANDSHAKE
        if kind == _HANDSHAKE:
            self._handshake(body)
        elif kind == _ALERT and len(body) == 2:
            self.alert = body[1]

    def _handshake(self, part: bytes) -> None:
        try:
            for message in self._messages.feed(part):
                if message[0] == _CERTIFICATE:
                    self.certificates = certificates(message[_MESSAGE_HEAD:])
                self.demands_certificate = self.demands_certificate or message[0] == _REQUEST
        except WireError:
            self._over = True


def _record_bytes(held: bytearray) -> int:
    """Kind, version, length (RFC 8446 §5.1)."""
    length = int.from_bytes(held[3:5], "big")
    if held[0] not in _KINDS or held[1] != 3 or length > _MAX_RECORD:
        raise WireError(0, "no TLS")
    return _RECORD_HEAD + length


def _message_bytes(held: bytearray) -> int:
    """Kind, length (RFC 8446 §4)."""
    size = _MESSAGE_HEAD + int.from_bytes(held[1:4], "big")
    if size > _MAX_MESSAGE:
        raise WireError(0, "longer than what we keep")
    return size


def certificates(body: bytes) -> tuple[bytes, ...]:
    """The DER certificates of a Certificate message (RFC 5246 §7.4.2); what does not fit its lengths ends the list."""
    shown, held = list[bytes](), ByteCursor(body, 3)
    with suppress(WireError):
        while length := held.number(3, "the end"):
            shown.append(held.take(length, "cut off"))
    return tuple(shown)
