"""The console of one hub: its events as they come, drawn as incidents and communes."""

from __future__ import annotations

import os
import sys
import time

from rich.console import Console as Screen

from netmon.console.paint import ScreenLine
from netmon.console.screen import LiveScreen, ScreenLines
from netmon.console.state import ConsoleState
from netmon.console.ui import Ui, press
from netmon.console.view import frame
from netmon.hub_client import HubClient

RETRY_S = 1.0


class Console(LiveScreen):
    """The live screen of one hub."""

    def __init__(self, client: HubClient, *, lang: str | None = None, color: bool = True, filter: str = "") -> None:
        super().__init__(RETRY_S, color=color)
        self.client = client
        self.state, self.ui = ConsoleState(), Ui(lang=lang or "vi", filter=filter)

    @classmethod
    def on_socket(cls, path: str, *, lang: str | None = None, color: bool = True) -> Console:
        """The console of the hub behind a local socket."""
        return cls(HubClient(path), lang=lang, color=color)

    def once(self) -> None:
        """Print incidents and communes as they are now, and return; raises HubUnreachable."""
        self.screen.print(self._now(self.screen.width))

    def picture(self, path: str, width: int = 130) -> None:
        """Write incidents and communes as they are now into an SVG file; raises HubUnreachable."""
        lines = self._now(width)
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            paper = Screen(record=True, width=width, file=nowhere, force_terminal=True, color_system="truecolor")
            paper.print(lines)
        paper.save_svg(path, title="netmon console")

    def _now(self, width: int) -> ScreenLines:
        self.state.apply("snapshot", self.client.get("/api/v1/state"), time.time())
        return ScreenLines(frame.once(self.state, self.ui, width, time.time()))

    def _frame(self, width: int, height: int) -> list[ScreenLine]:
        return frame.render(self.state, self.ui, width, height, time.time())

    def _press(self, key: str, height: int) -> None:
        self.ui = press(self.ui, key, self.state, page=max(1, height // 2))
        if self.ui.quitting:
            self._ended.set()

    def _hear(self) -> None:
        for name, body in self.client.events():
            with self._lock:
                self.state.apply(name, body, time.time())

    def _unheard(self, fault: str) -> None:
        self.state.fault = fault


def is_terminal() -> bool:
    """True when both input and output are one."""
    return sys.stdin.isatty() and sys.stdout.isatty()
