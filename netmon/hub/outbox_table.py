"""Pages that are owed, in the hub's database: who owes one puts it here in the transaction of what it tells of."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from alerts.notify import webhook
from alerts.notify.digest import WaitingLine
from netmon.hub.disk.database import Database, Statements
from netmon.hub.disk.row_sums import Row, SqlTable, summed

PAGE_STATES = ("waiting", "accepted", "failed")
_STATUS = re.compile(r"[a-z]{1,20}(-[0-9]{1,6})?")  # `firing`, `resolved`, `repeat-3`, …
MAX_TRIES = 1 << 20
MAX_MS = 1 << 53
PageState = Literal["waiting", "accepted", "failed"]
# A resolved page waits for its firing page: receivers see them in order.
_DUE = """
SELECT seq, id, incident, receiver, status, body, tries, created_ms, next_ms FROM outbox AS page
WHERE state = 'waiting' AND receiver = ? AND NOT EXISTS (
  SELECT 1 FROM outbox AS earlier WHERE earlier.state = 'waiting' AND earlier.receiver = page.receiver
  AND earlier.incident = page.incident AND earlier.seq < page.seq)
ORDER BY (status = 'digest' AND trouble NOT LIKE 'answered 4%' AND trouble NOT LIKE '4%') DESC, next_ms, seq LIMIT 1
"""  # a digest goes first, but one that is refused holds nobody up
IN_DIGEST = "in a digest"


@dataclass(frozen=True, slots=True)
class NewPage:
    """A page to be sent. `id` is its idempotency key."""

    id: str
    incident: str
    receiver: str
    status: str
    body: bytes


@dataclass(frozen=True, slots=True)
class WaitingPage:
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


class Undelivered(NamedTuple):
    """A page its receiver does not have. `trouble`: what came out last."""

    incident: str
    receiver: str
    status: str
    state: PageState
    created_ms: int
    trouble: str


class OutboxTable:
    """Methods raise `sqlite3.Error` for faults of netmon only (see `Database`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def paged(self) -> dict[tuple[str, str, str], PageState]:
        """(incident, receiver, status) → state of that page."""
        rows = self._database.rows("SELECT incident, receiver, status, state FROM outbox")
        return {(row[0], row[1], row[2]): row[3] for row in rows}

    def undelivered(self) -> list[Undelivered]:
        """Pages that were tried, or given up, and not taken."""
        query = "SELECT incident, receiver, status, state, created_ms, trouble FROM outbox"
        rows = self._database.rows(f"{query} WHERE state = 'failed' OR (state = 'waiting' AND tries > 0) ORDER BY seq")
        return [Undelivered(*row) for row in rows]

    def state_of(self, id: str) -> tuple[str, str]:
        """(state, what came out last) of a page. `KeyError` when unknown."""
        rows = self._database.rows("SELECT state, trouble FROM outbox WHERE id = ?", id)
        if not rows:
            raise KeyError(id)
        return str(rows[0][0]), str(rows[0][1])

    def of_incident(self, incident: str) -> list[dict[str, Any]]:
        """Pages of one incident, the oldest first: to whom, what, since when, and what became of it."""
        query = "SELECT receiver, status, state, created_ms, tries, trouble FROM outbox WHERE incident = ? ORDER BY seq"
        names = ("receiver", "status", "state", "created_ms", "tries", "trouble")
        return [dict(zip(names, row, strict=True)) for row in self._database.rows(query, incident)]

    def all_due(self) -> None:
        """The sender's clock began anew: whatever waits is due."""
        with self._database.transaction() as sql:
            sql.execute("UPDATE outbox SET next_ms = 0 WHERE state = 'waiting'")

    def next_page(self, receiver: str) -> WaitingPage | None:
        """The page of a receiver that is due first, now or later."""
        rows = self._database.rows(_DUE, receiver)
        return WaitingPage(*rows[0]) if rows else None

    def mark(self, page: WaitingPage, state: PageState, next_ms: int, trouble: str) -> None:
        """What became of an attempt. A receiver that never took `firing` gets no `resolved` of it."""
        with self._database.transaction() as sql:
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

    # --- many in one ---

    def waiting_lines(self, receiver: str) -> list[WaitingLine]:
        """All pages that wait for a receiver, but a digest, in order."""
        query = (
            "SELECT seq, incident, status FROM outbox WHERE state = 'waiting' AND receiver = ? AND status != 'digest'"
        )
        return [WaitingLine(*row) for row in self._database.rows(f"{query} ORDER BY seq", receiver)]

    def bodies(self, seqs: Iterable[int]) -> dict[int, bytes]:
        """Bodies of pages, in order."""
        rows = self._database.rows(
            "SELECT seq, body FROM outbox WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq",
            json.dumps(list(seqs)),
        )
        return dict(rows)

    def waiting_digest(self, receiver: str) -> bytes | None:
        """The body of the digest that waits for a receiver."""
        query = "SELECT body FROM outbox WHERE state = 'waiting' AND receiver = ? AND status = 'digest' ORDER BY seq DESC LIMIT 1"
        rows = self._database.rows(query, receiver)
        return bytes(rows[0][0]) if rows else None

    def oldest_ms(self, receiver: str) -> int:
        """When the first page that waits was owed."""
        query = "SELECT MIN(created_ms) FROM outbox WHERE state = 'waiting' AND receiver = ?"
        return int(self._database.rows(query, receiver)[0][0] or 0)

    def fold(self, page: NewPage, seqs: Iterable[int], now_ms: int) -> None:
        """A digest in place of these pages and of the digest that waited; it goes first, the others in their order."""
        with self._database.transaction() as sql:
            sql.execute(
                "DELETE FROM outbox WHERE state = 'waiting' AND status = 'digest' AND receiver = ?", (page.receiver,)
            )
            sql.execute(
                "UPDATE outbox SET state = 'accepted', trouble = ? WHERE seq IN (SELECT value FROM json_each(?))",
                (IN_DIGEST, json.dumps(list(seqs))),
            )
            sql.execute("UPDATE outbox SET next_ms = 0 WHERE state = 'waiting' AND receiver = ?", (page.receiver,))
            owe(sql, [page], now_ms)

    def postpone(self, page: WaitingPage, next_ms: int) -> None:
        """It was not tried, and is due later."""
        with self._database.transaction() as sql:
            sql.execute("UPDATE outbox SET next_ms = ? WHERE seq = ?", (next_ms, page.seq))

    def give_up(self, receivers: Iterable[str], trouble: str) -> None:
        """All waiting pages of some receivers fail."""
        with self._database.transaction() as sql:
            sql.executemany(
                "UPDATE outbox SET state = 'failed', trouble = ? WHERE state = 'waiting' AND receiver = ?",
                [(trouble, receiver) for receiver in receivers],
            )

    def take_up(self, receivers: Iterable[str], trouble: str) -> bool:
        """Pages of incidents that are kept, given up so, wait again for receivers that are there; were there any?"""
        gone = self._database.rows(
            "SELECT DISTINCT receiver FROM outbox WHERE state = 'failed' AND trouble = ?", trouble
        )
        back = {row[0] for row in gone} & set(receivers)
        with self._database.transaction() as sql:
            sql.executemany(
                "UPDATE outbox SET state = 'waiting' WHERE state = 'failed' AND trouble = ? AND receiver = ?"
                " AND incident IN (SELECT id FROM incidents)",
                [(trouble, receiver) for receiver in back],
            )
        return bool(back)

    def waiting_for(self) -> set[str]:
        """Receivers that have pages waiting."""
        return {row[0] for row in self._database.rows("SELECT DISTINCT receiver FROM outbox WHERE state = 'waiting'")}

    def counts(self) -> dict[str, int]:
        """Pages by state."""
        return dict(self._database.rows("SELECT state, COUNT(*) FROM outbox GROUP BY state"))


def labelled(database: Database, pages: Iterable[NewPage]) -> list[NewPage]:
    """The pages; those after `firing` with its labels."""
    firing, labelled = dict[tuple[str, str], bytes](), list[NewPage]()
    query = "SELECT body FROM outbox WHERE incident = ? AND receiver = ? AND status = 'firing'"
    for page in pages:
        key = page.incident, page.receiver
        if page.status == "firing":
            firing[key] = page.body
        elif kept := database.rows(query, *key):
            firing[key] = kept[0][0]
        follows = page.status != "firing" and key in firing
        labelled.append(replace(page, body=webhook.labelled_as(page.body, firing[key])) if follows else page)
    return labelled


def owe(sql: Statements, pages: Iterable[NewPage], now_ms: int) -> None:
    """Into the outbox, due at once. A page there is already stays as it is."""
    sql.executemany(
        "INSERT OR IGNORE INTO outbox (id, incident, receiver, status, body, sum, state, tries, created_ms,"
        " next_ms, trouble) VALUES (?, ?, ?, ?, ?, ?, 'waiting', 0, ?, 0, '')",
        [(*summed(page.id, page.incident, page.receiver, page.status, page.body), now_ms) for page in pages],
    )


def _page_row(row: Row) -> Row | None:
    """A page whose text is right goes out, whatever happened to the notes of its tries."""
    if not _STATUS.fullmatch(row["status"]):
        return None
    created_ms = _count(row["created_ms"], MAX_MS, time.time_ns() // 1_000_000)
    return row | {
        "state": row["state"] if row["state"] in PAGE_STATES else "waiting",
        "tries": _count(row["tries"], MAX_TRIES, 0),
        "created_ms": created_ms,
        "next_ms": _count(row["next_ms"], MAX_MS, 0),
        "trouble": row["trouble"] if isinstance(row["trouble"], str) else "",
    }


def _count(value: object, greatest: int, otherwise: int) -> int:
    return value if type(value) is int and 0 <= value <= greatest else otherwise


TABLE = SqlTable(
    "outbox",
    """
CREATE TABLE IF NOT EXISTS outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, incident TEXT NOT NULL, receiver TEXT NOT NULL,
  status TEXT NOT NULL, body BLOB NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL, created_ms INTEGER NOT NULL,
  next_ms INTEGER NOT NULL, trouble TEXT NOT NULL, sum INTEGER,
  UNIQUE (incident, receiver, status));
CREATE INDEX IF NOT EXISTS outbox_state ON outbox (state, receiver, seq);
""",
    {"id": str, "incident": str, "receiver": str, "status": str, "body": bytes},  # what became of it can be mended
    _page_row,
)
