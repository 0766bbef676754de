"""The agent's side of the train protocol: one test with one responder, any number of rounds.

A round is a stream there, a stream back, or both at once. The session does not choose them: its owner calls `begin` and
gets one `RoundDone`, or the one `SessionFailed` that ends the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from probes.wire.handshake import AgentSession, How, PacketHead, PacketType
from probes.wire.session import Address, Arrival, Datagram
from probes.wire.train import packet as train
from probes.wire.train.flow import StreamReceiver, StreamSender
from probes.wire.train.packet import PacketStream, Summary, TrainGo, TrainRefusal
from probes.wire.train.watch import APART_S, RiseWatch

_POLL_S = 0.03
_QUIET_S, _QUIET_GAPS = 0.3, 3  # a stream that is silent for so long, or for so many of its own gaps, has ended
_NO = {
    TrainRefusal.BUSY: "the responder is busy with another test",
    TrainRefusal.BUDGET: "the responder sends no more bytes to us in this minute",
    TrainRefusal.BOUNDS: "the responder does not send or take so much",
    TrainRefusal.UNKNOWN: "the responder has forgotten this test",
}


@dataclass(frozen=True, slots=True)
class TrainTrace:
    """A stream that is over: when each packet left (ns since the first) and arrived (number, ns), each by its own clock."""

    stream: PacketStream
    sent_ns: tuple[int, ...]
    arrivals: tuple[tuple[int, int], ...]
    starved: int = 0  # packets the sender's own lateness delayed


@dataclass(frozen=True, slots=True)
class RoundDone:
    """A round is over. `aborted`: the delay rose too much, or was about to, so it was cut short."""

    forward: TrainTrace | None
    backward: TrainTrace | None
    aborted: bool


@dataclass(slots=True)
class _Round:
    go: TrainGo
    max_rise_ns: int
    out: StreamSender
    into: StreamReceiver
    over_at: float | None = None  # when our stream ended
    summary: Summary | None = None  # the last summary that was asked for after our stream's end
    parts: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    aborted: bool = False
    watches: dict[str, RiseWatch] = field(default_factory=dict)

    @property
    def poll_s(self) -> float:
        """How often the responder is asked: a stream that may have to be stopped is looked at more often."""
        return APART_S if self.max_rise_ns else _POLL_S

    def rises(self, direction: str, rise_ns: int, now: float) -> bool:
        """True when this way's delay rises too much."""
        return self.watches.setdefault(direction, RiseWatch(self.max_rise_ns)).is_too_much(rise_ns, now)


