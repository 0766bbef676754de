"""A scenario's network in the nouns of the inventory: sites, links, ends of checks, agents, conferences. Pure.

Names are those of the scenario's file: sites `core`, `mcuroom`, `dc2`, `p01`, `c00001`; links `core-p01` (with two uplinks
`core-p01-a` and `core-p01-b`), `p01-c00001`; agents are named like their site, checks `AGENT-FAMILY`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from inventory.model import Agent, Check, Conference, Inventory, Link, Mcu, Room, Service, Site
from inventory.timestamp import Timestamp
from inventory.topology import element_of
from netmon.drill.scenario import ZERO_S, ChecksPlan, DrillConference, DrillNetwork
from netmon.load.inventory import HubTopology

CORE = "core"
_CENTRE = (CORE, "mcuroom", "dc2")
OWN_PROVINCE = "province"  # what `to` may say for the agent's own
# family → (kind, id it goes to), of each commune's agent
_FROM_COMMUNE = {
    "uplink": ("stamp", OWN_PROVINCE),
    "core": ("ping", CORE),
    "m1sip": ("sip", "mcu-1"),
    "m2sip": ("sip", "mcu-2"),
    "m1ping": ("ping", "mcu-1"),
    "dns": ("dns", "dns"),
    "docs": ("http", "docs"),
    "ntp": ("ntp", "ntp"),
}
_FROM_CORE_TO_MCUS = {"core-mcu1": ("sip", "mcu-1"), "core-mcu2": ("sip", "mcu-2")}


@dataclass(frozen=True, slots=True)
class PlannedCheck:
    """A check as its agent runs it: `to` is the id of a site, MCU or service, `every` seconds."""

    check: str
    agent: str
    kind: str
    to: str
    every: float


@dataclass(frozen=True, slots=True)
class _Place:
    """An agent's site, and its province's (itself for a province, "" for the core)."""

    site: str
    province: str

    @property
    def kind(self) -> str:
        return CORE if not self.province else "province" if self.site == self.province else "commune"


def topology(network: DrillNetwork, hub_site: str) -> HubTopology:
    """The network as the hub in one of its sites sees it; raises `BadInventory`."""
    return HubTopology(inventory(network, hub_site))


def inventory(network: DrillNetwork, hub_site: str) -> Inventory:
    """The network with a hub in one of its sites. Whether it can be is for `inventory.check` to say."""
    rooms = dict.fromkeys(site for conference in network.conferences for site in conference.rooms)
    return Inventory(
        hub_site=hub_site,
        sites=tuple(_sites(network)),
        links=tuple(_links(network)),
        mcus=tuple(Mcu(id=id, site=site) for id, site in network.mcus.items()),
        services=tuple(Service(id=id, site=site) for id, site in network.services.items()),
        rooms=tuple(Room(id=f"room-{site}", site=site) for site in rooms),
        conferences=tuple(map(_conference, network.conferences)),
        agents=tuple(Agent(agent=place.site, site=place.site) for place in _agents(network)),
        checks=tuple(Check(check=row.check, agent=row.agent, to=row.to) for row in checks(network)),
    )


def elements(inventory: Inventory) -> tuple[str, ...]:
    """Every element of an inventory, whether a network can be built from it or not."""
    rows = (("link", inventory.links), ("mcu", inventory.mcus), ("service", inventory.services))
    inside = [f"{kind}:{record.id}" for kind, records in rows for record in records]
    rooms = [f"room:{room.id}" for room in inventory.rooms]
    agents = [f"agent:{agent.agent}" for agent in inventory.agents]
    return (*map(element_of, inventory.sites), *inside, *rooms, *agents)


def hub_elements(network: DrillNetwork) -> tuple[str, ...]:
    """What stands for the hubs themselves."""
    return tuple(f"hub:{site}" for site in network.hub)


# --- sites and links ---


def _provinces(network: DrillNetwork) -> Iterator[tuple[str, list[str]]]:
    """Each province's code and the codes of its communes, which are numbered through the country."""
    first = 1
    for number, count in enumerate(network.communes, 1):
        yield f"{number:02}", [f"{commune:05}" for commune in range(first, first + count)]
        first += count


