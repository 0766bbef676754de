"""The hub's small durable state in SQLite: incidents, outbox, silences and where replay begins.

Whatever belongs together is one transaction with `synchronous=FULL`: an incident is never without its pages, a page
never without its incident, and the position never ahead of either. One connection, used by several threads in turn.
Each row carries a sum over what must not change unseen (`netmon.hub.disk.row_sums`).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from alerts.incidents import Incident
from alerts.notify import webhook
from alerts.silences import Silence
from netmon.hub.disk import row_sums as staterows
from netmon.hub.disk.database import Database, Statements
from netmon.hub.disk.row_sums import sum_of
from netmon.hub.leases.rules import Changes, Lease
from netmon.process.troubles import Troubles
from netmon.segments import Position, position_of

_MOST = (1 << 63) - 1  # the largest number SQLite keeps
KEPT_OVER = 32  # conferences that are over and whose rehearsals are still known
PageState = Literal["waiting", "accepted", "failed"]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS incidents (id TEXT PRIMARY KEY, data TEXT NOT NULL, sum INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, incident TEXT NOT NULL, receiver TEXT NOT NULL,
  status TEXT NOT NULL, body BLOB NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL, created_ms INTEGER NOT NULL,
  next_ms INTEGER NOT NULL, trouble TEXT NOT NULL, sum INTEGER,
  UNIQUE (incident, receiver, status));
CREATE INDEX IF NOT EXISTS outbox_state ON outbox (state, receiver, seq);
CREATE TABLE IF NOT EXISTS silences (
  id TEXT PRIMARY KEY, element TEXT NOT NULL, from_s REAL NOT NULL, until_s REAL NOT NULL, who TEXT NOT NULL,
  note TEXT NOT NULL, sum INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (id TEXT PRIMARY KEY, data TEXT NOT NULL, sum INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lease_use (
  day INTEGER NOT NULL, what TEXT NOT NULL, much INTEGER NOT NULL, sum INTEGER,
  PRIMARY KEY (day, what)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS readiness (
  conference TEXT NOT NULL, starts_ms INTEGER NOT NULL, stage TEXT NOT NULL, at_ms INTEGER NOT NULL,
  ends_ms INTEGER NOT NULL, brief TEXT NOT NULL, result BLOB NOT NULL, sum INTEGER,
  PRIMARY KEY (conference, starts_ms, stage));
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER) WITHOUT ROWID;
"""
# A resolved page waits for its firing page: receivers see them in order.
_DUE = """
SELECT seq, id, incident, receiver, status, body, tries, created_ms, next_ms FROM outbox AS page
WHERE state = 'waiting' AND receiver = ? AND NOT EXISTS (
  SELECT 1 FROM outbox AS earlier WHERE earlier.state = 'waiting' AND earlier.receiver = page.receiver
  AND earlier.incident = page.incident AND earlier.seq < page.seq)
ORDER BY next_ms, seq LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class NewPage:
    """A page to be sent. `id` is its idempotency key."""

    id: str
    incident: str
    receiver: str
    status: Literal["firing", "resolved"]
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """A page that waits. `tries` attempts were made; `created_ms` is Unix ms; `next_ms`: when it is due, by the clock of
    whoever sends (see `Outbox`)."""

    seq: int
    id: str
    incident: str
    receiver: str
    status: str
    body: bytes
    tries: int
    created_ms: int
    next_ms: int


@dataclass(frozen=True, slots=True)
class Stage:
    """One rehearsal of a conference that starts at `starts_ms`. `brief`: what lists show of it."""

    conference: str
    starts_ms: int
    stage: str
    at_ms: int
    ends_ms: int
    brief: dict[str, Any]


class StateDb:
    """See above. Methods raise `sqlite3.Error` for faults of netmon only: what the disk refuses is kept in memory and told."""

    def __init__(self, path: Path, troubles: Troubles | None = None) -> None:
        """Open or create; what is damaged is set aside."""
        self._file = Database(path, _SCHEMA, staterows.sound, troubles)

    def _transaction(self) -> AbstractContextManager[Statements]:
        return self._file.transaction()

    def _rows(self, query: str, *values: object) -> list[Any]:
        return self._file.rows(query, *values)

    def tend(self) -> None:
        """Now and then: see `Database.tend`."""
        self._file.tend()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    # --- incidents ---

    def incidents(self) -> list[Incident]:
        """All that are kept."""
        return [staterows.incident(row[0]) for row in self._rows("SELECT data FROM incidents")]

    def position(self) -> Position:
        """Where replay begins; (0, 0) at first."""
        rows = self._rows("SELECT value FROM meta WHERE key = 'position'")
        return position_of(json.loads(rows[0][0])) if rows else Position(0, 0)

    def commit(
        self,
        incidents: Iterable[Incident] = (),
        pages: Iterable[NewPage] = (),
        position: Position | None = None,
        forgotten: Iterable[str] = (),
        *,
        now_ms: int,
    ) -> None:
        """What one tick decided, at once or not at all. A page there is already stays as it is."""
        owed = self._labelled(pages)
        with self._transaction() as sql:
            sql.executemany(
                "INSERT INTO incidents (id, data, sum) VALUES (?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET data = excluded.data, sum = excluded.sum",
                [_summed(one.id, _plain(one)) for one in incidents],
            )
            _owe(sql, owed, now_ms)
            gone = [(id,) for id in forgotten]
            if gone:
                sql.executemany("DELETE FROM incidents WHERE id = ?", gone)
                sql.execute(
                    "DELETE FROM outbox WHERE state != 'waiting' AND incident NOT IN (SELECT id FROM incidents)"
                )
            if position is not None:
                sql.execute(
                    "REPLACE INTO meta (key, value, sum) VALUES (?, ?, ?)", _summed("position", json.dumps(position))
                )

    # --- outbox ---

    def _labelled(self, pages: Iterable[NewPage]) -> list[NewPage]:
        """The pages; `resolved` with the labels of its `firing`."""
        firing, labelled = dict[tuple[str, str], bytes](), list[NewPage]()
        query = "SELECT body FROM outbox WHERE incident = ? AND receiver = ? AND status = 'firing'"
        for page in pages:
            key = page.incident, page.receiver
            if page.status == "firing":
                firing[key] = page.body
            elif kept := self._rows(query, *key):
                firing[key] = kept[0][0]
            resolves = page.status == "resolved" and key in firing
            labelled.append(replace(page, body=webhook.labelled_as(page.body, firing[key])) if resolves else page)
        return labelled

    def paged(self) -> dict[tuple[str, str, str], PageState]:
        """(incident, receiver, status) → state of that page."""
        rows = self._rows("SELECT incident, receiver, status, state FROM outbox")
        return {(row[0], row[1], row[2]): row[3] for row in rows}

    def all_due(self) -> None:
        """The sender's clock began anew: whatever waits is due."""
        with self._transaction() as sql:
            sql.execute("UPDATE outbox SET next_ms = 0 WHERE state = 'waiting'")

    def next_page(self, receiver: str) -> Page | None:
        """The page of a receiver that is due first, now or later."""
        rows = self._rows(_DUE, receiver)
        return Page(*rows[0]) if rows else None

    def mark(self, page: Page, state: PageState, next_ms: int, trouble: str) -> None:
        """What became of an attempt. A receiver that never took `firing` gets no `resolved` of it."""
        with self._transaction() as sql:
            sql.execute(
                "UPDATE outbox SET state = ?, tries = tries + 1, next_ms = ?, trouble = ? WHERE seq = ?",
                (state, next_ms, trouble, page.seq),
            )
            if state == "failed":
                sql.execute(
                    "UPDATE outbox SET state = 'failed', trouble = 'firing was not taken' WHERE state = 'waiting'"
                    " AND incident = ? AND receiver = ?",
                    (page.incident, page.receiver),
                )

    def give_up(self, receivers: Iterable[str], trouble: str) -> None:
        """All waiting pages of some receivers fail."""
        with self._transaction() as sql:
            sql.executemany(
                "UPDATE outbox SET state = 'failed', trouble = ? WHERE state = 'waiting' AND receiver = ?",
                [(trouble, receiver) for receiver in receivers],
            )

    def take_up(self, receivers: Iterable[str], trouble: str) -> bool:
        """Pages of incidents that are kept, given up so, wait again for receivers that are there; were there any?"""
        gone = self._rows("SELECT DISTINCT receiver FROM outbox WHERE state = 'failed' AND trouble = ?", trouble)
        back = {row[0] for row in gone} & set(receivers)
        with self._transaction() as sql:
            sql.executemany(
                "UPDATE outbox SET state = 'waiting' WHERE state = 'failed' AND trouble = ? AND receiver = ?"
                " AND incident IN (SELECT id FROM incidents)",
                [(trouble, receiver) for receiver in back],
            )
        return bool(back)

    def waiting_for(self) -> set[str]:
        """Receivers that have pages waiting."""
        return {row[0] for row in self._rows("SELECT DISTINCT receiver FROM outbox WHERE state = 'waiting'")}

    def counts(self) -> dict[str, int]:
        """Pages by state."""
        return dict(self._rows("SELECT state, COUNT(*) FROM outbox GROUP BY state"))

    # --- silences ---

    def silences(self) -> list[Silence]:
        """All that are kept, past ones too."""
        return [Silence(*row) for row in self._rows("SELECT id, element, from_s, until_s, who, note FROM silences")]

    def add_silence(self, silence: Silence) -> None:
        """Keep one."""
        with self._transaction() as sql:
            sql.execute(
                "INSERT INTO silences (id, element, from_s, until_s, who, note, sum) VALUES (?, ?, ?, ?, ?, ?, ?)",
                _summed(*asdict(silence).values()),
            )

    def move_silences(self, seconds: float) -> None:
        """The clock was set: they last as long as they were meant to."""
        with self._transaction() as sql:
            sql.execute("UPDATE silences SET from_s = from_s + ?1, until_s = until_s + ?1", (seconds,))

    def remove_silences(self, ids: Iterable[str]) -> None:
        """Drop some."""
        with self._transaction() as sql:
            sql.executemany("DELETE FROM silences WHERE id = ?", [(id,) for id in ids])

    # --- rehearsals of conferences ---

    def stages(self) -> list[Stage]:
        """All that are kept, the oldest first, without their results."""
        query = "SELECT conference, starts_ms, stage, at_ms, ends_ms, brief FROM readiness ORDER BY at_ms"
        rows = self._rows(query)
        return [Stage(row[0], row[1], row[2], row[3], row[4], json.loads(row[5])) for row in rows]

    def results(self, conference: str, starts_ms: int) -> list[tuple[str, bytes]]:
        """(stage, JSON of its result) of one conference, the oldest first."""
        query = "SELECT stage, result FROM readiness WHERE conference = ? AND starts_ms = ? ORDER BY at_ms, rowid"
        return [(row[0], zlib.decompress(row[1])) for row in self._rows(query, conference, starts_ms)]

    def result(self, one: Stage) -> bytes:
        """JSON of one stage's result."""
        query = "SELECT result FROM readiness WHERE conference = ? AND starts_ms = ? AND stage = ?"
        ((raw,),) = self._rows(query, one.conference, one.starts_ms, one.stage)
        return zlib.decompress(raw)

    def keep_stage(self, one: Stage, result: bytes, pages: Iterable[NewPage], *, now_ms: int) -> None:
        """A rehearsal and its pages, at once or not at all; of conferences that are over the last `KEPT_OVER` stay."""
        brief, owed = json.dumps(one.brief, ensure_ascii=False), self._labelled(pages)
        with self._transaction() as sql:
            sql.execute(
                "REPLACE INTO readiness (conference, starts_ms, stage, at_ms, ends_ms, brief, result, sum)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                _summed(
                    one.conference, one.starts_ms, one.stage, one.at_ms, one.ends_ms, brief, zlib.compress(result, 6)
                ),
            )
            _owe(sql, owed, now_ms)
            sql.execute(
                "DELETE FROM readiness WHERE ends_ms < ?1 AND ends_ms < (SELECT MIN(ends_ms) FROM (SELECT DISTINCT"
                " conference, starts_ms, ends_ms FROM readiness WHERE ends_ms < ?1 ORDER BY ends_ms DESC LIMIT ?2))",
                (now_ms, KEPT_OVER),
            )

    # --- leases of heavy tests ---

    def leases(self) -> list[Lease]:
        """All that were out when last kept."""
        return [staterows.lease(row[0]) for row in self._rows("SELECT data FROM leases")]

    def lease_use(self) -> dict[tuple[int, str], int]:
        """What was used of (day, link or agent)."""
        return {(row[0], row[1]): row[2] for row in self._rows("SELECT day, what, much FROM lease_use")}

    def keep_leases(self, changes: Changes, oldest_day: int) -> None:
        """What changed, at once or not at all; days before `oldest_day` go."""
        with self._transaction() as sql:
            sql.executemany("DELETE FROM leases WHERE id = ?", [(id,) for id in changes.gone])
            sql.executemany(
                "REPLACE INTO leases (id, data, sum) VALUES (?, ?, ?)",
                [_summed(one.id, json.dumps(asdict(one))) for one in changes.came.values()],
            )
            sql.executemany(
                "REPLACE INTO lease_use (day, what, much, sum) VALUES (?, ?, ?, ?)",
                [_summed(*key, min(much, _MOST)) for key, much in changes.used.items()],
            )
            sql.execute("DELETE FROM lease_use WHERE day < ?", (oldest_day,))


def _owe(sql: Statements, pages: Iterable[NewPage], now_ms: int) -> None:
    """Into the outbox, due at once. A page there is already stays as it is."""
    sql.executemany(
        "INSERT OR IGNORE INTO outbox (id, incident, receiver, status, body, sum, state, tries, created_ms,"
        " next_ms, trouble) VALUES (?, ?, ?, ?, ?, ?, 'waiting', 0, ?, 0, '')",
        [(*_summed(one.id, one.incident, one.receiver, one.status, one.body), now_ms) for one in pages],
    )


def _summed(*values: object) -> tuple[object, ...]:
    return (*values, sum_of(values))


def _plain(one: Incident) -> str:
    return json.dumps(asdict(one) | {"members": sorted(one.members)}, ensure_ascii=False)
