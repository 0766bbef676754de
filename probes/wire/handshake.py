"""What the control packets of netmon's own protocols share: room for a stranger's answer, a cookie, an HMAC-SHA-256 at
their end. Pure; see `probes.wire.train.packet` and `probes.wire.media.packet`."""

from __future__ import annotations

import hmac

from probes.errors import WireError

HEAD_BYTES = COOKIE_BYTES = 16
LEAST = 96  # bytes of everything an agent asks: no answer to a stranger is longer
_MAC = 16


def seal(packet: bytes, key: bytes, least: int = 0) -> bytes:
    """Filled up to `least` bytes and signed; without a key only filled up."""
    packet += bytes(max(0, least - len(packet) - (_MAC if key else 0)))
    return packet + hmac.digest(key, packet, "sha256")[:_MAC] if key else packet


def unseal(data: bytes, key: bytes) -> bytes:
    """What follows the head, without the HMAC; raises `WireError` when that is not made with our key."""
    if not key:
        return data[HEAD_BYTES:]
    if len(data) < HEAD_BYTES + _MAC or not hmac.compare_digest(
        hmac.digest(key, data[:-_MAC], "sha256")[:_MAC], data[-_MAC:]
    ):
        raise WireError(len(data), "the HMAC is not made with our key")
    return data[HEAD_BYTES:-_MAC]


def cookie_of(body: bytes) -> tuple[bytes, bytes]:
    """The cookie and what follows it; raises `WireError` when there is none."""
    if len(body) < COOKIE_BYTES:
        raise WireError(HEAD_BYTES, "no cookie")
    return body[:COOKIE_BYTES], body[COOKIE_BYTES:]
