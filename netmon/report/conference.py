"""After a conference: room by room and province by province, what was rehearsed, what failed while it went on, and which
incidents touched it. Pure. What was not measured is absent, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inventory.model import Conference
from inventory.topology import Network
from netmon.store.figures import Figures

KINDS = ("ping", "stamp", "sip", "room", "media", "h323")
PACKETS = ("ping", "stamp")  # kinds whose packets are the link's, so that their losses add up
AFTER = "after"  # the hub's stage that keeps which incidents touched a conference that is over
INCIDENTS_MS = 86_400_000  # so long a hub knows an incident that is over
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """One room, and what lies on its way to its MCU."""

    room: str
    name: str
    province: str
    commune: str
    site: str
    owner: str
    element: str  # of its site
    route: frozenset[str]


@dataclass(slots=True)
class Sums:
    """Figures of several checks added up."""

    sent: int = 0
    rcvd: int = 0
    worst_p95_ms: float | None = None
    minutes: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)

    def add(self, one: Figures) -> None:
        """One more check."""
        if one.kind in PACKETS:
            self.sent, self.rcvd = self.sent + one.sent, self.rcvd + one.rcvd
            if one.worst_p95_ms is not None:
                self.worst_p95_ms = max(one.worst_p95_ms, self.worst_p95_ms or 0.0)
        self.minutes |= one.minutes
        self.failed |= one.failed

    def told(self) -> Row:
        """As data; what was not measured is absent."""
        found: Row = {"minutes_measured": len(self.minutes)}
        if self.minutes:
            found["minutes_failed"] = len(self.failed)
        if self.sent:
            found["loss"] = round(1 - self.rcvd / self.sent, 6)
        if self.worst_p95_ms is not None:
            found["rtt_p95_worst_ms"] = round(self.worst_p95_ms, 3)
        return found


def places(network: Network, conference: Conference) -> list[Place]:
    """Its rooms, in the order of the file."""
    sites = {one.id: one for one in network.inventory.sites}
    rooms = {f"room:{one.id}": one for one in network.inventory.rooms}
    found = []
    for route in network.routes(conference.id):
        room = rooms.get(route.room)
        if room is not None:
            site, about = sites[room.site], network.about(route.room)
            is_commune = site.kind == "commune"
            province = site.province or (site.code if site.kind == "province" else "")
            commune, along = site.code if is_commune else "", frozenset(network.between(route.room, route.mcu))
            who = room.id, room.name or room.id, province, commune, room.site, about.owner
            found.append(Place(*who, network.parent(route.room) or "", along))
    return found


def checked(network: Network, places: Sequence[Place], found: Iterable[Figures]) -> dict[str, Sums]:
    """Room → figures of the checks that speak of its way: those that begin or end at it or its site and cross nothing
    else. One to a service says nothing of a conference."""
    near: dict[str, list[Place]] = {}
    for place in places:
        for key in {f"room:{place.room}", place.element, f"tag:{place.site}", f"tag:{place.commune or '-'}"}:
            near.setdefault(key, []).append(place)
    near.pop("tag:-", None)
    sums = {place.room: Sums() for place in places}
    for one in found:
        along = network.path(one.check) if network.agent_of(one.check) == one.agent else ()
        keys = along or (f"tag:{one.site}", f"tag:{one.commune}")  # the inventory need not know every check
        for place in {place.room: place for key in keys for place in near.get(key, ())}.values():
            if place.route.issuperset(along):
                sums[place.room].add(one)
    return sums


def report(
    network: Network,
    conference: Conference,
    found: Iterable[Figures],
    stages: Sequence[Mapping[str, Any]] | None,
    incidents: Sequence[Mapping[str, Any]] | None,
    now_ms: int,
) -> Row:
    """The whole. `stages`, `incidents`: as the hub tells them, None when it could not be asked."""
    kept = [one for one in stages or () if one["stage"] == AFTER]
    known = {one["id"]: one for one in (*(row for one in kept for row in one["incidents"]), *(incidents or ()))}
    stages = None if stages is None else [one for one in stages if one["stage"] != AFTER]
    start_ms, end_ms = (round(at.at_s * 1000) for at in (conference.starts, conference.ends))
    until_ms = min(end_ms, now_ms)
    seats = places(network, conference)
    sums = checked(network, seats, found)
    touched = [one for one in known.values() if _overlaps(one, start_ms, until_ms)]
    by_room = _stages(stages or ())
    rooms = [_room(seat, sums[seat.room], by_room.get(seat.room, {}), touched) for seat in seats]
    return {
        "conference": conference.id,
        "name": conference.name,
        "starts_ms": start_ms,
        "ends_ms": end_ms,
        "until_ms": until_ms,
        "minutes": -(-(until_ms - start_ms) // 60_000),
        "stages": [_stage(one) for one in stages or ()],
        "stages_known": stages is not None,
        "incidents_known": bool(kept) or (incidents is not None and now_ms - start_ms <= INCIDENTS_MS),
        "provinces": _provinces(seats, rooms, sums),
        "rooms": rooms,
        "incidents": [_incident(one, rooms) for one in touched if any(one["id"] in row["incidents"] for row in rooms)],
    }


def _overlaps(one: Mapping[str, Any], start_ms: int, end_ms: int) -> bool:
    resolved_ms = one["resolved_ms"]
    return bool(one["first_miss_ms"] < end_ms and (resolved_ms is None or resolved_ms > start_ms))


def _stages(stages: Sequence[Mapping[str, Any]]) -> dict[str, Row]:
    """Room → stage → state, and the rung that broke."""
    found: dict[str, Row] = {}
    for stage in stages:
        for row in stage.get("rooms", ()):
            told = {"state": row["state"]} | ({"rung": row["rung"]} if row["rung"] else {})
            found.setdefault(row["room"], {})[stage["stage"]] = told
    return found


def _stage(one: Mapping[str, Any]) -> Row:
    return {key: one[key] for key in ("stage", "at_ms", "summary", "failed", "light") if key in one}


def _room(seat: Place, sums: Sums, stages: Row, touched: Sequence[Mapping[str, Any]]) -> Row:
    plain = {"room": seat.room, "name": seat.name, "province": seat.province, "commune": seat.commune}
    ids = [one["id"] for one in touched if one["element"] in seat.route]
    return plain | {"owner": seat.owner, "stages": stages, **sums.told(), "incidents": ids}


def _incident(one: Mapping[str, Any], rooms: Sequence[Row]) -> Row:
    keys = (
        "id",
        "element",
        "name",
        "kind",
        "severity",
        "owner",
        "carrier",
        "circuit_id",
        "first_miss_ms",
        "resolved_ms",
    )
    told = {key: one.get(key) for key in (*keys, "vi", "en")}
    return told | {"rooms": [row["room"] for row in rooms if one["id"] in row["incidents"]]}


def _provinces(seats: Sequence[Place], rooms: Sequence[Row], sums: Mapping[str, Sums]) -> list[Row]:
    """By province's code; a room that is in none stands under ""."""
    groups: dict[str, list[Row]] = {}
    for row in rooms:
        groups.setdefault(row["province"], []).append(row)
    return [_province(code, groups[code], sums) for code in sorted(groups)]


def _province(code: str, rooms: Sequence[Row], sums: Mapping[str, Sums]) -> Row:
    mine = [sums[row["room"]] for row in rooms]
    last = [list(row["stages"].values())[-1]["state"] for row in rooms if row["stages"]]
    sent, rcvd = sum(one.sent for one in mine), sum(one.rcvd for one in mine)
    worst = [one.worst_p95_ms for one in mine if one.worst_p95_ms is not None]
    found: Row = {
        "province": code,
        "rooms": len(rooms),
        "rooms_ready": sum(state in ("ready", "risk") for state in last),
        "rooms_rehearsed": len(last),
        "rooms_measured": sum(bool(one.minutes) for one in mine),
        "rooms_that_failed": sum(bool(one.failed) for one in mine),
        "minutes_failed": sum(len(one.failed) for one in mine),
    }
    found |= {"loss": round(1 - rcvd / sent, 6)} if sent else {}
    found |= {"rtt_p95_worst_ms": round(max(worst), 3)} if worst else {}
    return found | {"incidents": len({id for row in rooms for id in row["incidents"]})}
