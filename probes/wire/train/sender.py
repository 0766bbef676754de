"""The agent's side of the train protocol: one test with one responder, any number of rounds.

A round is a stream there, a stream back, or both at once. The session does not choose them: its owner calls `begin` and
gets one `Done`, or the one `Failed` that ends the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from probes.base import Outcome
from probes.errors import WireError
from probes.wire.handshake import cookie_of
from probes.wire.icmp.fault import icmp_fault
from probes.wire.session import Address, Arrival, Datagram
from probes.wire.train import packet as train
from probes.wire.train.flow import Inflow, Outflow
from probes.wire.train.packet import Go, Reason, Stream, Told, What
from probes.wire.train.watch import APART_S, Watch

_AGAIN_S = 0.25  # an answer that has not come is asked for again
_POLL_S = 0.03
_QUIET_S, _QUIET_GAPS = 0.3, 3  # a stream that is silent for so long, or for so many of its own gaps, has ended
How = Literal["silence", "refused", "nonsense", "ours", "busy"]
_NO = {
    Reason.BUSY: "the responder is busy with another test",
    Reason.BUDGET: "the responder sends no more bytes to us in this minute",
    Reason.BOUNDS: "the responder does not send or take so much",
    Reason.UNKNOWN: "the responder has forgotten this test",
}


@dataclass(frozen=True, slots=True)
class Trace:
    """A stream that is over: when each packet left (ns since the first) and arrived (number, ns), each by its own clock."""

    stream: Stream
    sent_ns: tuple[int, ...]
    arrivals: tuple[tuple[int, int], ...]
    starved: int = 0  # packets the sender's own lateness delayed


@dataclass(frozen=True, slots=True)
class Done:
    """A round is over. `aborted`: the delay rose too much, or was about to, so it was cut short."""

    there: Trace | None
    back: Trace | None
    aborted: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """The test is over."""

    how: How
    why: str


@dataclass(slots=True)
class _Round:
    go: Go
    most_rise_ns: int
    out: Outflow
    into: Inflow
    ready_at: float | None = None
    over_at: float | None = None  # when our stream ended
    told: Told | None = None  # the last summary that was asked for after our stream's end
    parts: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    aborted: bool = False
    watches: dict[str, Watch] = field(default_factory=dict)

    @property
    def poll_s(self) -> float:
        """How often the responder is asked: a stream that may have to be stopped is looked at more often."""
        return APART_S if self.most_rise_ns else _POLL_S

    def rises(self, way: str, rise_ns: int, now: float) -> bool:
        """True when this way's delay rises too much."""
        return self.watches.setdefault(way, Watch(self.most_rise_ns)).is_too_much(rise_ns, now)


