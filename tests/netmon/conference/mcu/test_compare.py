"""Legs beside rooms: whose call it is, what agents measured of its way, and what both together say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import meeting
import pytest

from inventory.model import Agent, Check, Inventory
from inventory.topology import Network
from netmon.conference.mcu.base import BWD, FWD, Leg, Stream
from netmon.conference.mcu.compare import Matched, RoomReading, beside, key_of
from probes.base import Outcome

NOW_MS = 1_800_000_000_000.0


def inventory() -> Inventory:
    made = meeting.inventory(4)
    rooms = (
        made.rooms[0],
        replace(made.rooms[1], alias="2002"),
        replace(made.rooms[2], address="", alias="phong3@tinh.example"),
        made.rooms[3],
    )
    return replace(
        made, rooms=rooms,
        agents=(Agent(agent="a1", site="c00001"), Agent(agent="hub", site="core")),
        checks=(Check(check="a1-m1", agent="a1", to="m1"), Check(check="a1-core", agent="a1", to="core"), Check(check="a1-lan", agent="a1", to="c00001"),
                Check(check="hub-r1", agent="hub", to="r00001"), Check(check="hub-r2", agent="hub", to="r00002")),
    )  # fmt: skip


NETWORK = Network(inventory())
CONFERENCE = NETWORK.inventory.conferences[0]


def leg(*names: str, fwd: float | None = None, bwd: float | None = None) -> Leg:
    return Leg("1", names[0], names, "x", "connected", (Stream("video", FWD, fwd), Stream("video", BWD, bwd)))


def row(
    check: str, agent: str, kind: str, outcome: Outcome = Outcome.OK, age_s: float = 5.0, **values: Any
) -> dict[str, Any]:
    return {
        "check": check,
        "agent": agent,
        "kind": kind,
        "at_ms": NOW_MS - age_s * 1000,
        "outcome": int(outcome),
        "values": values,
    }


def matched(*legs: Leg, checks: tuple[dict[str, Any], ...] = (), complete: bool = True) -> Matched:
    return beside(NETWORK, CONFERENCE, [("m1", one) for one in legs], checks, NOW_MS, complete)


def first(*legs: Leg, checks: tuple[dict[str, Any], ...] = ()) -> RoomReading:
    return matched(*legs, checks=checks).rows[0]


@pytest.mark.parametrize(
    ("name", "room"),
    [
        ("sip:room@10.98.0.1", "r00001"), ("room@10.98.0.2:5061", "r00002"), ("SIP:Room@10.98.0.4;transport=tls", "r00004"),
        ("10.98.0.1", "r00001"), ("2002", "r00002"), ("h323:2002", "r00002"), ("2002@elsewhere.example", "r00002"),
        ("phong3", "r00003"), ("PHONG3@tinh.example", "r00003"),
    ],
)  # fmt: skip
def test_a_leg_finds_its_room_by_uri_alias_or_address(name: str, room: str) -> None:
    got = matched(leg(name))
    assert [one.room for one in got.rows if one.leg] == [room] and got.others == 0 and got.unclear == ()


def test_the_surest_name_decides_and_a_common_user_part_alone_does_not() -> None:
    assert [one.room for one in matched(leg("room@10.98.0.9", "10.98.0.2")).rows if one.leg] == ["r00002"]
    got = matched(leg("room"))
    assert len(got.unclear) == 1 and all(one.leg is None for one in got.rows)
    assert matched(leg("guest57", "203.0.113.9")).others == 1


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("sip:A@h:5060", "a@h"),
        ("h323:2001@[2001:db8::1]:1720", "2001@2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("", ""),
    ],
)
def test_names_are_compared_without_scheme_port_and_case(text: str, key: str) -> None:
    assert key_of(text) == key


def test_a_room_without_a_call_is_absent_only_when_every_mcu_answered() -> None:
    assert [one.hint for one in matched(leg("10.98.0.1")).rows] == ["", "absent", "absent", "absent"]
    assert {one.hint for one in matched(complete=False).rows} == {""}


def test_a_room_called_twice_has_two_rows() -> None:
    got = matched(leg("10.98.0.1"), leg("room@10.98.0.1"))
    assert [one.room for one in got.rows] == ["r00001", "r00001", "r00002", "r00003", "r00004"]


def test_what_is_measured_towards_the_room_is_turned_round() -> None:
    towards = first(checks=(row("hub-r1", "hub", "media", lost_fwd_percent=1.0, lost_bwd_percent=7.0),)).measured
    assert (towards.fwd_percent, towards.bwd_percent) == (7.0, 1.0)
    own = first(
        checks=(row("a1-m1", "a1", "stamp", sent=200, rcvd=180, lost_fwd=20, lost_bwd=0, rtt_p50_ms=12.5),)
    ).measured
    assert (own.fwd_percent, own.bwd_percent, own.rtt_ms, own.check) == (10.0, 0.0, 12.5, "a1-m1")


def test_the_measurement_nearest_to_the_conference_is_taken_and_its_round_trip_from_another() -> None:
    ping = row("a1-core", "a1", "ping", sent=10, rcvd=5, rtt_p50_ms=9.0)
    media = row("hub-r1", "hub", "media", lost_fwd_percent=0.0, lost_bwd_percent=0.5)
    got = first(checks=(ping, media)).measured
    assert (got.kind, got.fwd_percent, got.rtt_ms) == ("media", 0.5, 9.0)
    alone = first(checks=(ping,)).measured
    assert (alone.kind, alone.way_percent, alone.fwd_percent) == ("ping", 50.0, None)


@pytest.mark.parametrize(
    "useless",
    [
        row("a1-m1", "a1", "ping", age_s=1000, sent=1, rcvd=0), row("a1-m1", "a1", "ping", Outcome.LOCAL, sent=1, rcvd=0),
        row("a1-lan", "a1", "ping", sent=1, rcvd=0), row("a1-m1", "a1", "dns", sent=1, rcvd=0),
        row("hub-r2", "hub", "ping", sent=1, rcvd=0), row("stranger", "x", "ping", sent=1, rcvd=0),
    ],
)  # fmt: skip
def test_old_rows_own_faults_and_other_ways_say_nothing_of_a_room(useless: dict[str, Any]) -> None:
    assert first(checks=(useless,)).measured.check == ""


@pytest.mark.parametrize(
    ("felt", "seen", "hint"),
    [
        ((3.0, 0.0), 5.0, "network"), ((0.0, 3.0), 0.0, "room_or_mcu"), ((0.2, 0.1), 4.0, "not_felt"),
        ((0.2, 0.1), 0.0, "good"), ((None, None), 5.0, ""), ((3.0, 0.0), None, ""),
    ],
)  # fmt: skip
def test_both_halves_together_say_where_it_is(
    felt: tuple[float | None, float | None], seen: float | None, hint: str
) -> None:
    checks = () if seen is None else (row("hub-r1", "hub", "media", lost_fwd_percent=seen, lost_bwd_percent=0.0),)
    assert first(leg("10.98.0.1", fwd=felt[0], bwd=felt[1]), checks=checks).hint == hint


def test_a_sip_call_tells_the_picture_lost_on_the_way_from_its_far_end() -> None:
    got = first(checks=(row("hub-r1", "hub", "sipcall", video_rcvd=90, video_lost_bwd=10),)).measured
    assert (got.fwd_percent, got.bwd_percent) == (10.0, None)
