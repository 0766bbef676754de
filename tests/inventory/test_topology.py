"""The tree toward the hub's site, and the ways of checks."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest

from inventory.errors import BadInventory
from inventory.model import Agent, Check, Contact, Inventory, Link, Mcu, Service, Site
from inventory.topology import Network


def country(provinces: int = 2, communes: int = 3) -> Inventory:
    """A core with an MCU room, provinces, and communes in each; every commune measures its uplink and the MCU."""
    core = Site(id="core", kind="core", name="Trung tâm", owner="CBĐTW", contact="noc")
    sites, links = [core, Site(id="room", kind="datacentre")], [Link(id="core-room", from_site="room", to_site="core")]
    agents, checks = [Agent(agent="core", site="core")], [Check(check="core-mcu", agent="core", to="mcu-1")]
    for at in range(1, provinces + 1):
        province = f"{at:02}"
        sites.append(Site(id=f"p{province}", kind="province", code=province, name=f"Tỉnh {at}"))
        links.append(Link(id=f"up{province}", from_site="core", to_site=f"p{province}", carrier="VNPT", circuit="T1"))
        for number in range(communes):
            code = f"{at:02}{number:03}"
            sites.append(Site(id=f"c{code}", kind="commune", code=code, province=province, name=f"Xã {code}"))
            links.append(Link(id=f"l{code}", from_site=f"c{code}", to_site=f"p{province}"))
            agents.append(Agent(agent=f"a{code}", site=f"c{code}"))
            checks.append(Check(check=f"{code}-up", agent=f"a{code}", to=f"p{province}"))
            checks.append(Check(check=f"{code}-mcu", agent=f"a{code}", to="mcu-1"))
    return Inventory(
        hub_site="core",
        contacts=(Contact(id="noc", name="Trực", phone="080"),),
        sites=tuple(sites),
        links=tuple(links),
        mcus=(Mcu(id="mcu-1", site="room", name="MCU", owner="Đội MCU"),),
        services=(Service(id="dns", site="core", name="DNS"),),
        agents=tuple(agents),
        checks=tuple(checks),
    )


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
    way = network.between("commune:02001", "commune:02002")
    assert way == ("commune:02001", "link:l02001", "province:02", "link:l02002", "commune:02002")
    assert network.between("province:02", "commune:02002") == way[2:]
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
    assert all(one.path(check) == other.path(check) for check in one.checks)
    assert all(one.symptoms(element) == other.symptoms(element) for element in one.elements)


def test_the_whole_country_is_built_and_asked_within_two_seconds() -> None:
    inventory = country(34, 98)
    began = time.process_time()
    network = Network(inventory)
    assert all(network.path(check) for check in network.checks)
    assert len(network.symptoms("site:core")) == 34 * 98
    assert sum(len(network.symptoms(element)) for element in network.elements) > 34 * 98
    assert time.process_time() - began < 2
