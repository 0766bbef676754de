"""The responder of the media protocol: takes a conference's streams in, sends its own, and tells what arrived and when.

No session begins twice; streams are bounded in rate, time, number, number per source, and bytes per source and minute;
every one ends when its agent is silent.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from probes.answer.streams.responder import MAX_SOURCES, Responder, answer_at, network_of
from probes.wire.handshake import PacketHead, PacketType
from probes.wire.media import packet as media
from probes.wire.media.flow import ClockWatch, Marks, PlanReceiver, PlanSender
from probes.wire.media.packet import BACKWARD, FORWARD, MediaGo, MediaRefusal, MediaReport, ReportRequest
from probes.wire.media.sender import far_shape
from probes.wire.media.shape import AUDIO_BYTES, AUDIO_PPS, VERSION, Drawn
from probes.wire.session import Arrival, Datagram

_AUDIO_BPS = AUDIO_BYTES * AUDIO_PPS * 8
Who = tuple[tuple[Any, ...], int]  # source, session


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLimits:
    """What there may be at once and what a source may have. A session whose agent is silent for `quiet_s` is over."""

    streams: int = 16
    streams_per_source: int = 2
    rate_bps: int = 8_000_000
    duration_s: float = 60.0
    bytes_per_minute: int = 60_000_000
    quiet_s: float = 2.0


class _MediaSession:
    """A session that runs."""

    def __init__(self, go: MediaGo, out: PlanSender, into: PlanReceiver, now: float) -> None:
        self.go, self.out, self.into, self.began_at, self.heard_at = go, out, into, now, now
        self.clock_set = False

    def is_over(self, now: float, limits: MediaLimits) -> bool:
        """True when its agent is silent or its time is up."""
        return now - self.heard_at > limits.quiet_s or now - self.began_at > 2 * limits.duration_s

    def report(self, asked: ReportRequest, now: float, dropped: int) -> MediaReport:
        """What it has received; how long the question was held is told when the answer leaves."""
        into, out = self.into, self.out
        quiet_ms = int((now - (self.began_at if into.last_at is None else into.last_at)) * 1000)
        total, sent = len(into.arrivals), len(out.sent_ns)
        came = into.report(asked.known)
        return MediaReport(asked.number, 0, asked.known, total, sent, dropped, quiet_ms, out.over, self.clock_set, came)


class MediaResponder(Responder):
    """`clock_ns`: monotonic, for the send times in its packets."""

    codec, service, log_name = media.CODEC, "media", "netmon.answer.media"

    def __init__(
        self, key: bytes = b"", limits: MediaLimits | None = None, secret: bytes = b"",
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:  # fmt: skip
        self._limits, self._clock_ns = limits or MediaLimits(), clock_ns
        super().__init__(key, 2 * self._limits.duration_s, self._limits.bytes_per_minute, secret)
        self._streams: dict[Who, _MediaSession] = {}
        self._ended: OrderedDict[Who, None] = OrderedDict()
        self._sending: PlanSender | None = None
        self._dropped = 0
        self._clocks = ClockWatch()

    def _data(self, arrival: Arrival, head: PacketHead, now: float) -> None:
        stream = self._streams.get((arrival.source, head.session))
        if stream is None:
            self.counts["stray data"] += 1
            return
        stream.heard_at = now
        stream.into.take(arrival, now)

    def _go(self, arrival: Arrival, head: PacketHead, body: bytes, now: float) -> None:
        go, who = media.read_go(body), (arrival.source, head.session)
        if who not in self._streams:
            refusal = self._refusal(who, go, now)
            if refusal:
                self._refuse(arrival, head, refusal)
                return
            self._begin(who, go, arrival, now)
        self._streams[who].heard_at = now
        self._answer(arrival, PacketType.READY, head)

    def _begin(self, who: Who, go: MediaGo, arrival: Arrival, now: float) -> None:
        self.counts["streams"] += 1
        forward, backward = (go.directions & FORWARD, go.shape), (go.directions & BACKWARD, far_shape(go.shape))
        into, ours = (Drawn(shape) if wanted else [] for wanted, shape in (forward, backward))
        marks = Marks(go.video_tos, go.audio_tos)
        out = PlanSender(ours, who[1], arrival.source, marks, self._clock_ns, arrival.via)
        self._streams[who] = _MediaSession(go, out, PlanReceiver(into), now)

    def _refusal(self, who: Who, go: MediaGo, now: float) -> MediaRefusal | None:
        """Why this session does not begin; None when it does, and then its bytes are spent."""
        limits, shape = self._limits, go.shape
        self._sweep(now)
        if who in self._ended:
            return MediaRefusal.UNKNOWN
        if go.version != VERSION:
            return MediaRefusal.VERSION
        if not 0 < shape.rate_bps <= limits.rate_bps or not 0 < shape.duration_ms <= limits.duration_s * 1000:
            return MediaRefusal.BOUNDS
        if len(self._streams) >= limits.streams:
            return MediaRefusal.BUSY
        network = network_of(who[0][0])
        if sum(network_of(source[0]) == network for source, _ in self._streams) >= limits.streams_per_source:
            return MediaRefusal.YOURS
        octets = (
            (shape.rate_bps + _AUDIO_BPS)
            * shape.duration_ms
            // 8000
            * (1 if go.directions in (FORWARD, BACKWARD) else 2)
        )
        return None if self._budget.spend(network, octets, now) else MediaRefusal.BUDGET

    def _report(self, arrival: Arrival, head: PacketHead, body: bytes, now: float) -> None:
        asked, stream = media.read_ask(body), self._streams.get((arrival.source, head.session))
        if stream is None:
            self._refuse(arrival, head, MediaRefusal.UNKNOWN)
            return
        stream.heard_at = now
        if asked.halt:
            stream.out.stop()
        report = stream.report(asked, now, self._dropped)
        self._queue(arrival, partial(self._report_packet, arrival, head, report))

    def _report_packet(self, arrival: Arrival, head: PacketHead, report: MediaReport, clock_ns: int) -> bytes:
        held_us = max(0, clock_ns - arrival.at_ns) // 1000
        return self._packet(PacketType.REPORT, head, media.report_body(report._replace(held_us=held_us)))

    def _stop(self, arrival: Arrival, head: PacketHead, body: bytes, now: float) -> None:
        self._end((arrival.source, head.session))

    def _end(self, who: Who) -> None:
        if self._streams.pop(who, None) is not None:
            self._ended[who] = None
            if len(self._ended) > MAX_SOURCES:
                self._ended.popitem(last=False)

    def _sweep(self, now: float) -> None:
        """End what is over."""
        for who in [who for who, stream in self._streams.items() if stream.is_over(now, self._limits)]:
            self.counts["ended by silence"] += 1
            self._end(who)

    # --- what goes out ---

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """Answers first, then what is due of the streams."""
        self._sending = None
        yield from self._answers(clock_ns)
        self._sweep(now)
        for stream in list(self._streams.values()):
            self._sending = stream.out
            yield from stream.out.packets()

    def wake_at(self) -> float | None:
        """At once while answers wait, else when a stream's next packet is due."""
        if self._waiting:
            return 0.0
        due = [at for at in (stream.out.wake_at for stream in self._streams.values()) if at is not None]
        return min(due, default=None)

    def judges_at(self) -> float:
        """While streams leave, arrivals are read in batches: the kernel has stamped them."""
        return math.inf

    def clocks(self, now: float, clock_ns: int) -> None:
        """A clock that is set makes arrivals seem late that were not: those who are asked about them are told."""
        if self._clocks.look(now, clock_ns):
            self.counts["clock set"] += 1
            for stream in self._streams.values():
                stream.clock_set = True

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
        super().overflow(total)
        self._dropped = total


async def serve(host: str, port: int, key: bytes = b"", limits: MediaLimits | None = None) -> None:
    """Answer until cancelled; raises OSError when the address cannot be had."""
    await answer_at(host, port, MediaResponder(key, limits))
