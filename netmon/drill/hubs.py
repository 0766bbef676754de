"""A hub in virtual time: the product's own treatment of clocks, its evaluation, incidents and pages, driven once a second."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alerts.notify.status import word_of
from alerts.rules import Rule
from alerts.silences import Silence
from netmon.config.hub import HubConfig
from netmon.config.receiver import ReceiverConfig
from netmon.drill.agenda import Agenda
from netmon.drill.agents import REFUSED_PAUSE_S, VirtualUplink, VirtualWrite
from netmon.drill.result import DrillIncident, DrillPage
from netmon.drill.scenario import ZERO_S
from netmon.hub.evaluation import open_evaluator
from netmon.hub.incidents.actions import Actions
from netmon.hub.incidents.evaluator import MIN_TICK_S, TICK_S
from netmon.hub.incidents.tables import IncidentTables
from netmon.hub.ingest.batch import Batch
from netmon.hub.ingest.clocks import WriterClocks
from netmon.hub.limits import FUTURE_MS
from netmon.hub.tables import FILE, open_database
from netmon.load.inventory import HubTopology
from netmon.segments.position import Position
from netmon.store.record import Header

STEADY_S = 1_000.0  # the steady clock of all hubs at 0 s
DOOR_S = 0.01  # after a stall what waited at the door is read so soon, one write after the other
_STEP_S = 0.0001
RECEIVER = ReceiverConfig(name="duty", url="http://127.0.0.1:9/", secret_file=os.devnull)
WHO = "drill"


def config_of(name: str) -> HubConfig:
    """A hub's file: one receiver with the shipped settings."""
    return HubConfig(name=name, receivers=(RECEIVER,))


@dataclass(slots=True)
class _Door:
    """Writes that wait for a hub that stands still."""

    writes: list[tuple[VirtualWrite, VirtualUplink]]
    until_s: float = -math.inf


