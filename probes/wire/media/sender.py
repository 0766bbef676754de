"""The agent's side of the media protocol: one conference's stream there, back, or both at once, and what became of it.

Its owner gets one `MediaDone`, or the one `SessionFailed` that ends the session.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from probes.wire.delay_rise import DelayRise
from probes.wire.handshake import AgentSession, How, PacketType
from probes.wire.media import packet as media
from probes.wire.media.flow import ClockWatch, Marks, MediaTrace, PlanReceiver, PlanSender
from probes.wire.media.packet import BACKWARD, FORWARD, MediaGo, MediaRefusal, MediaReport, ReportRequest
from probes.wire.media.shape import VERSION, MediaShape, plan
from probes.wire.session import Address, Arrival, Datagram

_POLL_S, _LAST_POLL_S = 0.2, 0.05
_WATCH_S = 0.05
_ASIDE_S = 1.0  # who could not speak for so long must not wonder that the far end has given up
_QUIET_S = 0.5  # what has not come so long after the end will not come, or too late for any buffer
_NO = {
    MediaRefusal.BUSY: "the responder is busy: it sends no more streams at once",
    MediaRefusal.YOURS: "the responder sends no more streams at once to this address",
    MediaRefusal.BUDGET: "the responder sends no more bytes to us in this minute",
    MediaRefusal.BOUNDS: "the responder does not send so fast or so long",
    MediaRefusal.VERSION: "the responder is of another release: it draws other pictures",
    MediaRefusal.UNKNOWN: "the responder has forgotten this session",
}


class AbortRule(NamedTuple):
    """When the streams are cut short: more than this share lost in the first `first_s`, or delay risen by so much."""

    lost: float = 0.05
    first_s: float = 2.0
    rise_ms: float = 250.0


@dataclass(frozen=True, slots=True)
class MediaDone:
    """The streams are over. `aborted`: why they were cut short, or ""; `rtts_ms`: of the questions meanwhile;
    `far_dropped`: packets the responder's own buffer had no room for; `queue_full`: what a queue of this machine dropped;
    `clock_set`: whose wall clock was set meanwhile, or ""."""

    forward: MediaTrace | None
    backward: MediaTrace | None
    aborted: str
    rtts_ms: tuple[float, ...]
    far_dropped: int
    queue_full: int
    clock_set: str = ""


class MediaSender(AgentSession):
    """The session. `session`: a number nobody can guess; `clock_ns`: monotonic, for the send times in our packets."""

    codec, refusals, busy, forgotten = media.CODEC, _NO, (MediaRefusal.BUSY, MediaRefusal.YOURS), MediaRefusal.UNKNOWN
    question_token = ("ask", 0)

    def __init__(
        self, to: Address, session: int, shape: MediaShape, directions: int, marks: Marks, *, key: bytes, timeout_s: float,
        guard: AbortRule, clock_ns: Callable[[], int],
    ) -> None:  # fmt: skip
        super().__init__(to, session, key, timeout_s)
        self._guard = guard
        self._go = media.go_body(MediaGo(VERSION, shape, directions, marks.video, marks.audio))
        self._out: PlanSender = PlanSender(plan(shape) if directions & FORWARD else [], session, to, marks, clock_ns)
        self._into = PlanReceiver(plan(far_shape(shape)) if directions & BACKWARD else [])
        self._over_at: float | None = None  # when our stream ended
        self._asked = 0
        self._woke_at: float | None = None
        self._aside_s = 0.0  # the longest this machine did not let us run
        self._clocks = ClockWatch()
        self._asks_ns: dict[int, int] = {}  # question → when it left (wall)
        self._rtts_ms: list[float] = []
        self._report: MediaReport | None = None  # the last one
        self._final_from = 0  # the first question that was asked after our stream's end
        self._came: list[tuple[int, int, int]] = []
        self._rise = DelayRise()
        self._watch_at = 0.0
        self._look_from, self._looked = 0, False  # the question that tells of the first seconds; they have been judged
        self._aborted = ""

    def _data(self, arrival: Arrival, now: float) -> None:
        self._into.take(arrival, now)

    def _ready(self, now: float) -> None:
        if self._ready_at is None:
            self._next_try = now + _POLL_S
        super()._ready(now)

    def _reported(self, body: bytes, arrival: Arrival, now: float) -> None:
        report = media.read_report(body)
        left_ns = self._asks_ns.pop(report.number, 0)
        if left_ns:
            self._rtts_ms.append(max(0.0, (arrival.at_ns - left_ns) / 1e6 - report.held_us / 1e3))
        if report.number > self._asked or report.known > len(self._came):
            return
        for number, at_us, tos in report.came[len(self._came) - report.known :]:
            if number < len(self._out.sent_ns) and len(self._came) < 2 * len(self._out.plan):
                self._came.append((number, at_us * 1000, tos))
                self._rise.add(at_us * 1000 - self._out.sent_ns[number])
        self._report = report
        if report.total - len(self._came) >= media.PART or self._last(now):
            self._next_try = 0.0

    def _last(self, now: float) -> bool:
        """Our stream has ended and arrivals are known to the responder that are not to us."""
        return self._out.over and self._report is not None and self._report.total > len(self._came)

    # --- what goes out ---

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """What is due."""
        if self._ready_at is not None and self._woke_at is not None:
            self._aside_s = max(self._aside_s, now - self._woke_at)
        self._woke_at = now
        return super().transmit(now, clock_ns)

    def _run(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        yield from self._out.packets()
        if self._out.fault:
            self._fail("ours", f"cannot send: {self._out.fault}")
            return
        self._watch(now)
        if self._out.over and self._over_at is None:
            self._over_at, self._final_from, self._next_try = now, self._asked + 1, 0.0
        if self._there_over(now) and self._back_over(now):
            self._finish()
        elif now >= self._next_try:
            self._next_try = now + (_LAST_POLL_S if self._over_at is not None else _POLL_S)
            yield self._question(clock_ns)

    def _question(self, clock_ns: int) -> Datagram:
        self._asked += 1
        self._asks_ns.pop(self._asked - 64, None)
        self._asks_ns[self._asked] = clock_ns
        asked = ReportRequest(self._asked, len(self._came), bool(self._aborted))
        return Datagram(self._ask(PacketType.ASK, media.ask_body(asked)), self._to, token=("ask", self._asked))

    # --- is it time to stop? ---

    def _watch(self, now: float) -> None:
        """Cut the streams short when they do harm."""
        if self._aborted or now < self._watch_at:
            return
        self._watch_at = now + _WATCH_S
        for word, rise in (("there", self._rise), ("back", self._into.rise)):
            if rise.now > self._guard.rise_ms * 1e6:
                self._abort(f"delay rose by {rise.now / 1e6:.0f} ms {word}")
                return
        began = self._ready_at if self._ready_at is not None else now
        if not self._look_from and now - began >= self._guard.first_s + _QUIET_S:
            self._look_from, self._next_try = self._asked + 1, 0.0
        if self._look_from and not self._looked and self._is_told(self._look_from):
            self._looked = True
            self._look()

    def _look(self) -> None:
        until_ns = int(self._guard.first_s * 1e9)
        due = min(sum(packet.due_ns < until_ns for packet in self._out.plan), len(self._out.sent_ns))
        came = len({number for number, _, _ in self._came if number < due})
        for word, lost, sent in (("there", due - came, due), ("back", *self._into.lost_of_first(until_ns))):
            if lost > self._guard.lost * sent:
                share = 100 * lost / sent
                self._abort(f"{share:.1f} % lost {word} in the first {self._guard.first_s:g} s")

    def _abort(self, why: str) -> None:
        self._aborted = self._aborted or why
        self._out.stop()
        self._next_try = 0.0

    def _is_told(self, question: int) -> bool:
        """All that had arrived when this question, or a later one, was asked is known here."""
        report = self._report
        return report is not None and report.number >= question and len(self._came) >= report.total

    def _there_over(self, now: float) -> bool:
        """All of our stream has been told that will."""
        report = self._report
        if self._over_at is None or report is None or not self._is_told(self._final_from):
            return False
        silent = now - self._over_at >= _QUIET_S and report.quiet_ms >= _QUIET_S * 1000
        return report.total >= len(self._out.sent_ns) or silent

    def _back_over(self, now: float) -> bool:
        """All of the responder's stream has come that will."""
        if not self._into.plan:
            return True
        report = self._report
        if report is None or not report.over:
            return False
        since = self._into.last_at if self._into.last_at is not None else self._over_at
        return self._into.many >= report.sent or (since is not None and now - since >= _QUIET_S)

    def _finish(self) -> None:
        report = self._report
        forward = self._out.trace(self._came) if self._out.plan else None
        backward = self._into.trace(report.sent if report else 0) if self._into.plan else None
        dropped = report.dropped if report else 0
        self.done = True
        whose = "the responder's" if report and report.clock_set else "this machine's" if self._clocks.set else ""
        rtts_ms = tuple(self._rtts_ms)
        self._events.append(MediaDone(forward, backward, self._aborted, rtts_ms, dropped, self._out.queue_full, whose))

    def _fail(self, how: How, why: str) -> None:
        if self._aside_s > _ASIDE_S and how != "ours":
            how, why = "ours", f"this machine let us stand for {self._aside_s:.1f} s: {why}"
        super()._fail(how, why)

    # --- the driver's questions ---

    def judges_at(self) -> float:
        """While the stream runs nothing is judged by absence: arrivals are read in batches, which saves half the cost."""
        return math.inf if self._ready_at is not None and not self._out.over else 0.0

    def clocks(self, now: float, clock_ns: int) -> None:
        """Arrivals are stamped by the wall clock: when that is set meanwhile, they say nothing."""
        self._clocks.look(now, clock_ns)

    def sent(self, token: Any, at_ns: int) -> None:
        """A question left: round trips are told from kernel stamps alone."""
        if token[1] in self._asks_ns:
            self._asks_ns[token[1]] = at_ns

    def unsent(self, token: Any, why: str) -> None:
        """Data is tried again or lost; a first question that cannot leave ends the session."""
        if token is None:
            self._out.unsent(why)
        elif self._ready_at is None:
            self._fail("ours", f"cannot send: {why}")


def far_shape(shape: MediaShape) -> MediaShape:
    """The responder's stream: as heavy, with other pictures."""
    return shape._replace(seed=shape.seed + 1 & 0xFFFFFFFF)
