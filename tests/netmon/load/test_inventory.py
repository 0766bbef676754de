"""The inventory's file, as the hub and the alerts room get it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hubs import INVENTORY
from incident_world import Tree

from alerts.base import Topology
from netmon.errors import ConfigError
from netmon.lab.plan import plan
from netmon.load import inventory

BROKEN = """\
hub_site: cor
contacts:
  - {id: noc, name: Trực}
sites:
  - {id: core, kind: core, contact: nocc}
  - {id: p01, kind: province, code: "01"}
  - id: c1
    kind: commune
    code: "123"
    province: "01"
  - {id: c2, kind: commune, code: "00008", province: "01"}
  - {id: c2, kind: comune, code: "00009", province: "01"}
links:
  - {id: up, from: core, to: p01, capacity: 100}
  - id: down
    from: p01
    to: nowhere
  - {id: down, from: p01, to: c2, carier: VNPT}
agents:
  - {agent: a1, site: c9}
checks:
  - {check: k1, agent: a1}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "inventory.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_fault_of_a_file_is_told_at_once_with_its_line_and_key(tmp_path: Path) -> None:
    path = written(tmp_path, BROKEN)
    with pytest.raises(ConfigError) as caught:
        inventory.load(path)
    assert caught.value.exit_code == 78
    assert [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()] == [
        "1: hub_site: 'cor' is no site of this file (did you mean core?)",
        "5: sites[1].contact: 'nocc' is no contact of this file (did you mean noc?)",
        "9: sites[3].code: '123' is not a commune's code (write five digits, as 00123)",
        "12: sites[5].kind: 'comune' is not known (did you mean commune?)",
        "12: sites[5].id: 'c2' is already taken in line 11 (choose another name)",
        "14: links[1].capacity: '100' is not a rate (write 64kbit, 20Mbit or 2Gbit)",
        "17: links[2].to: 'nowhere' is no site of this file (known: core, p01, c1, c2)",
        "18: links[3].carier: unknown key (did you mean carrier?)",
        "18: links[3].id: 'down' is already taken in line 15 (choose another name)",
        "20: agents[1].site: 'c9' is no site of this file (known: core, p01, c1, c2)",
        "22: checks[1].to: is missing (id of the site, MCU, service or room it ends at)",
    ]


MEETING = """\
mcus:
  - {id: mcu-1, site: core}
rooms:
  - {id: r1, site: core, name: "Ph\u00f2ng\u202e 1", address: "sip:r1@10.0.0.1"}
conferences:
  - id: giao-ban
    name: Giao ban
    starts: 2026-11-25T08:00:00
    ends: 25/11/2026
    mcus: [mcu-1]
    rooms:
      - r1
      - r2
    profile: conf-4k
    rate: 4
"""


def test_every_fault_of_a_conference_is_told_with_what_to_write(tmp_path: Path) -> None:
    path = written(tmp_path, "hub_site: core\nsites:\n  - {id: core, kind: core}\n" + MEETING)
    with pytest.raises(ConfigError) as caught:
        inventory.load(path)
    assert [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()] == [
        "11: conferences[1].starts: '2026-11-25T08:00:00' does not say its offset from UTC"
        " (if it is Vietnamese time, write 2026-11-25T08:00:00+07:00)",
        "12: conferences[1].ends: '25/11/2026' is not a date and time"
        " (write date, time and offset, as 2026-11-25T08:00:00+07:00)",
        "14: conferences[1].rooms[2]: 'r2' is no room of this file (known: r1)",
        "17: conferences[1].profile: 'conf-4k' is not known (did you mean conf-720p?)",
        "18: conferences[1].rate: '4' is not a rate (write 64kbit, 20Mbit or 2Gbit)",
    ]


def test_a_conference_of_a_file_is_live_at_its_time(tmp_path: Path) -> None:
    text = "hub_site: core\nsites:\n  - {id: core, kind: core}\n" + MEETING
    for wrong, right in (
        ("08:00:00", "08:00:00+07:00"),
        ("25/11/2026", "2026-11-25T11:00:00+07:00"),
        ("      - r2\n", ""),
        ("conf-4k", "conf-720p"),
        ("rate: 4", "rate: 2Mbit"),
    ):
        text = text.replace(wrong, right)
    network = inventory.load(written(tmp_path, text))
    (one,) = network.live(1_795_568_400)
    assert (one.id, one.room_bps, network.about("room:r1").name) == ("giao-ban", 2_000_000, "Phòng· 1")


def test_checks_between_a_room_and_its_mcu_are_a_conferences(tmp_path: Path) -> None:
    text = """\
hub_site: core
sites: [{id: core, kind: core}, {id: p01, kind: province, code: "01"}, {id: c1, kind: commune, code: "00001", province: "01"}, {id: c2, kind: commune, code: "00002", province: "01"}]
links: [{id: l0, from: core, to: p01}, {id: l1, from: core, to: c1}, {id: l2, from: core, to: c2}]
mcus: [{id: mcu-1, site: core}]
rooms: [{id: r1, site: c1, address: "sip:r1@10.0.0.1"}]
conferences:
  - {id: k, starts: 2026-11-25T08:00:00+07:00, ends: 2026-11-25T11:00:00+07:00, mcus: [mcu-1], rooms: [r1]}
agents: [{agent: a1, site: c1}, {agent: a2, site: c2}, {agent: a0, site: core}]
checks:
  - {check: up-1, agent: a1, to: core}
  - {check: across, agent: a1, to: c2}
  - {check: sip-1, agent: a1, to: mcu-1}
  - {check: down-1, agent: a0, to: c1}
  - {check: up-2, agent: a2, to: core}
  - {check: home, agent: a0, to: mcu-1}
"""
    network = inventory.load(written(tmp_path, text))
    starts_ms = 1_795_568_400_000
    assert network.conference_checks(starts_ms) == {"up-1", "sip-1", "down-1"}
    assert network.conference_checks(starts_ms - 1_800_000) == {"up-1", "sip-1", "down-1"}
    assert network.conference_checks(starts_ms - 1_801_000) == frozenset()
    assert network.conference_checks(starts_ms + 3 * 3_600_000) == frozenset()


