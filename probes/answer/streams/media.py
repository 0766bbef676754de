"""The responder of the media protocol: takes a conference's streams in, sends its own, and tells what arrived and when.

It stands on an open network: nobody gets more bytes than it sent before it has shown a cookie it got at its address; no
session begins twice; streams are bounded in rate, time, number, number per source, and bytes per source and minute; every
one ends when its agent is silent.
"""

from __future__ import annotations

import logging
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from probes.answer.streams.responder import (
    LEAST_PORT,
    MOST_SOURCES,
    Budget,
    Cookies,
    answering,
    bound,
    network_of,
    where,
)
from probes.errors import WireError
from probes.io.datagram.socket import PacketSocket
from probes.wire.handshake import LEAST, cookie_of
from probes.wire.media import packet as media
from probes.wire.media.flow import Clocks, Inflow, Marks, Outflow
from probes.wire.media.packet import BACK, FORWARD, Ask, Go, Head, Reason, Report, What
from probes.wire.media.sender import far_shape
from probes.wire.media.shape import AUDIO_BYTES, AUDIO_PPS, VERSION, Drawn
from probes.wire.session import Arrival, Datagram

_AUDIO_BPS = AUDIO_BYTES * AUDIO_PPS * 8
_log = logging.getLogger("netmon.answer.media")
Who = tuple[tuple[Any, ...], int]  # source, session


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What there may be at once and what a source may have. A session whose agent is silent for `quiet_s` is over."""

    streams: int = 16
    streams_per_source: int = 2
    rate_bps: int = 8_000_000
    duration_s: float = 60.0
    bytes_per_minute: int = 60_000_000
    quiet_s: float = 2.0


class _Stream:
    """A session that runs."""

    def __init__(self, go: Go, out: Outflow, into: Inflow, now: float) -> None:
        self.go, self.out, self.into, self.began_at, self.heard_at = go, out, into, now, now
        self.clock_set = False

    def is_over(self, now: float, limits: Limits) -> bool:
        """True when its agent is silent or its time is up."""
        return now - self.heard_at > limits.quiet_s or now - self.began_at > 2 * limits.duration_s

    def report(self, asked: Ask, now: float, dropped: int) -> Report:
        """What it has received; how long the question was held is told when the answer leaves."""
        into, out = self.into, self.out
        quiet_ms = int((now - (self.began_at if into.last_at is None else into.last_at)) * 1000)
        total, sent = len(into.arrivals), len(out.sent_ns)
        came = into.told(asked.known)
        return Report(asked.number, 0, asked.known, total, sent, dropped, quiet_ms, out.over, self.clock_set, came)


class _Answer(NamedTuple):
    to: Arrival
    what: What
    session: int
    body: bytes = b""
    report: Report | None = None


class Responder:
    """The responder as a state machine. `clock_ns`: monotonic, for the send times in its packets. `counts`: what it did."""

    done = False

    def __init__(
        self, key: bytes = b"", limits: Limits | None = None, secret: bytes = b"",
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:  # fmt: skip
        self._key, self._limits, self._clock_ns = key, limits or Limits(), clock_ns
        self._cookies = Cookies(2 * self._limits.duration_s, secret)
        self._streams: dict[Who, _Stream] = {}
        self._ended: OrderedDict[Who, None] = OrderedDict()
        self._budget = Budget(self._limits.bytes_per_minute)
        self._waiting: list[_Answer] = []
        self._sending: Outflow | None = None
        self._dropped = 0
        self._clocks = Clocks()
        self.counts: Counter[str] = Counter()

    # --- what comes in ---

    def receive(self, arrival: Arrival, now: float) -> None:
        """Take one packet; what is not understood is counted and dropped."""
        if arrival.source[1] < LEAST_PORT:
            self.counts["source port"] += 1
            return
        try:
            self._take(arrival, media.head(arrival.data), now)
        except WireError as fault:
            self.counts["forged" if "HMAC" in fault.reason else "malformed"] += 1

    def _take(self, arrival: Arrival, head: Head, now: float) -> None:
        if head.what is What.DATA:
            self._data(arrival, head, now)
            return
        if len(arrival.data) < LEAST:
            raise WireError(len(arrival.data), "too short for a question")
        body = media.checked(arrival.data, self._key)
        if head.what is What.HELLO:
            self.counts["hello"] += 1
            self._answer(arrival, What.CHALLENGE, head, self._cookies.make(arrival.source, now))
            return
        shown, rest = cookie_of(body)
        if not self._cookies.is_good(shown, arrival.source, now):
            self.counts["no cookie"] += 1
        elif head.what in _ASKED:
            _ASKED[head.what](self, arrival, head, rest, now)
        else:
            raise WireError(4, f"{head.what.name} is not asked here")

    def _data(self, arrival: Arrival, head: Head, now: float) -> None:
        stream = self._streams.get((arrival.source, head.session))
        if stream is None:
            self.counts["stray data"] += 1
            return
        stream.heard_at = now
        stream.into.take(arrival, now)

    def _go(self, arrival: Arrival, head: Head, body: bytes, now: float) -> None:
        go, who = media.read_go(body), (arrival.source, head.session)
        if who not in self._streams:
            refusal = self._refusal(who, go, now)
            if refusal:
                self._refuse(arrival, head, refusal)
                return
            self._begin(who, go, arrival, now)
        self._streams[who].heard_at = now
        self._answer(arrival, What.READY, head)

    def _begin(self, who: Who, go: Go, arrival: Arrival, now: float) -> None:
        self.counts["streams"] += 1
        there, back = (go.ways & FORWARD, go.shape), (go.ways & BACK, far_shape(go.shape))
        into, ours = (Drawn(shape) if wanted else [] for wanted, shape in (there, back))
        marks = Marks(go.video_tos, go.audio_tos)
        out = Outflow(ours, who[1], arrival.source, marks, self._clock_ns, arrival.via)
        self._streams[who] = _Stream(go, out, Inflow(into), now)

    def _refusal(self, who: Who, go: Go, now: float) -> Reason | None:
        """Why this session does not begin; None when it does, and then its bytes are spent."""
        limits, shape = self._limits, go.shape
        self._sweep(now)
        if who in self._ended:
            return Reason.UNKNOWN
        if go.version != VERSION:
            return Reason.VERSION
        if not 0 < shape.rate_bps <= limits.rate_bps or not 0 < shape.duration_ms <= limits.duration_s * 1000:
            return Reason.BOUNDS
        if len(self._streams) >= limits.streams:
            return Reason.BUSY
        network = network_of(who[0][0])
        if sum(network_of(one[0][0]) == network for one in self._streams) >= limits.streams_per_source:
            return Reason.YOURS
        octets = (shape.rate_bps + _AUDIO_BPS) * shape.duration_ms // 8000 * (1 if go.ways in (FORWARD, BACK) else 2)
        return None if self._budget.spend(network, octets, now) else Reason.BUDGET

    def _asked(self, arrival: Arrival, head: Head, body: bytes, now: float) -> None:
        asked, stream = media.read_ask(body), self._streams.get((arrival.source, head.session))
        if stream is None:
            self._refuse(arrival, head, Reason.UNKNOWN)
            return
        stream.heard_at = now
        if asked.halt:
            stream.out.stop()
        report = stream.report(asked, now, self._dropped)
        self._waiting.append(_Answer(arrival, What.REPORT, head.session, report=report))

    def _stop(self, arrival: Arrival, head: Head, body: bytes, now: float) -> None:
        self._end((arrival.source, head.session))

    def _end(self, who: Who) -> None:
        if self._streams.pop(who, None) is not None:
            self._ended[who] = None
            if len(self._ended) > MOST_SOURCES:
                self._ended.popitem(last=False)

    def _sweep(self, now: float) -> None:
        """End what is over."""
        for who in [who for who, stream in self._streams.items() if stream.is_over(now, self._limits)]:
            self.counts["ended by silence"] += 1
            self._end(who)

    # --- answers ---

    def _refuse(self, arrival: Arrival, head: Head, reason: Reason) -> None:
        self.counts[f"refused: {reason.name.lower()}"] += 1
        self._answer(arrival, What.NO, head, bytes([reason]))

    def _answer(self, arrival: Arrival, what: What, head: Head, body: bytes = b"") -> None:
        self._waiting.append(_Answer(arrival, what, head.session, body))

    # --- what goes out ---

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """Answers first, then what is due of the streams."""
        waiting, self._waiting = self._waiting, []
        self._sending = None
        for one in waiting:
            yield self._datagram(one, clock_ns)
        self._sweep(now)
        for stream in list(self._streams.values()):
            self._sending = stream.out
            yield from stream.out.packets()

    def _datagram(self, one: _Answer, clock_ns: int) -> Datagram:
        body = one.body
        if one.report is not None:
            body = media.report_body(one.report._replace(held_us=max(0, clock_ns - one.to.at_ns) // 1000))
        data = media.answer(one.what, one.session, body, self._key)
        return Datagram(data, one.to.source, token=None, via=one.to.via)

    def wake_at(self) -> float | None:
        """At once while answers wait, else when a stream's next packet is due."""
        if self._waiting:
            return 0.0
        due = [at for at in (one.out.wake_at for one in self._streams.values()) if at is not None]
        return min(due, default=None)

    def events(self) -> list[Any]:
        """Nothing is told."""
        return []

    def judges_at(self) -> float:
        """While streams leave, arrivals are read in batches: the kernel has stamped them."""
        return math.inf

    def clocks(self, now: float, clock_ns: int) -> None:
        """A clock that is set makes arrivals seem late that were not: those who are asked about them are told."""
        if self._clocks.look(now, clock_ns):
            self.counts["clock set"] += 1
            for stream in self._streams.values():
                stream.clock_set = True

    def sent(self, token: Any, at_ns: int) -> None:
        """Send times are our own."""

    def unsent(self, token: Any, why: str) -> None:
        """Data is tried again or lost; the agent asks again for anything else."""
        if self._sending is not None:
            self._sending.unsent(why)
        else:
            self.counts["not sent"] += 1

    def unreachable(self, to: str, by: str, data: bytes, type: int, code: int, now: float) -> None:
        """The agent is gone: its sessions end."""
        self.counts["agent gone"] += 1
        for who in [who for who in self._streams if who[0][0] == to and by]:
            self._end(who)

    def overflow(self, total: int) -> None:
        """Packets our buffer had no room for."""
        self.counts["overflow"] = self._dropped = total


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
    await answering(responder, sock, _log, "media", where(host, port, key))
