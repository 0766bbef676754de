"""One H.323 call as its caller sees it (H.225.0 §7, H.323 §8.1): SETUP, what comes back, RELEASE COMPLETE.

A `probes.wire.session.StreamSession`. Once SETUP has left, RELEASE COMPLETE follows in every case but one: when the far end
has sent its own. Times are seconds from the moment SETUP was given to the socket.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from probes.wire.framer import FramedSession
from probes.wire.h323 import h225, q931
from probes.wire.h323.h225 import OURS, Ids, Vendor
from probes.wire.h323.q931 import Q931Message, tpkt_framer
from probes.wire.session import Address, Malformed

LEAVE_S = 0.3  # how long the far end's own RELEASE COMPLETE is awaited after ours
STAGES = {
    q931.CALL_PROCEEDING: "callProceeding",
    q931.PROGRESS: "progress",
    q931.ALERTING: "alerting",
    q931.CONNECT: "connect",
}
_ELSEWHERE = ("routeCallToGatekeeper", "callForwarded", "routeCallToMC")
_NOTHING_SAID = h225.CallSignal("")


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What is called, and by whom. `to`, `source`: the connection's two ends; `reference` 1 to 32767.

    `deadline` (monotonic s): an answer or at least ALERTING must be there; `ring_s`: how long it may ring; `stay`: the
    call is kept up after CONNECT until `hang_up`, else it is ended at once. `fast`: channels offered.
    """

    room: str
    to: Address
    source: Address
    ids: Ids
    reference: int
    deadline: float
    ring_s: float = 5.0
    stay: bool = False
    fast: list[bytes] = field(default_factory=list)
    vendor: Vendor = OURS


class CallStage(NamedTuple):
    """The far end got so far with the call: one of `STAGES`' names, the first of each kind only."""

    name: str
    after_s: float
    call: h225.CallSignal


class Released(NamedTuple):
    """The far end ended the call. `cause`: Q.931's number, None when it told none; `up`: it had been answered."""

    after_s: float
    cause: int | None
    call: h225.CallSignal
    up: bool


class Elsewhere(NamedTuple):
    """A FACILITY says to call another place; that is not followed."""

    call: h225.CallSignal


class CallExpired(NamedTuple):
    """Time ran out. `stage`: how far it had come, "" for nowhere; `partial`: a message had begun; `strays`: messages
    of other calls."""

    stage: str
    partial: bool
    strays: int


class ConnectionClosed(NamedTuple):
    """The far end closed the connection without ending the call."""

    stage: str
    partial: bool


class CallLeft(NamedTuple):
    """Nothing more is sent or awaited. The last event, always."""


class H323Call(FramedSession):
    """The session. `stage`: the last one reached, "" before any. `fast`: the channels the far end opened, in whichever of
    its messages they came (H.323 §8.1.7.1)."""

    done = False

    def __init__(self, plan: CallPlan) -> None:
        super().__init__()
        self._plan = plan
        self._framer = tpkt_framer()
        self._sent_at: float | None = None
        self._due = plan.deadline
        self._out = b""
        self._strays = 0
        self._seen: set[str] = set()
        self._leaving = False
        self._over = False  # the far end has ended it, or is gone
        self._left = False  # `CallLeft` was told
        self.stage = ""
        self.fast: tuple[bytes, ...] = ()

    @property
    def sent(self) -> bool:
        """SETUP was handed out."""
        return self._sent_at is not None

    def wake_at(self) -> float | None:
        """The deadline of what is waited for; none while the call is up."""
        if self.done or (self.stage == "connect" and not self._leaving):
            return None
        return self._due

    def events(self) -> list[Any]:
        """What happened since the last call; drained."""
        events = super().events()
        if self.done and not self._left:
            self._left = True
            events.append(CallLeft())
        return events

    def hang_up(self, now: float) -> None:
        """End the call: `transmit` gives RELEASE COMPLETE, once, when one is due."""
        if self._leaving or self.done:
            return
        if self._over or not self.sent:
            self.done = True
            return
        self._leaving, self._due = True, now + LEAVE_S
        user = h225.release(self._plan.ids)
        self._out += q931.message(
            self._plan.reference, False, q931.RELEASE_COMPLETE, user, cause_number=q931.NORMAL_CLEARING
        )

    def transmit(self, now: float, clock_ns: int) -> bytes:
        """SETUP at first, RELEASE COMPLETE at last; fires the deadlines."""
        if not self.sent and not self.done:
            self._sent_at = now
            self._out += self._setup()
        elif self.wake_at() is not None and now >= self._due:
            self._late(now)
        out, self._out = self._out, b""
        return out

    def _setup(self) -> bytes:
        plan = self._plan
        user = h225.setup(plan.ids, plan.room, plan.to, plan.source, fast=plan.fast, vendor=plan.vendor)
        return q931.message(plan.reference, False, q931.SETUP, user, display=plan.vendor.product)

    def _late(self, now: float) -> None:
        if self._leaving:
            self.done = True
            return
        self._notify(CallExpired(self.stage, self._framer.pending, self._strays))
        self.hang_up(now)

    def _broken(self, event: Malformed, now: float) -> None:
        self._notify(event)
        self.hang_up(now)

    def _closed(self, now: float) -> None:
        if not self._leaving and not self._over:
            self._notify(ConnectionClosed(self.stage, self._framer.pending))
        self._over = self.done = True

    def _take(self, frame: Q931Message, now: float) -> None:
        if frame.reference != self._plan.reference or not frame.from_called or not self.sent:
            self._strays += 1
            return
        call = _NOTHING_SAID if frame.user is None else h225.read_call(frame.user)
        self.fast = call.fast or self.fast
        if frame.type == q931.RELEASE_COMPLETE:
            self._released(frame, call, now)
        elif frame.type in STAGES:
            self._reached(STAGES[frame.type], call, now)
        elif frame.type == q931.FACILITY and call.reason in _ELSEWHERE and not self._leaving:
            self._notify(Elsewhere(call))
            self.hang_up(now)

    def _released(self, frame: Q931Message, call: h225.CallSignal, now: float) -> None:
        if not self._leaving and not self._over:
            self._notify(Released(self._since(now), frame.cause, call, self.stage == "connect"))
        self._over = self.done = True

    def _reached(self, name: str, call: h225.CallSignal, now: float) -> None:
        if name in self._seen or self._leaving or self.stage == "connect":
            return
        self._seen.add(name)
        self.stage = name
        self._notify(CallStage(name, self._since(now), call))
        if name == "alerting":
            self._due = now + self._plan.ring_s
        if name == "connect" and not self._plan.stay:
            self.hang_up(now)

    def _since(self, now: float) -> float:
        return now - (now if self._sent_at is None else self._sent_at)
