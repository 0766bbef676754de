"""Incidents, silences and where replay begins, in the hub's database."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any, get_type_hints

from alerts.incidents import Incident
from alerts.silences import Silence, SilenceTerms
from netmon.hub.disk.database import Database, Statements
from netmon.hub.disk.row_sums import Row, SqlTable, summed
from netmon.hub.incidents.evidence import Picture
from netmon.hub.incidents.timeline import HAPPENED, TimelineEntry
from netmon.hub.outbox_table import NewPage, OutboxTable, labelled, owe
from netmon.segments.position import Position, position_of


class IncidentTables:
    """Methods raise `sqlite3.Error` for faults of netmon only (see `Database`)."""

    def __init__(self, database: Database) -> None:
        self.database, self.outbox = database, OutboxTable(database)

    # --- incidents ---

    def incidents(self) -> list[Incident]:
        """All that are kept."""
        return [_incident(row[0]) for row in self.database.rows("SELECT data FROM incidents")]

    def position(self) -> Position:
        """Where replay begins; (0, 0) at first."""
        rows = self.database.rows("SELECT value FROM meta WHERE key = 'position'")
        return position_of(json.loads(rows[0][0])) if rows else Position(0, 0)

    def commit(
        self,
        incidents: Iterable[Incident] = (),
        pages: Iterable[NewPage] = (),
        position: Position | None = None,
        forgotten: Iterable[str] = (),
        *,
        now_ms: int,
        entries: Iterable[TimelineEntry] = (),
        dropped: Iterable[TimelineEntry] = (),
        pictures: Iterable[Picture] = (),
    ) -> None:
        """What one tick decided, at once or not at all. A page there is already stays as it is. `entries`: new ones of
        timelines, `dropped`: those that made room; `pictures`: in place of those of the same moment."""
        owed = labelled(self.database, pages)
        with self.database.transaction() as sql:
            sql.executemany(
                "INSERT INTO incidents (id, data, sum) VALUES (?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET data = excluded.data, sum = excluded.sum",
                [summed(incident.id, _plain(incident)) for incident in incidents],
            )
            owe(sql, owed, now_ms)
            _keep_entries(sql, entries, dropped)
            sql.executemany(
                "REPLACE INTO incident_pictures (incident, moment, data, sum) VALUES (?, ?, ?, ?)",
                [summed(picture.incident, picture.moment, json.dumps(picture.seen)) for picture in pictures],
            )
            gone = [(id,) for id in forgotten]
            if gone:
                sql.executemany("DELETE FROM incidents WHERE id = ?", gone)
                sql.executemany("DELETE FROM incident_entries WHERE incident = ?", gone)
                sql.executemany("DELETE FROM incident_pictures WHERE incident = ?", gone)
                sql.execute(
                    "DELETE FROM outbox WHERE state != 'waiting' AND incident NOT IN (SELECT id FROM incidents)"
                )
            if position is not None:
                sql.execute(
                    "REPLACE INTO meta (key, value, sum) VALUES (?, ?, ?)", summed("position", json.dumps(position))
                )

    def entries(self) -> list[TimelineEntry]:
        """All timelines, in order."""
        query = "SELECT incident, number, data FROM incident_entries ORDER BY incident, number"
        return [_entry(*row) for row in self.database.rows(query)]

    def pictures(self, incident: str) -> list[Picture]:
        """Those of one incident, in the order of their moments."""
        query = "SELECT incident, moment, data FROM incident_pictures WHERE incident = ?"
        pictures = [Picture(id, moment, json.loads(text)) for id, moment, text in self.database.rows(query, incident)]
        return sorted(pictures, key=lambda picture: int(picture.seen["at_ms"]))

    # --- silences ---

    def silences(self) -> list[Silence]:
        """All that are kept, past ones too."""
        plain = self.database.rows("SELECT id, element, from_s, until_s, who, note FROM silences")
        terms = dict(self.database.rows("SELECT id, data FROM silence_terms"))
        silences = [replace(Silence(*row), terms=_terms(terms.get(row[0], "{}"))) for row in plain]
        # One for any element whose terms are lost would hold everything back.
        return [silence for silence in silences if silence.element or silence.terms.is_selective]

    def add_silence(self, silence: Silence) -> None:
        """Keep one."""
        with self.database.transaction() as sql:
            sql.execute(
                "INSERT INTO silences (id, element, from_s, until_s, who, note, sum) VALUES (?, ?, ?, ?, ?, ?, ?)",
                summed(*list(asdict(silence).values())[:-1]),
            )
            if silence.terms != SilenceTerms():
                set_terms = {name: value for name, value in asdict(silence.terms).items() if value}
                data = json.dumps(set_terms, ensure_ascii=False)
                sql.execute("INSERT INTO silence_terms (id, data, sum) VALUES (?, ?, ?)", summed(silence.id, data))

    def move_silences(self, seconds: float) -> None:
        """The clock was set: they last as long as they were meant to."""
        with self.database.transaction() as sql:
            sql.execute(
                "UPDATE silences SET from_s = from_s + ?1, until_s = until_s + ?1"
                " WHERE id NOT IN (SELECT id FROM silence_terms WHERE data LIKE '%every_s%')",  # those keep to the clock
                (seconds,),
            )

    def remove_silences(self, ids: Iterable[str]) -> None:
        """Drop some."""
        with self.database.transaction() as sql:
            gone = [(id,) for id in ids]
            sql.executemany("DELETE FROM silences WHERE id = ?", gone)
            sql.executemany("DELETE FROM silence_terms WHERE id = ?", gone)


def _keep_entries(sql: Statements, entries: Iterable[TimelineEntry], dropped: Iterable[TimelineEntry]) -> None:
    sql.executemany(
        "INSERT OR IGNORE INTO incident_entries (incident, number, data, sum) VALUES (?, ?, ?, ?)",
        [summed(entry.incident, entry.number, _entry_data(entry)) for entry in entries],
    )
    numbered = [(entry.incident, entry.number) for entry in dropped]
    sql.executemany("DELETE FROM incident_entries WHERE incident = ? AND number = ?", numbered)


def _entry_data(entry: TimelineEntry) -> str:
    said = {"at_ms": entry.at_ms, "what": entry.what, "who": entry.who, "facts": entry.facts}
    return json.dumps(said, ensure_ascii=False)


def _entry(incident: str, number: int, text: str) -> TimelineEntry:
    """Raises one of `MISFITS` for what is none."""
    plain = json.loads(text)
    entry = TimelineEntry(incident, number, plain["at_ms"], plain["what"], plain["who"], plain["facts"])
    is_good = _fits(entry.at_ms, int) and entry.what in HAPPENED and isinstance(entry.who, str)
    if not is_good or not isinstance(entry.facts, dict):
        raise ValueError("no entry of a timeline")
    return entry


def _entry_row(row: Row) -> Row | None:
    _entry(row["incident"], row["number"], row["data"])
    return row


def _picture_row(row: Row) -> Row | None:
    int(json.loads(row["data"])["at_ms"])
    return row


def _plain(incident: Incident) -> str:
    return json.dumps(asdict(incident) | {"members": sorted(incident.members)}, ensure_ascii=False)


def _incident(text: str) -> Incident:
    """An incident out of its JSON. Raises one of `MISFITS` for what is none."""
    plain = json.loads(text)
    plain["members"] = {(rule, series) for rule, series in plain["members"]}
    for name in ("suspects", "also_told", "siblings", "outvoted"):
        plain[name] = tuple(plain.get(name, ()))
    return Incident(**plain)


def _incident_row(row: Row) -> Row | None:
    incident = _incident(row["data"])
    hints = get_type_hints(Incident)
    fits = all(_fits(getattr(incident, name), hint) for name, hint in hints.items())
    texts = (*incident.suspects, *incident.also_told, *(text for member in incident.members for text in member))
    return row if fits and incident.id == row["id"] and all(isinstance(text, str) for text in texts) else None


def _fits(value: object, hint: Any) -> bool:
    """Plain types and `X | None` alone are looked at."""
    if hint is str:
        return isinstance(value, str)
    if hint is int:
        return type(value) is int and abs(value) < 1 << 63
    if hint == int | None:
        return value is None or _fits(value, int)
    return True


def _terms(text: str) -> SilenceTerms:
    """Raises one of `MISFITS` for what is none."""
    plain = json.loads(text)
    lists = {name: tuple(map(str, plain.get(name, ()))) for name in ("kinds", "owners", "carriers")}
    return SilenceTerms(**lists, every_s=float(plain.get("every_s", 0)), lasts_s=float(plain.get("lasts_s", 0)))


def _terms_row(row: Row) -> Row | None:
    _terms(row["data"])
    return row


def _meta_row(row: Row) -> Row | None:
    if row["key"] == "position":
        position_of(json.loads(row["value"]))
    return row


TABLES = (
    SqlTable(
        "incidents",
        "CREATE TABLE IF NOT EXISTS incidents (id TEXT PRIMARY KEY, data TEXT NOT NULL, sum INTEGER) WITHOUT ROWID;",
        {"id": str, "data": str},
        _incident_row,
    ),
    SqlTable(
        "incident_entries",
        """
