"""A rehearsal's order and its budget, over a kind `room` that only waits."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import meeting
import pytest

from netmon.conference import plan
from netmon.conference.run import NoAddress, RoomRun, RunPlan
from probes import catalog
from probes.base import Measurement, Outcome, Target
from probes.kinds.room.settings import RoomSettings

NETWORK = meeting.network(12)
SEATS = plan.make(NETWORK, NETWORK.inventory.conferences[0]).seats


class Rooms:
    """Stands in for the kind: notes who is called, and how many at one time."""

    def __init__(self, outcome: Outcome = Outcome.OK) -> None:
        self._outcome, self._now = outcome, 0
        self.most, self.called, self.settings = 0, list[str](), list[RoomSettings]()

    async def run(self, target: Target, settings: Any, count: int) -> Measurement:
        self.settings.append(settings)
        if not settings.call:
            return Measurement("room", target.text, 0, 0.0, Outcome.OK, {"rung": 0})
        self.called.append(target.text)
        self._now += 1
        self.most = max(self.most, self._now)
        await asyncio.sleep(0.02)
        self._now -= 1
        return Measurement("room", target.text, 0, 0.0, self._outcome, {"rung": 0, "audio_rcvd": 1})


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> Rooms:
    made, kind = Rooms(), catalog.load("room")
    monkeypatch.setattr(catalog, "load", lambda name: replace(kind, run=made.run))
    return made


def test_no_more_rooms_are_called_at_one_time_than_the_budget_allows(rooms: Rooms) -> None:
    asyncio.run(RoomRun(SEATS, RunPlan(streams=3), lambda seat, got: None).run())
    assert len(rooms.called) == len(SEATS) and rooms.most <= 3


def test_second_tries_stay_within_a_third_of_the_budget(rooms: Rooms) -> None:
    rooms._outcome = Outcome.LOCAL
    rehearsal = RoomRun(SEATS, RunPlan(streams=6), lambda seat, got: None)
    results = asyncio.run(rehearsal.run())
    assert len(rooms.called) == 2 * len(SEATS) and rooms.most <= 6
    assert {got.outcome for got in results.values() if got} == {Outcome.LOCAL}


def test_a_room_whose_conference_begins_while_others_are_tried_is_not_called(rooms: Rooms) -> None:
    live: set[str] = set()
    late = SEATS[-1]

    def told(seat: plan.Seat, got: Measurement | None) -> None:
        live.add(late.room)  # the first room is done: now it begins

    rehearsal = RoomRun(SEATS, RunPlan(streams=1), told, lambda: live)
    results = asyncio.run(rehearsal.run())
    assert late.target not in rooms.called and len(rooms.called) == len(SEATS) - 1
    got = results[late.room]
    assert got is not None and "audio_rcvd" not in got.values and rehearsal.spared == {late.room}


def test_a_fault_of_ours_in_one_room_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async def climb(target: Target, settings: Any, count: int) -> Measurement:
        if "10.98.0.2" in target.text:
            raise RuntimeError("ours")
        return Measurement("room", target.text, 0, 1.0, Outcome.OK, {"rung": 0, "risks": 0})

    room = catalog.load("room")
    monkeypatch.setattr(catalog, "load", lambda name: replace(room, run=climb))
    seats = SEATS[:3]
    results = asyncio.run(RoomRun(seats, RunPlan(call=False, quality=False), lambda seat, got: None).run())
    assert [results[seat.room].outcome for seat in seats] == [Outcome.OK, Outcome.LOCAL, Outcome.OK]  # type: ignore[union-attr]


def test_an_alias_that_is_none_is_the_inventorys_and_not_a_busy_machines() -> None:
    seat = replace(SEATS[0], target="sip:phòng họp 1@10.0.0.1")
    results = asyncio.run(RoomRun([seat], RunPlan(call=False, quality=False), lambda seat, got: None).run())
    got = results[seat.room]
    assert isinstance(got, NoAddress) and "sip:phòng họp 1@10.0.0.1" in got.why


def test_every_setting_of_the_kind_reaches_each_room_and_only_what_is_its_own_differs(
    rooms: Rooms,
) -> None:
    given = RoomSettings(server_name="mcu.example", reports_s=0.0, transport="tcp", ring_s=7.0)
    asyncio.run(RoomRun(SEATS, RunPlan(settings=given), lambda seat, got: None).run())
    assert len(rooms.settings) == 2 * len(SEATS)
    own = {"alias": "", "call": False, "responder": ""}
    assert {replace(settings, **own) for settings in rooms.settings} == {given}
