"""Whom a reflector answers, and how often: prefixes, source addresses nobody may be answered at, token buckets.

Pure: monotonic time is an argument. Every table is bounded; what a flood of invented sources pushes out is only the
memory of other sources, and the bucket of all sources together holds whatever is invented.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Generic, TypeVar

Network = IPv4Network | IPv6Network
MAX_SOURCES = 10_000
_MIN_PORT = 1024  # below it only a reflector's own port 862 may speak, and reflectors are not answered
_BURST_S = 0.5  # a bucket holds what its rate allows in so long
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Policy:
    """`allow`: prefixes that are answered, none: all. Rates: answers a second to one address (one /64 in IPv6), to all.

    `fresh_s`: with a key, how far the asker's stamp may be from our clock; more where the clocks' own error estimates
    say so; 0: as far as it likes. `dscps`: what an asker may want its answers marked with (RFC 8972 §4.4): not the network's
    own control traffic.
    """

    allow: tuple[Network, ...] = ()
    source_rate: float = 5_000.0
    rate: float = 50_000.0
    fresh_s: float = 2.0
    dscps: frozenset[int] = frozenset(range(64)) - {48, 56}


def prefix(text: str) -> Network:
    """A prefix as people write it (`10.0.0.0/8`, `2001:db8::/32`, one address); raises ValueError."""
    return ip_network(text)


class Lately(Generic[K, V]):
    """A table of at most `maximum` entries: those used longest ago make room."""

    def __init__(self, maximum: int) -> None:
        self._max = maximum
        self._entries: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The entry, which counts as used."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: K, value: V) -> V:
        """A new entry."""
        self._entries[key] = value
        if len(self._entries) > self._max:
            self._entries.popitem(last=False)
        return value


class TokenBucket:
    """`rate` tokens a second, `burst` at most, full at first; `dropped`: how often there was none."""

    __slots__ = ("_at", "_burst", "_level", "_rate", "dropped")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._at, self.dropped = rate, now, 0
        self._level = self._burst = max(1.0, burst)

    def take(self, now: float) -> bool:
        """One token, if there is one. A clock that goes back fills nothing."""
        if now > self._at:
            self._level = min(self._burst, self._level + (now - self._at) * self._rate)
            self._at = now
        if self._level < 1.0:
            self.dropped += 1
            return False
        self._level -= 1.0
        return True


def _bucket(rate: float, now: float) -> TokenBucket:
    return TokenBucket(rate, rate * _BURST_S, now)


class Guard:
    """What a policy says of each source. `own_port`: ours, where no sender sits."""

    def __init__(self, policy: Policy, own_port: int) -> None:
        self._policy, self._own_port = policy, own_port
        self._verdicts: Lately[str, tuple[str, str]] = Lately(MAX_SOURCES)  # host → why not, whose bucket
        self._buckets: Lately[str, TokenBucket] = Lately(MAX_SOURCES)
        self._all: TokenBucket | None = None

    def stranger(self, host: str, port: int) -> str:
        """Why this source is never answered, "" when it may be."""
        if port < _MIN_PORT or port == self._own_port:
            return "source port"  # two reflectors must never answer each other
        return self._verdict(host)[0]

    def overdrawn(self, host: str, now: float) -> str:
        """Why it is not answered now, "" when it is: both buckets then hold one token less."""
        name = self._verdict(host)[1]
        mine = self._buckets.get(name) or self._buckets.put(name, _bucket(self._policy.source_rate, now))
        if not mine.take(now):
            return "rate of one source"
        if self._all is None:
            self._all = _bucket(self._policy.rate, now)
        return "" if self._all.take(now) else "rate of all"

    def _verdict(self, host: str) -> tuple[str, str]:
        return self._verdicts.get(host) or self._verdicts.put(host, self._judge(host))

    def _judge(self, host: str) -> tuple[str, str]:
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return "source address", host
        name = address.exploded[:19]  # whoever has one address of an IPv6 /64 has them all
        if address.is_multicast or address.is_unspecified or name == "255.255.255.255":
            return "source address", name
        allow = self._policy.allow
        return "" if not allow or any(address in network for network in allow) else "not allowed", name
