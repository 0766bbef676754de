"""A whole evaluator over a simulated network: the world's points as batches, restarts, and what went into the outbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import records
from incident_world import Fault, World, kind

from alerts.base import OK
from netmon.config.hub import HubConfig
from netmon.config.receiver import ReceiverConfig
from netmon.hub.incidents.actions import Actions
from netmon.hub.incidents.evaluator import Evaluator
from netmon.hub.incidents.tables import IncidentTables
from netmon.hub.ingest.batch import Batch
from netmon.hub.tables import open_database
from netmon.line import Line
from netmon.load import rules
from netmon.segments.position import Position

BASE_MS = 1_790_000_000_000  # the world's zero
PACK = rules.load(None)


class Measured(World):
    """A world whose agents' writes are batches."""

    def __init__(self, communes: int, seed: int, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(communes, seed, faults)
        self.batches: list[Batch] = []
        self._told = 0

    def _report(self, agent: str) -> None:
        points = list(self.waiting[agent])
        before = self.arrived[agent]
        super()._report(agent)
        if self.arrived[agent] == before:
            return
        frontier = self.frontier[agent]
        lines = [
            _line(agent, check, at_ms, outcome)
            for at_ms, check, outcome in points
            if frontier - 5_000 <= at_ms < frontier
        ]
        self._told += 1
        when = (self.now_ms + BASE_MS) * 1_000_000
        self.batches.append(
            records.batch(
                lines,
                Position(1, self._told),
                agent=agent,
                first=self._told,
                last=self._told,
                frontier_ms=frontier + BASE_MS,
                arrived_ns=when,
            )
        )

    def take(self) -> list[Batch]:
        """What arrived since the last call."""
        batches, self.batches = self.batches, []
        return batches


def _line(agent: str, check: str, at_ms: int, outcome: int) -> Line:
    tags = {"agent": agent, "check": check, "commune": "-", "province": "-", "site": agent, "target": "-"}
    fields: dict[str, int | float] = {"sent": 1, "rcvd": int(outcome == OK), "outcome": outcome}
    return Line(f"netmon_{kind(check)}", tags, fields, at_ms + BASE_MS)


def config(*receivers: ReceiverConfig) -> HubConfig:
    """A hub's file with some receivers."""
    return HubConfig(name="hub-01", receivers=receivers)


def somebody(name: str = "duty", **more: Any) -> ReceiverConfig:
    """One who gets pages."""
    return ReceiverConfig(name=name, url="http://127.0.0.1:9/", secret_file="/nowhere", **more)


class Hub:
    """An evaluator that can be killed and started again on what it kept and what the segments hold."""

    def __init__(self, folder: Path, world: Measured, conf: HubConfig | None = None) -> None:
        self.world, self.path = world, folder / "hub.db"
        self.conf = conf or config(somebody())
        self.stored: list[Batch] = []
        self.evaluator = self._open()

    def _open(self) -> Evaluator:
        self.database = open_database(self.path)
        return Evaluator(self.conf, self.world.tree, PACK, IncidentTables(self.database), self.path.parent)

    @property
    def now_s(self) -> float:
        """The hub's clock."""
        return (self.world.now_ms + BASE_MS) / 1000

    def run(self, until_ms: int, *, tick: bool = True) -> Hub:
        """Measure, store and judge each second."""
        while self.world.now_ms < until_ms:
            self.world.second()
            for batch in self.world.take():
                self.stored.append(batch)
                self.evaluator.accept(batch)
            if tick:
                self.evaluator.tick(self.now_s)
        return self

    def restart(self) -> Hub:
        """As after `kill -9`: nothing lives on but the database and the segments."""
        self.database.close()
        self.evaluator = self._open()
        start = self.evaluator.start_position()
        for batch in self.stored:
            if batch.position > start:
                self.evaluator.replay(batch)
        self.evaluator.caught_up(self.now_s)
        return self

    @property
    def actions(self) -> Actions:
        """What operators may do."""
        return Actions(self.evaluator.board)

    # --- what came of it ---

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Incidents as people see them."""
        return list(self.evaluator.view(self.now_s)["incidents"])

    def pages(self) -> list[tuple[str, str, str]]:
        """(incident, receiver, status) in the order they were owed."""
        rows = self.database.rows("SELECT incident, receiver, status FROM outbox ORDER BY seq")
        return [tuple(row) for row in rows]
