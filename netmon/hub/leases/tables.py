"""Leases that are out, and what was used of each day, in the hub's database."""

from __future__ import annotations

import json
from dataclasses import asdict

from netmon.hub.disk.database import Database
from netmon.hub.disk.row_sums import Row, SqlTable, summed
from netmon.hub.leases.rules import Changes, Lease

MAX_NUMBER = (1 << 63) - 1  # the largest SQLite keeps


class LeaseTables:
    """Methods raise `sqlite3.Error` for faults of netmon only (see `Database`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def leases(self) -> list[Lease]:
        """All that were out when last kept."""
        return [_lease(row[0]) for row in self._database.rows("SELECT data FROM leases")]

    def use(self) -> dict[tuple[int, str], int]:
        """What was used of (day, link or agent)."""
        return {(row[0], row[1]): row[2] for row in self._database.rows("SELECT day, what, much FROM lease_use")}

    def keep(self, changes: Changes, oldest_day: int) -> None:
        """What changed, at once or not at all; days before `oldest_day` go."""
        with self._database.transaction() as sql:
            sql.executemany("DELETE FROM leases WHERE id = ?", [(id,) for id in changes.gone])
            sql.executemany(
                "REPLACE INTO leases (id, data, sum) VALUES (?, ?, ?)",
                [summed(lease.id, json.dumps(asdict(lease))) for lease in changes.came.values()],
            )
            sql.executemany(
                "REPLACE INTO lease_use (day, what, much, sum) VALUES (?, ?, ?, ?)",
                [summed(*key, min(much, MAX_NUMBER)) for key, much in changes.used.items()],
            )
            sql.execute("DELETE FROM lease_use WHERE day < ?", (oldest_day,))


def _lease(text: str) -> Lease:
    """A lease out of its JSON. Raises one of `MISFITS` for what is none."""
    plain = json.loads(text)
    return Lease(**(plain | {"links": tuple(plain["links"]), "shared": tuple(plain.get("shared", ()))}))


def _lease_row(row: Row) -> Row | None:
    lease = _lease(row["data"])
    known = () if lease.narrowest_bps is None else (lease.narrowest_bps,)
    numbers = all(type(number) in (int, float) for number in (lease.bytes, lease.granted_s, lease.expires_s, *known))
    texts = all(isinstance(text, str) for text in (lease.id, lease.agent, lease.check, *lease.links, *lease.shared))
    return row if numbers and texts and lease.id == row["id"] else None


TABLES = (
    SqlTable(
        "leases",
        "CREATE TABLE IF NOT EXISTS leases (id TEXT PRIMARY KEY, data TEXT NOT NULL, sum INTEGER) WITHOUT ROWID;",
        {"id": str, "data": str},
        _lease_row,
    ),
    SqlTable(
        "lease_use",
        """
CREATE TABLE IF NOT EXISTS lease_use (
  day INTEGER NOT NULL, what TEXT NOT NULL, much INTEGER NOT NULL, sum INTEGER,
  PRIMARY KEY (day, what)) WITHOUT ROWID;
""",
        {"day": int, "what": str, "much": int},
    ),
)
