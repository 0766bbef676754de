"""The responder of the train protocol: takes trains and streams in, sends them, and tells what arrived and when.

One test at a time, bounded in bytes, time and per source and minute; every test ends when its agent is silent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from probes.answer.streams.responder import Responder, answer_at, network_of
from probes.wire.handshake import PacketHead, PacketType
from probes.wire.session import Arrival, Datagram
from probes.wire.train import packet as train
from probes.wire.train.flow import StreamReceiver, StreamSender
from probes.wire.train.packet import PacketStream, TrainGo, TrainRefusal


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainLimits:
    """What a source may have, and for how long. A test whose agent is silent for `quiet_s` is over."""

    stream_bytes: int = 4_000_000
    bytes_per_minute: int = 24_000_000
    test_s: float = 120.0
    quiet_s: float = 2.0


class _TrainTest:
    """The one test that runs."""

    def __init__(self, source: tuple[Any, ...], number: int, now: float) -> None:
        self.source, self.number, self.began_at, self.heard_at = source, number, now, now
        self.round, self.into = 0, StreamReceiver(PacketStream())
        self.out: StreamSender | None = None

    def is_over(self, now: float, limits: TrainLimits) -> bool:
        """True when its agent is silent or its time is up."""
        return now - self.heard_at > limits.quiet_s or now - self.began_at > limits.test_s


class TrainResponder(Responder):
    """`clock_ns`: monotonic, for the send times in its packets."""

    codec, service, log_name = train.CODEC, "trains", "netmon.answer.train"

    def __init__(
        self, key: bytes = b"", limits: TrainLimits | None = None, secret: bytes = b"",
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:  # fmt: skip
        self._limits, self._clock_ns = limits or TrainLimits(), clock_ns
        super().__init__(key, self._limits.test_s, self._limits.bytes_per_minute, secret)
        self._test: _TrainTest | None = None

    def _data(self, arrival: Arrival, head: PacketHead, now: float) -> None:
        test = self._current(arrival, head)
        if test is None or head.tag != test.round:
            self.counts["stray data"] += 1
            return
        test.heard_at = now
        test.into.take(arrival, now)

    def _current(self, arrival: Arrival, head: PacketHead) -> _TrainTest | None:
        test = self._test
        return test if test and (test.source, test.number) == (arrival.source, head.session) else None

    def _go(self, arrival: Arrival, head: PacketHead, body: bytes, now: float) -> None:
        go = train.read_go(body)
        test = self._current(arrival, head)
        if test is None:
            if self._test and not self._test.is_over(now, self._limits):
                self._refuse(arrival, head, TrainRefusal.BUSY)
                return
            self.counts["tests"] += 1
            test = self._test = _TrainTest(arrival.source, head.session, now)
        test.heard_at = now
        if head.tag > test.round:
            refusal = self._refusal(arrival, test, go, now)
            if refusal:
                self._refuse(arrival, head, refusal)
                return
            test.round, test.into = head.tag, StreamReceiver(go.ours)
            test.out = StreamSender(
                go.theirs, head.tag, head.session, arrival.source, go.tos, self._clock_ns, arrival.via
            )
        if head.tag == test.round:
            self._answer(arrival, PacketType.READY, head)

    def _refusal(self, arrival: Arrival, test: _TrainTest, go: TrainGo, now: float) -> TrainRefusal | None:
        """Why this round is not made; None when it is, and then its bytes are spent."""
        sizes = [stream.packets * stream.size for stream in (go.ours, go.theirs)]
        lasts_s = max(stream.packets * stream.gap_ns / 1e9 for stream in (go.ours, go.theirs))
        if max(sizes) > self._limits.stream_bytes or lasts_s > self._limits.test_s:
            return TrainRefusal.BOUNDS
        return None if self._budget.spend(network_of(arrival.source[0]), sum(sizes), now) else TrainRefusal.BUDGET

    def _report(self, arrival: Arrival, head: PacketHead, body: bytes, now: float) -> None:
        part, test = train.read_part(body), self._current(arrival, head)
        if test is None or test.round != head.tag:
            self._refuse(arrival, head, TrainRefusal.UNKNOWN)
            return
        test.heard_at = now
        starved = test.out.starved if test.out else 0
        self._answer(arrival, PacketType.REPORT, head, train.summary_body(test.into.report(part, now, starved)))

    def _stop(self, arrival: Arrival, head: PacketHead, body: bytes, now: float) -> None:
        test = self._current(arrival, head)
        if test is None:
            return
        if head.tag == test.round and test.out:
            test.out.stop()
        elif head.tag == 0:
            self._test = None

    # --- what goes out ---

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """Answers first, then what is due of the stream."""
        yield from self._answers(clock_ns)
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

    def judges_at(self) -> float:
        """Always: what came is to be answered."""
        return 0.0

    def clocks(self, now: float, clock_ns: int) -> None:
        """Only times between arrivals are told."""

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


async def serve(host: str, port: int, key: bytes = b"", limits: TrainLimits | None = None) -> None:
    """Answer until cancelled; raises OSError when the address cannot be had."""
    await answer_at(host, port, TrainResponder(key, limits))
