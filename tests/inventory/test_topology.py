"""The tree toward the hub's site, and the ways of checks."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import Any

import pytest
from country import country

from inventory.errors import BadInventory
from inventory.model import PROFILES_BPS, Check, Conference, Inventory, Mcu, Room
from inventory.timestamp import Timestamp
from inventory.topology import Crossing, Network, RoomRoute
from probes.kinds.capacity import headroom


def test_a_check_crosses_everything_from_its_agents_site_to_its_target() -> None:
    network = Network(country())
    assert network.path("01000-up") == ("commune:01000", "link:l01000", "province:01")
    assert network.path("01000-mcu") == (
        "commune:01000",
        "link:l01000",
        "province:01",
        "link:up01",
        "site:core",
        "link:core-room",
        "site:room",
        "mcu:mcu-1",
    )
    assert network.path("nobody's") == ()


def test_neighbours_meet_at_their_province_and_not_at_the_core() -> None:
    network = Network(country())
    route = network.between("commune:02001", "commune:02002")
    assert route == ("commune:02001", "link:l02001", "province:02", "link:l02002", "commune:02002")
    assert network.between("province:02", "commune:02002") == route[2:]
    assert network.between("province:02", "province:02") == ("province:02",)
    assert network.between("province:02", "nowhere") == ()


def test_depth_and_parents_count_from_the_hubs_site() -> None:
    network = Network(country())
    assert (network.depth("site:core"), network.parent("site:core")) == (0, None)
    assert (network.depth("commune:01000"), network.parent("commune:01000")) == (4, "link:l01000")
    assert (network.depth("mcu:mcu-1"), network.parent("mcu:mcu-1")) == (3, "site:room")
    assert (network.depth("service:dns"), network.parent("agent:a01000")) == (1, "commune:01000")
    assert (network.depth("link:none"), network.parent("link:none")) == (0, None)


def test_the_hubs_site_may_be_anywhere() -> None:
    network = Network(replace(country(), hub_site="p01"))
    assert network.depth("province:01") == 0
    assert network.parent("site:core") == "link:up01"
    assert network.symptoms("link:up01") == ("commune:02000", "commune:02001", "commune:02002")
    assert network.path("01000-mcu") == Network(country()).path("01000-mcu")


def test_those_behind_an_element_suffer_and_those_who_end_at_an_mcu() -> None:
    network = Network(country())
    assert network.symptoms("link:up01") == ("commune:01000", "commune:01001", "commune:01002")
    assert network.symptoms("commune:01001") == ("commune:01001",)
    assert len(network.symptoms("mcu:mcu-1")) == len(network.symptoms("site:core")) == 6
    assert network.symptoms("service:dns") == ("service:dns",)
    assert network.symptoms("agent:a01000") == ("agent:a01000",)
    assert network.symptoms("link:none") == ("link:none",)


def test_people_are_told_owner_carrier_circuit_and_contact() -> None:
    network = Network(country())
    link = network.about("link:up01")
    assert (link.name, link.carrier, link.circuit, link.contact.phone) == ("Trung tâm – Tỉnh 1", "VNPT", "T1", "")
    core = network.about("site:core")
    assert (core.name, core.owner, core.contact.name, core.contact.phone) == ("Trung tâm", "CBĐTW", "Trực", "080")
    assert network.about("agent:a01000").name == "a01000 (Xã 01000)"


def test_what_stands_in_a_site_has_its_sites_owner_unless_it_has_its_own() -> None:
    network = Network(country())
    assert (network.about("service:dns").owner, network.about("service:dns").contact.name) == ("CBĐTW", "Trực")
    assert network.about("mcu:mcu-1").owner == "Đội MCU"


# --- rooms and conferences ---

START_S = 1_795_568_400  # 2026-11-25T08:00:00+07:00


def meeting(inventory: Inventory, mcus: tuple[str, ...] = ("mcu-1",), **more: Any) -> Inventory:
    """Every commune has a room, and all of them meet for three hours."""
    rooms = tuple(Room(id=f"r{one.code}", site=one.id) for one in inventory.sites if one.kind == "commune")
    conference = Conference(
        id="giao-ban",
        starts=Timestamp("2026-11-25T08:00:00+07:00"),
        ends=Timestamp("2026-11-25T11:00:00+07:00"),
        mcus=mcus,
        rooms=tuple(one.id for one in rooms),
        **more,
    )
    return replace(inventory, rooms=rooms, conferences=(conference,))


def test_a_room_stands_in_its_site_and_checks_end_there() -> None:
    inventory = meeting(country())
    network = Network(replace(inventory, checks=(Check(check="r", agent="core", to="r01000"),)))
    assert network.path("r")[-3:] == ("link:l01000", "commune:01000", "room:r01000")
    assert network.symptoms("room:r01000") == ("commune:01000",)
    assert network.about("room:r01000").kind == "room"


def test_the_room_of_a_province_makes_nobody_else_suffer() -> None:
    network = Network(replace(country(), rooms=(Room(id="r", site="p01"),)))
    assert network.symptoms("room:r") == ("room:r",)


def test_the_links_between_two_are_told_by_site_or_element() -> None:
    network = Network(country())
    assert network.links_between("c01000", "core") == ("link:l01000", "link:up01")
    assert network.links_between("commune:01000", "mcu-1") == ("link:l01000", "link:up01", "link:core-room")
    assert network.links_between("core", "core") == network.links_between("core", "nowhere") == ()


def test_a_conference_is_live_from_its_margin_to_its_end() -> None:
    network = Network(meeting(country()))
    hours = {at: bool(network.live(START_S + at, 900)) for at in (-901, -900, 0, 3 * 3600 - 1, 3 * 3600)}
    assert hours == {-901: False, -900: True, 0: True, 3 * 3600 - 1: True, 3 * 3600: False}
    assert not network.live(START_S - 1)


def test_a_conference_counts_its_rooms_on_every_link_to_its_mcu() -> None:
    crossed = {one.link: one for one in Network(meeting(country())).crossings("giao-ban")}
    assert crossed["link:l01000"] == Crossing("link:l01000", "mcu:mcu-1", 1, 4_800_000)
    assert crossed["link:up01"] == Crossing("link:up01", "mcu:mcu-1", 3, 14_400_000)
    assert crossed["link:core-room"].rooms == 6
    assert len(crossed) == 6 + 2 + 1


def test_a_conferences_own_rate_stands_before_its_profiles() -> None:
    (slow,) = {one.need_bps for one in Network(meeting(country(1, 1), profile="conf-720p")).crossings("giao-ban")}
    (own,) = {one.need_bps for one in Network(meeting(country(1, 1), rate_bps=1_000_000)).crossings("giao-ban")}
    assert (slow, own) == (1_800_000, 1_200_000)


def test_a_room_goes_to_the_nearest_mcu_and_the_others_to_the_first() -> None:
    inventory = country()
    inventory = replace(inventory, mcus=(*inventory.mcus, Mcu(id="mcu-02", site="p02")))
    network = Network(meeting(inventory, mcus=("mcu-1", "mcu-02")))
    routes = network.routes("giao-ban")
    assert routes[0] == RoomRoute("room:r01000", "mcu:mcu-1", ("link:l01000", "link:up01", "link:core-room"))
    assert routes[3] == RoomRoute("room:r02000", "mcu:mcu-02", ("link:l02000",))
    assert routes[-1] == RoomRoute("mcu:mcu-02", "mcu:mcu-1", ("link:up02", "link:core-room"))
    rooms = {(one.link, one.mcu): one.rooms for one in network.crossings("giao-ban")}
    assert rooms["link:up02", "mcu:mcu-1"] == 1 and rooms["link:core-room", "mcu:mcu-1"] == 4


def test_nobodys_conference_crosses_nothing() -> None:
    network = Network(country())
    assert (
        network.routes("x") == network.crossings("x") == network.live(START_S) == () and network.conference("x") is None
    )


def test_a_rooms_rate_is_the_probes_rate_of_its_profile() -> None:
    assert PROFILES_BPS == headroom.PROFILES_BPS


def test_a_conference_of_the_whole_country_is_counted_within_a_second() -> None:
    network = Network(meeting(country(34, 98)))
    began = time.process_time()
    crossed = {one.link: one.rooms for one in network.crossings("giao-ban")}
    assert crossed["link:core-room"] == 34 * 98
    assert time.process_time() - began < 1


def test_an_element_that_is_not_there_is_told_by_its_id_alone() -> None:
    about = Network(country()).about("commune:99999")
    assert about[:6] == ("commune:99999", "commune", "", "", "", "") and about.contact.name == ""


def test_a_network_is_never_built_from_a_broken_inventory() -> None:
    with pytest.raises(BadInventory) as caught:
        Network(replace(country(), hub_site="core2"))
    assert [fault.key for fault in caught.value.faults] == ["hub_site"]


def test_the_order_of_links_and_their_direction_change_nothing() -> None:
    inventory, rng = country(3, 4), random.Random(7)
    turned = [
        replace(one, from_site=one.to_site, to_site=one.from_site) if rng.random() < 0.5 else one
        for one in rng.sample(inventory.links, len(inventory.links))
    ]
    one, other = Network(inventory), Network(replace(inventory, links=tuple(turned)))
    assert all(one.path(check) == other.path(check) for check in one.checks())
    assert all(one.symptoms(element) == other.symptoms(element) for element in one.elements)


def test_the_whole_country_is_built_and_asked_within_two_seconds() -> None:
    inventory = country(34, 98)
    began = time.process_time()
    network = Network(inventory)
    assert all(network.path(check) for check in network.checks())
    assert len(network.symptoms("site:core")) == 34 * 98
    assert sum(len(network.symptoms(element)) for element in network.elements) > 34 * 98
    assert time.process_time() - began < 2