class VirtualHub:
    """`pages`: those of its receiver, as they were made. `ticks_ms`: CPU time of each evaluation. `ahead_s`: its clock's error."""

    def __init__(
        self, name: str, topology: HubTopology, rules: Sequence[Rule], folder: Path, agenda: Agenda, *, is_slow: bool
    ) -> None:
        """`is_slow`: a tick's own time passes in virtual time, too. `folder`: what was kept is read from there."""
        self.name, self.topology, self._agenda, self._is_slow = name, topology, agenda, is_slow
        self._database = open_database(folder / FILE)
        self._tables = IncidentTables(self._database)
        self.evaluator = open_evaluator(config_of(name), topology, rules, self._database, folder)
        self.evaluator.caught_up(ZERO_S)
        self.ahead_s = 0.0
        self.pages: list[DrillPage] = []
        self.ticks_ms: list[float] = []
        self._clocks = WriterClocks(int(ZERO_S * 1000), STEADY_S)
        self._paged = self._newest_page()
        self._stored = 0
        self._door = _Door([])
        self._tick_number = 0  # of the tick that is due
        self._due_s, self._rested_s = math.inf, 0.0  # when it is due; from when on there may be one

    def start(self) -> None:
        """The first tick is a second from now."""
        self._due(self._agenda.now_s + TICK_S)

    def close(self) -> None:
        """It is over."""
        self._database.close()

    @property
    def now_s(self) -> float:
        """The hub's clock."""
        return ZERO_S + self._agenda.now_s + self.ahead_s

    # --- what comes in ---

    def receive(self, write: VirtualWrite, uplink: VirtualUplink) -> None:
        """A write came to the door."""
        if self._agenda.now_s < self._door.until_s:
            self._door.writes.append((write, uplink))
            return
        why = self._clocks.hear(
            write.site, write.agent, write.clock_ms, int(self.now_s * 1000), STEADY_S + self._agenda.now_s
        )
        if why:
            self.evaluator.heard(write.agent)
            uplink.answered(is_taken=False, pause_s=REFUSED_PAUSE_S)
            return
        self._take(write)
        uplink.answered(is_taken=True)

    def _take(self, write: VirtualWrite) -> None:
        newest_ms = self._clocks.reference_ms(int(self.now_s * 1000), STEADY_S + self._agenda.now_s) + FUTURE_MS
        lines = tuple(line for line in write.lines if (line.time or 0) <= newest_ms)
        is_history = write.frontier_ms is None
        header = Header(
            write.agent,
            write.site,
            write.boot,
            write.first,
            write.first + len(write.lines) - 1,
            None if write.frontier_ms is None else min(write.frontier_ms, newest_ms),
            backfill=is_history,
            urgent=write.is_urgent,
            arrived_ns=int(self.now_s * 1e9),
            ahead_ms=write.clock_ms - int(self.now_s * 1000),
        )
        self._stored += 1
        self._clocks.stored(max((line.time or 0 for line in lines), default=0))
        self.evaluator.accept(Batch(header, lines, Position(1, self._stored)))
        if write.is_urgent:
            self._due(max(self._agenda.now_s, self._rested_s))

    # --- standing still ---

    def stall(self, until_s: float) -> None:
        """It stands still: no evaluation, and writes wait at its door."""
        self._door.until_s = max(self._door.until_s, until_s)
        self._agenda.add(until_s, self._open_door)

    def _open_door(self) -> None:
        if self._agenda.now_s < self._door.until_s:
            return
        waited, self._door.writes = self._door.writes, []
        for number, (write, uplink) in enumerate(waited):
            self._agenda.add(self._agenda.now_s + DOOR_S + number * _STEP_S, self.receive, write, uplink)

    # --- evaluation ---

    def _due(self, at_s: float) -> None:
        """The next tick is at a time, unless it is sooner."""
        if at_s < self._due_s:
            self._due_s = at_s
            self._tick_number += 1
            self._agenda.add(at_s, self._tick, self._tick_number)

    def _tick(self, number: int) -> None:
        if number != self._tick_number:
            return
        began_s, self._due_s = self._agenda.now_s, math.inf
        if began_s < self._door.until_s:
            self._due(self._door.until_s)
            return
        cpu_s = time.thread_time()
        self.evaluator.tick(self.now_s, STEADY_S + began_s)
        took_s = time.thread_time() - cpu_s
        self.ticks_ms.append(took_s * 1000)
        passed_s = took_s if self._is_slow else 0.0
        self._take_pages(began_s + passed_s)
        self._rested_s = began_s + passed_s + MIN_TICK_S
        self._due(max(self._rested_s, began_s + TICK_S))

    # --- what people are told ---

    def _newest_page(self) -> int:
        return int(self._database.rows("SELECT IFNULL(MAX(seq), 0) FROM outbox")[0][0])

    def _take_pages(self, at_s: float) -> None:
        """Every new page is taken by its receiver at once."""
        rows = self._database.rows("SELECT seq, status, body FROM outbox WHERE seq > ? ORDER BY seq", self._paged)
        if not rows:
            return
        self._paged = rows[-1][0]
        for _, status, body in rows:
            page = json.loads(body)
            if "incident" in page:
                self.pages.append(self._page(at_s, status, page))
        accept_all(self._tables)
        self.evaluator.board.pages_changed()

    def _page(self, at_s: float, status: str, page: dict[str, Any]) -> DrillPage:
        incident = page["incident"]
        return {
            "at_s": round(at_s, 3),
            "status": word_of(status),
            "element": incident["element"],
            "kind": incident["kind"],
            "symptoms": incident["symptom_count"],
            "severity": incident["severity"],
            "id": incident["id"],
            "conferences": incident["conferences"],
            "hub": self.name,
        }

    def incidents(self) -> Iterator[DrillIncident]:
        """All of them, in the scenario's time."""
        for row in self.evaluator.view(self.now_s)["incidents"]:
            yield {
                "id": row["id"],
                "element": row["element"],
                "kind": row["kind"],
                "opened_s": self._scenario_s(row["opened_ms"]),
                "ended_s": None if row["resolved_ms"] is None else self._scenario_s(row["resolved_ms"]),
                "part_of": row["superseded_by"] or None,
                "suspects": row["suspects"],
                "share": row["share"],
                "outvoted": row["evidence"]["outvoted"],
            }

    def _scenario_s(self, at_ms: int) -> float:
        return round(at_ms / 1000 - ZERO_S - self.ahead_s, 3)

    # --- what people do ---

    def silence(self, element: str, until_s: float) -> None:
        """Somebody silences an element now."""
        Actions(self.evaluator.board).silence(element, _wall(until_s), WHO, "", self.now_s)

    def plan(self, element: str, from_s: float, until_s: float) -> None:
        """Somebody plans a time in which nobody wants to hear of an element."""
        board = self.evaluator.board
        with board.changing(self.now_s):
            board.add_silence(Silence(f"{element} {from_s}", element, _wall(from_s), _wall(until_s), WHO, ""))


def _wall(at_s: float) -> float:
    """A time of the scenario as a clock that is right has it; for ever is a year."""
    return ZERO_S + min(at_s, 365 * 86400.0)


def accept_all(tables: IncidentTables) -> None:
    """All pages that wait were taken."""
    with tables.database.transaction() as sql:
        sql.execute("UPDATE outbox SET state = 'accepted', tries = tries + 1 WHERE state = 'waiting'")


@contextmanager
def closing(hubs: Sequence[VirtualHub]) -> Iterator[None]:
    """Whatever happens, their databases are closed."""
    try:
        yield
    finally:
        for hub in hubs:
            hub.close()
