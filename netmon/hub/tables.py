"""The hub's small durable state: every room's tables in one SQLite file.

Whatever belongs together is one transaction with `synchronous=FULL`: an incident is never without its pages, a page
never without its incident, and the position never ahead of either. One connection, used by several threads in turn.
Each row carries a sum over what must not change unseen (`netmon.hub.disk.row_sums`).
"""

from __future__ import annotations

from pathlib import Path

from netmon.hub import outbox_table as outbox
from netmon.hub.conference import tables as conference
from netmon.hub.disk.database import Database
from netmon.hub.incidents import tables as incidents
from netmon.hub.leases import tables as leases
from netmon.process.troubles import Troubles

FILE = "hub.db"


def open_database(path: Path, troubles: Troubles | None = None) -> Database:
    """Open or create it; what is damaged is set aside. Methods of all tables raise `sqlite3.Error` for faults of netmon only:
    what the disk refuses is kept in memory and told."""
    return Database(path, (*incidents.TABLES, outbox.TABLE, *leases.TABLES, *conference.TABLES), troubles)
