"""Watching one conference: asks its hub every few seconds, draws the board or prints what changed. Measures nothing."""

from __future__ import annotations

import json
import os
import select
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console as Screen
from rich.live import Live

from netmon.console.app import ScreenLines
from netmon.console.keys import Keys, raw_keys, read
from netmon.console.view import conference
from netmon.console.view.conference import Board
from netmon.errors import HubRefused, HubUnreachable
from netmon.hub_client import HubClient, element_path
from netmon.process.troubles import fault_words

ASK_S = 2.0
FRAME_S = 0.5


class ConferenceWatch:
    """One conference of one hub."""

    def __init__(self, client: HubClient, id: str, *, lang: str, color: bool = True) -> None:
        self.client, self.id, self.lang = client, id, lang
        self.board = Board()
        self._color = color and "NO_COLOR" not in os.environ
        self._lock = threading.Lock()
        self._ended = threading.Event()
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

    def run(self) -> None:
        """The live board, until `q` or the end of input. Needs a terminal."""
        self.ask(time.time())
        threading.Thread(target=self._listen, name="conference", daemon=True).start()
        screen = Screen(no_color=None if self._color else True, highlight=False)
        try:
            with raw_keys() as keys, Live(console=screen, screen=True, auto_refresh=False) as live:
                self._loop(keys, live, screen)
        finally:
            self._ended.set()
        if self._refused:
            raise self._refused

    def once(self) -> None:
        """Print the board with all its rows."""
        screen = Screen(no_color=None if self._color else True, highlight=False)
        result, row = self.board.result or {}, self.board.row
        rows = 2 * (len(result.get("rooms", ())) + len(row.get("incidents", ())) + 8)
        lines = conference.render(self.board, self.lang, screen.width, rows, time.time())[:-1]
        while lines and not "".join(part.text for part in lines[-1]).strip():
            lines.pop()
        screen.print(ScreenLines(lines))

    def _loop(self, keys: int, live: Live, screen: Screen) -> None:
        decoder = Keys()
        while not self._ended.is_set():
            with self._lock:
                board = self.board
            width, height = screen.size
            live.update(ScreenLines(conference.render(board, self.lang, width, height, time.time())), refresh=True)
            ready, _, _ = select.select([keys], [], [], FRAME_S)
            data = read(keys) if ready else b" "
            pressed = decoder.feed(data)
            if not data or "q" in pressed:
                return
            if "l" in pressed:
                self.lang = "vi" if self.lang == "en" else "en"

    def _listen(self) -> None:
        while not self._ended.wait(ASK_S):
            try:
                self.ask(time.time())
            except HubRefused as fault:  # it was there: the inventory is another now
                self._refused = fault
                self._ended.set()
            except HubUnreachable as fault:
                with self._lock:
                    self.board = Board(self.board.row, self.board.result, self.board.heard_s, str(fault))
            except Exception as fault:  # a board that stands still without a word would be believed
                with self._lock:
                    self.board = Board(self.board.row, self.board.result, self.board.heard_s, fault_words(fault))

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
