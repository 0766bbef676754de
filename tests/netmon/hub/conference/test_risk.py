"""Which conferences an element endangers, and how many rooms are cut off without it."""

from __future__ import annotations

import time
from dataclasses import replace

from meeting import STARTS, inventory, network

from inventory.model import Agent, Conference, Inventory, Link, Mcu, Room, Site
from inventory.timestamp import Timestamp
from inventory.topology import Network
from netmon.hub.conference.risk import ConferenceRisk

START_S = Timestamp(STARTS).at_s  # it lasts three hours
AT_S = START_S + 60


def rooms_cut(made: Inventory, element: str, now_s: float = AT_S) -> list[int]:
    """Of each conference in danger, how many rooms are lost."""
    return [conference.lost for conference in ConferenceRisk(Network(made)).endangered(element, now_s)]


def test_all_between_a_room_and_its_mcu_endangers_its_conference() -> None:
    made = inventory(8, provinces=4)
    elements = {"room:r00001": 1, "commune:00001": 1, "link:p-c00001": 1, "province:01": 2, "link:core-p01": 2,
                "site:core": 8, "mcu:m1": 8}  # fmt: skip
    assert {element: rooms_cut(made, element) for element in elements} == {name: [n] for name, n in elements.items()}
    (told,) = ConferenceRisk(Network(made)).endangered("link:core-p01", AT_S)
    assert told == ("hn", "Hoi nghi", 2, 8, round(START_S * 1000))


def test_what_no_room_needs_endangers_none() -> None:
    made = inventory(2, provinces=3)
    made = replace(made, agents=(Agent(agent="a", site="c00001"),), rooms=(*made.rooms, Room(id="idle", site="p03")))
    for element in ("link:core-p03", "province:03", "room:idle", "agent:a", "hub:hub", "link:none", ""):
        assert rooms_cut(made, element) == []


def test_a_conference_is_in_danger_from_an_hour_before_it_starts_until_it_ends() -> None:
    risk = ConferenceRisk(network(4))
    at = {second: risk.conferences_at_risk("mcu:m1", START_S + second) for second in (-3601, -3600, 0, 10_799, 10_800)}
    assert at == {-3601: (), -3600: ("hn",), 0: ("hn",), 10_799: ("hn",), 10_800: ()}


def test_conferences_stand_in_the_order_they_begin() -> None:
    made = inventory(4)
    later = replace(
        made.conferences[0], id="a", name="", starts=Timestamp("2031-03-01T08:30:00+07:00"), rooms=("r00001",)
    )
    risk = ConferenceRisk(Network(replace(made, conferences=(later, *made.conferences))))
    assert risk.conferences_at_risk("commune:00001", START_S) == ("hn", "a")
    assert risk.conferences_at_risk("commune:00002", START_S) == ("hn",)
    assert [conference.name for conference in risk.endangered("mcu:m1", START_S)] == ["Hoi nghi", "a"]


def test_one_of_two_links_cuts_off_nobody_and_is_told_all_the_same() -> None:
    made = inventory(8, provinces=4)
    second = Link(id="second", from_site="core", to_site="p01", backup_of="core-p01")
    made = replace(made, links=(*made.links, second))
    assert rooms_cut(made, "link:core-p01") == rooms_cut(made, "link:second") == [0]
    assert rooms_cut(made, "province:01") == [2]


def test_without_a_further_mcu_its_rooms_are_cut_off_too() -> None:
    made = inventory(8, provinces=4)
    conference = replace(made.conferences[0], mcus=("m1", "m2"))
    made = replace(made, mcus=(*made.mcus, Mcu(id="m2", site="p01")), conferences=(conference,))
    assert rooms_cut(made, "mcu:m2") == rooms_cut(made, "link:core-p01") == [2]
    assert rooms_cut(made, "mcu:m1") == [8] and rooms_cut(made, "link:core-p02") == [2]


def test_a_room_beside_its_mcu_needs_that_site_alone() -> None:
    made = Inventory(
        hub_site="core", sites=(Site(id="core", kind="core"),), mcus=(Mcu(id="m", site="core"),),
        rooms=(Room(id="r", site="core"),),
        conferences=(Conference(id="c", starts=Timestamp(STARTS), ends=Timestamp("2031-03-01T09:00:00+07:00"),
                                mcus=("m",), rooms=("r",)),),
    )  # fmt: skip
    assert {element: rooms_cut(made, element) for element in ("room:r", "site:core", "mcu:m")} == {
        "room:r": [1], "site:core": [1], "mcu:m": [1],
    }  # fmt: skip


def test_a_conference_of_the_whole_country_is_asked_for_each_incident_each_second() -> None:
    risk = ConferenceRisk(network(3321, provinces=34))
    began = time.process_time()
    assert risk.endangered("site:core", AT_S)[0].lost == 3321
    first_s = time.process_time() - began
    for second in range(20):
        for number in range(1000):
            risk.endangered(f"commune:{number:05}", AT_S + second)
    assert first_s < 2 and time.process_time() - began - first_s < 1
