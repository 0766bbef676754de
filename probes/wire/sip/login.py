"""What we answer to challenges while one request finds its way: each proxy and the room itself may ask for a password of
their own, and the next request takes along what all of them were told (RFC 3261 §22.2, §22.3). Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from probes.wire.sip import digest as sip_digest
from probes.wire.sip.digest import Challenge, Credentials
from probes.wire.sip.message import SipMessage

CHALLENGES = (401, 407)
_HEADERS = (("www-authenticate", "authorization"), ("proxy-authenticate", "proxy-authorization"))
_MAX_REALMS, _MAX_ASKS = 4, 2  # that are answered; times each of them is, in one request


class _Key(NamedTuple):
    """Who asks: our header it reads, and its realm."""

    header: str
    realm: str


@dataclass(slots=True)
class _Asked:
    """A challenge, and how often its nonce was used."""

    challenge: Challenge
    used: int = 0


class Authorization:
    """`tried`: credentials were given, so that another challenge of the same kind means that they are bad."""

    def __init__(self, credentials: Credentials | None, seed: str) -> None:
        self._credentials, self._seed = credentials, seed
        self._asked: dict[_Key, _Asked] = {}
        self._asks: dict[_Key, int] = {}  # in this request
        self._last: frozenset[_Key] = frozenset()  # who asked in the answer before this one
        self._given = 0
        self.tried = False

    def begin(self) -> None:
        """Another request of the call: many servers take a nonce for one request only, and may ask anew."""
        self._asks, self._last = {}, frozenset()

    def challenged(self, message: SipMessage) -> bool:
        """Take a final answer; True when the request should go out again with (other) credentials."""
        if message.status not in CHALLENGES or self._credentials is None:
            return False
        asked = {
            _Key(ours, challenge.realm): challenge
            for theirs, ours in _HEADERS
            for challenge in sip_digest.challenges(message.all(theirs))
        }
        taken = frozenset(key for key, challenge in asked.items() if self._take(key, challenge))
        self._last = taken or self._last
        return bool(taken)

    def _take(self, key: _Key, challenge: Challenge) -> bool:
        """Several may ask in one answer: a fork's proxies, each for its realm (RFC 3261 §22.3)."""
        asks = self._asks.get(key, 0)
        is_refusal = asks and not challenge.stale and key in self._last
        if is_refusal or asks >= _MAX_ASKS or (key not in self._asked and len(self._asked) >= _MAX_REALMS):
            return False
        self._asks[key] = asks + 1
        self._asked[key] = _Asked(challenge)
        self.tried = True
        return True

    def headers(self, method: str, uri: str, body: bytes = b"") -> tuple[tuple[str, str], ...]:
        """The credentials of a request: one header for each who asked."""
        return tuple((key.header, self._value(asked, method, uri, body)) for key, asked in self._asked.items())

    def _value(self, asked: _Asked, method: str, uri: str, body: bytes) -> str:
        assert self._credentials
        asked.used, self._given = asked.used + 1, self._given + 1
        cnonce = f"{self._seed[:16]}{self._given:02x}"
        return sip_digest.authorization(asked.challenge, self._credentials, method, uri, cnonce, asked.used, body)
