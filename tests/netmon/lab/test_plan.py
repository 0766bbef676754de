"""The lab on paper."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path

import pytest
from screens import incident

from netmon.lab.plan import MAX_ROOMS, agent_file, plan
from netmon.lab.scenario import SCENARIOS, Timeline
from netmon.lab.single import default_gateway
from netmon.lab.tally import Tally
from netmon.load import inventory


def test_every_commune_measures_its_link_the_core_and_the_mcu() -> None:
    lab = plan(6)
    assert set(lab.agents) == {"core", "province", *(f"c{n}" for n in range(1, 7))}
    assert [row["kind"] for row in lab.checks["c3"]] == ["stamp", "ping", "sip"]
    assert len(lab.checks["core"]) == 8


def test_no_two_ends_share_an_address() -> None:
    ends = [ip for wire in plan(250).wires for ip in (wire.near_ip, wire.far_ip)]
    assert len(set(ends)) == len(ends)
    assert all(ipaddress.ip_address(ip).is_private for ip in ends)


@pytest.mark.parametrize("many", [0, 251, -1])
def test_a_lab_of_impossible_size_says_what_is_possible(many: int) -> None:
    with pytest.raises(ValueError, match="1 to 250"):
        plan(many)


def test_every_check_of_an_agent_has_a_path_in_the_inventory() -> None:
    lab = plan(3)
    named = {row["check"] for row in lab.inventory["checks"]}
    assert named == {row["check"] for rows in lab.checks.values() for row in rows}


def test_an_agent_off_loopback_pins_the_hubs_ca() -> None:
    assert agent_file(plan(1), "c1", folder="/s", trust="/t")["destinations"][0]["ca_file"] == "/t/ca.pem"
    assert agent_file(plan(1, loopback=True), "c1", folder="/s", trust="/t")["destinations"][0]["url"].startswith(
        "http://127."
    )


def test_a_scenario_breaks_once_and_mends_once() -> None:
    done: list[str] = []
    timeline = Timeline(SCENARIOS["uplink-cut"], done.append)
    for tenth in range(600):
        timeline.step(tenth / 10)
    assert done == ["break", "mend"]


def test_the_summary_tells_each_incident_once_and_no_detection_without_a_page() -> None:
    events: list[dict[str, object]] = []
    tally = Tally(events.append)
    tally.broken_at_s = 1.0
    for _ in range(2):
        tally.incidents([incident()])
    tally.incidents([incident(state="resolved", resolved_ms=5)])
    summary = tally.summary(points_sent=3, points_stored=3, pages={"accepted": 0})
    assert [event["event"] for event in events] == ["incident_opened", "incident_resolved"]
    assert summary["incidents"][0]["element"] == "link:core-province"
    assert summary["detection_s"] is None


def test_the_default_gateway_is_read_from_the_kernels_table() -> None:
    table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    assert default_gateway(table) == "10.0.0.1"
    assert default_gateway("Iface\n") == ""


def test_rooms_are_there_only_when_asked_for() -> None:
    assert plan(3).rooms == () and not {"rooms", "conferences"} & set(plan(3).inventory)


@pytest.mark.parametrize("loopback", [False, True])
def test_rooms_of_a_lab_are_a_conference_the_inventory_takes(loopback: bool, tmp_path: Path) -> None:
    lab = plan(14, loopback=loopback, rooms=True)
    assert len(lab.rooms) == MAX_ROOMS and len({address for _, address in lab.rooms}) == MAX_ROOMS
    file = tmp_path / "inventory.yaml"
    file.write_text(json.dumps(lab.inventory, ensure_ascii=False), encoding="utf-8")
    read = inventory.load(file).inventory
    (conference,) = read.conferences
    assert conference.rooms == tuple(room.id for room in read.rooms) and conference.id == "lab"
    assert read.rooms[0].address == f"sip:room@{lab.rooms[0][1]}:5060"


def test_an_agent_names_the_carrier_the_hub_would_name() -> None:
    lab = plan(3)
    told = {name: agent_file(lab, name, folder="/f", trust="/t")["contacts"][0] for name in lab.agents}
    assert {name: (one["who"], one["circuit"]) for name, one in told.items()} == {
        "core": ("VNPT trực kênh", "TSL-HNI-0001"),
        "province": ("VNPT trực kênh", "TSL-HNI-0001"),
        "c1": ("VNPT trực kênh", "TSL-HNI-00004"),
        "c2": ("Viettel trực kênh", "TSL-HNI-00008"),
        "c3": ("VNPT trực kênh", "TSL-HNI-00025"),
    }
