"""Which conferences an element endangers: those that go on or start soon, whose rooms reach their MCU over it. Pure.

Times are Unix seconds, given as arguments.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from alerts.texts import EndangeredConference
from inventory.model import Conference
from inventory.topology import Network

AHEAD_S = 3600.0  # so long before its start a conference is in danger already


class ConferenceRisk:
    """What of each conference stands in whose way, found when it is first asked for. From one thread at a time."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._cut: dict[str, dict[str, int]] = {}
        self._live = lru_cache(4096)(self._live_or_soon)  # incidents that are over ask the same again each second

    def conferences_at_risk(self, element: str, now_s: float) -> tuple[str, ...]:
        """Ids of the conferences it endangers, those first that began or begin first."""
        return tuple(conference.id for conference in self.endangered(element, now_s))

    def endangered(self, element: str, now_s: float) -> tuple[EndangeredConference, ...]:
        """The same with what a page says of each. The element is an MCU of it, a room, a room's site, or between them."""
        conferences = []
        for conference in self._live(int(now_s)):
            cut = self._cut_by(conference.id).get(element)
            if cut is not None:
                starts_ms, rooms = round(conference.starts.at_s * 1000), len(conference.rooms)
                name = conference.name or conference.id
                conferences.append(EndangeredConference(conference.id, name, cut, rooms, starts_ms))
        return tuple(conferences)

    def _live_or_soon(self, now_s: int) -> tuple[Conference, ...]:
        conferences = self._network.live(now_s, AHEAD_S)
        return tuple(sorted(conferences, key=lambda conference: (conference.starts.at_s, conference.id)))

    def _cut_by(self, id: str) -> dict[str, int]:
        """Element on a way of the conference → how many rooms are cut off without it; 0 where a backup goes round it."""
        if id not in self._cut:
            cut: dict[str, set[str]] = {}
            joined: dict[str, set[str]] = {}  # MCU → its rooms; the further MCUs come last, with all theirs
            for route in self._network.routes(id):
                is_room = route.room.startswith("room:")
                rooms = {route.room} if is_room else joined.get(route.room, set())
                joined.setdefault(route.mcu, set()).update(rooms if is_room else ())
                _add(cut, rooms, self._network.paths_between(route.room, route.mcu))
            self._cut[id] = {element: len(rooms) for element, rooms in cut.items()}
        return self._cut[id]


def _add(cut: dict[str, set[str]], rooms: Collection[str], paths: tuple[tuple[str, ...], ...]) -> None:
    """These rooms need every element that is on all of the paths."""
    needed = set(paths[0]).intersection(*paths[1:])
    for element in set[str]().union(*paths):
        cut.setdefault(element, set()).update(rooms if element in needed else ())