class TrainSender(AgentSession):
    """The session. `test`: a number nobody can guess; `clock_ns`: monotonic, for the send times in our packets."""

    codec, refusals, busy, forgotten = train.CODEC, _NO, (TrainRefusal.BUSY,), TrainRefusal.UNKNOWN

    def __init__(
        self, to: Address, test: int, *, key: bytes, tos: int, timeout_s: float, clock_ns: Callable[[], int]
    ) -> None:
        super().__init__(to, test, key, timeout_s)
        self._tos, self._clock_ns = tos, clock_ns
        self._round: _Round | None = None
        self._asked_after = False  # a summary was asked for since our stream ended
        self.unfinished = 0  # packets of the round that failed: those we sent, and those the responder was to send

    def begin(self, ours: PacketStream, theirs: PacketStream, *, max_rise_ns: int = 0) -> None:
        """One more round. `max_rise_ns`: it is cut short before delay rises by more (0: never)."""
        self._tag += 1
        go = TrainGo(ours, theirs, self._tos)
        self._go, self._out = (
            train.go_body(go),
            StreamSender(ours, self._tag, self._session, self._to, self._tos, self._clock_ns),
        )
        self._round = _Round(go, max_rise_ns, self._out, StreamReceiver(theirs))
        self._next_try, self._heard, self._ready_at, self._asked_after = 0.0, None, None, False

    def _is_current(self, head: PacketHead) -> bool:
        return self._round is not None and head.tag == self._tag

    def _data(self, arrival: Arrival, now: float) -> None:
        if self._round is not None:
            self._round.into.take(arrival, now)

    def _reported(self, body: bytes, arrival: Arrival, now: float) -> None:
        current, report = self._round, train.read_summary(body)
        if current is None:
            return
        if report.part == train.SUMMARY:
            self._watch(current, "there", report.rise_us * 1000, now)
            if self._asked_after:
                current.summary = report
                self._next_try = 0.0 if self._there_over(current, now) else self._next_try
        elif current.summary and report.part < current.summary.parts:
            current.parts[report.part] = report.arrivals
            self._next_try = 0.0

    # --- what goes out ---

    def _run(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        current = self._round
        if current is None:
            return
        yield from current.out.packets(now)
        if current.out.fault:
            self._fail("ours", f"cannot send: {current.out.fault}")
            return
        self._watch(current, "back", current.into.rise.now, now)
        if current.aborted and not (current.out.over and self._back_over(current, now)):
            current.out.stop()
            yield from self._again(now, self._ask(PacketType.STOP), _POLL_S)
        if current.out.over and current.over_at is None:
            current.over_at = now
        missing = self._missing(current, now)
        if current.out.over and missing is None and self._back_over(current, now):
            self._finish(current)
        elif missing is not None and current.summary is not None and self._there_over(current, now):
            yield from self._again(now, self._ask(PacketType.ASK, train.part_body(missing)))
        else:
            yield from self._poll(current, now)

    def _watch(self, current: _Round, direction: str, rise_ns: int, now: float) -> None:
        """Does the delay grow too much? Then the responder hears of it at once."""
        if not current.aborted and current.rises(direction, rise_ns, now):
            current.aborted, self._next_try = True, 0.0

    def _poll(self, current: _Round, now: float) -> Iterable[Datagram]:
        """How far is the responder? It also tells the responder that we are still here."""
        if now >= self._next_try:
            self._asked_after = current.out.over
            yield from self._again(now, self._ask(PacketType.ASK, train.part_body(train.SUMMARY)), current.poll_s)

    def _there_over(self, current: _Round, now: float) -> bool:
        """All of our stream has arrived that will."""
        summary = current.summary
        if summary is None or current.over_at is None:
            return False
        quiet_s = _quiet_s(current.go.ours)
        silent = summary.quiet_ms >= quiet_s * 1000 if summary.rcvd else now - current.over_at >= quiet_s
        return summary.rcvd >= len(current.out.sent_ns) or silent

    def _back_over(self, current: _Round, now: float) -> bool:
        since = current.into.last_at if current.into.last_at is not None else self._ready_at
        return current.into.complete or (since is not None and now - since >= _quiet_s(current.go.theirs))

    def _missing(self, current: _Round, now: float) -> int | None:
        """The first part of the arrivals that is not here; None: all are. Nothing is missing when nothing was sent."""
        if not current.go.ours.packets:
            return None
        if current.summary is None or not self._there_over(current, now):
            return 0
        return next((part for part in range(current.summary.parts) if part not in current.parts), None)

    def _finish(self, current: _Round) -> None:
        forward = backward = None
        if current.go.ours.packets:
            came = [arrival for part in sorted(current.parts) for arrival in current.parts[part]]
            forward = TrainTrace(current.go.ours, tuple(current.out.sent_ns), tuple(came), current.out.starved)
        if current.go.theirs.packets:
            into = current.into
            highest = max(into.sent_ns, default=-1) if current.aborted else current.go.theirs.packets - 1
            starved = current.summary.starved if current.summary else 0
            backward = TrainTrace(current.go.theirs, _filled(into.sent_ns, highest + 1), tuple(into.arrivals), starved)
        self._round = self._out = None
        self._events.append(RoundDone(forward, backward, current.aborted))

    def _fail(self, how: How, why: str) -> None:
        current = self._round
        if current is not None and self._ready_at is not None:
            self.unfinished = len(current.out.sent_ns) + current.go.theirs.packets
        self._round = None
        super()._fail(how, why)

    # --- the driver's questions ---

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
        elif self._heard is None or self._round is None or self._ready_at is None:
            self._fail("ours", f"cannot send: {why}")

    def unreachable(self, to: str, by: str, data: bytes, type: int, code: int, now: float) -> None:
        """A refusal ends it, and so does a rule of our own; of what is only lost the words are kept."""
        if train.is_too_long(to, type, code):
            self._fail(
                "ours", f"packets of this size do not fit the path, says {by or 'this machine'}: choose a smaller size"
            )
            return
        super().unreachable(to, by, data, type, code, now)


def _quiet_s(stream: PacketStream) -> float:
    """Silence that ends a stream."""
    return max(_QUIET_S, _QUIET_GAPS * stream.gap_ns / 1e9)


def _filled(sent_ns: dict[int, int], many: int) -> tuple[int, ...]:
    """When each packet left; for those that never came, when the one before them did."""
    filled, last = [], 0
    for number in range(many):
        last = sent_ns.get(number, last)
        filled.append(last)
    return tuple(filled)
