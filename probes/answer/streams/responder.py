"""The responder's side of the handshake of `media` and `train`, on an open network: nobody gets more bytes than it sent
before it has shown a cookie it got at its address; bytes per source and minute are bounded."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import socket
from abc import ABC, abstractmethod
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any, ClassVar

from probes.clean import clean
from probes.errors import WireError
from probes.io.datagram.driver import Driver, PacketSession
from probes.io.datagram.socket import open_train
from probes.wire.handshake import COOKIE_BYTES, MIN_QUESTION_BYTES, PacketCodec, PacketHead, PacketType, cookie_of
from probes.wire.session import Arrival, Datagram

MAX_SOURCES = 4096  # that are remembered
_MIN_PORT = 1024  # nobody who asks sits below it
_Answer = bytes | Callable[[int], bytes]  # or what makes it when it leaves (wall ns)
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
        self._max = bytes_per_minute
        self._spent: OrderedDict[str, tuple[int, int]] = OrderedDict()  # network → (minute, bytes)

    def spend(self, network: str, octets: int, now: float) -> bool:
        """True when so much is left, and then it is spent."""
        minute = int(now // 60)
        then, spent = self._spent.pop(network, (minute, 0))
        spent = spent if then == minute else 0
        fits = spent + octets <= self._max
        self._spent[network] = (minute, spent + octets if fits else spent)
        if len(self._spent) > MAX_SOURCES:
            self._spent.popitem(last=False)
        return fits


def network_of(host: str) -> str:
    """Whose bytes are counted together: an IPv4 address, an IPv6 /64."""
    if ":" not in host:
        return host
    return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])[:8].hex()


class Responder(PacketSession, ABC):
    """A responder as a state machine. `counts`: what it did. `service`: what the log calls it."""

    codec: ClassVar[PacketCodec]
    service: ClassVar[str]
    log_name: ClassVar[str]
    done = False

    def __init__(self, key: bytes, longest_s: float, bytes_per_minute: int, secret: bytes) -> None:
        self.key = key
        self._cookies, self._budget = Cookies(longest_s, secret), Budget(bytes_per_minute)
        self._waiting: list[tuple[Arrival, _Answer]] = []
        self._asked = {PacketType.GO: self._go, PacketType.ASK: self._report, PacketType.STOP: self._stop}
        self.counts: Counter[str] = Counter()

    # --- what comes in ---

    def receive(self, arrival: Arrival, now: float) -> None:
        """Take one packet; what is not understood is counted and dropped."""
        if arrival.source[1] < _MIN_PORT:
            self.counts["source port"] += 1
            return
        try:
            self._take(arrival, self.codec.head(arrival.data), now)
        except WireError as fault:
            self.counts["forged" if "HMAC" in fault.reason else "malformed"] += 1

    def _take(self, arrival: Arrival, head: PacketHead, now: float) -> None:
        if head.type is PacketType.DATA:
            self._data(arrival, head, now)
            return
        if len(arrival.data) < MIN_QUESTION_BYTES:
            raise WireError(len(arrival.data), "too short for a question")
        body = self.codec.checked(arrival.data, self.key)
        if head.type is PacketType.HELLO:
            self.counts["hello"] += 1
            self._answer(arrival, PacketType.CHALLENGE, head, self._cookies.make(arrival.source, now))
            return
        shown, rest = cookie_of(body)
        if not self._cookies.is_good(shown, arrival.source, now):
            self.counts["no cookie"] += 1
        elif head.type in self._asked:
            self._asked[head.type](arrival, head, rest, now)
        else:
            raise WireError(4, f"{head.type.name} is not asked here")

    @abstractmethod
    def _data(self, arrival: Arrival, head: PacketHead, now: float) -> None:
        """Take a packet of an agent's stream."""

    @abstractmethod
    def _go(self, arrival: Arrival, head: PacketHead, body: bytes, now: float) -> None:
        """Begin what is wanted, or refuse it."""

    @abstractmethod
    def _report(self, arrival: Arrival, head: PacketHead, body: bytes, now: float) -> None:
        """Answer with what has arrived."""

    @abstractmethod
    def _stop(self, arrival: Arrival, head: PacketHead, body: bytes, now: float) -> None:
        """Its agent is done."""

    # --- what goes out ---

    def _refuse(self, arrival: Arrival, head: PacketHead, reason: IntEnum) -> None:
        self.counts[f"refused: {reason.name.lower()}"] += 1
        self._answer(arrival, PacketType.NO, head, bytes([reason]))

    def _answer(self, arrival: Arrival, type: PacketType, head: PacketHead, body: bytes = b"") -> None:
        self._queue(arrival, self._packet(type, head, body))

    def _queue(self, to: Arrival, data: _Answer) -> None:
        self._waiting.append((to, data))

    def _packet(self, type: PacketType, head: PacketHead, body: bytes) -> bytes:
        return self.codec.answer(type, head.session, body, self.key, head.tag)

    def _answers(self, clock_ns: int) -> Iterable[Datagram]:
        """The answers that wait, each from the address it was asked at."""
        waiting, self._waiting = self._waiting, []
        for to, data in waiting:
            yield Datagram(data if isinstance(data, bytes) else data(clock_ns), to.source, via=to.via)

    # --- the driver's questions ---

    def events(self) -> list[Any]:
        """Nothing is told."""
        return []

    def sent(self, token: Any, at_ns: int) -> None:
        """Send times are our own."""

    def overflow(self, total: int) -> None:
        """Packets our buffer had no room for."""
        self.counts["overflow"] = total


class _StreamDriver(Driver):
    """Answers in the same breath."""

    def _readable(self) -> None:
        if self.session.judges_at():  # at 0 `_due` takes in what came by itself
            self._take()
        self._due()


async def answer_at(host: str, port: int, responder: Responder) -> None:
    """Answer until cancelled, and then log the counts; raises OSError when the address cannot be had."""
    sock = open_train(socket.AF_INET6 if ":" in host else socket.AF_INET, host, port)
    driver = _StreamDriver(responder, sock, lambda events: None)
    log, service, key = logging.getLogger(responder.log_name), responder.service, "HMAC" if responder.key else "open"
    log.info("%s on %s port %d, %s", service, clean(host) or "all addresses", port, key)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        driver.close()
        counts = ", ".join(f"{why} {many}" for why, many in sorted(responder.counts.items()))
        log.info("%s: %s", service, counts or "none")
