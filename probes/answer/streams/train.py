"""The responder of the train protocol: takes trains and streams in, sends them, and tells what arrived and when.

It stands on an open network: nobody gets more bytes than it sent before it has shown a cookie it got at its address; one
test at a time, bounded in bytes, time and per source and minute; every test ends when its agent is silent.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from probes.answer.streams.responder import LEAST_PORT, Budget, Cookies, answering, bound, network_of, where
from probes.errors import WireError
from probes.io.datagram.socket import PacketSocket
from probes.wire.handshake import LEAST, cookie_of
from probes.wire.session import Arrival, Datagram
from probes.wire.train import packet as train
from probes.wire.train.flow import Inflow, Outflow
from probes.wire.train.packet import Go, Head, Reason, Stream, What

_log = logging.getLogger("netmon.answer.train")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a source may have, and for how long. A test whose agent is silent for `quiet_s` is over."""

    stream_bytes: int = 4_000_000
    bytes_per_minute: int = 24_000_000
    test_s: float = 120.0
    quiet_s: float = 2.0


class _Test:
    """The one test that runs."""

    def __init__(self, source: tuple[Any, ...], number: int, now: float) -> None:
        self.source, self.number, self.began_at, self.heard_at = source, number, now, now
        self.round, self.into = 0, Inflow(Stream())
        self.out: Outflow | None = None

    def is_over(self, now: float, limits: Limits) -> bool:
        """True when its agent is silent or its time is up."""
        return now - self.heard_at > limits.quiet_s or now - self.began_at > limits.test_s


