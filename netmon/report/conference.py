"""After a conference: room by room and province by province, what was rehearsed, what failed while it went on, and which
incidents touched it. Pure. What was not measured is absent, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inventory.model import Conference
from inventory.topology import Network
from netmon.store.figures import CheckFigures

KINDS = ("ping", "stamp", "sip", "room", "media", "h323")
PACKETS = ("ping", "stamp")  # kinds whose packets are the link's, so that their losses add up
AFTER = "after"  # the hub's stage that keeps which incidents touched a conference that is over
INCIDENTS_MS = 86_400_000  # so long a hub knows an incident that is over
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RoomPlace:
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

    def add(self, check: CheckFigures) -> None:
        """One more check."""
        if check.kind in PACKETS:
            self.sent, self.rcvd = self.sent + check.sent, self.rcvd + check.rcvd
            if check.worst_p95_ms is not None:
                self.worst_p95_ms = max(check.worst_p95_ms, self.worst_p95_ms or 0.0)
        self.minutes |= check.minutes
        self.failed |= check.failed

    def row(self) -> Row:
        """As data; what was not measured is absent."""
        row: Row = {"minutes_measured": len(self.minutes)}
        if self.minutes:
            row["minutes_failed"] = len(self.failed)
        if self.sent:
            row["loss"] = round(1 - self.rcvd / self.sent, 6)
        if self.worst_p95_ms is not None:
            row["rtt_p95_worst_ms"] = round(self.worst_p95_ms, 3)
        return row


def places_of(network: Network, conference: Conference) -> list[RoomPlace]:
    """Its rooms, in the order of the file."""
    sites = {site.id: site for site in network.inventory.sites}
    rooms = {f"room:{room.id}": room for room in network.inventory.rooms}
    places = []
    for route in network.routes(conference.id):
        room = rooms.get(route.room)
        if room is not None:
            site, about = sites[room.site], network.about(route.room)
            is_commune = site.kind == "commune"
            province = site.province or (site.code if site.kind == "province" else "")
            commune, along = site.code if is_commune else "", frozenset(network.between(route.room, route.mcu))
            who = room.id, room.name or room.id, province, commune, room.site, about.owner
            places.append(RoomPlace(*who, network.parent(route.room) or "", along))
    return places


def checked(network: Network, places: Sequence[RoomPlace], checks: Iterable[CheckFigures]) -> dict[str, Sums]:
    """Room → figures of the checks that speak of its way: those that begin or end at it or its site and cross nothing
    else. One to a service says nothing of a conference."""
    near: dict[str, list[RoomPlace]] = {}
    for place in places:
        for key in {f"room:{place.room}", place.element, f"tag:{place.site}", f"tag:{place.commune or '-'}"}:
            near.setdefault(key, []).append(place)
    near.pop("tag:-", None)
    sums = {place.room: Sums() for place in places}
    for check in checks:
        along = network.path(check.check) if network.agent_of(check.check) == check.agent else ()
        keys = along or (f"tag:{check.site}", f"tag:{check.commune}")  # the inventory need not know every check
        for place in {place.room: place for key in keys for place in near.get(key, ())}.values():
            if place.route.issuperset(along):
                sums[place.room].add(check)
    return sums


def report(
    network: Network,
    conference: Conference,
    checks: Iterable[CheckFigures],
    stages: Sequence[Mapping[str, Any]] | None,
    incidents: Sequence[Mapping[str, Any]] | None,
    now_ms: int,
) -> Row:
    """The whole. `stages`, `incidents`: as the hub tells them, None when it could not be asked."""
    kept = [stage for stage in stages or () if stage["stage"] == AFTER]
    known = {row["id"]: row for row in (*(row for stage in kept for row in stage["incidents"]), *(incidents or ()))}
    stages = None if stages is None else [stage for stage in stages if stage["stage"] != AFTER]
    start_ms, end_ms = (round(at.at_s * 1000) for at in (conference.starts, conference.ends))
    until_ms = min(end_ms, now_ms)
    places = places_of(network, conference)
    sums = checked(network, places, checks)
    touched = [incident for incident in known.values() if _overlaps(incident, start_ms, until_ms)]
    by_room = _stages(stages or ())
    rooms = [_room(place, sums[place.room], by_room.get(place.room, {}), touched) for place in places]
    return {
        "conference": conference.id,
        "name": conference.name,
        "starts_ms": start_ms,
        "ends_ms": end_ms,
        "until_ms": until_ms,
        "minutes": -(-(until_ms - start_ms) // 60_000),
        "stages": [_stage(stage) for stage in stages or ()],
        "stages_known": stages is not None,
        "incidents_known": bool(kept) or (incidents is not None and now_ms - start_ms <= INCIDENTS_MS),
        "provinces": _provinces(places, rooms, sums),
        "rooms": rooms,
        "incidents": [
            _incident(row, rooms) for row in touched if any(row["id"] in room["incidents"] for room in rooms)
        ],
    }


def _overlaps(incident: Mapping[str, Any], start_ms: int, end_ms: int) -> bool:
    resolved_ms = incident["resolved_ms"]
    return bool(incident["first_miss_ms"] < end_ms and (resolved_ms is None or resolved_ms > start_ms))


def _stages(stages: Sequence[Mapping[str, Any]]) -> dict[str, Row]:
    """Room → stage → state, and the rung that broke."""
    by_room: dict[str, Row] = {}
    for stage in stages:
        for row in stage.get("rooms", ()):
            state = {"state": row["state"]} | ({"rung": row["rung"]} if row["rung"] else {})
            by_room.setdefault(row["room"], {})[stage["stage"]] = state
    return by_room


def _stage(stage: Mapping[str, Any]) -> Row:
    return {key: stage[key] for key in ("stage", "at_ms", "summary", "failed", "light") if key in stage}


def _room(place: RoomPlace, sums: Sums, stages: Row, touched: Sequence[Mapping[str, Any]]) -> Row:
    plain = {"room": place.room, "name": place.name, "province": place.province, "commune": place.commune}
    ids = [incident["id"] for incident in touched if incident["element"] in place.route]
    return plain | {"owner": place.owner, "stages": stages, **sums.row(), "incidents": ids}


def _incident(incident: Mapping[str, Any], rooms: Sequence[Row]) -> Row:
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
    row = {key: incident.get(key) for key in (*keys, "vi", "en")}
    return row | {"rooms": [room["room"] for room in rooms if incident["id"] in room["incidents"]]}


def _provinces(places: Sequence[RoomPlace], rooms: Sequence[Row], sums: Mapping[str, Sums]) -> list[Row]:
    """By province's code; a room that is in none stands under ""."""
    groups: dict[str, list[Row]] = {}
    for row in rooms:
        groups.setdefault(row["province"], []).append(row)
    return [_province(code, groups[code], sums) for code in sorted(groups)]


def _province(code: str, rooms: Sequence[Row], sums: Mapping[str, Sums]) -> Row:
    mine = [sums[row["room"]] for row in rooms]
    last = [list(row["stages"].values())[-1]["state"] for row in rooms if row["stages"]]
    sent, rcvd = sum(room.sent for room in mine), sum(room.rcvd for room in mine)
    worst = [room.worst_p95_ms for room in mine if room.worst_p95_ms is not None]
    row: Row = {
        "province": code,
        "rooms": len(rooms),
        "rooms_ready": sum(state in ("ready", "risk") for state in last),
        "rooms_rehearsed": len(last),
        "rooms_measured": sum(bool(room.minutes) for room in mine),
        "rooms_that_failed": sum(bool(room.failed) for room in mine),
        "minutes_failed": sum(len(room.failed) for room in mine),
    }
    row |= {"loss": round(1 - rcvd / sent, 6)} if sent else {}
    row |= {"rtt_p95_worst_ms": round(max(worst), 3)} if worst else {}
    return row | {"incidents": len({id for row in rooms for id in row["incidents"]})}
