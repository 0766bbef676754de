"""Incidents, silences and pages as they stand: what the evaluator decides and operators change, kept and shown."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from typing import Any

from alerts.base import Topology
from alerts.incidents import Book, Incident
from alerts.silences import Silence
from netmon.config.hub import HubConfig
from netmon.hub.incidents.evidence import TAKEN, PictureTaker
from netmon.hub.incidents.pages import Endangered, Pages, nothing_endangered
from netmon.hub.incidents.tables import IncidentTables
from netmon.hub.incidents.timeline import Timelines
from netmon.hub.incidents.trials import Trials
from netmon.hub.outbox_table import PAGE_STATES, NewPage
from netmon.segments.position import Position

CLOSED_MS = 86_400_000  # an incident that is over is shown for so long


class IncidentBoard:
    """Who touches `book`, `unkept` or silences holds `lock`. `on_change`: called, from any thread, when `view()` is another."""

    def __init__(
        self,
        config: HubConfig,
        topology: Topology,
        book: Book,
        tables: IncidentTables,
        endangered: Endangered = nothing_endangered,
    ) -> None:
        self.lock = threading.RLock()
        self.ack_for_s = config.ack_for_s
        self.on_change: Callable[[], None] | None = None
        self.book, self.tables, self._topology = book, tables, topology
        self.unkept: dict[str, Incident] = {}  # changed, not in the database yet
        self.witnesses = PictureTaker(topology)
        self.timelines = Timelines(tables.entries(), book.incidents.values())
        self.pages = Pages(config, topology, tables.outbox.paged(), tables.outbox.undelivered(), endangered)
        self._silences = {silence.id: silence for silence in tables.silences()}
        self.trials = Trials(config)
        self.on_owed: Callable[[], None] | None = None  # called when an operator's act owes pages
        self.rows: list[dict[str, Any]] = []  # replaced, never changed: the event loop reads them
        self._over: dict[str, dict[str, Any]] = {}  # rows of incidents that are over, which time does not change
        self._over_rows: list[dict[str, Any]] = []  # the same, latest first
        self._silence_rows: list[dict[str, Any]] = []
        self._counts = tables.outbox.counts()

    def keep(self, now_s: float, position: Position, *, is_due: bool) -> bool:
        """Commit what changed with its pages, and where replay begins, in one transaction; is there anything new for people?
        `is_due`: the position is kept even so. Raises `sqlite3.Error`; then the next call keeps it."""
        now_ms = int(now_s * 1000)
        self._end_acks(now_ms)
        for incident in sorted(
            self.unkept.values(), key=lambda incident: not incident.is_open
        ):  # what swallows comes first
            for entry in self.timelines.observe(incident, now_ms):
                if entry.what in TAKEN:
                    self.witnesses.take(incident, entry.what, now_ms)
        pages = self.pages.missing(self.book.incidents.values(), self.active_silences(now_s), now_s)
        pages += self.trials.due(now_s)
        forgotten = self.book.forget(now_ms - CLOSED_MS)
        is_new = bool(self.unkept or pages or forgotten)
        if is_new or is_due:
            self.commit(pages, now_ms, position, forgotten)
            self.timelines.forget(forgotten)
        return is_new

    def commit(
        self, pages: Sequence[NewPage], now_ms: int, position: Position | None = None, forgotten: Sequence[str] = ()
    ) -> None:
        """What is not kept yet, with these pages. Raises `sqlite3.Error`; then it stays to be kept."""
        lines = self.timelines
        self.pages.changed |= self.unkept.keys()
        self.tables.commit(
            self.unkept.values(), pages, position, forgotten,
            now_ms=now_ms, entries=lines.unkept, dropped=lines.dropped, pictures=self.witnesses.unkept,
        )  # fmt: skip
        self.unkept.clear()
        lines.kept()
        self.witnesses.unkept.clear()
        self.pages.kept(pages, forgotten)
        self._counts = self.tables.outbox.counts()

    def act(self, id: str, what: str, who: str, now_s: float, facts: dict[str, Any]) -> None:
        """Somebody did something about an incident: kept, and told to who wants to know. Raises `sqlite3.Error`."""
        incident, now_ms = self.book.incidents[id], int(now_s * 1000)
        self.unkept[id] = incident
        self.timelines.observe(incident, now_ms)
        entry = self.timelines.act(id, what, who, now_ms, facts)
        pages = self.pages.of_hands(incident, entry, self.active_silences(now_s), now_s)
        self.commit(pages, now_ms)
        if pages and self.on_owed is not None:
            self.on_owed()

    def _end_acks(self, now_ms: int) -> None:
        """What somebody took in hand for a time that is over is in nobody's hands."""
        for incident in self.book.incidents.values():
            until_ms = self.timelines.acked_until_ms(incident) if incident.acked_ms is not None else None
            if incident.is_open and until_ms is not None and until_ms <= now_ms:
                self.timelines.act(incident.id, "ack-expired", "", until_ms, {"acked_by": incident.acked_by})
                incident.acked_by, incident.acked_ms, incident.ack_note = "", None, ""
                self.unkept[incident.id] = incident

    def owe(self, pages: Sequence[NewPage], now_s: float) -> None:
        """Pages an operator asked for."""
        self.tables.commit(pages=pages, now_ms=int(now_s * 1000))
        self._counts = self.tables.outbox.counts()
        if self.on_owed is not None:
            self.on_owed()

    # --- silences ---

    def active_silences(self, now_s: float) -> list[Silence]:
        """Those that are not over."""
        past = [silence.id for silence in self._silences.values() if silence.until_s <= now_s]
        if past:
            with suppress(sqlite3.Error):  # they are over, kept or not
                self.tables.remove_silences(past)
            for id in past:
                del self._silences[id]
        return list(self._silences.values())

    def add_silence(self, silence: Silence) -> None:
        """It holds from now on."""
        self.tables.add_silence(silence)
        self._silences[silence.id] = silence

    def remove_silence(self, id: str) -> None:
        """It is over."""
        self.tables.remove_silences([id])
        del self._silences[id]

    def move_silences(self, seconds: float) -> None:
        """The clock was set: they last as long as they were meant to."""
        if not self._silences:
            return
        with suppress(sqlite3.Error):  # until the next start the moved ones hold
            self.tables.move_silences(seconds)
        for id, silence in self._silences.items():
            if silence.terms.every_s:  # planned for a time of day
                continue
            self._silences[id] = replace(silence, from_s=silence.from_s + seconds, until_s=silence.until_s + seconds)

    # --- showing ---

    def view(self, now_s: float) -> dict[str, Any]:
        """Incidents (open first, then those closed in the last 24 h), silences and pages. Waits for nobody: the event loop
        asks."""
        now_ms = now_s * 1000
        return {
            "incidents": self.rows,
            "silences": [row for row in self._silence_rows if row["until_ms"] > now_ms],
            "pages": {state: self._counts.get(state, 0) for state in PAGE_STATES},
        }

    def show(self, now_s: float) -> None:
        """Make the rows of the view anew."""
        silences = self.active_silences(now_s)
        incidents = self.book.incidents.values()
        rows = [self._row(incident, silences, now_s) for incident in incidents if incident.resolved_ms is None]
        rows.sort(key=lambda row: -row["opened_ms"])
        self._show_over(len(incidents) - len(rows), now_s)
        self.rows = rows + self._over_rows
        self._silence_rows = [_silence_row(silence) for silence in silences]

    def _row(self, incident: Incident, silences: Sequence[Silence], now_s: float) -> dict[str, Any]:
        row = self.pages.row(incident, now_s)
        silence = self.pages.silence(incident, silences, now_s)
        row["silenced"] = incident.is_open and silence is not None
        row |= self._hands(incident)
        row["not_sent"] = self.pages.not_sent(incident, silence, now_s)
        return row

    def _show_over(self, many: int, now_s: float) -> None:
        """Rows of incidents that are over: of those alone that changed, or whose pages did. `many`: how many are over."""
        changed = self.unkept.keys() | self.pages.changed
        self.pages.changed.clear()
        if not changed and many == len(self._over):
            return
        known = self._over
        self._over = {
            id: known[id] if id in known and id not in changed else self._row(incident, (), now_s)
            for id, incident in self.book.incidents.items()
            if incident.resolved_ms is not None
        }
        self._over_rows = sorted(self._over.values(), key=lambda row: -(row["resolved_ms"] or row["opened_ms"]))

    def _hands(self, incident: Incident) -> dict[str, Any]:
        """In whose hands it is, and which version of it that is."""
        given = self.timelines.assignment(incident.id)
        return {
            "version": self.timelines.version(incident.id),
            "acked_until_ms": self.timelines.acked_until_ms(incident),
            "assigned": asdict(given) if given is not None else None,
        }

    @contextmanager
    def changing(self, now_s: float) -> Iterator[None]:
        """Whoever changes something does it in here: what is shown follows, and whoever watches is told."""
        with self.lock:
            yield
            self.show(now_s)
        self.notify()

    def pages_changed(self) -> None:
        """A page's state changed (in a sender's thread)."""
        with self.lock:
            self.pages.refresh(self.tables.outbox.paged(), self.tables.outbox.undelivered())
            self._counts = self.tables.outbox.counts()
        self.notify()

    def notify(self) -> None:
        """The view is another."""
        if self.on_change is not None:
            self.on_change()


def _silence_row(silence: Silence) -> dict[str, Any]:
    return {
        "id": silence.id,
        "element": silence.element,
        "from_ms": int(silence.from_s * 1000),
        "until_ms": int(silence.until_s * 1000),
        "who": silence.who,
        "note": silence.note,
        "kinds": list(silence.terms.kinds),
        "owners": list(silence.terms.owners),
        "carriers": list(silence.terms.carriers),
        "every_s": silence.terms.every_s,
        "lasts_s": silence.terms.lasts_s,
    }