CREATE TABLE IF NOT EXISTS incident_entries (
  incident TEXT NOT NULL, number INTEGER NOT NULL, data TEXT NOT NULL, sum INTEGER,
  PRIMARY KEY (incident, number)) WITHOUT ROWID;
""",
        {"incident": str, "number": int, "data": str},
        _entry_row,
    ),
    SqlTable(
        "incident_pictures",
        """
CREATE TABLE IF NOT EXISTS incident_pictures (
  incident TEXT NOT NULL, moment TEXT NOT NULL, data TEXT NOT NULL, sum INTEGER,
  PRIMARY KEY (incident, moment)) WITHOUT ROWID;
""",
        {"incident": str, "moment": str, "data": str},
        _picture_row,
    ),
    SqlTable(
        "silences",
        """
CREATE TABLE IF NOT EXISTS silences (
  id TEXT PRIMARY KEY, element TEXT NOT NULL, from_s REAL NOT NULL, until_s REAL NOT NULL, who TEXT NOT NULL,
  note TEXT NOT NULL, sum INTEGER) WITHOUT ROWID;
""",
        {"id": str, "element": str, "from_s": (int, float), "until_s": (int, float), "who": str, "note": str},
    ),
    SqlTable(  # beside `silences`, whose rows have their sums already
        "silence_terms",
        "CREATE TABLE IF NOT EXISTS silence_terms (id TEXT PRIMARY KEY, data TEXT NOT NULL, sum INTEGER) WITHOUT ROWID;",
        {"id": str, "data": str},
        _terms_row,
    ),
    SqlTable(
        "meta",
        "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER) WITHOUT ROWID;",
        {"key": str, "value": str},
        _meta_row,
    ),
)
