"""What a responder on an open network has of all that ask: cookies, bytes per source and minute, a socket, a driver."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import socket
from collections import Counter, OrderedDict
from typing import Any, Protocol

from probes.clean import clean
from probes.io.datagram.driver import Driver, PacketSession
from probes.io.datagram.socket import PacketSocket
from probes.io.datagram.train_socket import open_train
from probes.wire.handshake import COOKIE_BYTES

LEAST_PORT = 1024  # nobody who asks sits below it
MOST_SOURCES = 4096  # that are remembered
_EPOCH_S = 60.0  # a cookie is good from the minute it was made in to the end of the longest session


class Cookies:
    """Who shows one can be reached at the address he asks from. `longest_s`: of a session."""

    def __init__(self, longest_s: float, secret: bytes = b"") -> None:
        self._secret = secret or os.urandom(32)
        self._epochs = 2 + int(longest_s // _EPOCH_S)

    def make(self, source: tuple[Any, ...], now: float, epochs_ago: int = 0) -> bytes:
        """The cookie of an address and a minute."""
        words = f"{source[0]} {source[1]} {int(now // _EPOCH_S) - epochs_ago}"
        return hmac.digest(self._secret, words.encode(), "sha256")[:COOKIE_BYTES]

    def is_good(self, shown: bytes, source: tuple[Any, ...], now: float) -> bool:
        """True when it was made for this address, and not too long ago."""
        return any(hmac.compare_digest(shown, self.make(source, now, ago)) for ago in range(self._epochs))


class Budget:
    """Bytes each network may have in a minute."""

    def __init__(self, bytes_per_minute: int) -> None:
        self._most = bytes_per_minute
        self._spent: OrderedDict[str, tuple[int, int]] = OrderedDict()  # network → (minute, bytes)

    def spend(self, network: str, octets: int, now: float) -> bool:
        """True when so much is left, and then it is spent."""
        minute = int(now // 60)
        then, spent = self._spent.pop(network, (minute, 0))
        spent = spent if then == minute else 0
        fits = spent + octets <= self._most
        self._spent[network] = (minute, spent + octets if fits else spent)
        if len(self._spent) > MOST_SOURCES:
            self._spent.popitem(last=False)
        return fits


def network_of(host: str) -> str:
    """Whose bytes are counted together: an IPv4 address, an IPv6 /64."""
    if ":" not in host:
        return host
    return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])[:8].hex()


class Counting(PacketSession, Protocol):
    """A responder. `counts`: what it did."""

    counts: Counter[str]


class _Answering(Driver):
    """Answers in the same breath."""

    def _readable(self) -> None:
        if self.session.judges_at():  # at 0 `_due` takes in what came by itself
            self._take()
        self._due()


def bound(host: str, port: int) -> PacketSocket:
    """A responder's socket; raises OSError when the address cannot be had."""
    return open_train(socket.AF_INET6 if ":" in host else socket.AF_INET, host, port)


def where(host: str, port: int, key: bytes) -> str:
    """What it answers, for the log."""
    return f"{clean(host) or 'all addresses'} port {port}, {'HMAC' if key else 'open'}"


async def answering(responder: Counting, sock: PacketSocket, log: logging.Logger, what: str, where: str) -> None:
    """Answer until cancelled; the log calls the service `what`, and is told the counts at the end."""
    driver = _Answering(responder, sock, lambda events: None)
    log.info("%s on %s", what, where)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        driver.close()
        told = ", ".join(f"{why} {many}" for why, many in sorted(responder.counts.items()))
        log.info("%s: %s", what, told or "none")
