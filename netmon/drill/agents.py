"""An agent in virtual time: its checks, its flushes, and how what it holds gets to each hub."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from netmon.drill import measured
from netmon.drill.agenda import Agenda
from netmon.drill.checks import PointSeries, VirtualCheck
from netmon.drill.faults import Way
from netmon.drill.measured import Fields
from netmon.drill.scenario import ZERO_S
from netmon.fields import OF_AGENT
from netmon.line import Line

FRONTIER_SLACK_MS = 50  # as real agents hold it back
URGENT_GAP_S = 0.1
LIVE_S, LIVE_FLUSHES = 10.0, 3  # what waited longer is history
FIRST_PAUSE_S = 0.5  # before the second try over a dead way; each further one is twice as long
REFUSED_PAUSE_S = 5.0  # after an answer that a clock is wrong
TRAVEL_S = (0.020, 0.060)
PROOF_EVERY_S = 60.0
MAX_OFF_MS = 600_000  # as agent and hub may differ; what was stored so is moved when the clock is set right


class Points:
    """Points that wait, column by column: a country's would cost the collector as objects more than what is to be measured."""

    def __init__(self) -> None:
        self._series: list[PointSeries] = []
        self._fields: list[Fields] = []
        self._times: list[int] = []

    def __len__(self) -> int:
        return len(self._times)

    def add(self, series: PointSeries, fields: Fields, time_ms: int) -> None:
        """One more."""
        self._series.append(series)
        self._fields.append(fields)
        self._times.append(time_ms)

    def lines(self, by_ms: int) -> Iterator[Line]:
        """As lines, their stamps moved by so much."""
        for series, fields, time_ms in zip(self._series, self._fields, self._times, strict=True):
            yield Line(series.name, series.tags, fields, time_ms + by_ms)


@dataclass(frozen=True, slots=True)
class Flushed:
    """What one flush stored. `first`: the number of its first point; `ahead_s`: its clock's error then."""

    at_s: float
    points: Points
    first: int
    frontier_ms: int
    ahead_s: float
    is_urgent: bool


@dataclass(frozen=True, slots=True)
class VirtualWrite:
    """A write on its way to a hub. `clock_ms`: the agent's clock as it was sent; `frontier_ms` None: it is history."""

    agent: str
    site: str
    boot: str
    first: int
    lines: tuple[Line, ...]
    frontier_ms: int | None
    is_urgent: bool
    clock_ms: int


class Receiving(Protocol):
    """What takes writes."""

    def receive(self, write: VirtualWrite, uplink: VirtualUplink) -> None:
        """It came to the hub's door; `uplink.answered` is called when it is taken or not."""


class VirtualAgent:
    """`tags`: of what it says about itself; `ahead_s`: how far its clock is ahead."""

    def __init__(self, name: str, flush_s: float, agenda: Agenda, chance: random.Random, tags: dict[str, str]) -> None:
        self.name, self.site, self.tags = name, tags["site"], tags
        self.flush_s, self.ahead_s = flush_s, 0.0
        self.checks: list[VirtualCheck] = []
        self.uplinks: list[VirtualUplink] = []
        self.agenda, self.chance = agenda, chance
        self.run = 0  # odd: it runs; counts starts and stops, so that nothing of an earlier life is told
        self.boot, self._number = "", 1
        self._series = PointSeries(OF_AGENT, tags)
        self._points = Points()
        self._is_urgent = False
        self._flush_number = 0  # of the flush that is due
        self._flushed_s = self._proved_s = -PROOF_EVERY_S

    # --- life ---

    @property
    def is_running(self) -> bool:
        """Does it measure?"""
        return self.run % 2 == 1

    def start(self) -> None:
        """Begin, with new phases and a new boot's id."""
        if self.is_running:
            return
        self.run += 1
        self.boot, self._number = f"{self.name}-{self.run}", 1
        for uplink in self.uplinks:
            uplink.begin()
        now_s = self.agenda.now_s
        for check in self.checks:
            check.sent_s = now_s + self.chance.uniform(0.0, check.every_s)
            check.misses = 0
            self._begin(check)
        self._due(now_s + self.chance.uniform(0.0, self.flush_s))

    def stop(self) -> None:
        """End in order, as a service does: what was measured is stored and sent first."""
        if self.is_running:
            self._store()
            self.die()

    def die(self) -> None:
        """End at once: what was not stored yet is gone."""
        if self.is_running:
            self._points = Points()
            self._is_urgent = False
            self._flush_number += 1
            self.run += 1

    # --- measuring ---

    def _begin(self, check: VirtualCheck) -> None:
        told_s, fields = check.measure(self.chance)
        self.agenda.add(told_s, self._told, check, fields, self.run)

    def _told(self, check: VirtualCheck, fields: Fields, run: int) -> None:
        """A measurement is told, and the next one begins."""
        if run != self.run:
            return
        self._points.add(check.series, fields, self.clock_ms(check.sent_s))
        if (check.misses or fields["outcome"]) and check.note(fields):
            self._is_urgent = True
            self._due(max(self.agenda.now_s, self._flushed_s + URGENT_GAP_S))
        check.sent_s += check.every_s
        self._begin(check)

    def clock_ms(self, at_s: float) -> int:
        """The agent's clock at a time."""
        return int((ZERO_S + at_s + self.ahead_s) * 1000)

    # --- writing ---

    def _due(self, at_s: float) -> None:
        self._flush_number += 1
        self.agenda.add(at_s, self._flush, self._flush_number)

    def _flush(self, number: int) -> None:
        if number != self._flush_number:
            return
        self._due(self.agenda.now_s + self.flush_s)
        self._store()

    def _store(self) -> None:
        now_s = self._flushed_s = self.agenda.now_s
        points, self._points = self._points, Points()
        points.add(self._series, self._own_fields(now_s), self.clock_ms(now_s))
        flushed = Flushed(now_s, points, self._number, self._frontier_ms(now_s), self.ahead_s, self._is_urgent)
        self._number += len(points)
        self._is_urgent = False
        for uplink in self.uplinks:
            uplink.store(flushed, self.boot)

    def _frontier_ms(self, now_s: float) -> int:
        """Every point before this is told."""
        oldest_s = min((check.sent_s for check in self.checks), default=now_s)
        return self.clock_ms(min(now_s, oldest_s)) - FRONTIER_SLACK_MS

    def _own_fields(self, now_s: float) -> Fields:
        if now_s - self._proved_s < PROOF_EVERY_S:
            return measured.OWN
        self._proved_s = now_s
        return measured.OWN | measured.PROOF


