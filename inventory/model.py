"""The nouns of what exists. Each field says what it means, so that decoding, schema, samples and docs come from here.

Texts for people (names, owners, carriers, telephone numbers) are display data; ids and codes are the keys.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field
from typing import Any


def key(
    meaning: str,
    *,
    default: Any = MISSING,
    name: str = "",
    unit: str = "",
    choices: tuple[str, ...] = (),
    low: Any = None,
) -> Any:
    """A field with the metadata the hall's walker reads (the same keys as `probes.settings.setting` makes).

    `name` is the key in files when it is not the attribute's.
    """
    meta = {
        "meaning": meaning,
        "unit": unit,
        "low": low,
        "high": None,
        "choices": choices,
        "key": name,
        "secret": False,
    }
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
    contact: str = key("id of the contact to call", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A circuit between two sites, in no direction. Its element is `link:ID`."""

    id: str = key("id of the link, unique")
    from_site: str = key("id of the site at one end", name="from")
    to_site: str = key("id of the site at the other end", name="to")
    name: str = key("name for people; without one the names of its ends", default="")
    carrier: str = key("who runs it", default="")
    circuit: str = key("circuit id to quote to the carrier", default="")
    capacity_bps: int | None = key("what it can carry", name="capacity", unit="bps", low=1, default=None)
    owner: str = key("who answers for it; pages are routed by it", default="")
    contact: str = key("id of the contact to call", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mcu:
    """A multipoint control unit of video conferences. Its element is `mcu:ID`."""

    id: str = key("id of the MCU, unique among sites, MCUs and services")
    site: str = key("id of the site it stands in")
    name: str = key("name for people", default="")
    owner: str = key("who answers for it; without one its site's", default="")
    contact: str = key("id of the contact to call; without one its site's", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Something users need that answers on the network. Its element is `service:ID`."""

    id: str = key("id of the service, unique among sites, MCUs and services")
    site: str = key("id of the site it answers from")
    name: str = key("name for people", default="")
    owner: str = key("who answers for it; without one its site's", default="")
    contact: str = key("id of the contact to call; without one its site's", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent and where it stands. Its element is `agent:NAME`."""

    agent: str = key("name of the agent, unique")
    site: str = key("id of the site it stands in; the site's token is the agent's")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Which way a check's packets go: from its agent's site to a site, an MCU or a service."""

    check: str = key("name of the check, as in the agent's file; unique in the network")
    agent: str = key("name of the agent that runs it")
    to: str = key("id of the site, MCU or service it ends at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What exists (`inventory.yaml`)."""

    hub_site: str = key("id of the site the hub stands in: what is nearer to it explains what is behind")
    contacts: tuple[Contact, ...] = key("whom to call", default=())
    sites: tuple[Site, ...] = key("places with equipment")
    links: tuple[Link, ...] = key("circuits between sites; together they are a tree", default=())
    mcus: tuple[Mcu, ...] = key("multipoint control units", default=())
    services: tuple[Service, ...] = key("information systems, DNS, the document axis", default=())
    agents: tuple[Agent, ...] = key("agents and where they stand", default=())
    checks: tuple[Check, ...] = key("which way each check goes", default=())
