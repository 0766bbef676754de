"""What operators do about incidents: take one into their hands, silence an element. Each may wait for the disk."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from alerts.silences import Silence, SilenceTerms
from netmon.hub.incidents.board import IncidentBoard
from netmon.hub.outbox_table import NewPage

_ALL = SilenceTerms()


class Actions:
    """Any thread may call. Raises `sqlite3.Error` when it cannot be kept."""

    def __init__(self, board: IncidentBoard) -> None:
        self._board = board

    def ack(self, id: str, who: str, note: str, now_s: float) -> None:
        """Somebody takes an incident into their hands. `KeyError` when unknown."""
        with self._board.changing(now_s):
            incident = self._board.book.incidents[id]
            incident.acked_by, incident.acked_ms, incident.ack_note = who, int(now_s * 1000), note
            self._board.unkept[id] = incident
            self._board.tables.commit([incident], now_ms=int(now_s * 1000))

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