def test_the_labs_network_is_what_incidents_are_tested_on(tmp_path: Path) -> None:
    topology: Topology = inventory.load(written(tmp_path, json.dumps(plan(6).inventory, ensure_ascii=False)))
    tree = Tree(6)
    codes = {f"commune:c{at}": f"commune:{code}" for at, code in enumerate(_codes(6), 1)}

    def named(elements: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(codes.get(element, element) for element in elements)

    assert set(topology.checks()) == set(tree.checks())
    assert all(topology.path(check) == named(tree.path(check)) for check in tree.checks())
    for element in tree._parent:
        one = codes.get(element, element)
        parent = tree.parent(element)
        assert topology.parent(one) == (None if parent is None else named((parent,))[0])
        assert topology.depth(one) == tree.depth(element)
        assert topology.symptoms(one) == named(tree.symptoms(element))
    assert all(topology.site_of(agent) == named((site,))[0] for agent, site in tree._site.items())
    assert topology.depth("link:none") == tree.depth("link:none") == 0


def _codes(communes: int) -> list[str]:
    return [site["code"] for site in plan(communes).inventory["sites"] if site["kind"] == "commune"]


def test_a_page_about_a_link_names_owner_carrier_circuit_and_contact(tmp_path: Path) -> None:
    topology = inventory.load(written(tmp_path, json.dumps(plan(2).inventory)))
    assert topology.info("link:core-province") == (
        "link:core-province",
        "link",
        "Trung tâm (CBĐTW) – Thành phố Hà Nội",
        "CBĐTW",
        "VNPT",
        "TSL-HNI-0001",
        "VNPT trực kênh",
        "080 00002",
    )
    assert topology.info("link:other") == ("link:other", "link", "", "", "", "", "", "")


def test_codes_stay_text(tmp_path: Path) -> None:
    text = INVENTORY.replace('"26734"', "00123").replace("name: VNPT", "name: NO")
    topology = inventory.load(written(tmp_path, text))
    assert "commune:00123" in topology.elements
    assert topology.info("link:province-c1").contact_name == "NO"


def test_texts_for_people_are_harmless_and_in_one_form(tmp_path: Path) -> None:
    name = "Phường \x1b[31m[/oops]\u202e Sài Gòn"
    rows = json.loads(json.dumps(plan(1).inventory))
    rows["sites"][3]["name"] = name
    rows["sites"][2]["name"] = "Ha\u0300 No\u0323\u0302i"  # Hà Nội, decomposed
    topology = inventory.load(written(tmp_path, json.dumps(rows)))
    assert topology.inventory.sites[3].name == "Phường ·[31m[/oops]· Sài Gòn"
    assert topology.info("province:01").name == "Hà Nội"


def test_a_fault_shows_hostile_text_harmlessly(tmp_path: Path) -> None:
    rows = json.loads(json.dumps(plan(1).inventory))
    rows["hub_site"] = "\x1b]0;x\x07\u202e"
    rows["sites"][0]["id"] = "a\u202eb"
    with pytest.raises(ConfigError) as caught:
        inventory.load(written(tmp_path, json.dumps(rows)))
    assert not {"\x1b", "\x07", "\u202e"} & set(str(caught.value))


def test_the_hubs_and_one_machines_inventories_load(tmp_path: Path) -> None:
    from netmon.lab.single import _inventory

    assert inventory.load(written(tmp_path, INVENTORY)).path("c1-uplink")[-1] == "province:79"
    topology = inventory.load(written(tmp_path, json.dumps(_inventory("here", []))))
    assert [one.agent for one in topology.inventory.agents] == ["here"]


def test_the_whole_country_loads_within_seconds(tmp_path: Path) -> None:
    sites, links, agents, checks = ["{id: core, kind: core}"], [], [], []
    for province in range(1, 35):
        sites.append(f'{{id: p{province}, kind: province, code: "{province:02}", name: Tỉnh {province}}}')
        links.append(f"{{id: core-p{province}, from: core, to: p{province}, carrier: VNPT, capacity: 1Gbit}}")
    for at in range(3321):
        code, province = f"{at:05}", at % 34 + 1
        sites.append(
            f'{{id: c{code}, kind: commune, code: {code}, province: "{province:02}", name: Xã {at}, owner: xã}}'
        )
        links.append(
            f"{{id: l{code}, from: p{province}, to: c{code}, carrier: VNPT, circuit: T{at}, capacity: 20Mbit}}"
        )
        agents.append(f"{{agent: c{code}, site: c{code}}}")
        checks += [f"{{check: {code}-{to}, agent: c{code}, to: {to}}}" for to in (f"p{province}", "core")]
    rows = {"sites": sites, "links": links, "agents": agents, "checks": checks}
    text = "".join(f"{name}:\n" + "".join(f"  - {one}\n" for one in lines) for name, lines in rows.items())
    path = written(tmp_path, f"hub_site: core\n{text}")
    began = time.process_time()
    topology = inventory.load(path)
    assert all(topology.path(check) for check in topology.checks())
    assert len(topology.symptoms("site:core")) == 3321 and len(topology.symptoms("link:core-p1")) == 98
    assert time.process_time() - began < 6  # 1.2 s where this was written
