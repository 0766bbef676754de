"""What is known of one check: its last outcome, its misses in a row, and the packets of its last minute. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from netmon.agent.measure.triggers import host_of
from netmon.config.agent import CheckConfig
from netmon.fields import DEFERRED, HEAVY
from probes.base import Measurement, Outcome

MISSES = 3  # in a row: then it is no chance any more
SLOT_MS, SLOTS = 5_000, 12  # loss is told over the last minute
LOSSY = 0.05  # share of packets lost over that time from which a link counts as lossy


class Minute:
    """Packets of the last minute in slots of 5 s: of one size, however often is measured."""

    __slots__ = ("_newest", "_rcvd", "_sent")

    def __init__(self) -> None:
        self._newest = 0
        self._sent, self._rcvd = [0] * SLOTS, [0] * SLOTS

    def add(self, at_ms: int, sent: int, rcvd: int) -> None:
        """Packets of now."""
        self.turn(at_ms)
        place = at_ms // SLOT_MS % SLOTS
        self._sent[place] += sent
        self._rcvd[place] += rcvd

    def turn(self, at_ms: int) -> None:
        """It is so late: what is older than a minute is forgotten, and all of it when the clock was set far back."""
        slot = at_ms // SLOT_MS
        if abs(slot - self._newest) >= SLOTS:
            self._newest = slot - SLOTS
        while self._newest < slot:
            self._newest += 1
            self._sent[self._newest % SLOTS] = self._rcvd[self._newest % SLOTS] = 0

    @property
    def loss(self) -> float | None:
        """Share of them lost, None when none were sent."""
        sent = sum(self._sent)
        return None if not sent else 1 - min(sent, sum(self._rcvd)) / sent


@dataclass(slots=True)
class CheckState:
    """The last of one check. `bad_since_ms`: start of the first miss of the row, 0 when there is none."""

    check: str
    about: str
    target: str = ""
    host: str = ""  # of the target, in small letters; "" for none
    outcome: Outcome | None = None
    at_ms: int = 0
    why: str = ""
    misses: int = 0
    bad_since_ms: int = 0
    good_since_ms: int = 0
    _minute: Minute = field(default_factory=Minute)

    def note(self, measured: Measurement) -> bool:
        """Take a measurement in; True when it brings the third miss in a row: unanswered quick packets after a miss are
        misses too. Our own faults miss nobody else, and a run that was put off says nothing, nor does silence beside a heavy test."""
        at_ms, before = measured.at_ns // 1_000_000, MISSES
        self.at_ms, self.why = at_ms, measured.why
        loaded = HEAVY.name in measured.values
        if DEFERRED.name in measured.values or (loaded and measured.outcome is Outcome.LOST):
            return False
        if measured.outcome is Outcome.OK:
            if self.misses or not self.good_since_ms:
                self.good_since_ms = at_ms
            self.misses = self.bad_since_ms = 0
        else:
            own = measured.outcome is Outcome.LOCAL
            if not self.misses or own != (self.outcome is Outcome.LOCAL):
                self.misses, self.bad_since_ms = 0, at_ms
            before, self.misses = self.misses, self.misses + 1 + int(measured.values.get("burst_sent", 0))
        self.outcome = measured.outcome
        if loaded:
            self._minute.turn(at_ms)  # what was lost beside a heavy test of ours says nothing of the link
        else:
            self._count(at_ms, measured)
        return before < MISSES <= self.misses and measured.outcome is not Outcome.LOCAL

    def _count(self, at_ms: int, measured: Measurement) -> None:
        sent, rcvd = measured.values.get("sent"), measured.values.get("rcvd")
        if sent is not None and rcvd is not None and measured.outcome is not Outcome.LOCAL:
            self._minute.add(at_ms, int(sent), int(rcvd))
        else:
            self._minute.turn(at_ms)

    @property
    def loss(self) -> float | None:
        """Share of packets lost over the last minute, None when none were sent."""
        return self._minute.loss

    @property
    def lossy(self) -> bool:
        """Whether it loses so much that people notice."""
        return self.loss is not None and self.loss >= LOSSY and self.outcome is not Outcome.LOCAL

    @property
    def down(self) -> bool:
        """Whether it missed often enough to be believed."""
        return self.misses >= MISSES


def states_of(checks: Iterable[CheckConfig]) -> Mapping[str, CheckState]:
    """A state for each check."""
    return {check.check: CheckState(check.check, check.about, check.target, host_of(check.target)) for check in checks}
