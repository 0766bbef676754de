"""Second ways: the paths a check's packets may go where links have backups."""

from __future__ import annotations

import random
import time
from dataclasses import replace

from country import country

from inventory.detours import MAX_PATHS
from inventory.model import Inventory, Link
from inventory.topology import Network, element_of


def joined(*backups: Link) -> Network:
    """Two provinces of three communes with these links, too."""
    inventory = country()
    return Network(replace(inventory, links=(*backups, *inventory.links)))


UP_B = Link(id="up01-b", from_site="p01", to_site="core", backup_of="up01")
SIDEWAYS = Link(id="side", from_site="p02", to_site="c01000", backup_of="l01000")


def test_without_backups_a_check_has_one_path_and_no_element_an_alternative() -> None:
    network = Network(country())
    assert all(network.paths(check) == (network.path(check),) for check in network.checks())
    assert not any(network.alternatives(element) for element in network.elements)
    assert network.paths("nobody's") == () and network.alternatives("link:none") == ()


def test_a_pair_of_links_gives_two_paths_the_ordinary_first() -> None:
    network, plain = joined(UP_B), Network(country())
    first, second = network.paths("01000-mcu")
    assert first == network.path("01000-mcu") == plain.path("01000-mcu")
    assert second == tuple("link:up01-b" if element == "link:up01" else element for element in first)
    assert network.paths("01000-up") == (plain.path("01000-up"),)


def test_each_of_a_group_may_carry_the_others_traffic() -> None:
    network = joined(UP_B, replace(UP_B, id="up01-c"))
    assert network.alternatives("link:up01") == ("link:up01-b", "link:up01-c")
    assert network.alternatives("link:up01-c") == ("link:up01", "link:up01-b")
    assert network.alternatives("link:up02") == network.alternatives("province:01") == ()
    assert len(network.paths("01000-mcu")) == 3


def test_a_backup_to_another_province_leads_round_and_enters_nothing_twice() -> None:
    network = joined(SIDEWAYS)
    assert network.paths("01000-up")[1:] == (
        ("commune:01000", "link:side", "province:02", "link:up02", "site:core", "link:up01", "province:01"),
    )
    assert network.paths("01000-mcu")[1][:5] == (
        "commune:01000", "link:side", "province:02", "link:up02", "site:core",
    )  # fmt: skip
    assert network.paths("02000-up") == (network.path("02000-up"),)  # nobody goes through another's commune


def test_backups_in_a_row_give_every_combination_fewest_first() -> None:
    network = joined(UP_B, SIDEWAYS, Link(id="room-b", from_site="core", to_site="room", backup_of="core-room"))
    paths = network.paths("01000-mcu")
    backups = {"link:up01-b", "link:side", "link:room-b"}
    used = [frozenset(backups.intersection(path)) for path in paths]
    assert used[0] == frozenset() and [len(links) for links in used] == sorted(len(links) for links in used)
    # over the other province the uplink of its own is not crossed at all
    expected = [(), ("up01-b",), ("side",), ("room-b",), ("up01-b", "room-b"), ("side", "room-b")]
    assert set(used) == {frozenset(f"link:{name}" for name in names) for names in expected}
    assert len(paths) == len(set(paths)) == 6


def test_two_backups_that_need_each_other_are_not_walked_in_a_circle() -> None:
    over = Link(id="over", from_site="c01000", to_site="core", backup_of="up01")
    network = joined(over, replace(over, id="beside", backup_of="l01000"))
    for check in ("01000-up", "01001-mcu", "01000-mcu"):
        for path in network.paths(check):
            assert len(set(path)) == len(path) and path[0] == network.path(check)[0]
    assert network.paths("01000-mcu")[2][:3] == ("commune:01000", "link:over", "site:core")


def test_a_check_has_sixteen_paths_at_most() -> None:
    network = joined(*(replace(UP_B, id=f"up01-{number}") for number in range(40)))
    paths = network.paths("01000-mcu")
    assert len(paths) == MAX_PATHS == 16 and paths[0] == network.path("01000-mcu")
    assert len(network.alternatives("link:up01")) == 40


def test_a_backup_hangs_where_its_link_hangs_and_changes_nothing_else() -> None:
    network, plain = joined(UP_B, SIDEWAYS), Network(country())
    for element in plain.elements:
        same = (network.parent(element), network.depth(element), network.symptoms(element))
        assert same == (plain.parent(element), plain.depth(element), plain.symptoms(element))
    assert (network.parent("link:side"), network.depth("link:side")) == ("province:01", 3)
    assert network.symptoms("link:up01-b") == network.symptoms("link:up01")
    assert network.symptoms("link:side") == ("commune:01000",)
    assert network.about("link:up01-b").name == "Tỉnh 1 – Trung tâm"


def test_every_path_is_a_way_over_links_that_are_there() -> None:
    rng, inventory = random.Random(5), country(4, 4)
    for _ in range(30):
        network = Network(replace(inventory, links=(*inventory.links, *_second_ways(inventory, rng))))
        element = {site.id: element_of(site) for site in inventory.sites}
        ends = {f"link:{link.id}": {element[link.from_site], element[link.to_site]} for link in network.inventory.links}
        for check in network.checks():
            for path in network.paths(check):
                assert path[0] == network.path(check)[0] and path[-1] == network.path(check)[-1]
                for near, link, far in zip(path, path[1:], path[2:], strict=False):
                    assert not link.startswith("link:") or {near, far} == ends[link]


def _second_ways(inventory: Inventory, rng: random.Random) -> list[Link]:
    """A few backups of communes' links, to any other place; and a second uplink."""
    mains = rng.sample([link for link in inventory.links if link.id.startswith("l")], 5)
    places = [site.id for site in inventory.sites if site.kind != "commune"]
    ways = [
        Link(id=f"b{main.id}", from_site=main.from_site, to_site=rng.choice(places), backup_of=main.id)
        for main in mains
    ]
    return [*ways, replace(UP_B, id="second")]


def test_a_country_with_two_links_everywhere_is_asked_within_seconds() -> None:
    inventory = country(34, 98)
    more = tuple(replace(link, id=f"{link.id}-b", backup_of=link.id) for link in inventory.links)
    began = time.process_time()
    network = Network(replace(inventory, links=(*inventory.links, *more)))
    assert {len(network.paths(check)) for check in network.checks() if check.endswith("-mcu")} == {2, 8}
    assert time.process_time() - began < 4
