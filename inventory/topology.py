"""The network an inventory describes: elements, the tree toward the hub's site, and the paths of checks. Pure.

Element ids: `site:ID` (core, datacentre), `province:01`, `commune:00123`, `link:ID`, `mcu:ID`, `service:ID`,
`room:ID`, `agent:NAME`. An element that is not there has no parent, depth 0, and suffers alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from inventory.check import faults
from inventory.detours import Detours
from inventory.errors import BadInventory
from inventory.model import Agent, Conference, Contact, Inventory, Link, Site

TRUNK_SHARE = 1.2  # a trunk must carry its booked rooms with a fifth to spare
_NOBODY = Contact(id="", name="")
_INSIDE = (("mcu", "mcus"), ("service", "services"), ("room", "rooms"))  # what stands in a site and checks end at


class About(NamedTuple):
    """What people need to know of an element; "" where nothing is known."""

    element: str
    kind: str
    name: str
    owner: str
    carrier: str
    circuit: str
    contact: Contact


class RoomRoute(NamedTuple):
    """How a room's video goes. `room`, `mcu`: elements; `links`: those between them, the room's first."""

    room: str
    mcu: str
    links: tuple[str, ...]


class Crossing(NamedTuple):
    """What of a conference crosses one link to one MCU: so many rooms (another MCU joined to it counts as one)."""

    link: str
    mcu: str
    rooms: int
    need_bps: int  # each direction, with `TRUNK_SHARE` to spare


def element_of(site: Site) -> str:
    """The element id of a site."""
    return f"{site.kind}:{site.code}" if site.kind in ("commune", "province") else f"site:{site.id}"


class Network:
    """An inventory with its tree, made once: 3,321 communes in some 50 ms. Answers are kept, so asking again is cheap."""

    def __init__(self, inventory: Inventory) -> None:
        """Raises `BadInventory` with all faults."""
        if problems := faults(inventory):
            raise BadInventory(problems)
        self.inventory = inventory
        self._sites = {site.id: site for site in inventory.sites}
        self._contacts = {record.id: record for record in inventory.contacts}
        self._element = {site.id: element_of(site) for site in inventory.sites}  # site, MCU or service id → element
        self._record: dict[str, Any] = {element_of(site): site for site in inventory.sites}
        self._parent: dict[str, str | None] = {}
        self._depth: dict[str, int] = {}
        self._outward: dict[str, list[str]] = {}
        self._paths: dict[str, tuple[tuple[str, ...], ...]] = {}
        self._suffer: dict[str, tuple[str, ...]] = {}
        self._calendar = [(record.starts.at_s, record.ends.at_s, record) for record in inventory.conferences]
        self._conferences = {record.id: record for record in inventory.conferences}
        self._routes: dict[str, tuple[RoomRoute, ...]] = {}
        self._nearest: dict[tuple[str, tuple[str, ...]], RoomRoute] = {}  # the same rooms meet again and again
        self._crossings: dict[str, tuple[Crossing, ...]] = {}
        self._agent_site = {record.agent: self._element[record.site] for record in inventory.agents}
        self._checks = {record.check: record for record in inventory.checks}
        self._grow()
        self._alternatives = self._hang_backups()
        self._detours = Detours(self.between, self._is_behind, *self._second_ways())
        self._order = {element: number for number, element in enumerate(self._communes())}
        self._callers = self._who_ends_where()

    # --- making ---

    def _grow(self) -> None:
        """Hang everything on the hub's site, nearest first."""
        links: dict[str, list[tuple[Link, str]]] = {}
        for link in self.inventory.links:
            if not link.backup_of:
                links.setdefault(link.from_site, []).append((link, link.to_site))
                links.setdefault(link.to_site, []).append((link, link.from_site))
        self._hang(self._element[self.inventory.hub_site], None)
        reached = [self.inventory.hub_site]
        for site in reached:  # grows while it is walked
            for link, far in links.get(site, ()):
                wire, end = f"link:{link.id}", self._element[far]
                if wire not in self._parent:
                    self._record[wire] = link
                    self._hang(wire, self._element[site])
                    self._hang(end, wire)
                    reached.append(far)
        for kind, rows in _INSIDE:
            for record in getattr(self.inventory, rows):
                self._element[record.id] = f"{kind}:{record.id}"
                self._record[f"{kind}:{record.id}"] = record
                self._hang(f"{kind}:{record.id}", self._element[record.site])
        for agent in self.inventory.agents:
            self._record[f"agent:{agent.agent}"] = agent
            self._hang(f"agent:{agent.agent}", self._element[agent.site])

    def _hang_backups(self) -> dict[str, tuple[str, ...]]:
        """A backup hangs where the link hangs that it stands in for. Link → those that may carry its traffic."""
        groups: dict[str, list[str]] = {}
        for link in self.inventory.links:
            if link.backup_of:
                wire, main = f"link:{link.id}", f"link:{link.backup_of}"
                self._record[wire] = link
                self._hang(wire, self._parent[main])
                groups.setdefault(main, [main]).append(wire)
        return {wire: tuple(other for other in group if other != wire) for group in groups.values() for wire in group}

    def _second_ways(self) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, str]]]:
        """Link → its backups; backup → the sites it joins."""
        backups = [link for link in self.inventory.links if link.backup_of]
        ends = {f"link:{link.id}": (self._element[link.from_site], self._element[link.to_site]) for link in backups}
        return {wire: others for wire, others in self._alternatives.items() if wire not in ends}, ends

    def _hang(self, element: str, parent: str | None) -> None:
        self._parent[element] = parent
        self._depth[element] = 0 if parent is None else self._depth[parent] + 1
        if parent is not None:
            self._outward.setdefault(parent, []).append(element)

    def _communes(self) -> Iterator[str]:
        return (self._element[site.id] for site in self.inventory.sites if site.kind == "commune")

    def _who_ends_where(self) -> dict[str, list[str]]:
        """MCU or service → the communes whose checks end there, in the order of the file."""
        callers: dict[str, set[str]] = {}
        for check in self.inventory.checks:
            site = self._agent_site[check.agent]
            if site in self._order:
                callers.setdefault(self._element[check.to], set()).add(site)
        return {element: sorted(sites, key=self._order.__getitem__) for element, sites in callers.items()}

    # --- asking ---

    @property
    def elements(self) -> tuple[str, ...]:
        """All elements, the hub's site first."""
        return tuple(self._parent)

    def checks(self) -> tuple[str, ...]:
        """Names of all checks."""
        return tuple(self._checks)

    def parent(self, element: str) -> str | None:
        """The next element toward the hub's site; None at that site. Of a backup: as of the link it stands in for."""
        return self._parent.get(element)

    def depth(self, element: str) -> int:
        """Steps outward from the hub's site; links count as steps too."""
        return self._depth.get(element, 0)

    def inward(self, element: str) -> Iterator[str]:
        """The element, then all between it and the hub's site, that site included."""
        step: str | None = element
        while step is not None:
            yield step
            step = self._parent.get(step)

    def between(self, start: str, end: str) -> tuple[str, ...]:
        """The path from one element to another, both included; () when one is not there."""
        if start not in self._parent or end not in self._parent:
            return ()
        from_start, from_end = list(self.inward(start)), list(self.inward(end))
        while len(from_start) > 1 and len(from_end) > 1 and from_start[-2] == from_end[-2]:
            from_start.pop()
            from_end.pop()
        return (*from_start, *reversed(from_end[:-1]))

    def path(self, check: str) -> tuple[str, ...]:
        """The path of a check from its agent's site to its target, both included; () when it is not there."""
        paths = self.paths(check)
        return paths[0] if paths else ()

    def paths(self, check: str) -> tuple[tuple[str, ...], ...]:
        """All ways a check's packets may go: `path` first, then those over backups, fewest of them first; at most 16
        (`inventory.detours.MAX_PATHS`). () when the check is not there."""
        if check not in self._paths and check in self._checks:
            record = self._checks[check]
            self._paths[check] = self._detours.paths(self._agent_site[record.agent], self._element[record.to])
        return self._paths.get(check, ())

    def alternatives(self, element: str) -> tuple[str, ...]:
        """Elements any of which may carry traffic in place of it: a link's backups, in the order of the file; a backup's
        link and its other backups. () for all others."""
        return self._alternatives.get(element, ())

    def paths_between(self, start: str, end: str) -> tuple[tuple[str, ...], ...]:
        """All ways from one element to another, as `paths` has them; () when one is not there."""
        return self._detours.paths(start, end)

    def _is_behind(self, element: str, other: str) -> bool:
        return other in self.inward(element)

    def links_between(self, start: str, end: str) -> tuple[str, ...]:
        """The links on the path from one to another, each a site's id or an element; () when one is not there."""
        ends = (self._element.get(element, element) for element in (start, end))
        return tuple(step for step in self.between(*ends) if step.startswith("link:"))

    def agent_of(self, check: str) -> str:
        """The agent that runs a check, "" when it is not there."""
        return self._checks[check].agent if check in self._checks else ""

    def capacity_bps(self, link: str) -> int | None:
        """What a link element can carry, None when nobody says."""
        record = self._record.get(link)
        return record.capacity_bps if isinstance(record, Link) else None

    def site_of(self, agent: str) -> str:
        """Element id of the site an agent stands in, "" when it is not there."""
        return self._agent_site.get(agent, "")

    def symptoms(self, element: str) -> tuple[str, ...]:
        """Who suffers when it breaks: communes behind it, a room's own, or those who use the server it is or leads to; else
        it alone.

        Of a link with a backup, and of the backup: all behind the link, whether the other one lives or not."""
        if element not in self._suffer:
            sufferers = self._who(element)
            if element not in self._parent:
                return (element,)
            self._suffer[element] = tuple(sufferers) or (element,)
        return self._suffer[element]

    def _who(self, element: str) -> list[str]:
        kind = element.partition(":")[0]
        if kind in ("mcu", "service"):
            return self._callers.get(element, [])
        if kind == "room":
            return [site for site in (self._parent.get(element),) if site in self._order]
        record = self._record.get(element)
        if isinstance(record, Link) and record.backup_of:
            return self._behind(f"link:{record.backup_of}")
        return self._behind(element) or self._users_behind(element)

    def _users_behind(self, element: str) -> list[str]:
        """Who uses the servers behind what leads to no commune."""
        users, left = set[str](), [element]
        while left:
            step = left.pop()
            users.update(self._callers.get(step, ()))
            left += self._outward.get(step, ())
        return sorted(users, key=lambda user: self._order.get(user, len(self._order)))

    def _behind(self, element: str) -> list[str]:
        communes, left = [], [element]
        while left:
            step = left.pop()
            if step in self._order:
                communes.append(step)
            left += self._outward.get(step, ())
        return sorted(communes, key=self._order.__getitem__)

    # --- conferences ---

    def conference(self, id: str) -> Conference | None:
        """The conference with an id."""
        return self._conferences.get(id)

    def live(self, now_s: float, margin_s: float = 0.0) -> tuple[Conference, ...]:
        """Conferences that go on at a Unix time, from `margin_s` before they start until they end."""
        return tuple(
            conference for starts_s, ends_s, conference in self._calendar if starts_s - margin_s <= now_s < ends_s
        )

    def routes(self, id: str) -> tuple[RoomRoute, ...]:
        """The route of each room of a conference to the nearest of its MCUs (of two as near, the one written first), then
        of each further MCU to the first."""
        conference = self._conferences.get(id)
        if conference is not None and id not in self._routes:
            first, *others = (self._element[mcu] for mcu in conference.mcus)
            rooms = [self._route(self._element[room], (first, *others)) for room in conference.rooms]
            self._routes[id] = (*rooms, *(self._route(mcu, (first,)) for mcu in others))
        return self._routes.get(id, ())

    def _route(self, room: str, mcus: tuple[str, ...]) -> RoomRoute:
        if (room, mcus) not in self._nearest:
            routes = [RoomRoute(room, mcu, self.links_between(room, mcu)) for mcu in mcus]
            self._nearest[room, mcus] = min(routes, key=lambda route: len(route.links))
        return self._nearest[room, mcus]

    def crossings(self, id: str) -> tuple[Crossing, ...]:
        """What of a conference crosses each link, to which MCU; by link as met first."""
        conference = self._conferences.get(id)
        if conference is not None and id not in self._crossings:
            counted = Counter((link, route.mcu) for route in self.routes(id) for link in route.links)
            self._crossings[id] = tuple(
                Crossing(link, mcu, rooms, round(rooms * conference.room_bps * TRUNK_SHARE))
                for (link, mcu), rooms in counted.items()
            )
        return self._crossings.get(id, ())

    def about(self, element: str) -> About:
        """What people need to know of an element; its id alone when it is not there."""
        kind, record = element.partition(":")[0], self._record.get(element)
        if record is None:
            return About(element, kind, "", "", "", "", _NOBODY)
        if isinstance(record, Link):
            name = record.name or self._ends(record)
            return About(element, kind, name, record.owner, record.carrier, record.circuit, self._contact(record))
        if isinstance(record, Site):
            return About(element, kind, record.name, record.owner, "", "", self._contact(record))
        site = self._sites[record.site]
        if isinstance(record, Agent):
            name = f"{record.agent} ({site.name})" if site.name else record.agent
            return About(element, kind, name, site.owner, "", "", self._contact(site))
        contact = self._contact(record if record.contact else site)
        return About(element, kind, record.name, record.owner or site.owner, "", "", contact)

    def _ends(self, link: Link) -> str:
        ends = (self._sites[site] for site in (link.from_site, link.to_site))
        return " – ".join(site.name or site.id for site in ends)

    def _contact(self, record: Any) -> Contact:
        return self._contacts.get(record.contact, _NOBODY)
