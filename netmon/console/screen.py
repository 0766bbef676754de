"""A live screen: what is heard comes in one thread, keys and frames go in the other. Nothing is drawn that did not change."""

from __future__ import annotations

import os
import select
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

from rich.console import Console as Screen
from rich.console import ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import Segment

from netmon.console.keys import Keys, raw_keys, read
from netmon.console.paint import ScreenLine
from netmon.errors import HubUnreachable
from netmon.process.troubles import fault_words

FRAME_S = 0.5


class ScreenLines:
    """Ready lines as a Rich renderable: no layout, no markup."""

    def __init__(self, lines: list[ScreenLine]) -> None:
        self.lines = lines

    def __rich_console__(self, console: Screen, options: ConsoleOptions) -> RenderResult:
        for at, parts in enumerate(self.lines):
            if at:
                yield Segment.line()
            yield from parts


class LiveScreen(ABC):
    """What every live screen does; what it shows and hears is its own. Asked every `every_s` seconds."""

    def __init__(self, every_s: float, *, color: bool) -> None:
        self.screen = Screen(no_color=True if not color or "NO_COLOR" in os.environ else None, highlight=False)
        self._every_s, self._ended, self._lock = every_s, threading.Event(), threading.Lock()

    @abstractmethod
    def _frame(self, width: int, height: int) -> list[ScreenLine]:
        """What is to be seen now. The lock is held."""

    @abstractmethod
    def _press(self, key: str, height: int) -> None:
        """A key was pressed. The lock is held."""

    @abstractmethod
    def _hear(self) -> None:
        """Ask once, or listen as long as there is something to hear. Raises `HubUnreachable`."""

    @abstractmethod
    def _unheard(self, fault: str) -> None:
        """Nothing was heard. The lock is held."""

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Until it is ended, the input is at its end, or `until`. Needs a terminal."""
        threading.Thread(target=self._listen, name="hub-events", daemon=True).start()
        try:
            with raw_keys() as keys, Live(console=self.screen, screen=True, auto_refresh=False) as live:
                self._loop(keys, live, until)
        finally:
            self._ended.set()

    def _loop(self, keys: int, live: Live, until: Callable[[], bool]) -> None:
        decoder = Keys()
        while not self._ended.is_set() and not until():
            width, height = self.screen.size
            with self._lock:
                lines = self._frame(width, height)
            live.update(ScreenLines(lines), refresh=True)
            ready, _, _ = select.select([keys], [], [], FRAME_S)
            if not ready:
                continue
            data = read(keys)
            if not data:
                return
            with self._lock:
                for key in decoder.feed(data):
                    self._press(key, height)

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                self._hear()
            except HubUnreachable as fault:
                with self._lock:
                    self._unheard(str(fault))
            except Exception as fault:  # a screen that stands still without a word would be believed
                with self._lock:
                    self._unheard(fault_words(fault))
            self._ended.wait(self._every_s)