class Responder:
    """The responder as a state machine. `clock_ns`: monotonic, for the send times in its packets. `counts`: what it did."""

    done = False

    def __init__(
        self, key: bytes = b"", limits: Limits | None = None, secret: bytes = b"",
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:  # fmt: skip
        self._key, self._limits, self._clock_ns = key, limits or Limits(), clock_ns
        self._cookies = Cookies(self._limits.test_s, secret)
        self._test: _Test | None = None
        self._waiting: list[Datagram] = []
        self._budget = Budget(self._limits.bytes_per_minute)
        self.counts: Counter[str] = Counter()

    # --- what comes in ---

    def receive(self, arrival: Arrival, now: float) -> None:
        """Take one packet; what is not understood is counted and dropped."""
        if arrival.source[1] < LEAST_PORT:
            self.counts["source port"] += 1
            return
        try:
            self._take(arrival, train.head(arrival.data), now)
        except WireError as fault:
            self.counts["forged" if "HMAC" in fault.reason else "malformed"] += 1

    def _take(self, arrival: Arrival, head: Head, now: float) -> None:
        if head.what is What.DATA:
            self._data(arrival, head, now)
            return
        if len(arrival.data) < LEAST:
            raise WireError(len(arrival.data), "too short for a question")
        body = train.checked(arrival.data, self._key)
        if head.what is What.HELLO:
            self.counts["hello"] += 1
            self._answer(arrival, What.COOKIE, head, self._cookies.make(arrival.source, now))
            return
        shown, rest = cookie_of(body)
        if not self._cookies.is_good(shown, arrival.source, now):
            self.counts["no cookie"] += 1
        elif head.what in _ASKED:
            _ASKED[head.what](self, arrival, head, rest, now)
        else:
            raise WireError(4, f"{head.what.name} is not asked here")

    def _data(self, arrival: Arrival, head: Head, now: float) -> None:
        test = self._current(arrival, head)
        if test is None or head.round != test.round:
            self.counts["stray data"] += 1
            return
        test.heard_at = now
        test.into.take(arrival, now)

    def _current(self, arrival: Arrival, head: Head) -> _Test | None:
        test = self._test
        return test if test and (test.source, test.number) == (arrival.source, head.test) else None

    def _go(self, arrival: Arrival, head: Head, body: bytes, now: float) -> None:
        go = train.read_go(body)
        test = self._current(arrival, head)
        if test is None:
            if self._test and not self._test.is_over(now, self._limits):
                self._refuse(arrival, head, Reason.BUSY)
                return
            self.counts["tests"] += 1
            test = self._test = _Test(arrival.source, head.test, now)
        test.heard_at = now
        if head.round > test.round:
            refusal = self._refusal(arrival, test, go, now)
            if refusal:
                self._refuse(arrival, head, refusal)
                return
            test.round, test.into = head.round, Inflow(go.ours)
            test.out = Outflow(go.theirs, head.round, head.test, arrival.source, go.tos, self._clock_ns, arrival.via)
        if head.round == test.round:
            self._answer(arrival, What.READY, head)

    def _refusal(self, arrival: Arrival, test: _Test, go: Go, now: float) -> Reason | None:
        """Why this round is not made; None when it is, and then its bytes are spent."""
        sizes = [one.packets * one.size for one in (go.ours, go.theirs)]
        lasts_s = max(one.packets * one.gap_ns / 1e9 for one in (go.ours, go.theirs))
        if max(sizes) > self._limits.stream_bytes or lasts_s > self._limits.test_s:
            return Reason.BOUNDS
        return None if self._budget.spend(network_of(arrival.source[0]), sum(sizes), now) else Reason.BUDGET

    def _asked(self, arrival: Arrival, head: Head, body: bytes, now: float) -> None:
        part, test = train.read_part(body), self._current(arrival, head)
        if test is None or test.round != head.round:
            self._refuse(arrival, head, Reason.UNKNOWN)
            return
        test.heard_at = now
        starved = test.out.starved if test.out else 0
        self._answer(arrival, What.TOLD, head, train.told_body(test.into.told(part, now, starved)))

    def _stop(self, arrival: Arrival, head: Head, body: bytes, now: float) -> None:
        test = self._current(arrival, head)
        if test is None:
            return
        if head.round == test.round and test.out:
            test.out.stop()
        elif head.round == 0:
            self._test = None

    # --- answers ---

    def _refuse(self, arrival: Arrival, head: Head, reason: Reason) -> None:
        self.counts[f"refused: {reason.name.lower()}"] += 1
        self._answer(arrival, What.NO, head, bytes([reason]))

    def _answer(self, arrival: Arrival, what: What, head: Head, body: bytes = b"") -> None:
        data = train.answer(what, head.round, head.test, body, self._key)
        self._waiting.append(Datagram(data, arrival.source, via=arrival.via))

    # --- what goes out ---

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """Answers first, then what is due of the stream."""
        waiting, self._waiting = self._waiting, []
        yield from waiting
        test = self._test
        if test and test.is_over(now, self._limits):
            self.counts["ended by silence"] += 1
            self._test = None
        elif test and test.out:
            yield from test.out.packets(now)

    def wake_at(self) -> float | None:
        """At once while answers wait, else when the stream's next packet is due."""
        if self._waiting:
            return 0.0
        return self._test.out.wake_at if self._test and self._test.out else None

    def events(self) -> list[Any]:
        """Nothing is told."""
        return []

    def judges_at(self) -> float:
        """Always: what came is to be answered."""
        return 0.0

    def clocks(self, now: float, clock_ns: int) -> None:
        """Only times between arrivals are told."""

    def sent(self, token: Any, at_ns: int) -> None:
        """Send times are our own."""

    def unsent(self, token: Any, why: str) -> None:
        """Data is tried again; the agent asks again for anything else."""
        out = self._test.out if self._test else None
        if out and out.leaving:
            out.unsent(why, self._clock_ns() / 1e9)
        else:
            self.counts["not sent"] += 1

    def unreachable(self, to: str, by: str, data: bytes, type: int, code: int, now: float) -> None:
        """The agent is gone: its test ends. Not when our packets are too long for the path: the next send says so."""
        if train.is_too_long(to, type, code):
            self.counts["too long"] += 1
            return
        self.counts["agent gone"] += 1
        if self._test and self._test.source[0] == to and by:
            self._test = None

    def overflow(self, total: int) -> None:
        """Packets our buffer had no room for."""
        self.counts["overflow"] = total


_ASKED: dict[What, Callable[[Responder, Arrival, Head, bytes, float], None]] = {
    What.GO: Responder._go,
    What.ASK: Responder._asked,
    What.STOP: Responder._stop,
}


def listen(host: str, port: int, key: bytes = b"", limits: Limits | None = None) -> tuple[PacketSocket, Responder]:
    """The socket and the responder; raises OSError when the address cannot be had."""
    return bound(host, port), Responder(key, limits)


async def serve(host: str, port: int, key: bytes = b"", limits: Limits | None = None) -> None:
    """Answer until cancelled."""
    sock, responder = listen(host, port, key, limits)
    await answering(responder, sock, _log, "trains", where(host, port, key))
