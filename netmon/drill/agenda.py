"""What happens when, in virtual time: actions are done in the order of their times. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any


class Agenda:
    """`now_s`: the scenario's time."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._entries: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0

    def add(self, at_s: float, action: Callable[..., None], *arguments: Any) -> None:
        """Do something at a time; what was added earlier for the same time is done first."""
        self._number += 1
        heapq.heappush(self._entries, (at_s, self._number, action, arguments))

    def run(self, until_s: float) -> None:
        """Do all that is due up to a time."""
        entries = self._entries
        while entries and entries[0][0] <= until_s:
            at_s, _, action, arguments = heapq.heappop(entries)
            self.now_s = at_s
            action(*arguments)
        self.now_s = until_s
