"""What was out of reach for a moment too short to be told: packets lost in it are no losses of the links behind it."""

from __future__ import annotations

from collections.abc import Container, Iterable

from alerts.blame.accusation import Accusation
from alerts.blame.testimony import Testimony

DARK_MS = 7_000  # a moment ago


class Blips:
    """Remembers them. Times are by the hub's clock, Unix ms."""

    def __init__(self) -> None:
        self._dark: dict[str, int] = {}  # many of whose checks missed answers → when
        self._blips: dict[str, int] = {}

    def look(self, votes: Testimony, reach: Iterable[Accusation], open: Container[str], now_ms: int) -> None:
        """Take a tick in. `open`: elements with an open incident, of which people know."""
        self._dark = {element: at for element, at in self._dark.items() if now_ms - at <= DARK_MS}
        self._dark |= dict.fromkeys(votes.dark(), now_ms)
        self._blips |= dict.fromkeys(filter(votes.was_black, self._dark), now_ms)
        rerouted = {accusation.element for accusation in reach if accusation.rerouted}
        self._blips |= {element: now_ms for element in rerouted if element not in open}

    def since(self, at_ms: int) -> set[str]:
        """Those of since a moment; older ones are forgotten."""
        self._blips = {element: when for element, when in self._blips.items() if when >= at_ms}
        return set(self._blips)
