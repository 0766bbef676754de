"""The hub's database with the tables of all its rooms, for tests that keep things and look at them."""

from __future__ import annotations

from pathlib import Path

from netmon.hub.conference.tables import ConferenceTables
from netmon.hub.incidents.tables import IncidentTables
from netmon.hub.leases.tables import LeaseTables
from netmon.hub.tables import open_database
from netmon.process.troubles import Troubles


class HubTables:
    """One file, opened."""

    def __init__(self, path: Path, troubles: Troubles | None = None) -> None:
        self.database = open_database(path, troubles)
        self.incidents, self.leases = IncidentTables(self.database), LeaseTables(self.database)
        self.conferences, self.outbox = ConferenceTables(self.database), self.incidents.outbox

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()
