"""When an agent speaks: what it has told up to now, and how long it is usually quiet between two writes. Pure."""

from __future__ import annotations

from dataclasses import dataclass

MIN_PAUSE_MS = 200  # writes closer together are one
PAUSES_KEPT = 5
AHEADS_KEPT = 5  # the quickest of so many writes shows the clock best
CLOCK_STEP_MS = 250  # clocks that agree so well are let alone: a way to the hub may take as long


@dataclass(slots=True)
class AgentTimes:
    """One agent. Times are Unix ms, 0: never."""

    name: str
    frontier_ms: int = 0  # all it measured before is told
    began_ms: int = 0  # the first frontier it told in this life of the hub
    lead_ms: int = 0  # how far its last frontier was ahead of the hub's clock
    arrived_ms: int = 0  # when something of it came in last, by the hub's clock
    pauses: tuple[int, ...] = ()
    usual_ms: int = 0  # the median of its last pauses between writes
    is_dated: bool = False  # its writes say when they arrived
    aheads: tuple[int, ...] = ()  # how far its clock was ahead of the hub's at its last writes
    ahead_ms: int = 0  # what its stamps are moved by: its clock is wrong by so much

    @property
    def is_heard(self) -> bool:
        """Did it ever speak?"""
        return bool(self.is_dated or self.frontier_ms)

    def arrive(self, at_ms: int) -> None:
        """Something of it came in."""
        pause = at_ms - self.arrived_ms
        if self.is_dated and pause >= MIN_PAUSE_MS:
            self.pauses = (*self.pauses[1 - PAUSES_KEPT :], pause)
            self.usual_ms = sorted(self.pauses)[(len(self.pauses) - 1) // 2]
        self.arrived_ms = max(self.arrived_ms, at_ms)
        self.is_dated = True

    def tell_clock(self, ahead_ms: int, hub_ms: int) -> None:
        """What its clock showed as a write arrived, less what the way took. `hub_ms`: by how much the hub's own is wrong."""
        self.aheads = (*self.aheads[1 - AHEADS_KEPT :], ahead_ms)
        wrong_ms = max(self.aheads) - hub_ms
        if abs(wrong_ms - self.ahead_ms) > CLOCK_STEP_MS:
            self.ahead_ms = wrong_ms if abs(wrong_ms) > CLOCK_STEP_MS else 0

    def tell(self, frontier_ms: int) -> None:
        """All that it measured before a moment is told."""
        self.frontier_ms = max(self.frontier_ms, frontier_ms)
        self.began_ms = self.began_ms or frontier_ms
        if self.arrived_ms:
            self.lead_ms = frontier_ms - self.arrived_ms