class VirtualUplink:
    """An agent's way to one hub. Each flush is tried at once, and over a dead way again with growing pauses; what waited too
    long comes later, as history."""

    def __init__(self, agent: VirtualAgent, hub: Receiving, way: Way) -> None:
        self.agent, self._hub, self._way = agent, hub, way
        self._waiting: deque[tuple[str, Flushed]] = deque()  # with the boot's id they were stored under
        self._behind: deque[tuple[str, Flushed]] = deque()
        self._flying: list[tuple[str, Flushed]] = []
        self._is_history = False  # what flies
        self._failures, self._retry = 0, 0
        self._rests_until_s = 0.0  # a hub asked for it
        self._live_s = max(LIVE_S, LIVE_FLUSHES * agent.flush_s)

    def store(self, flushed: Flushed, boot: str) -> None:
        """There is something new."""
        self._waiting.append((boot, flushed))
        self._failures = 0
        self._try()

    def begin(self) -> None:
        """The agent starts: all that waits is of an earlier run, and history."""
        self._behind.extend(self._waiting)
        self._waiting.clear()

    def _try(self) -> None:
        now_s = self.agent.agenda.now_s
        if self._flying or now_s < self._rests_until_s:
            return
        self._leave_old(now_s)
        self._is_history = not self._waiting
        queue = self._behind if self._is_history else self._waiting
        if not queue:
            return
        if not self._way.is_open(now_s):
            self._failed(0.0)
            return
        boot = queue[0][0]
        while queue and queue[0][0] == boot:
            self._flying.append(queue.popleft())
        self.agent.agenda.add(now_s + self.agent.chance.uniform(*TRAVEL_S), self._arrive, boot, now_s)

    def _leave_old(self, now_s: float) -> None:
        while self._waiting and now_s - self._waiting[0][1].at_s > self._live_s:
            self._behind.append(self._waiting.popleft())

    def _write(self, boot: str, sent_s: float) -> VirtualWrite:
        agent, parts = self.agent, [flushed for _, flushed in self._flying]
        return VirtualWrite(
            agent.name,
            agent.site,
            boot,
            parts[0].first,
            tuple(line for flushed in parts for line in flushed.points.lines(self._shift_ms(flushed))),
            None if self._is_history else parts[-1].frontier_ms + self._shift_ms(parts[-1]),
            any(flushed.is_urgent for flushed in parts) and not self._is_history,
            agent.clock_ms(sent_s),
        )

    def _shift_ms(self, flushed: Flushed) -> int:
        """By how much stamps are moved, for the clock was set right since."""
        return int((self.agent.ahead_s - flushed.ahead_s) * 1000) if abs(flushed.ahead_s) * 1000 > MAX_OFF_MS else 0

    def _arrive(self, boot: str, sent_s: float) -> None:
        if self._way.is_open(self.agent.agenda.now_s):
            self._hub.receive(self._write(boot, sent_s), self)
        else:
            self.answered(is_taken=False, pause_s=0.0)

    def answered(self, *, is_taken: bool, pause_s: float = 0.0) -> None:
        """What the hub made of the write that flies; `pause_s`: it asks to be left alone for so long."""
        flown, self._flying = self._flying, []
        if is_taken:
            self._failures = 0
            self._try()
            return
        queue = self._behind if self._is_history else self._waiting
        queue.extendleft(reversed(flown))
        self._failed(pause_s)

    def _failed(self, pause_s: float) -> None:
        now_s = self.agent.agenda.now_s
        wait_s = FIRST_PAUSE_S * 2.0 ** min(self._failures, 6) * self.agent.chance.uniform(0.5, 1.0)
        self._failures += 1
        self._retry += 1
        self._rests_until_s = now_s + pause_s
        self.agent.agenda.add(now_s + max(pause_s, wait_s), self._again, self._retry)

    def _again(self, retry: int) -> None:
        if retry == self._retry and self.agent.is_running:
            self._try()
