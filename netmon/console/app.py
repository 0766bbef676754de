"""The console's loop: the hub's events in one thread, keys and frames in the other. Nothing is drawn that did not change."""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from collections.abc import Callable

from rich.console import Console as Screen
from rich.console import ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import Segment

from netmon.console.keys import Keys, raw_keys, read
from netmon.console.paint import ScreenLine
from netmon.console.state import ConsoleState
from netmon.console.ui import Ui, press
from netmon.console.view import frame
from netmon.errors import HubUnreachable
from netmon.hub_client import HubClient
from netmon.process.troubles import fault_words

FRAME_S = 0.5
RETRY_S = 1.0


class ScreenLines:
    """Ready lines as a Rich renderable: no layout, no markup."""

    def __init__(self, lines: list[ScreenLine]) -> None:
        self.lines = lines

    def __rich_console__(self, console: Screen, options: ConsoleOptions) -> RenderResult:
        for at, parts in enumerate(self.lines):
            if at:
                yield Segment.line()
            yield from parts


class Console:
    """The live screen of one hub."""

    def __init__(self, client: HubClient, *, lang: str | None = None, color: bool = True, filter: str = "") -> None:
        self.client = client
        self.state = ConsoleState()
        self.ui = Ui(lang=lang or "vi", filter=filter)
        self.screen = Screen(no_color=True if not color or "NO_COLOR" in os.environ else None, highlight=False)
        self._lock = threading.Lock()
        self._ended = threading.Event()

    @classmethod
    def on_socket(cls, path: str, *, lang: str | None = None, color: bool = True) -> Console:
        """The console of the hub behind a local socket."""
        return cls(HubClient(path), lang=lang, color=color)

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Until `q`, the end of input, or `until`. Needs a terminal."""
        threading.Thread(target=self._listen, name="hub-events", daemon=True).start()
        try:
            with raw_keys() as keys, Live(console=self.screen, screen=True, auto_refresh=False) as live:
                self._loop(keys, live, until)
        finally:
            self._ended.set()

    def once(self) -> None:
        """Print incidents and communes as they are now, and return; raises HubUnreachable."""
        self.state.apply("snapshot", self.client.get("/api/v1/state"), time.time())
        self.screen.print(ScreenLines(frame.once(self.state, self.ui, self.screen.width, time.time())))

    def picture(self, path: str, width: int = 130) -> None:
        """Write incidents and communes as they are now into an SVG file; raises HubUnreachable."""
        self.state.apply("snapshot", self.client.get("/api/v1/state"), time.time())
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            paper = Screen(record=True, width=width, file=nowhere, force_terminal=True, color_system="truecolor")
            paper.print(ScreenLines(frame.once(self.state, self.ui, width, time.time())))
        paper.save_svg(path, title="netmon console")

    def _loop(self, keys: int, live: Live, until: Callable[[], bool]) -> None:
        decoder = Keys()
        while not self.ui.quitting and not until():
            with self._lock:
                width, height = self.screen.size
                lines = frame.render(self.state, self.ui, width, height, time.time())
            live.update(ScreenLines(lines), refresh=True)
            ready, _, _ = select.select([keys], [], [], FRAME_S)
            if not ready:
                continue
            data = read(keys)
            if not data:
                return
            with self._lock:
                for key in decoder.feed(data):
                    self.ui = press(self.ui, key, self.state, page=max(1, height // 2))

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                for name, body in self.client.events():
                    with self._lock:
                        self.state.apply(name, body, time.time())
            except HubUnreachable as fault:
                with self._lock:
                    self.state.fault = str(fault)
            except Exception as fault:  # a screen that stands still without a word would be believed
                with self._lock:
                    self.state.fault = fault_words(fault)
            self._ended.wait(RETRY_S)


def is_terminal() -> bool:
    """True when both input and output are one."""
    return sys.stdin.isatty() and sys.stdout.isatty()