class TrainSender:
    """The session. `test`: a number nobody can guess; `clock_ns`: monotonic, for the send times in our packets."""

    def __init__(
        self, to: Address, test: int, *, key: bytes, tos: int, timeout_s: float, clock_ns: Callable[[], int]
    ) -> None:
        self._to, self._test, self._key, self._tos, self._clock_ns = to, test, key, tos, clock_ns
        self._timeout_s = timeout_s
        self._cookie = b""
        self._number = 0
        self._round: _Round | None = None
        self._next_try = 0.0
        self._heard: float | None = None  # monotonic s of the last answer, or of the first question
        self._strange = ""
        self._silence = "nothing came back in time"
        self._events: list[Done | Failed] = []
        self._asked_after = False  # a summary was asked for since our stream ended
        self.local_drop = 0
        self.unfinished = 0  # packets of the round that failed: those we sent, and those the responder was to send
        self.done = False

    def begin(self, ours: Stream, theirs: Stream, *, most_rise_ns: int = 0) -> None:
        """One more round. `most_rise_ns`: it is cut short before delay rises by more (0: never)."""
        self._number += 1
        out = Outflow(ours, self._number, self._test, self._to, self._tos, self._clock_ns)
        self._round = _Round(Go(ours, theirs, self._tos), most_rise_ns, out, Inflow(theirs))
        self._next_try, self._heard, self._asked_after = 0.0, None, False

    def farewell(self) -> bytes:
        """What lets the responder serve the next one."""
        return self._ask(What.STOP, 0) if self._cookie else b""

    # --- what comes in ---

    def receive(self, arrival: Arrival, now: float) -> None:
        """Take one packet; what is not of this test is left aside."""
        if arrival.source[:2] != self._to[:2] or self.done:
            return
        try:
            self._take(arrival, now)
        except (WireError, ValueError) as fault:
            self._strange = str(fault)

    def _take(self, arrival: Arrival, now: float) -> None:
        what, number, test = train.head(arrival.data)
        if test != self._test:
            raise WireError(8, "an answer to another test")
        current = self._round
        if what is What.DATA:
            if current and number == self._number:
                self._heard = now
                current.ready_at = now if current.ready_at is None else current.ready_at
                current.into.take(arrival, now)
            return
        body = train.checked(arrival.data, self._key)
        if what is What.COOKIE and not self._cookie:
            self._cookie, _ = cookie_of(body)
        elif current and number == self._number and what in _TAKES:
            _TAKES[what](self, current, body, now)
        else:
            return
        self._heard, self._next_try = now, 0.0 if what is What.COOKIE else self._next_try

    def _ready(self, current: _Round, body: bytes, now: float) -> None:
        current.ready_at = now if current.ready_at is None else current.ready_at

    def _refused(self, current: _Round, body: bytes, now: float) -> None:
        reason = Reason(body[0]) if body and 1 <= body[0] <= len(Reason) else Reason.UNKNOWN
        self._fail("busy" if reason is Reason.BUSY else "refused", _NO[reason])

    def _told(self, current: _Round, body: bytes, now: float) -> None:
        told = train.read_told(body)
        if told.part == train.SUMMARY:
            self._watch(current, "there", told.rise_us * 1000, now)
            if self._asked_after:
                current.told = told
                self._next_try = 0.0 if self._there_over(current, now) else self._next_try
        elif current.told and told.part < current.told.parts:
            current.parts[told.part] = told.arrivals
            self._next_try = 0.0

    # --- what goes out ---

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """What is due."""
        current = self._round
        if self.done or current is None:
            return
        self._heard = now if self._heard is None else self._heard
        if now - self._heard >= self._timeout_s:
            self._silent()
        elif not self._cookie:
            yield from self._again(now, train.hello(self._test, self._key))
        elif current.ready_at is None:
            yield from self._again(now, self._ask(What.GO, self._number, train.go_body(current.go)))
        else:
            yield from self._run(current, now)

    def _run(self, current: _Round, now: float) -> Iterable[Datagram]:
        yield from current.out.packets(now)
        if current.out.fault:
            self._fail("ours", f"cannot send: {current.out.fault}")
            return
        self._watch(current, "back", current.into.rise_ns, now)
        if current.aborted and not (current.out.over and self._back_over(current, now)):
            current.out.stop()
            yield from self._again(now, self._ask(What.STOP, self._number), _POLL_S)
        if current.out.over and current.over_at is None:
            current.over_at = now
        missing = self._missing(current, now)
        if current.out.over and missing is None and self._back_over(current, now):
            self._finish(current)
        elif missing is not None and current.told is not None and self._there_over(current, now):
            yield from self._again(now, self._ask(What.ASK, self._number, train.part_body(missing)))
        else:
            yield from self._poll(current, now)

    def _watch(self, current: _Round, way: str, rise_ns: int, now: float) -> None:
        """Does the delay grow too much? Then the responder hears of it at once."""
        if not current.aborted and current.rises(way, rise_ns, now):
            current.aborted, self._next_try = True, 0.0

    def _poll(self, current: _Round, now: float) -> Iterable[Datagram]:
        """How far is the responder? It also tells the responder that we are still here."""
        if now >= self._next_try:
            self._asked_after = current.out.over
            yield from self._again(
                now, self._ask(What.ASK, self._number, train.part_body(train.SUMMARY)), current.poll_s
            )

    def _there_over(self, current: _Round, now: float) -> bool:
        """All of our stream has arrived that will."""
        told = current.told
        if told is None or current.over_at is None:
            return False
        quiet_s = _quiet_s(current.go.ours)
        silent = told.quiet_ms >= quiet_s * 1000 if told.rcvd else now - current.over_at >= quiet_s
        return told.rcvd >= len(current.out.sent_ns) or silent

    def _back_over(self, current: _Round, now: float) -> bool:
        since = current.into.last_at if current.into.last_at is not None else current.ready_at
        return current.into.complete or (since is not None and now - since >= _quiet_s(current.go.theirs))

    def _missing(self, current: _Round, now: float) -> int | None:
        """The first part of the arrivals that is not here; None: all are. Nothing is missing when nothing was sent."""
        if not current.go.ours.packets:
            return None
        if current.told is None or not self._there_over(current, now):
            return 0
        return next((part for part in range(current.told.parts) if part not in current.parts), None)

    def _finish(self, current: _Round) -> None:
        there = back = None
        if current.go.ours.packets:
            came = [one for part in sorted(current.parts) for one in current.parts[part]]
            there = Trace(current.go.ours, tuple(current.out.sent_ns), tuple(came), current.out.starved)
        if current.go.theirs.packets:
            into = current.into
            highest = max(into.sent_ns, default=-1) if current.aborted else current.go.theirs.packets - 1
            starved = current.told.starved if current.told else 0
            back = Trace(current.go.theirs, _filled(into.sent_ns, highest + 1), tuple(into.arrivals), starved)
        self._round = None
        self._events.append(Done(there, back, current.aborted))

    def _again(self, now: float, data: bytes, after_s: float = _AGAIN_S) -> Iterable[Datagram]:
        if now >= self._next_try:
            self._next_try = now + after_s
            yield Datagram(data, self._to)

    def _ask(self, what: What, number: int, body: bytes = b"") -> bytes:
        return train.ask(what, number, self._test, self._cookie, body, self._key)

    def _silent(self) -> None:
        if self._strange:
            self._fail("nonsense", f"what answers is no responder: {self._strange}")
        else:
            self._fail("silence", self._silence)

    def _fail(self, how: How, why: str) -> None:
        if not self.done:
            current = self._round
            if current is not None and current.ready_at is not None:
                self.unfinished = len(current.out.sent_ns) + current.go.theirs.packets
            self.done, self._round = True, None
            self._events.append(Failed(how, why))

    # --- the driver's questions ---

    def wake_at(self) -> float | None:
        """When something is due: a packet, a question, or the end of our patience."""
        if self.done or self._round is None:
            return None
        out = self._round.out.wake_at if self._round.ready_at is not None and self._cookie else None
        return self._next_try if out is None else min(out, self._next_try)

    def events(self) -> list[Any]:
        """`Done` or `Failed`; drained."""
        events, self._events = self._events, []
        return events

    def judges_at(self) -> float:
        """Always: what came is looked at first."""
        return 0.0

    def clocks(self, now: float, clock_ns: int) -> None:
        """Send times are monotonic here; a wall clock that is set meanwhile spoils a train, which then agrees with none."""

    def sent(self, token: Any, at_ns: int) -> None:
        """Send times are our own."""

    def unsent(self, token: Any, why: str) -> None:
        """Data is tried again; a question that cannot leave ends the test."""
        if self._round is not None and self._round.out.leaving:
            self._round.out.unsent(why, self._clock_ns() / 1e9)
        elif self._heard is None or self._round is None or self._round.ready_at is None:
            self._fail("ours", f"cannot send: {why}")

    def unreachable(self, to: str, by: str, data: bytes, type: int, code: int, now: float) -> None:
        """A refusal ends it, and so does a rule of our own; of what is only lost the words are kept."""
        if train.is_too_long(to, type, code):
            self._fail(
                "ours", f"packets of this size do not fit the path, says {by or 'this machine'}: choose a smaller size"
            )
            return
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


_TAKES: dict[What, Callable[[TrainSender, _Round, bytes, float], None]] = {
    What.READY: TrainSender._ready,
    What.NO: TrainSender._refused,
    What.TOLD: TrainSender._told,
}


def _quiet_s(stream: Stream) -> float:
    """Silence that ends a stream."""
    return max(_QUIET_S, _QUIET_GAPS * stream.gap_ns / 1e9)


def _filled(sent_ns: dict[int, int], many: int) -> tuple[int, ...]:
    """When each packet left; for those that never came, when the one before them did."""
    found, last = [], 0
    for number in range(many):
        last = sent_ns.get(number, last)
        found.append(last)
    return tuple(found)