def _sites(network: DrillNetwork) -> Iterator[Site]:
    for id in _CENTRE:
        yield Site(id=id, kind=CORE if id == CORE else "datacentre")
    for province, communes in _provinces(network):
        yield Site(id=f"p{province}", kind="province", code=province)
        for commune in communes:
            yield Site(id=f"c{commune}", kind="commune", code=commune, province=province)


def _links(network: DrillNetwork) -> Iterator[Link]:
    for id in _CENTRE[1:]:
        yield Link(id=f"{CORE}-{id}", from_site=CORE, to_site=id)
    for province, communes in _provinces(network):
        yield from _uplinks(network, f"p{province}")
        for commune in communes:
            yield Link(id=f"p{province}-c{commune}", from_site=f"p{province}", to_site=f"c{commune}")


def _uplinks(network: DrillNetwork, site: str) -> Iterator[Link]:
    link = f"{CORE}-{site}"
    if network.uplinks == 1:
        yield Link(id=link, from_site=CORE, to_site=site)
    else:
        yield Link(id=f"{link}-a", from_site=CORE, to_site=site)
        yield Link(id=f"{link}-b", from_site=CORE, to_site=site, backup_of=f"{link}-a")


def _conference(conference: DrillConference) -> Conference:
    starts, ends = (_timestamp(at_s) for at_s in (conference.starts, conference.ends))
    rooms = tuple(f"room-{site}" for site in conference.rooms)
    return Conference(id=conference.id, starts=starts, ends=ends, mcus=conference.mcus, rooms=rooms)


def _timestamp(at_s: float) -> Timestamp:
    return Timestamp(datetime.fromtimestamp(ZERO_S + at_s, UTC).isoformat(timespec="microseconds"))


# --- agents and checks ---


def _agents(network: DrillNetwork) -> Iterator[_Place]:
    if network.core_agent:
        yield _Place(CORE, "")
    for province, communes in _provinces(network):
        site = f"p{province}"
        if network.province_agents:
            yield _Place(site, site)
        for commune in communes:
            yield _Place(f"c{commune}", site)


def checks(network: DrillNetwork) -> tuple[PlannedCheck, ...]:
    """Every check of every agent, as the scenario wants them. A family whose MCU or service is not there has none."""
    there = {*(site.id for site in _sites(network)), *network.mcus, *network.services}
    plan = network.checks
    rows = [row for place in _agents(network) for row in _checks_of(place, plan)]
    return tuple(row for row in (*rows, *_toward_sites(network)) if row.to in there)


def _checks_of(place: _Place, plan: ChecksPlan) -> Iterator[PlannedCheck]:
    """What an agent measures, but for the checks toward communes."""
    if place.kind == "commune":
        for family, (kind, to) in _FROM_COMMUNE.items():
            yield from _family(plan, family, f"{place.site}-{family}", place.site, kind, _own(to, place))
    elif place.kind == "province":
        yield from _family(plan, "province-core", f"{place.site}-{CORE}", place.site, "ping", CORE)
    else:
        for family, (kind, to) in _FROM_CORE_TO_MCUS.items():
            yield from _family(plan, family, family, CORE, kind, to)
    for more in plan.more:
        if more.from_agents == place.kind:
            every = plan.every(more.kind) if more.every is None else more.every
            yield PlannedCheck(f"{place.site}-{more.id}", place.site, more.kind, _own(more.to, place), every)


def _toward_sites(network: DrillNetwork) -> Iterator[PlannedCheck]:
    """What the agents of core and provinces measure toward provinces and communes."""
    plan = network.checks
    for province, communes in _provinces(network):
        site = f"p{province}"
        if network.core_agent:
            yield from _family(plan, "core-province", f"{CORE}-{site}", CORE, "ping", site)
        for commune in communes:
            if network.core_agent:
                yield from _family(plan, "from-core", f"{CORE}-c{commune}", CORE, "ping", f"c{commune}")
            if network.province_agents:
                yield from _family(plan, "from-province", f"{site}-c{commune}", site, "ping", f"c{commune}")


def _family(plan: ChecksPlan, family: str, check: str, agent: str, kind: str, to: str) -> Iterator[PlannedCheck]:
    if family not in plan.without:
        kind = plan.kinds.get(family, kind)
        yield PlannedCheck(check, agent, kind, to, plan.every(kind))


def _own(to: str, place: _Place) -> str:
    return place.province or CORE if to == OWN_PROVINCE else to
