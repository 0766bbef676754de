"""The last known state of every agent and check, in memory: what the console and the state API show. Pure.

Rows are replaced, never changed in place, so another thread may read a list of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from netmon.fields import OF_AGENT, PREFIX, SELF
from netmon.hub.ingest.batch import Batch
from netmon.line import Line, Value
from probes.base import Field, Outcome

Row = dict[str, Any]
LOSS_WINDOW_S = 60.0
MAX_VALUES = 48  # of one row; all of them are stored
SELF_FIELDS = tuple(field.name for field in SELF)


@dataclass(slots=True)
class PacketLoss:
    """Packets sent and answered, older ones fading over a minute: a loss that people can read."""

    sent: float = 0.0
    rcvd: float = 0.0
    at_ms: int = 0

    def add(self, at_ms: int, sent: Value, rcvd: Value) -> None:
        """Count one interval's packets."""
        fade = math.exp(-max(0, at_ms - self.at_ms) / 1000 / LOSS_WINDOW_S) if self.at_ms else 0.0
        self.sent = self.sent * fade + sent
        self.rcvd = self.rcvd * fade + min(rcvd, sent)
        self.at_ms = at_ms

    @property
    def share(self) -> float | None:
        """Share lost (0..1), None when nothing was sent."""
        return None if self.sent <= 0 else max(0.0, 1.0 - self.rcvd / self.sent)


class Live:
    """Rows by agent and by (agent, check); what changed since `take` was last called."""

    def __init__(self, schema: Mapping[str, tuple[Field, ...]]) -> None:
        self.agents: dict[str, Row] = {}
        self.checks: dict[tuple[str, str], Row] = {}
        self.losses: dict[tuple[str, str], PacketLoss] = {}
        self._families = {
            name: tuple(field.name for field in fields if field.repeated) for name, fields in schema.items()
        }
        self._changed_agents: set[str] = set()
        self._changed_checks: set[tuple[str, str]] = set()

    def apply(self, batch: Batch) -> None:
        """Take in one stored batch; an older point never replaces a newer one."""
        for line in batch.lines:
            if line.tags["check"] != "-":
                self._check(line)
            elif line.name == OF_AGENT:
                self._self(line)
        if batch.header.agent:
            self._agent(batch)

    def _check(self, line: Line) -> None:
        key = (line.tags["agent"], line.tags["check"])
        at_ms = line.time or 0
        fields = line.fields
        known = self.checks.get(key)
        if known is not None and at_ms < known["at_ms"]:
            return
        if "sent" in fields and "rcvd" in fields:
            self.losses.setdefault(key, PacketLoss()).add(at_ms, fields["sent"], fields["rcvd"])
        families = self._families.get(line.name, ())
        tags = line.tags
        self.checks[key] = {
            "check": tags["check"],
            "agent": tags["agent"],
            "site": tags["site"],
            "commune": tags["commune"],
            "province": tags["province"],
            "kind": line.name.removeprefix(PREFIX),
            "at_ms": at_ms,
            "outcome": int(fields.get("outcome", Outcome.OK)),
            "values": _shown(fields, families),
        }
        self._changed_checks.add(key)

    def _self(self, line: Line) -> None:
        name = line.tags["agent"]
        row = self.agents.get(name) or _new_agent(name, line.tags["site"])
        values = {key: line.fields[key] for key in SELF_FIELDS if key in line.fields}
        self.agents[name] = {**row, **values}
        self._changed_agents.add(name)

    def _agent(self, batch: Batch) -> None:
        row = self.agents.get(batch.header.agent) or _new_agent(batch.header.agent, batch.header.site)
        frontiers = [at for at in (row["frontier_ms"], batch.header.frontier_ms) if at is not None]
        self.agents[batch.header.agent] = {
            **row,
            "frontier_ms": max(frontiers, default=None),
            "arrived_ms": max(row["arrived_ms"], batch.header.arrived_ns // 1_000_000),
            "points": row["points"] + len(batch.lines),
        }
        self._changed_agents.add(batch.header.agent)

    def forget_losses(self, sites: Iterable[str]) -> None:
        """Begin the loss of the last minute anew at these sites: their state is another now, and what came before it is no
        figure of it."""
        turned = frozenset(sites)
        for key in [key for key in self.losses if turned and self.checks[key]["site"] in turned]:
            del self.losses[key]

    def take(self) -> tuple[list[Row], list[Row]]:
        """Agent rows and check rows that changed since the last call."""
        agents = [self.agents[name] for name in self._changed_agents]
        checks = [self.checks[key] for key in self._changed_checks]
        self._changed_agents.clear()
        self._changed_checks.clear()
        return agents, checks

    def export(self) -> dict[str, list[Row]]:
        """All rows as plain data, for the snapshot beside the segments."""
        return {"agents": list(self.agents.values()), "checks": list(self.checks.values())}

    def restore(self, agents: Iterable[Row], checks: Iterable[Row]) -> None:
        """Take rows of an earlier `export` in; later batches overwrite them."""
        self.agents.update((row["agent"], row) for row in agents)
        self.checks.update(((row["agent"], row["check"]), row) for row in checks)


def _shown(fields: Mapping[str, Value], families: tuple[str, ...]) -> dict[str, Value]:
    """The values of a row: no distributions, and of what is no kind of ours not more than a kind of ours has."""
    values = {
        name: value
        for name, value in fields.items()
        if name != "outcome" and not (families and name.startswith(families))
    }
    return values if len(values) <= MAX_VALUES else dict(islice(values.items(), MAX_VALUES))


def _new_agent(name: str, site: str) -> Row:
    return {"agent": name, "site": site, "frontier_ms": None, "arrived_ms": 0, "points": 0}
