"""What the links of an inventory can be wrong about: one way to each site, and second ways that say what they stand
in for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from inventory.errors import InventoryFault
from inventory.model import Inventory, Link

SAY_BACKUP = "leave it out, or write backup_of: ID of the link it stands in for, if it is a second way"


def faults_of_links(inventory: Inventory, sites: Iterable[str], touched: Iterable[str]) -> Iterator[InventoryFault]:
    """Every such fault. `sites`: ids of all sites; `touched`: those near a link told of already, not told to be adrift."""
    islands = _Islands(sites)
    near = set(touched)
    ways = dict[str, Link]()  # the links of the tree, by id
    for number, link in enumerate(inventory.links, 1):
        ends = link.from_site, link.to_site
        if not all(end in islands for end in ends):
            continue
        if ends[0] == ends[1]:
            what = f"leads from '{ends[0]}' to itself"
            yield InventoryFault(link, f"links[{number}].to", what, "name the site at its other end")
        elif link.backup_of:
            continue
        elif islands.join(*ends):
            ways.setdefault(link.id, link)
        else:
            what = f"closes a ring: there is a way from '{ends[0]}' to '{ends[1]}' already"
            yield InventoryFault(link, f"links[{number}]", what, SAY_BACKUP)
    for fault in _backups(inventory, ways):
        near |= {fault.record.from_site, fault.record.to_site}
        yield fault
    if inventory.hub_site in islands:
        yield from _adrift(inventory, islands, near)


# --- second ways ---


def _backups(inventory: Inventory, ways: dict[str, Link]) -> Iterator[InventoryFault]:
    known = {link.id: link for link in reversed(inventory.links)}
    tree = _Tree(inventory.hub_site, ways.values())
    for number, link in enumerate(inventory.links, 1):
        if link.backup_of and link.backup_of in known and link.from_site != link.to_site:
            for what, write in _backup_faults(link, known[link.backup_of], tree):
                yield InventoryFault(link, f"links[{number}].backup_of", what, write)


def _backup_faults(link: Link, main: Link, tree: _Tree) -> Iterator[tuple[str, str]]:
    name = f"'{main.id[:60]}'"
    if link.backup_of == link.id:
        yield f"{name} is this link itself", "name the link it stands in for"
    elif main.backup_of:
        yield f"{name} is a backup itself", f"write backup_of: {main.backup_of[:60]}"
    elif not tree.is_second_way(link, main):
        yield (
            f"this link does not join the two parts of the network that {name} joins",
            "name the link it stands in for",
        )


class _Tree:
    """The way from each site to the hub's."""

    def __init__(self, hub_site: str, links: Iterable[Link]) -> None:
        ways: dict[str, list[tuple[str, str]]] = {}
        for link in links:
            ways.setdefault(link.from_site, []).append((link.id, link.to_site))
            ways.setdefault(link.to_site, []).append((link.id, link.from_site))
        self._inward: dict[str, tuple[str, str]] = {hub_site: ("", "")}  # site → link and site next to it
        self._links = set[str]()
        reached = [hub_site]
        for site in reached:  # grows while it is walked
            for link_id, far in ways.get(site, ()):
                if far not in self._inward:
                    self._inward[far] = link_id, site
                    self._links.add(link_id)
                    reached.append(far)

    def is_second_way(self, link: Link, main: Link) -> bool:
        """Does it join the two parts the tree falls into without `main`? True, too, where `main` has a fault of its own."""
        ends = link.from_site, link.to_site
        if set(ends) == {main.from_site, main.to_site} or main.id not in self._links:
            return True
        if not all(end in self._inward for end in ends):
            return False
        return self._is_behind(ends[0], main.id) != self._is_behind(ends[1], main.id)

    def _is_behind(self, site: str, link_id: str) -> bool:
        while site:
            step, site = self._inward[site]
            if step == link_id:
                return True
        return False


# --- sites nothing leads to ---


def _adrift(inventory: Inventory, islands: _Islands, touched: set[str]) -> Iterator[InventoryFault]:
    """One fault for each group of sites that no link joins to the hub's, told at the group's first site."""
    home = islands.of(inventory.hub_site)
    excused = {islands.of(site) for site in touched if site in islands}
    accounted = {home, *excused}
    for number, site in enumerate(inventory.sites, 1):
        if not site.id or islands.of(site.id) in accounted:
            continue
        accounted.add(islands.of(site.id))
        others = islands.size(site.id) - 1
        more = f" (nor from {others} more site{'s' * (others > 1)} joined to it)" if others else ""
        what = f"'{site.id[:60]}' hangs on nothing: no link leads from it to hub_site '{inventory.hub_site}'{more}"
        yield InventoryFault(site, f"sites[{number}]", what, "add a link")


class _Islands:
    """Sites that links join (union-find)."""

    def __init__(self, sites: Iterable[str]) -> None:
        self._up = {site: site for site in sites}
        self._size = dict.fromkeys(self._up, 1)

    def __contains__(self, site: str) -> bool:
        return site in self._up

    def of(self, site: str) -> str:
        """The site that stands for the island of `site`."""
        while self._up[site] != site:
            self._up[site] = site = self._up[self._up[site]]
        return site

    def size(self, site: str) -> int:
        """How many sites its island has."""
        return self._size[self.of(site)]

    def join(self, site: str, other: str) -> bool:
        """Join two; False when they are joined already."""
        site, other = self.of(site), self.of(other)
        if site == other:
            return False
        if self._size[site] < self._size[other]:
            site, other = other, site
        self._up[other] = site
        self._size[site] += self._size[other]
        return True
