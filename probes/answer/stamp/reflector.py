"""The STAMP Session-Reflector (RFC 8762 §4.3), stateful: it counts its answers for each session.

No answer is longer than its request; what is too short, forged, replayed, too often asked or from where nobody may ask
is counted by its reason and dropped. A session is (source, port, SSID); the oldest make room for new ones.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from probes.answer.guard import Guard, Lately, Policy
from probes.answer.stamp.sessions import Session
from probes.answer.stamp.tlvs import Extras
from probes.clean import clean
from probes.errors import WireError
from probes.io.clock import our_clock
from probes.io.datagram.driver import Driver
from probes.io.datagram.socket import PacketSocket, open_udp
from probes.wire.session import Arrival, Datagram
from probes.wire.stamp import packet as stamp

MAX_SESSIONS = 10_000
_TELL_S = 60.0  # what was dropped is told so often, when there is more of it
_MAX_ERROR_S = 20.0  # no clock error is believed to be more: the kernel's own word ends at 16 s
_log = logging.getLogger("netmon.reflector")


class Reflector:
    """The reflector as a state machine. With a key it answers authenticated packets only. `now_ns`: the wall clock;
    `clock`: what its stamps are worth, `ask` tells it anew."""

    done = False

    def __init__(
        self, clock: stamp.ClockQuality, key: bytes = b"", own_port: int = stamp.PORT,
        now_ns: Callable[[], int] = time.time_ns, policy: Policy | None = None,
        ask: Callable[[], stamp.ClockQuality | None] | None = None,
    ) -> None:  # fmt: skip
        self._clock, self._key, self._now_ns = stamp.AskedClock(clock, ask), key, now_ns
        self._policy = policy or Policy()
        self._guard = Guard(self._policy, own_port)
        self.sessions: Lately[tuple[str, int, int], Session] = Lately(MAX_SESSIONS)
        self._waiting: list[tuple[Arrival, stamp.Test]] = []
        self.answered = 0
        self.dropped: Counter[str] = Counter()

    def receive(self, arrival: Arrival, now: float) -> None:
        """Take a request; its answer leaves with the next `transmit`."""
        why = self._guard.stranger(arrival.source[0], arrival.source[1]) or self._take(arrival, now)
        if why:
            self.dropped[why] += 1

    def _take(self, arrival: Arrival, now: float) -> str:
        """Why this request is not answered; "" when it is. Only what would be answered costs tokens."""
        try:
            test = stamp.decode_test(arrival.data, self._key)
        except WireError as fault:
            return "forged" if fault.offset == 96 else "too short"
        if stamp.is_answer(arrival.data, bool(self._key)):
            return "an answer"  # from another reflector: answering it would never end
        why = self._stale(arrival, test) if self._key else ""
        why = why or self._guard.overdrawn(arrival.source[0], now)
        if not why:
            self._waiting.append((arrival, test))
        return why

    def _stale(self, arrival: Arrival, test: stamp.Test) -> str:
        """The HMAC holds no freshness: the stamp it covers must be near our clock, and each test is taken once."""
        fresh_s = self._policy.fresh_s
        if fresh_s:
            theirs_s = stamp.error_s(test.error) or 0.0
            fresh_s = max(fresh_s, 3.0 * (min(theirs_s, _MAX_ERROR_S) + min(self._clock.worth.error_s, _MAX_ERROR_S)))
            if abs(arrival.at_ns - test.sent_ns) > fresh_s * 1e9:
                return "not fresh"
        return "" if self._session(arrival, test).accept(test.seq, test.sent_ns) else "replayed"

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """Answers, each stamped as late as can be."""
        waiting, self._waiting = self._waiting, []
        for arrival, test in waiting:
            yield self._answer(arrival, test)

    def _answer(self, arrival: Arrival, test: stamp.Test) -> Datagram:
        session = self._session(arrival, test)
        count = session.number()
        self.answered += 1
        data, tos, token = arrival.data, max(0, arrival.tos) & 0xFC, None
        tail = stamp.tail(data, bool(self._key))
        if tail and not _is_padding(data, bool(self._key)):
            extras = Extras(session, count, arrival.tos, self._clock, self._policy.dscps)
            tail = extras.reflected(tail, self._key, data[:4])
            tos, token = tos if extras.tos is None else extras.tos, extras.token
        else:
            tail = b""
        ttl = max(0, arrival.hops)
        reply = stamp.StampReply(
            count, self._now_ns(), self._clock.field, test.ssid, arrival.at_ns, test.seq, test.sent_ns,
            test.error, ttl,
        )  # fmt: skip
        base = stamp.encode_reply(reply, self._key, len(data) - len(tail))
        return Datagram(base + tail, arrival.source, tos, token=token, via=arrival.via)

    def _session(self, arrival: Arrival, test: stamp.Test) -> Session:
        padded = not self._key and _is_twamp(arrival.data)
        name = (arrival.source[0], arrival.source[1], 0 if padded else test.ssid)
        return self.sessions.get(name) or self.sessions.put(name, Session())

    def wake_at(self) -> float | None:
        """At once while answers wait."""
        return 0.0 if self._waiting else None

    def events(self) -> list[Any]:
        """Nothing is told."""
        return []

    def judges_at(self) -> float:
        """Always: what came is to be answered."""
        return 0.0

    def clocks(self, now: float, clock_ns: int) -> None:
        """Stamps are sent as they are: the asker tells when a clock was set. What they are worth is asked anew."""
        self._clock.look(now)

    def sent(self, token: Any, at_ns: int) -> None:
        """When an answer really left, where its asker wants to know."""
        token[0].left = token[1], at_ns

    def unsent(self, token: Any, why: str) -> None:
        """Nobody waits for it here."""
        self.dropped["not sent"] += 1

    def unreachable(self, to: str, by: str, data: bytes, type: int, code: int, now: float) -> None:
        """The asker is gone."""
        self.dropped["asker gone"] += 1

    def overflow(self, total: int) -> None:
        """Requests our buffer had no room for."""
        self.dropped["overflow"] = total


def _is_twamp(data: bytes) -> bool:
    """TWAMP-Light pads with anything, in the SSID's place too: then it tells no sessions apart."""
    return data[16:44].count(0) < len(data[16:44])


