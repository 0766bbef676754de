"""Everything a whole inventory can be wrong about."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from inventory.check import faults
from inventory.model import Agent, Check, Conference, Contact, Inventory, Link, Mcu, Room, Site
from inventory.timestamp import Timestamp

GOOD = Inventory(
    hub_site="core",
    contacts=(Contact(id="noc", name="Trực"),),
    sites=(
        Site(id="core", kind="core", contact="noc"),
        Site(id="p01", kind="province", code="01"),
        Site(id="c1", kind="commune", code="00004", province="01"),
    ),
    links=(Link(id="up", from_site="core", to_site="p01"), Link(id="down", from_site="p01", to_site="c1")),
    mcus=(Mcu(id="mcu-1", site="core"),),
    rooms=(Room(id="r1", site="c1"), Room(id="r2", site="p01")),
    conferences=(
        Conference(
            id="giao-ban",
            starts=Timestamp("2026-11-25T08:00:00+07:00"),
            ends=Timestamp("2026-11-25T11:30:00+07:00"),
            mcus=("mcu-1",),
            rooms=("r1", "r2"),
            contacts=("noc",),
        ),
    ),
    agents=(Agent(agent="a1", site="c1"),),
    checks=(Check(check="k1", agent="a1", to="mcu-1"), Check(check="k2", agent="a1", to="r2")),
)
MEETING = GOOD.conferences[0]
WRITE_RESPONDER = "write responder.example:8622 or [2001:db8::1]:8622"
MEETING_AGAIN = replace(MEETING, name="Again")


def told(**changed: Any) -> list[str]:
    """`key: what (write)` of every fault after a change."""
    return [f"{one.key}: {one.what} ({one.write})" for one in faults(replace(GOOD, **changed))]


def test_a_good_inventory_has_no_fault() -> None:
    assert told() == []


@pytest.mark.parametrize(
    ("rows", "more", "key"),
    [
        ("contacts", Contact(id="noc", name="x"), "contacts[2].id"),
        ("sites", Site(id="c1", kind="core"), "sites[4].id"),
        ("links", Link(id="up", from_site="core", to_site="c1"), "links[3].id"),
        ("mcus", Mcu(id="mcu-1", site="core"), "mcus[2].id"),
        ("mcus", Mcu(id="c1", site="core"), "mcus[2].id"),
        ("agents", Agent(agent="a1", site="core"), "agents[2].agent"),
        ("checks", Check(check="k1", agent="a1", to="core"), "checks[3].check"),
        ("rooms", Room(id="mcu-1", site="core"), "rooms[3].id"),
        ("conferences", MEETING_AGAIN, "conferences[2].id"),
        ("sites", Site(id="c2", kind="commune", code="00004", province="01"), "sites[4].code"),
        ("sites", Site(id="p2", kind="province", code="01"), "sites[4].code"),
    ],
)
def test_a_name_or_code_is_taken_once(rows: str, more: Any, key: str) -> None:
    changed: dict[str, Any] = {rows: (*getattr(GOOD, rows), more)}
    found = faults(replace(GOOD, **changed))
    assert (found[0].key, found[0].record) == (key, more)
    assert "already taken" in found[0].what and found[0].first is not None


@pytest.mark.parametrize(
    ("rows", "more", "key", "what"),
    [
        ("links", Link(id="x", from_site="c2", to_site="core"), "links[3].from", "'c2' is no site"),
        ("links", Link(id="x", from_site="core", to_site="nowhere"), "links[3].to", "'nowhere' is no site"),
        ("links", Link(id="x", from_site="core", to_site="mcu-1"), "links[3].to", "'mcu-1' is no site"),
        ("mcus", Mcu(id="x", site="c9"), "mcus[2].site", "'c9' is no site"),
        ("mcus", Mcu(id="x", site="c1", contact="nobody"), "mcus[2].contact", "'nobody' is no contact"),
        ("agents", Agent(agent="x", site="y"), "agents[2].site", "'y' is no site"),
        ("checks", Check(check="x", agent="a2", to="core"), "checks[3].agent", "'a2' is no agent"),
        ("checks", Check(check="x", agent="a1", to="up"), "checks[3].to", "'up' is no site, MCU, service or room"),
    ],
)
def test_what_is_named_must_be_there(rows: str, more: Any, key: str, what: str) -> None:
    found = told(**{rows: (*getattr(GOOD, rows), more)})
    assert len(found) == 1 and found[0].startswith(f"{key}: {what}")


def test_a_near_miss_is_answered_with_the_name_that_was_meant() -> None:
    assert told(hub_site="cores") == ["hub_site: 'cores' is no site of this file (did you mean core?)"]
    assert told(hub_site="zzz") == ["hub_site: 'zzz' is no site of this file (known: core, p01, c1)"]


def test_an_empty_key_is_missing_and_nothing_else() -> None:
    assert [one.key for one in faults(replace(GOOD, hub_site=""))] == ["hub_site"]
    assert [
        one.key for one in faults(replace(GOOD, links=(GOOD.links[0], Link(id="", from_site="p01", to_site="c1"))))
    ] == ["links[2].id"]
    assert told(sites=(), links=(), mcus=(), rooms=(), conferences=(), agents=(), checks=()) == [
        "hub_site: 'core' is no site of this file (this file has no site yet)"
    ]


@pytest.mark.parametrize(
    ("site", "key", "what"),
    [
        (Site(id="x", kind="commune", code="123", province="01"), "code", "'123' is not a commune's code"),
        (Site(id="x", kind="commune", code="٠٠١٢٣", province="01"), "code", "'٠٠١٢٣' is not a commune's code"),
        (Site(id="x", kind="commune", province="01"), "code", "is missing"),
        (Site(id="x", kind="commune", code="00123"), "province", "is missing"),
        (Site(id="x", kind="commune", code="00123", province="1"), "province", "'1' is not a province's code"),
        (Site(id="x", kind="commune", code="00123", province="79"), "province", "'79' is no province of this file"),
        (Site(id="x", kind="province", code="00123"), "code", "'00123' is not a province's code"),
        (Site(id="x", kind="province"), "code", "is missing"),
        (Site(id="x", kind="province", code="79", province="01"), "province", "'01' is not its own code"),
        (Site(id="x", kind="core", code="01"), "code", "'01': only communes and provinces have a code"),
        (Site(id="x", kind="core", province="hanoi"), "province", "'hanoi' is not a province's code"),
    ],
)
def test_codes_are_of_their_kind(site: Site, key: str, what: str) -> None:
    links = (*GOOD.links, Link(id="x", from_site="core", to_site="x"))
    found = told(sites=(*GOOD.sites, site), links=links)
    assert len(found) == 1 and found[0].startswith(f"sites[4].{key}: {what}")


def test_the_link_that_closes_a_ring_is_named() -> None:
    found = told(links=(*GOOD.links, Link(id="short", from_site="c1", to_site="core")))
    assert found == [
        "links[3]: closes a ring: there is a way from 'c1' to 'core' already"
        " (leave it out, or write backup_of: ID of the link it stands in for, if it is a second way)"
    ]
    assert told(links=(*GOOD.links, Link(id="self", from_site="c1", to_site="c1")))[0].startswith("links[3].to: leads")


P02 = (Site(id="p02", kind="province", code="02"), Link(id="up02", from_site="p02", to_site="core"))


@pytest.mark.parametrize(
    ("ends", "backup_of"),
    [(("core", "p01"), "up"), (("c1", "p01"), "down"), (("c1", "core"), "down"), (("core", "c1"), "up"),
     (("p02", "c1"), "down"), (("p02", "c1"), "up"), (("c1", "p02"), "up02")],
)  # fmt: skip
def test_a_ring_is_a_second_way_where_a_link_says_what_it_stands_in_for(ends: tuple[str, str], backup_of: str) -> None:
    second = Link(id="second", from_site=ends[0], to_site=ends[1], backup_of=backup_of)
    rows: dict[str, Any] = {"sites": (*GOOD.sites, P02[0])}
    assert told(**rows, links=(*GOOD.links, P02[1], second)) == []
    assert told(**rows, links=(second, *GOOD.links, P02[1])) == []  # in whatever order


@pytest.mark.parametrize(
    ("ends", "backup_of", "fault"),
    [
        (("c1", "core"), "upp", "'upp' is no link of this file (did you mean up?)"),
        (("c1", "core"), "second", "'second' is this link itself (name the link it stands in for)"),
        (("c1", "core"), "spare", "'spare' is a backup itself (write backup_of: up)"),
        (("p01", "core"), "down", "this link does not join the two parts of the network that 'down' joins"
                                  " (name the link it stands in for)"),
        (("p02", "core"), "up", "this link does not join the two parts of the network that 'up' joins"
                                " (name the link it stands in for)"),
    ],
)  # fmt: skip
def test_a_backup_that_cannot_stand_in_is_told_at_its_key(ends: tuple[str, str], backup_of: str, fault: str) -> None:
    spare = Link(id="spare", from_site="core", to_site="p01", backup_of="up")
    second = Link(id="second", from_site=ends[0], to_site=ends[1], backup_of=backup_of)
    links = (*GOOD.links, P02[1], spare, second)
    assert told(sites=(*GOOD.sites, P02[0]), links=links) == [f"links[5].backup_of: {fault}"]


def test_the_only_link_of_a_site_is_no_backup_and_its_site_is_not_told_to_be_adrift() -> None:
    found = told(links=(GOOD.links[0], replace(GOOD.links[1], backup_of="up")))
    assert [fault.partition(": ")[0] for fault in found] == ["links[2].backup_of"]


def test_backups_of_a_long_chain_are_checked_quickly() -> None:
    sites = [Site(id=f"s{at}", kind="datacentre") for at in range(3000)]
    rows = [Link(id=f"l{at}", from_site=f"s{at}", to_site=f"s{at + 1}") for at in range(2999)]
    more = [replace(link, id=f"b{link.id}", backup_of=link.id) for link in rows]
    began = time.process_time()
    assert faults(Inventory(hub_site="s0", sites=tuple(sites), links=(*rows, *more))) == []
    assert time.process_time() - began < 2


def test_an_island_is_told_once_however_many_sites_it_has() -> None:
    found = told(links=GOOD.links[1:])
    assert found == [
        "sites[2]: 'p01' hangs on nothing: no link leads from it to hub_site 'core'"
        " (nor from 1 more site joined to it) (add a link)"
    ]


def test_a_site_cut_off_by_a_misspelt_link_is_not_told_twice() -> None:
    found = told(links=(GOOD.links[0], Link(id="down", from_site="p01", to_site="c11")))
    assert found == ["links[2].to: 'c11' is no site of this file (did you mean c1?)"]


# --- rooms and conferences ---


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"rooms": ()}, "rooms: is missing (ids of its rooms)"),
        ({"mcus": ()}, "mcus: is missing (ids of its MCUs; the others are joined to the first)"),
        ({"rooms": ("r2", "r11")}, "rooms[2]: 'r11' is no room of this file (did you mean r1?)"),
        ({"rooms": ("r1", "c1")}, "rooms[2]: 'c1' is no room of this file (known: r1, r2)"),
        ({"mcus": ("core",)}, "mcus[1]: 'core' is no MCU of this file (known: mcu-1)"),
        ({"contacts": ("nocc",)}, "contacts[1]: 'nocc' is no contact of this file (did you mean noc?)"),
        ({"rooms": ("r1", "r2", "r1")}, "rooms[3]: 'r1' is named twice (name it once)"),
        (
            {"ends": MEETING.starts},
            f"ends: '{MEETING.starts}' is not after it starts ('{MEETING.starts}') (write a later time)",
        ),
        # the same moment, in another zone
        (
            {"ends": Timestamp("2026-11-25T01:00:00Z")},
            f"ends: '2026-11-25T01:00:00Z' is not after it starts ('{MEETING.starts}') (write a later time)",
        ),
        (
            {"ends": Timestamp("2027-11-25T08:00:00+07:00")},
            "ends: '2027-11-25T08:00:00+07:00' is more than 14 days after it starts (write one conference a meeting)",
        ),
        (
            {"starts": Timestamp("2026-11-25 08:00")},
            "starts: '2026-11-25 08:00' does not say its offset from UTC"
            " (if it is Vietnamese time, write 2026-11-25T08:00+07:00)",
        ),
        (
            {"starts": Timestamp("2026-02-31T08:00:00+07:00")},
            "starts: '2026-02-31T08:00:00+07:00' is no day or hour of the calendar"
            " (write date, time and offset, as 2026-11-25T08:00:00+07:00)",
        ),
        (
            {"starts": Timestamp("thứ tư")},
            "starts: 'thứ tư' is not a date and time (write date, time and offset, as 2026-11-25T08:00:00+07:00)",
        ),
    ],
)
def test_a_conference_has_rooms_mcus_and_a_time(changed: dict[str, Any], fault: str) -> None:
    assert told(conferences=(replace(MEETING, **changed),)) == [f"conferences[1].{fault}"]


@pytest.mark.parametrize("text", ["sip:room@10.0.0.1", "sips:a@b.example;transport=tls", "h323:1001@gk", "mcu.example"])
def test_a_room_is_called_by_an_address_or_a_host(text: str) -> None:
    assert told(rooms=(replace(GOOD.rooms[0], address=text), GOOD.rooms[1])) == []
    assert told(mcus=(replace(GOOD.mcus[0], address=text, ports=124),)) == []


@pytest.mark.parametrize("text", ["http://room", "sip:", "sip:a b", "a b", "-x", "sip:a\nb", "sip:phòng@host"])
def test_what_is_no_address_is_told(text: str) -> None:
    found = told(rooms=(replace(GOOD.rooms[0], address=text), GOOD.rooms[1]))
    assert len(found) == 1 and found[0].startswith("rooms[1].address: ") and "is no address to call" in found[0]


@pytest.mark.parametrize(("text", "good"), [("far:8622", True), ("[::1]:1", True), ("far", False), ("far:0", False)])
def test_a_responder_has_a_port(text: str, good: bool) -> None:
    found = told(mcus=(replace(GOOD.mcus[0], responder=text),))
    assert found == ([] if good else [f"mcus[1].responder: '{text}' is not HOST:PORT ({WRITE_RESPONDER})"])


def test_an_alias_is_what_can_be_dialled() -> None:
    assert told(rooms=(replace(GOOD.rooms[0], alias="Phòng họp 1"), GOOD.rooms[1])) == []
    assert told(rooms=(replace(GOOD.rooms[0], alias="a\x1b"), GOOD.rooms[1]))[0].startswith("rooms[1].alias:")


@pytest.mark.parametrize("name", ["a b", "-a", "a/b", "..", "é", "a" * 65, "a\n"])
def test_an_id_is_safe_in_tags_addresses_and_file_names(name: str) -> None:
    found = told(agents=(Agent(agent=name, site="c1"),), checks=())
    assert len(found) == 1 and found[0].startswith("agents[1].agent:") and "cannot be used here" in found[0]


def test_thousands_of_faults_are_told_quickly() -> None:
    checks = tuple(Check(check=f"k{at}", agent=f"agent-{at}", to="core") for at in range(5000))
    agents = tuple(Agent(agent=f"agent_{at}", site="core") for at in range(5000))
    began = time.process_time()
    found = told(checks=checks, agents=agents)
    assert len(found) == 5000 and "did you mean agent_0?" in found[0]
    assert time.process_time() - began < 5
