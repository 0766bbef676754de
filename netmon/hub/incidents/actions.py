"""What operators do about incidents: take one into their hands, give a task, silence an element. Each may wait for the disk."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from alerts.silences import Silence, SilenceTerms
from netmon.hub.incidents.board import IncidentBoard
from netmon.hub.incidents.evidence import Picture
from netmon.hub.incidents.timeline import Assignment, TimelineEntry
from netmon.hub.outbox_table import NewPage

log = logging.getLogger("netmon.hub")
_ALL = SilenceTerms()


class IncidentChanged(Exception):
    """It is not any more what the operator saw. `entries`: what happened since."""

    def __init__(self, entries: Sequence[TimelineEntry]) -> None:
        super().__init__(" ".join(entry.what for entry in entries))
        self.entries = tuple(entries)


class Actions:
    """Any thread may call. Raises `sqlite3.Error` when it cannot be kept."""

    def __init__(self, board: IncidentBoard) -> None:
        self._board = board

    def whole(self, id: str) -> dict[str, Any]:
        """One incident with its timeline and the pages of it. `KeyError` when unknown."""
        board = self._board
        with board.lock:
            row = next((row for row in board.rows if row["id"] == id), None)
            if row is None:
                raise KeyError(id)
            timeline = [asdict(entry) for entry in board.timelines.of(id)]
        return {**row, "timeline": timeline, "pages": board.tables.outbox.of_incident(id)}

    def evidence(self, id: str, now_s: float) -> dict[str, Any]:
        """One incident as `whole`, with what was seen around its element, the last as it is now. `KeyError` when unknown."""
        whole, board = self.whole(id), self._board
        pictures = board.tables.pictures(id)
        with board.lock:
            incident = board.book.incidents[id]
            if incident.is_open:
                pictures.append(Picture(id, "now", board.witnesses.picture(incident, int(now_s * 1000))))
        return {**whole, "pictures": [{"moment": picture.moment, **picture.seen} for picture in pictures]}

    def ack(
        self, id: str, who: str, note: str, now_s: float, *, for_s: float | None = None, version: int | None = None
    ) -> None:
        """Somebody takes an incident into their hands, for so long (None: as the hub's file says, 0: until it is over).
        `version`: what they saw. `KeyError` when unknown, `IncidentChanged` when it is another by now."""
        lasts_s = self._board.ack_for_s if for_s is None else for_s
        until_ms = int((now_s + lasts_s) * 1000) if lasts_s else None
        with self._board.changing(now_s):
            self._check_version(id, version)
            incident = self._board.book.incidents[id]
            incident.acked_by, incident.acked_ms, incident.ack_note = who, int(now_s * 1000), note
            self._keep(id, "acked", who, now_s, {"note": note} | ({"until_ms": until_ms} if until_ms else {}))

    def unack(self, id: str, who: str, note: str, now_s: float) -> None:
        """It is in nobody's hands any more. `KeyError` when unknown."""
        with self._board.changing(now_s):
            incident = self._board.book.incidents[id]
            acked_by, incident.acked_by, incident.acked_ms, incident.ack_note = incident.acked_by, "", None, ""
            self._keep(id, "unacked", who, now_s, {"note": note, "acked_by": acked_by})

    def assign(self, id: str, task: Assignment, who: str, now_s: float, *, version: int | None = None) -> None:
        """`who` gives somebody a task; the last one counts. `KeyError` when unknown, `IncidentChanged` as in `ack`."""
        with self._board.changing(now_s):
            self._check_version(id, version)
            self._keep(id, "assigned", who, now_s, asdict(task))

    def _check_version(self, id: str, version: int | None) -> None:
        if id not in self._board.book.incidents:
            raise KeyError(id)
        entries = self._board.timelines.since(id, version) if version is not None else []
        if entries:
            raise IncidentChanged(entries)

    def _keep(self, id: str, what: str, who: str, now_s: float, facts: dict[str, Any]) -> None:
        """One entry more, kept with the incident and with the pages of it."""
        log.warning("incident %s %s by %s: %s", id, what, who, facts)
        self._board.act(id, what, who, now_s, facts)

    def silence(
        self,
        element: str,
        until_s: float,
        who: str,
        note: str,
        now_s: float,
        *,
        from_s: float | None = None,
        terms: SilenceTerms = _ALL,
    ) -> str:
        """No pages for an element ("" for all, when `terms` say which) and what is behind it; the silence's id. `from_s`: it
        begins later. `KeyError` for an unknown element."""
        if not self._board.pages.knows(element) and not (element == "" and terms.is_selective):
            raise KeyError(element)
        id = hashlib.sha256(f"{element}|{now_s}|{from_s}|{until_s}|{who}|{terms}".encode()).hexdigest()[:12]
        now_s = int(now_s * 1000) / 1000  # the view's clock has whole milliseconds: it must be in force at once
        with self._board.changing(now_s):
            begins_s = now_s if from_s is None else from_s
            self._board.add_silence(Silence(id, element, begins_s, until_s, who, note, terms))
        return id

    def test_pages(self, names: Collection[str], now_s: float) -> list[NewPage]:
        """Try whether pages come through to these receivers (all when none is named). `KeyError` for one nobody knows."""
        with self._board.changing(now_s):
            pages = self._board.trials.wanted(names, now_s)
            self._board.owe(pages, now_s)
        return pages

    def page_state(self, id: str) -> tuple[str, str]:
        """(state, what came out last) of a page. `KeyError` when unknown."""
        return self._board.tables.outbox.state_of(id)

    def unsilence(self, id: str, now_s: float) -> None:
        """End a silence. `KeyError` when unknown."""
        with self._board.changing(now_s):
            if id not in {silence.id for silence in self._board.active_silences(now_s)}:
                raise KeyError(id)
            self._board.remove_silence(id)