def _is_padding(data: bytes, keyed: bool) -> bool:
    """Behind the base packet stand no TLVs: zeros of RFC 8762, or what TWAMP-Light pads with."""
    tail = stamp.tail(data, keyed)
    return tail.count(0) == len(tail) or (not keyed and _is_twamp(data))


class _Answering(Driver):
    """Answers in the same breath: residence is what the sender must subtract, so it stays small."""

    def _readable(self) -> None:
        self._due()


def listen(host: str, port: int, key: bytes = b"", policy: Policy | None = None) -> tuple[PacketSocket, Reflector]:
    """The socket and the reflector; raises OSError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = open_udp(family, host, port, answers=True)
    return sock, Reflector(stamp.UNKNOWN, key, sock.sock.getsockname()[1], policy=policy, ask=our_clock)


@contextmanager
def reflecting(host: str) -> Iterator[int]:
    """A reflector for ourselves in the running loop, on a port of its own; the port. Raises OSError."""
    sock, reflector = listen(host, 0)
    driver = _Answering(reflector, sock, lambda events: None)
    try:
        yield sock.port
    finally:
        driver.close()


async def serve(host: str, port: int, key: bytes = b"", policy: Policy | None = None) -> None:
    """Answer until cancelled; what was dropped, and why, is logged each minute in which it grew, and at the end."""
    sock, reflector = listen(host, port, key, policy)
    driver = _Answering(reflector, sock, lambda events: None)
    _log.info("reflector on %s port %d, %s", clean(host) or "all addresses", port, "HMAC" if key else "open")
    try:
        while True:
            before = reflector.dropped.copy()
            await asyncio.sleep(_TELL_S)
            if reflector.dropped != before:
                _log.warning("reflector dropped so far: %s", _reasons(reflector))
    finally:
        driver.close()
        _log.info("reflector answered %d, dropped: %s", reflector.answered, _reasons(reflector))


def _reasons(reflector: Reflector) -> str:
    return ", ".join(f"{why} {many}" for why, many in sorted(reflector.dropped.items())) or "none"
