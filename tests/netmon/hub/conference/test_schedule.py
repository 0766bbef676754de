"""When conferences are rehearsed: in simulated time, with hubs that come and go."""

from __future__ import annotations

import random

import pytest

from inventory.model import Conference
from inventory.timestamp import Timestamp
from netmon.hub.conference.schedule import AT_ONCE, Key, PlannedStage, Schedule, startable

START_S = Timestamp("2031-03-01T08:00:00+07:00").at_s
STAGES = (86400.0, 3600.0, 1800.0, 600.0)


def conference(
    id: str = "hn", *, starts: str = "2031-03-01T08:00:00+07:00", mcus: tuple[str, ...] = ("m1",)
) -> Conference:
    return Conference(
        id=id, starts=Timestamp(starts), ends=Timestamp("2031-03-01T11:00:00+07:00"), mcus=mcus, rooms=("r1",)
    )


def lived(schedule: Schedule, ups: list[tuple[float, float]], took_s: float = 40.0) -> list[tuple[str, float]]:
    """(stage, seconds before the start) of each run of hubs that were up in these spans, looking each 5 s."""
    made, done = list[tuple[str, float]](), set[Key]()
    for from_s, until_s in ups:
        now_s = from_s
        while now_s < until_s:
            for run in schedule.due(now_s, done):
                if now_s + took_s < until_s:
                    done.add(run.key)
                    made.append((run.stage, START_S - now_s))
                now_s += took_s
            now_s += 5.0
    return made


def test_each_stage_is_made_once_and_in_time() -> None:
    made = lived(Schedule([conference()], STAGES), [(START_S - 90_000, START_S + 90_000)])
    assert [stage for stage, _ in made] == ["T-24h", "T-60min", "T-30min", "T-10min"]
    assert all(lead_s - 5 < before_s <= lead_s for (_, before_s), lead_s in zip(made, STAGES, strict=True))


def test_a_missed_stage_is_made_while_the_next_is_still_to_come() -> None:
    schedule = Schedule([conference()], STAGES)
    assert lived(schedule, [(START_S - 3000, START_S - 2000)]) == [("T-60min", 3000)]
    assert lived(schedule, [(START_S - 599, START_S + 1)]) == [("T-10min", 599)]
    assert lived(schedule, [(START_S, START_S + 9999)]) == []


def test_what_was_not_finished_when_the_hub_died_is_made_anew() -> None:
    schedule = Schedule([conference()], STAGES)
    assert lived(schedule, [(START_S - 3600, START_S - 3580), (START_S - 3500, START_S - 1900)]) == [("T-60min", 3500)]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_a_hub_does_no_stage_is_made_twice_or_out_of_its_time(seed: int) -> None:
    chance = random.Random(seed)
    ups, now_s = list[tuple[float, float]](), START_S - 100_000
    while now_s < START_S + 1000:
        end_s = now_s + chance.expovariate(1 / 3000)
        ups.append((now_s, end_s))
        now_s = end_s + chance.expovariate(1 / 800)
    made = lived(Schedule([conference()], STAGES), ups)
    stages = [stage for stage, _ in made]
    assert len(set(stages)) == len(stages)
    until = dict(
        zip(("T-24h", "T-60min", "T-30min", "T-10min"), zip(STAGES, (*STAGES[1:], 0.0), strict=True), strict=True)
    )
    assert all(until[stage][1] < before_s <= until[stage][0] for stage, before_s in made)


def test_a_conference_put_off_is_rehearsed_anew() -> None:
    (first,) = Schedule([conference()], (3600.0,)).due(START_S - 60, ())
    later = conference(starts="2031-03-01T09:00:00+07:00")
    (second,) = Schedule([later], (3600.0,)).due(START_S + 60, {first.key})
    assert first.key != second.key


def test_near_the_start_rooms_are_only_asked_however_late_a_stage_is_made() -> None:
    runs = {run.stage: run for run in Schedule([conference()], STAGES)._runs["hn"]}
    assert [runs[stage].call_s(runs[stage].due_s) for stage in runs] == [85_800.0, 3000.0, 1200.0, 0.0]
    (late,) = Schedule([conference()], (3600.0,)).due(START_S - 650, ())
    assert late.call_s(START_S - 650) == 0.0 and late.call_s(START_S - 661) == 61.0
    assert not any(run.call_s(run.due_s) for run in Schedule([conference()], STAGES, light=True)._runs["hn"])


def test_the_next_stage_is_known_until_there_is_none() -> None:
    schedule = Schedule([conference()], STAGES)
    coming = schedule.next_of("hn", START_S - 4000, ())
    assert coming is not None and coming.stage == "T-24h"
    after = schedule.next_of("hn", START_S - 4000, {coming.key})
    assert after is not None and after.stage == "T-60min" and schedule.wake_s(START_S - 4000) == START_S - 3600
    assert schedule.next_of("hn", START_S, ()) is None and schedule.wake_s(START_S) is None
    assert schedule.next_of("nobody", 0.0, ()) is None


def due(*conferences: Conference, before_s: float = 3000.0) -> list[PlannedStage]:
    return Schedule(conferences, STAGES).due(START_S - before_s, ())


def test_two_conferences_of_one_mcu_do_not_share_its_budget() -> None:
    runs, now_s = due(conference("a"), conference("b"), conference("c", mcus=("m2",))), START_S - 3000
    assert [run.conference for run in startable(runs, [], now_s)] == ["a", "c"]
    assert [run.conference for run in startable(runs, [runs[1]], now_s)] == ["c"]
    light = due(conference("a"), conference("b"), before_s=300.0)
    assert [run.conference for run in startable(light, [], START_S - 300)] == ["a", "b"]


def test_only_a_few_are_rehearsed_at_one_time_and_none_beside_itself() -> None:
    runs, now_s = due(*(conference(f"c{one}", mcus=(f"m{one}",)) for one in range(9))), START_S - 3000
    first = startable(runs, [], now_s)
    assert len(first) == AT_ONCE and startable(runs, first, now_s) == []
    (next_stage,) = due(conference("c0", mcus=("m0",)), before_s=1500.0)
    assert startable([next_stage], runs[:1], START_S - 1500) == []
