"""A hub's evaluation put together, for the hub and for whoever plays nights to it. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alerts.rules import Rule
from netmon.config.hub import HubConfig
from netmon.hub.conference.risk import ConferenceRisk
from netmon.hub.disk.database import Database
from netmon.hub.incidents.evaluator import Evaluator
from netmon.hub.incidents.tables import IncidentTables
from netmon.load.inventory import HubTopology
from netmon.process.troubles import Troubles


def open_evaluator(
    config: HubConfig,
    topology: HubTopology,
    rules: Sequence[Rule],
    database: Database,
    folder: Path,
    troubles: Troubles | None = None,
) -> Evaluator:
    """On what was kept, in the database and in the folder; it hears of the inventory's conferences."""
    risk, tables = ConferenceRisk(topology), IncidentTables(database)
    return Evaluator(config, topology, rules, tables, folder, troubles, topology.conference_checks, risk.endangered)
