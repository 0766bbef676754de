"""Watching one conference: asks its hub every few seconds, draws the board or prints what changed. Measures nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from netmon.console.paint import ScreenLine
from netmon.console.screen import LiveScreen, ScreenLines
from netmon.console.view import conference
from netmon.console.view.conference import Board
from netmon.errors import HubRefused
from netmon.hub_client import HubClient, element_path

ASK_S = 2.0


class ConferenceWatch(LiveScreen):
    """One conference of one hub."""

    def __init__(self, client: HubClient, id: str, *, lang: str, color: bool = True) -> None:
        super().__init__(ASK_S, color=color)
        self.client, self.id, self.lang = client, id, lang
        self.board = Board()
        self._refused: HubRefused | None = None

    def ask(self, now_s: float) -> None:
        """Once: its row, and the whole of its last rehearsal when that is another. Raises `HubUnreachable`,
        `HubRefused` for a conference the hub does not know."""
        path = f"/api/v1/conferences/{element_path(self.id)}"
        row, result = self.client.get(f"{path}/live"), self.board.result
        at_ms = row["last"] and row["last"]["at_ms"]
        if at_ms != (result or {}).get("at_ms"):
            result = self.client.get(path)["result"]
        with self._lock:
            self.board = Board(row, result, now_s)

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """The live board, until `q` or the end of input. Needs a terminal. Raises as `ask` does."""
        self.ask(time.time())
        super().run(until)
        if self._refused:
            raise self._refused

    def once(self) -> None:
        """Print the board with all its rows."""
        result, row = self.board.result or {}, self.board.row
        rows = 2 * (len(result.get("rooms", ())) + len(row.get("incidents", ())) + 8)
        lines = self._frame(self.screen.width, rows)[:-1]
        while lines and not "".join(part.text for part in lines[-1]).strip():
            lines.pop()
        self.screen.print(ScreenLines(lines))

    def _frame(self, width: int, height: int) -> list[ScreenLine]:
        return conference.render(self.board, self.lang, width, height, time.time())

    def _press(self, key: str, height: int) -> None:
        if key == "q":
            self._ended.set()
        elif key == "l":
            self.lang = "vi" if self.lang == "en" else "en"

    def _hear(self) -> None:
        try:
            self.ask(time.time())
        except HubRefused as fault:  # it was there: the inventory is another now
            self._refused = fault
            self._ended.set()

    def _unheard(self, fault: str) -> None:
        self.board = replace(self.board, fault=fault)

    def changes(self, tell: Callable[[str], None], *, once: bool = False) -> None:
        """One JSON object a change, for programs, until the conference is over, or the first with `once`. Raises
        `HubUnreachable`."""
        before: Mapping[str, Any] = {}
        while True:
            self.ask(time.time())
            now = watched_part(self.board)
            if now != before:
                tell(json.dumps({"at_ms": round(time.time() * 1000), **now}, ensure_ascii=False))
                before = now
            if once or now["state"] == "over":
                return
            time.sleep(ASK_S)


def watched_part(board: Board) -> dict[str, Any]:
    """What of a board is worth a line when it changes: no clock is in it."""
    row, result = board.row, board.result or {}
    keys = ("id", "name", "state", "starts_ms", "ends_ms", "running", "last")
    kept = ("id", "element", "kind", "owner", "rooms")
    incidents = [{key: incident[key] for key in kept} for incident in row.get("incidents", ())]
    short = ("room", "name", "state", "rung", "owner")
    rooms = [{key: room.get(key, "") for key in short} for room in result.get("rooms", ()) if room["state"] != "ready"]
    return {key: row[key] for key in keys} | {"incidents": incidents, "rooms": rooms}
