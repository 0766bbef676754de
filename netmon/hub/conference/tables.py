"""Rehearsals of conferences and what came out, in the hub's database."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from netmon.hub.disk.database import Database
from netmon.hub.disk.row_sums import Row, SqlTable, summed
from netmon.hub.outbox_table import NewPage, labelled, owe

KEPT_OVER = 32  # conferences that are over and whose rehearsals are still known


@dataclass(frozen=True, slots=True)
class KeptStage:
    """One rehearsal of a conference that starts at `starts_ms`. `brief`: what lists show of it."""

    conference: str
    starts_ms: int
    stage: str
    at_ms: int
    ends_ms: int
    brief: dict[str, Any]


class ConferenceTables:
    """Methods raise `sqlite3.Error` for faults of netmon only (see `Database`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stages(self) -> list[KeptStage]:
        """All that are kept, the oldest first, without their results."""
        query = "SELECT conference, starts_ms, stage, at_ms, ends_ms, brief FROM readiness ORDER BY at_ms"
        return [KeptStage(*(*row[:5], json.loads(row[5]))) for row in self._database.rows(query)]

    def results(self, conference: str, starts_ms: int) -> list[tuple[str, bytes]]:
        """(stage, JSON of its result) of one conference, the oldest first."""
        query = "SELECT stage, result FROM readiness WHERE conference = ? AND starts_ms = ? ORDER BY at_ms, rowid"
        return [(row[0], zlib.decompress(row[1])) for row in self._database.rows(query, conference, starts_ms)]

    def result(self, stage: KeptStage) -> bytes:
        """JSON of one stage's result."""
        query = "SELECT result FROM readiness WHERE conference = ? AND starts_ms = ? AND stage = ?"
        ((raw,),) = self._database.rows(query, stage.conference, stage.starts_ms, stage.stage)
        return zlib.decompress(raw)

    def keep(self, stage: KeptStage, result: bytes, pages: Iterable[NewPage] = (), *, now_ms: int) -> None:
        """A rehearsal and its pages, at once or not at all; of conferences that are over the last `KEPT_OVER` stay."""
        key, brief = (stage.conference, stage.starts_ms, stage.stage), json.dumps(stage.brief, ensure_ascii=False)
        owed = labelled(self._database, pages)
        with self._database.transaction() as sql:
            sql.execute(
                "REPLACE INTO readiness (conference, starts_ms, stage, at_ms, ends_ms, brief, result, sum)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                summed(*key, stage.at_ms, stage.ends_ms, brief, zlib.compress(result, 6)),
            )
            owe(sql, owed, now_ms)
            sql.execute(
                "DELETE FROM readiness WHERE ends_ms < ?1 AND ends_ms < (SELECT MIN(ends_ms) FROM (SELECT DISTINCT"
                " conference, starts_ms, ends_ms FROM readiness WHERE ends_ms < ?1 ORDER BY ends_ms DESC LIMIT ?2))",
                (now_ms, KEPT_OVER),
            )


def _stage_row(row: Row) -> Row | None:
    zlib.decompress(row["result"])
    return row if isinstance(json.loads(row["brief"]), dict) else None


TABLES = (
    SqlTable(
        "readiness",
        """
CREATE TABLE IF NOT EXISTS readiness (
  conference TEXT NOT NULL, starts_ms INTEGER NOT NULL, stage TEXT NOT NULL, at_ms INTEGER NOT NULL,
  ends_ms INTEGER NOT NULL, brief TEXT NOT NULL, result BLOB NOT NULL, sum INTEGER,
  PRIMARY KEY (conference, starts_ms, stage));
""",
        {
            "conference": str,
            "starts_ms": int,
            "stage": str,
            "at_ms": int,
            "ends_ms": int,
            "brief": str,
            "result": bytes,
        },
        _stage_row,
    ),
)
