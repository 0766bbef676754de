"""What a conference needs, before anything is measured: its seats, and the arithmetic of its trunks and ports. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from inventory.model import Conference, Contact, Room, Site
from inventory.topology import Network, element_of

Enough = Literal["enough", "short", "unknown"]


@dataclass(frozen=True, slots=True)
class Seat:
    """One room of a conference. `target`: what the kind `room` is aimed at, "" when the inventory names none; `links`: the
    elements between it and its MCU, the room's own first."""

    room: str
    element: str
    name: str
    site: str
    site_name: str
    province: str
    commune: str
    owner: str
    contact: Contact
    target: str
    alias: str
    responder: str
    mcu: str
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trunk:
    """What one link must carry each way, a fifth to spare, and what it can. `measured`: by a test, else by contract."""

    link: str
    name: str
    rooms: int
    need_bps: int
    capacity_bps: int | None
    measured: bool
    state: Enough


@dataclass(frozen=True, slots=True)
class Ports:
    """Rooms that one MCU must take, and its licences."""

    mcu: str
    name: str
    rooms: int
    ports: int | None
    state: Enough


@dataclass(frozen=True, slots=True)
class Plan:
    """A conference laid out."""

    conference: Conference
    seats: tuple[Seat, ...]
    trunks: tuple[Trunk, ...]
    ports: tuple[Ports, ...]


def make(network: Network, conference: Conference, measured_bps: Mapping[str, float] | None = None) -> Plan:
    """The plan. `measured_bps`: link element → capacity as last measured."""
    rooms = {room.id: room for room in network.inventory.rooms}
    sites = {site.id: site for site in network.inventory.sites}
    routes = {route.room: route for route in network.routes(conference.id)}
    seats = tuple(
        _seat(network, rooms[id], sites[rooms[id].site], route.mcu, route.links)
        for id in conference.rooms
        if (route := routes[f"room:{id}"])
    )
    return Plan(conference, seats, _trunks(network, conference, measured_bps or {}), _ports(network, conference, seats))


def _seat(network: Network, room: Room, site: Site, mcu: str, links: tuple[str, ...]) -> Seat:
    element = f"room:{room.id}"
    about = network.about(element)
    commune = site.code if site.kind == "commune" else ""
    province = site.province or (site.code if site.kind == "province" else "")
    place = network.about(element_of(site))
    return Seat(
        room.id, element, about.name or room.id, place.element, place.name or site.id, province, commune, about.owner,
        about.contact, _target(room), room.alias, room.responder, mcu, links,
    )  # fmt: skip


def _target(room: Room) -> str:
    """Where the room is called: its address, and its alias in front when the address names nobody."""
    address = room.address
    if not address or not room.alias or "@" in address:
        return address
    scheme, colon, place = address.partition(":")
    if scheme.lower() in ("sip", "sips", "h323") and colon:
        return f"{scheme}:{room.alias}@{place}"
    return f"sip:{room.alias}@{address}"


def _trunks(network: Network, conference: Conference, measured_bps: Mapping[str, float]) -> tuple[Trunk, ...]:
    rooms, need = dict[str, int](), dict[str, int]()
    for crossing in network.crossings(conference.id):
        rooms[crossing.link] = rooms.get(crossing.link, 0) + crossing.rooms
        need[crossing.link] = need.get(crossing.link, 0) + crossing.need_bps
    contract = {f"link:{link.id}": link.capacity_bps for link in network.inventory.links}
    trunks = []
    for link, need_bps in need.items():
        measured = measured_bps.get(link)
        capacity = contract.get(link) if measured is None else int(measured)
        name = network.about(link).name or link
        trunks.append(
            Trunk(link, name, rooms[link], need_bps, capacity, measured is not None, _enough(need_bps, capacity))
        )
    return tuple(sorted(trunks, key=lambda trunk: -(trunk.need_bps / (trunk.capacity_bps or 1e15))))


def _ports(network: Network, conference: Conference, seats: Iterable[Seat]) -> tuple[Ports, ...]:
    licences = {f"mcu:{mcu.id}": mcu.ports for mcu in network.inventory.mcus}
    many = {f"mcu:{id}": 0 for id in conference.mcus}
    for seat in seats:
        many[seat.mcu] += 1
    for other in conference.mcus[1:]:  # each is one more caller of the first
        many[f"mcu:{conference.mcus[0]}"] += bool(other)
    return tuple(
        Ports(mcu, network.about(mcu).name or mcu, rooms, licences.get(mcu), _enough(rooms, licences.get(mcu)))
        for mcu, rooms in many.items()
    )


def _enough(need: float, has: float | None) -> Enough:
    return "unknown" if has is None else "enough" if need <= has else "short"
