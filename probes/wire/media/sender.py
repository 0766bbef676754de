"""The agent's side of the media protocol: one conference's stream there, back, or both at once, and what became of it.

Its owner gets one `Done`, or the one `Failed` that ends the session.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from probes.base import Outcome
from probes.errors import WireError
from probes.wire.handshake import cookie_of
from probes.wire.icmp.fault import icmp_fault
from probes.wire.media import packet as media
from probes.wire.media.flow import Clocks, Inflow, Marks, Outflow, Rise, Trace
from probes.wire.media.packet import BACK, FORWARD, Ask, Go, Reason, Report, What
from probes.wire.media.shape import VERSION, Shape, plan
from probes.wire.session import Address, Arrival, Datagram

_AGAIN_S = 0.25  # an answer that has not come is asked for again
_POLL_S, _LAST_POLL_S = 0.2, 0.05
_WATCH_S = 0.05
_ASIDE_S = 1.0  # who could not speak for so long must not wonder that the far end has given up
_QUIET_S = 0.5  # what has not come so long after the end will not come, or too late for any buffer
How = Literal["silence", "refused", "nonsense", "ours", "busy"]
_NO = {
    Reason.BUSY: "the responder is busy: it sends no more streams at once",
    Reason.YOURS: "the responder sends no more streams at once to this address",
    Reason.BUDGET: "the responder sends no more bytes to us in this minute",
    Reason.BOUNDS: "the responder does not send so fast or so long",
    Reason.VERSION: "the responder is of another release: it draws other pictures",
    Reason.UNKNOWN: "the responder has forgotten this session",
}
_BUSY = (Reason.BUSY, Reason.YOURS)


class Guard(NamedTuple):
    """When the streams are cut short: more than this share lost in the first `first_s`, or delay risen by so much."""

    lost: float = 0.05
    first_s: float = 2.0
    rise_ms: float = 250.0


@dataclass(frozen=True, slots=True)
class Done:
    """The streams are over. `aborted`: why they were cut short, or ""; `rtts_ms`: of the questions meanwhile;
    `far_dropped`: packets the responder's own buffer had no room for; `queue_full`: what a queue of this machine dropped;
    `clock_set`: whose wall clock was set meanwhile, or ""."""

    there: Trace | None
    back: Trace | None
    aborted: str
    rtts_ms: tuple[float, ...]
    far_dropped: int
    queue_full: int
    clock_set: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The session is over."""

    how: How
    why: str


