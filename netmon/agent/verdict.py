"""What this machine itself can say about its link: fine or not, since when, and whose part it is. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from netmon.config.agent import CheckConfig
from netmon.fields import DEFERRED
from probes.base import Measurement, Outcome

MISSES = 3  # in a row: then it is no chance any more
SLOT_MS, SLOTS = 5_000, 12  # loss is told over the last minute
LOSSY = 0.05  # share of packets lost over that time from which a link counts as lossy
PARTS = ("self", "link", "upstream", "service")  # who is looked at first


class Minute:
    """Packets of the last minute in slots of 5 s: of one size, however often is measured."""

    __slots__ = ("_newest", "_rcvd", "_sent")

    def __init__(self) -> None:
        self._newest = 0
        self._sent, self._rcvd = array("Q", [0]) * SLOTS, array("Q", [0]) * SLOTS

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
    outcome: Outcome | None = None
    at_ms: int = 0
    why: str = ""
    misses: int = 0
    bad_since_ms: int = 0
    good_since_ms: int = 0
    _minute: Minute = field(default_factory=Minute)

    def note(self, measured: Measurement) -> bool:
        """Take a measurement in; True when it brings the third miss in a row: unanswered quick packets after a miss are
        misses too. Our own faults miss nobody else, and a run that was put off says nothing."""
        at_ms, before = measured.at_ns // 1_000_000, MISSES
        self.at_ms, self.why = at_ms, measured.why
        if DEFERRED.name in measured.values:
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
    def down(self) -> bool:
        """Whether it missed often enough to be believed."""
        return self.misses >= MISSES

    @property
    def part(self) -> str:
        """Whose part a failure is."""
        return "self" if self.outcome is Outcome.LOCAL else self.about


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state`: fine, lossy, down or unknown (nothing measured yet); `part`: whose, "" when fine; `checks`: which."""

    state: str
    part: str
    since_ms: int
    checks: tuple[str, ...]
    why: str


def judge(states: Iterable[CheckState]) -> Verdict:
    """The verdict: what is nearest is blamed, for what lies behind it cannot be seen."""
    known = [state for state in states if state.outcome is not None]
    if not known:
        return Verdict("unknown", "", 0, (), "")
    for state, chosen in (
        ("down", [one for one in known if one.down]),
        ("lossy", [one for one in known if _lossy(one)]),
    ):
        for part in PARTS:
            if those := [one for one in chosen if one.part == part]:
                since = min((one.bad_since_ms or one.at_ms) for one in those)
                return Verdict(state, part, since, tuple(one.check for one in those), those[0].why)
    return Verdict("fine", "", max(one.good_since_ms for one in known), (), "")


def _lossy(state: CheckState) -> bool:
    loss = state.loss
    return loss is not None and loss >= LOSSY and state.outcome is not Outcome.LOCAL


def states_of(checks: Iterable[CheckConfig]) -> Mapping[str, CheckState]:
    """A state for each check."""
    return {one.check: CheckState(one.check, one.about) for one in checks}
