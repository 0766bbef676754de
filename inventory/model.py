"""The nouns of what exists. Each field says what it means, so that decoding, schema, samples and docs come from here.

Texts for people (names, owners, carriers, telephone numbers) are display data; ids and codes are the keys.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field
from typing import Any

from inventory.timestamp import Timestamp

PROFILES_BPS = {"conf-720p": 1_500_000, "conf-1080p": 4_000_000}  # what one room sends, and receives


def key(meaning: str, *, default: Any = MISSING, name: str = "", **more: Any) -> Any:
    """A field with the metadata the hall's walker reads (`unit choices low`, as `probes.settings.setting` has them).

    `name` is the key in files when it is not the attribute's; `names`: whose id it is (`inventory.check`).
    """
    meta = {"meaning": meaning, "key": name, **more}
    return field(metadata=meta) if default is MISSING else field(default=default, metadata=meta)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Whom to call."""

    id: str = key("id of the contact, unique")
    name: str = key("person or desk")
    phone: str = key("telephone number", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place with equipment. A commune's element is `commune:CODE`, a province's `province:CODE`, others' `site:ID`."""

    id: str = key("id of the site, unique")
    kind: str = key("what stands there", choices=("core", "datacentre", "province", "commune"))
    code: str = key("administrative code: five digits for a commune, two for a province", default="")
    province: str = key("code of the province it lies in, two digits; needed for a commune", default="")
    name: str = key("name for people", default="")
    owner: str = key("who answers for it; pages are routed by it", default="")
    contact: str = key("id of the contact to call", names="contact", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A circuit between two sites, in no direction. Its element is `link:ID`."""

    id: str = key("id of the link, unique")
    from_site: str = key("id of the site at one end", names="site", name="from")
    to_site: str = key("id of the site at the other end", names="site", name="to")
    backup_of: str = key(
        "id of the link it stands in for: a second way between the parts of the network that link joins",
        names="link",
        default="",
    )
    name: str = key("name for people; without one the names of its ends", default="")
    carrier: str = key("who runs it", default="")
    circuit: str = key("circuit id to quote to the carrier", default="")
    capacity_bps: int | None = key("what it can carry", name="capacity", unit="bps", low=1, default=None)
    owner: str = key("who answers for it; pages are routed by it", default="")
    contact: str = key("id of the contact to call", names="contact", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckEnd:
    """What stands in a site and checks end at."""

    id: str
    site: str
    name: str = key("name for people", default="")
    owner: str = key("who answers for it; without one its site's", default="")
    contact: str = key("id of the contact to call; without one its site's", names="contact", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mcu(CheckEnd):
    """A multipoint control unit of video conferences. Its element is `mcu:ID`."""

    id: str = key("id of the MCU, unique among sites, MCUs, services and rooms")
    site: str = key("id of the site it stands in", names="site")
    ports: int | None = key("rooms it has licences for at one time", low=1, default=None)
    address: str = key("where it takes calls: sip:…, sips:…, h323:… or its host", default="")
    responder: str = key("HOST:PORT of the media responder beside it", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Room(CheckEnd):
    """A bridge point: a meeting room with an endpoint. Its element is `room:ID`."""

    id: str = key("id of the room, unique among sites, MCUs, services and rooms")
    site: str = key("id of the site it is in", names="site")
    address: str = key("where its endpoint takes calls: sip:…, sips:…, h323:… or its host", default="")
    alias: str = key("what the MCU or gatekeeper calls it", default="")
    responder: str = key("HOST:PORT of the media responder beside it", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conference:
    """Rooms that meet at MCUs for a time. Each room is joined to the nearest of them."""

    id: str = key("id of the conference, unique")
    name: str = key("name for people", default="")
    starts: Timestamp = key("when it starts: date, time and offset, as 2026-11-25T08:00:00+07:00")
    ends: Timestamp = key("when it ends")
    mcus: tuple[str, ...] = key("ids of its MCUs; the others are joined to the first", names="mcu")
    rooms: tuple[str, ...] = key("ids of its rooms", names="room")
    profile: str = key("how well rooms must see each other", choices=tuple(PROFILES_BPS), default="conf-1080p")
    rate_bps: int | None = key(
        "what one room sends and receives; without it the profile's (1500kbit, 4Mbit)",
        name="rate",
        unit="bps",
        low=64_000,
        default=None,
    )
    contacts: tuple[str, ...] = key("ids of the contacts to call", names="contact", default=())

    @property
    def room_bps(self) -> int:
        """What one room sends and receives."""
        return self.rate_bps or PROFILES_BPS[self.profile]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(CheckEnd):
    """Something users need that answers on the network. Its element is `service:ID`."""

    id: str = key("id of the service, unique among sites, MCUs, services and rooms")
    site: str = key("id of the site it answers from", names="site")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent and where it stands. Its element is `agent:NAME`."""

    agent: str = key("name of the agent, unique")
    site: str = key("id of the site it stands in; the site's token is the agent's", names="site")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Which way a check's packets go: from its agent's site to a site, an MCU, a service or a room."""

    check: str = key("name of the check, as in the agent's file; unique in the network")
    agent: str = key("name of the agent that runs it", names="agent")
    to: str = key("id of the site, MCU, service or room it ends at", names="target")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What exists (`inventory.yaml`)."""

    hub_site: str = key("id of the site the hub stands in: what is nearer to it explains what is behind")
    contacts: tuple[Contact, ...] = key("whom to call", default=())
    sites: tuple[Site, ...] = key("places with equipment")
    links: tuple[Link, ...] = key("circuits between sites; those that are no backup of another are a tree", default=())
    mcus: tuple[Mcu, ...] = key("multipoint control units", default=())
    services: tuple[Service, ...] = key("information systems, DNS, the document axis", default=())
    rooms: tuple[Room, ...] = key("bridge points: meeting rooms with an endpoint", default=())
    conferences: tuple[Conference, ...] = key("who meets when", default=())
    agents: tuple[Agent, ...] = key("agents and where they stand", default=())
    checks: tuple[Check, ...] = key("which way each check goes", default=())
