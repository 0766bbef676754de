"""Rooms that nobody may call now: another conference goes on in them, or on the links they stand behind."""

from __future__ import annotations

import time
from collections.abc import Sequence

from inventory.model import Conference
from inventory.topology import Network
from netmon.conference.plan import Plan

_MARGIN_S = 900.0  # before another conference starts its rooms join, and its links are kept free
_LOOK_S = 5.0


def rooms_in_use(network: Network, plan: Plan, now_s: float) -> tuple[frozenset[str], Sequence[Conference]]:
    """Rooms whose conference, or whose links' conference, must not be hurt, and those conferences."""
    mine = plan.conference
    others = [other for other in network.live(now_s, _MARGIN_S) if other.id != mine.id or other in network.live(now_s)]
    rooms = {room for other in others for room in other.rooms}
    links = {crossing.link for other in others for crossing in network.crossings(other.id)}
    in_use = frozenset(seat.room for seat in plan.seats if seat.room in rooms or not links.isdisjoint(seat.links))
    return in_use, others


class RoomsInUse:
    """The rooms in use at the moment of asking, looked up at most every few seconds: a rehearsal may outlast the margin."""

    def __init__(self, network: Network, plan: Plan) -> None:
        self._network, self._plan = network, plan
        self._rooms, self._next_s = frozenset[str](), 0.0

    def __call__(self) -> frozenset[str]:
        """Rooms that nobody may call now."""
        now_s = time.time()
        if now_s >= self._next_s:
            self._rooms, self._next_s = rooms_in_use(self._network, self._plan, now_s)[0], now_s + _LOOK_S
        return self._rooms
