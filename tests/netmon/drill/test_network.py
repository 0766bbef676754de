"""A scenario's network in the inventory's nouns: named as the scenario's page says, and a network the hub takes."""

from __future__ import annotations

from typing import Any

from checkout import ROOT

from netmon.drill import network as networks
from netmon.drill.load import load
from netmon.drill.scenario import FAMILIES, ChecksPlan, DrillConference, DrillNetwork, MoreCheck


def network(**more: Any) -> DrillNetwork:
    return DrillNetwork(**({"communes": (2, 1)} | more))


def checks(**more: Any) -> dict[str, networks.PlannedCheck]:
    return {check.check: check for check in networks.checks(network(**more))}


def test_sites_links_and_agents_are_named_as_the_page_says() -> None:
    there = networks.inventory(network(), "core")
    assert [site.id for site in there.sites] == ["core", "mcuroom", "dc2", "p01", "c00001", "c00002", "p02", "c00003"]
    assert [link.id for link in there.links] == [
        "core-mcuroom", "core-dc2", "core-p01", "p01-c00001", "p01-c00002", "core-p02", "p02-c00003",
    ]  # fmt: skip
    assert [agent.agent for agent in there.agents] == ["core", "p01", "c00001", "c00002", "p02", "c00003"]
    assert {
        "site:core",
        "province:02",
        "commune:00003",
        "link:p02-c00003",
        "mcu:mcu-1",
        "service:dns",
        "agent:p01",
    } <= set(networks.elements(there))
    assert set(networks.elements(there)) == set(networks.topology(network(), "core").elements)


def test_every_family_has_its_kind_and_its_ends() -> None:
    rows = checks()
    assert len(rows) == 3 * (8 + 2) + 2 * 2 + 2
    ends = {name: (check.kind, check.agent, check.to, check.every) for name, check in rows.items()}
    assert ends["c00003-uplink"] == ("stamp", "c00003", "p02", 1)
    assert ends["c00001-m1sip"] == ("sip", "c00001", "mcu-1", 10)
    assert ends["c00001-docs"] == ("http", "c00001", "docs", 10)
    assert ends["core-c00001"] == ("ping", "core", "c00001", 1) and ends["p02-c00003"][1:3] == ("p02", "c00003")
    assert ends["p01-core"][1:3] == ("p01", "core") and ends["core-p01"][1:3] == ("core", "p01")
    assert ends["core-mcu2"] == ("sip", "core", "mcu-2", 10)


def test_a_check_crosses_everything_between_its_ends() -> None:
    path = networks.topology(network(), "core").path("c00001-m1sip")
    assert path == (
        "commune:00001", "link:p01-c00001", "province:01", "link:core-p01", "site:core", "link:core-mcuroom",
        "site:mcuroom", "mcu:mcu-1",
    )  # fmt: skip


def test_each_family_can_be_left_out_and_nothing_else_goes() -> None:
    gone = {
        family: sorted(checks().keys() - checks(checks=ChecksPlan(without=(family,))).keys()) for family in FAMILIES
    }
    assert gone["dns"] == ["c00001-dns", "c00002-dns", "c00003-dns"]
    assert gone["from-core"] == ["core-c00001", "core-c00002", "core-c00003"]
    assert gone["from-province"] == ["p01-c00001", "p01-c00002", "p02-c00003"]
    assert gone["province-core"] == ["p01-core", "p02-core"] and gone["core-province"] == ["core-p01", "core-p02"]
    assert gone["core-mcu1"] == ["core-mcu1"]
    assert sorted(name for names in gone.values() for name in names) == sorted(checks())


def test_another_kind_has_the_period_of_its_own() -> None:
    rows = checks(checks=ChecksPlan(packets=2, services=20, kinds={"dns": "ping", "uplink": "tcp"}))
    assert (rows["c00001-dns"].kind, rows["c00001-dns"].every) == ("ping", 2)
    assert (rows["c00001-uplink"].kind, rows["c00001-uplink"].every) == ("tcp", 20)


def test_further_checks_are_of_every_agent_of_a_sort() -> None:
    own = MoreCheck(id="web", kind="http", from_agents="commune", to="province", every=5)
    core = MoreCheck(id="far", kind="ping", from_agents="core", to="dc2")
    rows = checks(checks=ChecksPlan(more=(own, core)))
    assert [rows[f"c0000{number}-web"].to for number in (1, 2, 3)] == ["p01", "p01", "p02"]
    assert rows["c00001-web"].every == 5 and rows["core-far"] == networks.PlannedCheck(
        "core-far", "core", "ping", "dc2", 1
    )
    assert networks.topology(network(checks=ChecksPlan(more=(own, core))), "core").path("core-far")[-1] == "site:dc2"


def test_agents_may_be_left_out_with_what_they_measure() -> None:
    rows = checks(core_agent=False, province_agents=False)
    assert {check.agent for check in rows.values()} == {"c00001", "c00002", "c00003"}


def test_a_hub_may_stand_in_a_province() -> None:
    assert networks.topology(network(hub=("core", "p01")), "p01").parent("site:core") == "link:core-p01"


def test_of_two_uplinks_one_stands_in_for_the_other() -> None:
    topology = networks.topology(network(uplinks=2), "core")
    assert topology.alternatives("link:core-p01-a") == ("link:core-p01-b",)
    assert "link:core-p01-a" in topology.path("c00001-core") and len(topology.paths("c00001-core")) == 2


def test_conferences_meet_in_rooms_of_their_sites() -> None:
    meeting = DrillConference(id="g", starts=-600, ends=60, mcus=("mcu-1",), rooms=("c00001", "core"))
    topology = networks.topology(network(conferences=(meeting,)), "core")
    assert topology.parent("room:room-c00001") == "commune:00001"
    assert [conference.id for conference in topology.live(networks.ZERO_S)] == ["g"]
    assert topology.live(networks.ZERO_S + 60) == () and topology.live(networks.ZERO_S - 601) == ()


def test_the_country_is_one_network() -> None:
    scenario = load(ROOT / "tests" / "alerts" / "scenarios" / "start-country.yaml")
    topology = networks.topology(scenario.network, "core")
    assert len(topology.agent_names()) == 1 + 34 + 3321 and len(topology.checks()) == 3321 * 10 + 34 * 2 + 2