class MediaSender:
    """The session. `session`: a number nobody can guess; `clock_ns`: monotonic, for the send times in our packets."""

    def __init__(
        self, to: Address, session: int, shape: Shape, ways: int, marks: Marks, *, key: bytes, timeout_s: float,
        guard: Guard, clock_ns: Callable[[], int],
    ) -> None:  # fmt: skip
        self._to, self._session, self._key, self._timeout_s, self._guard = to, session, key, timeout_s, guard
        self._go = Go(VERSION, shape, ways, marks.video, marks.audio)
        self._out = Outflow(plan(shape) if ways & FORWARD else [], session, to, marks, clock_ns)
        self._into = Inflow(plan(far_shape(shape)) if ways & BACK else [])
        self._cookie = b""
        self._heard: float | None = None  # monotonic s of the last answer, or of the first question
        self._ready_at: float | None = None
        self._over_at: float | None = None  # when our stream ended
        self._next_try, self._asked = 0.0, 0
        self._woke_at: float | None = None
        self._aside_s = 0.0  # the longest this machine did not let us run
        self._clocks = Clocks()
        self._asks_ns: dict[int, int] = {}  # question → when it left (wall)
        self._rtts_ms: list[float] = []
        self._report: Report | None = None  # the last one
        self._final_from = 0  # the first question that was asked after our stream's end
        self._came: list[tuple[int, int, int]] = []
        self._rise = Rise()
        self._watch_at = 0.0
        self._look_from, self._looked = 0, False  # the question that tells of the first seconds; they have been judged
        self._aborted = ""
        self._strange = ""
        self._silence = "nothing came back in time"
        self._events: list[Done | Failed] = []
        self.local_drop = 0
        self.done = False

    def farewell(self) -> bytes:
        """What lets the responder serve the next one."""
        return media.ask(What.STOP, self._session, self._cookie, b"", self._key) if self._cookie else b""

    # --- what comes in ---

    def receive(self, arrival: Arrival, now: float) -> None:
        """Take one packet; what is not of this session is left aside."""
        if arrival.source[:2] != self._to[:2] or self.done:
            return
        try:
            self._take(arrival, now)
        except (WireError, ValueError) as fault:
            self._strange = str(fault)

    def _take(self, arrival: Arrival, now: float) -> None:
        said = media.head(arrival.data)
        if said.session != self._session:
            raise WireError(8, "an answer to another session")
        if said.what is What.DATA:
            if self._cookie:
                self._into.take(arrival, now)
                self._ready(b"", arrival, now)
        else:
            body = media.checked(arrival.data, self._key)
            if said.what not in _TAKES:
                return
            _TAKES[said.what](self, body, arrival, now)
        self._heard = now

    def _challenged(self, body: bytes, arrival: Arrival, now: float) -> None:
        if not self._cookie:
            self._cookie, _ = cookie_of(body)
            self._next_try = 0.0

    def _ready(self, body: bytes, arrival: Arrival, now: float) -> None:
        if self._ready_at is None:
            self._ready_at = now
            self._next_try = now + _POLL_S

    def _refused(self, body: bytes, arrival: Arrival, now: float) -> None:
        reason = Reason(body[0]) if body and 1 <= body[0] <= len(Reason) else Reason.UNKNOWN
        self._fail("busy" if reason in _BUSY else "refused", _NO[reason])

    def _told(self, body: bytes, arrival: Arrival, now: float) -> None:
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
        if self.done:
            return
        self._heard = now if self._heard is None else self._heard
        if self._ready_at is not None and self._woke_at is not None:
            self._aside_s = max(self._aside_s, now - self._woke_at)
        self._woke_at = now
        if now - self._heard >= self._timeout_s:
            self._silent()
        elif not self._cookie:
            yield from self._again(now, media.hello(self._session, self._key))
        elif self._ready_at is None:
            yield from self._again(now, self._ask(What.GO, media.go_body(self._go)))
        else:
            yield from self._run(now, clock_ns)

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
        asked = Ask(self._asked, len(self._came), bool(self._aborted))
        return Datagram(self._ask(What.ASK, media.ask_body(asked)), self._to, token=("ask", self._asked))

    def _again(self, now: float, data: bytes) -> Iterable[Datagram]:
        if now >= self._next_try:
            self._next_try = now + _AGAIN_S
            yield Datagram(data, self._to, token=("ask", 0))

    def _ask(self, what: What, body: bytes) -> bytes:
        return media.ask(what, self._session, self._cookie, body, self._key)

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
        due = min(sum(one.due_ns < until_ns for one in self._out.plan), len(self._out.sent_ns))
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
        there = self._out.trace(self._came) if self._out.plan else None
        back = self._into.trace(report.sent if report else 0) if self._into.plan else None
        dropped = report.dropped if report else 0
        self.done = True
        whose = "the responder's" if report and report.clock_set else "this machine's" if self._clocks.set else ""
        rtts_ms = tuple(self._rtts_ms)
        self._events.append(Done(there, back, self._aborted, rtts_ms, dropped, self._out.queue_full, whose))

    def _silent(self) -> None:
        if self._strange:
            self._fail("nonsense", f"what answers is no responder: {self._strange}")
        else:
            self._fail("silence", self._silence)

    def _fail(self, how: How, why: str) -> None:
        if self._aside_s > _ASIDE_S and how != "ours":
            how, why = "ours", f"this machine let us stand for {self._aside_s:.1f} s: {why}"
        if not self.done:
            self.done = True
            self._events.append(Failed(how, why))

    # --- the driver's questions ---

    def wake_at(self) -> float | None:
        """When something is due: a packet, a question, or the end of our patience."""
        if self.done:
            return None
        out = self._out.wake_at if self._ready_at is not None and self._cookie else None
        return self._next_try if out is None else min(out, self._next_try)

    def events(self) -> list[Any]:
        """`Done` or `Failed`; drained."""
        events, self._events = self._events, []
        return events

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

    def unreachable(self, to: str, by: str, data: bytes, type: int, code: int, now: float) -> None:
        """A refusal ends it, and so does a rule of our own; of what is only lost the words are kept."""
        fault = icmp_fault(to, by, type, code)
        if fault is None:
            return
        if fault.outcome is Outcome.LOST:
            self._silence = fault.why
        else:
            self._fail("refused" if fault.outcome is Outcome.REFUSED else "ours", fault.why)

    def overflow(self, total: int) -> None:
        """Our own socket buffer dropped packets."""
        self.local_drop = total


_TAKES: dict[What, Callable[[MediaSender, bytes, Arrival, float], None]] = {
    What.CHALLENGE: MediaSender._challenged,
    What.READY: MediaSender._ready,
    What.NO: MediaSender._refused,
    What.REPORT: MediaSender._told,
}


def far_shape(shape: Shape) -> Shape:
    """The responder's stream: as heavy, with other pictures."""
    return shape._replace(seed=shape.seed + 1 & 0xFFFFFFFF)
