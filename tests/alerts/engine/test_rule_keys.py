"""Keys of a rule beside its condition: `keep`, `nodata`, `only`, `shared`."""

from __future__ import annotations

from datetime import datetime

import pytest
from engine_world import PACK, START_MS, Agent, fired, rule, values

from alerts.base import LOST, OK
from alerts.calendar import VIET_NAM, is_office_hours
from alerts.engine.engine import Engine
from alerts.errors import BadRule
from alerts.rules import Rule


def seconds_of_fire(asked: Rule, bad: set[int], until_s: int, engine: Engine | None = None) -> set[int]:
    """The seconds in which a rule fires for a check of which some seconds are lost."""
    agent, seen = Agent(engine or Engine([asked])), set[int]()
    for second in range(until_s):
        agent.say(1000 * second + 400, values(LOST if second in bad else OK))
        agent.flush(1000 * second + 1000)
        if fired(agent.tick(1000 * second + 2000)):
            seen.add(second)
    return seen


def test_keep_goes_on_after_the_end() -> None:
    bad = {20, 21, 30}
    assert seconds_of_fire(rule("lost(1s) >= 1"), bad, 60) == bad
    kept = seconds_of_fire(rule("lost(1s) >= 1", keep_s=10.0), bad, 60)
    assert kept == set(range(20, 41))


def test_keep_begins_when_clear_holds() -> None:
    asked = rule("lost(1s) >= 1", "lost(5s) < 1", keep_s=10.0)
    assert seconds_of_fire(asked, {20}, 60) == set(range(20, 35))


@pytest.mark.parametrize(("nodata", "fires"), [("hold", False), ("fire", True), ("clear", False)])
def test_what_nobody_can_tell_is_taken_as_nodata_says(nodata: str, fires: bool) -> None:
    asked = rule("avg(rtt_p50_ms, 5s) > 100ms", nodata=nodata, for_s=5.0)
    agent = Agent(Engine([asked]))
    for second in range(40):
        agent.say(1000 * second + 400, values(OK, rtt_p50_ms=5.0) if second < 15 else values(OK))
        agent.flush(1000 * second + 1000)
        last = agent.tick(1000 * second + 2000)
    assert bool(fired(last)) is fires
    assert bool(last.unknown) is (nodata == "hold")


@pytest.mark.parametrize(("nodata", "fires"), [("hold", False), ("fire", True), ("clear", False)])
def test_so_is_a_check_of_an_agent_that_is_mute(nodata: str, fires: bool) -> None:
    agent = Agent(Engine([rule("lost(1s) >= 1", nodata=nodata, for_s=3.0)]))
    for second in range(40):
        if second < 20:
            agent.say(1000 * second + 400, values(OK))
            agent.flush(1000 * second + 1000)
        last = agent.tick(1000 * second + 2000)
    assert bool(fired(last)) is fires
    assert last.unknown == ({("r", "k")} if nodata == "hold" else set())
    agent.say(40_400, values(OK))
    agent.flush(41_000)
    assert fired(agent.tick(42_000)) == []


def test_a_rule_that_fired_ends_with_its_data_where_it_says_so() -> None:
    ended = {}
    for nodata in ("hold", "clear"):
        agent = Agent(Engine([rule("lost(1s) >= 1", nodata=nodata)]))
        for second in range(30):
            if second < 20:
                agent.say(1000 * second + 400, values(LOST))
                agent.flush(1000 * second + 1000)
            last = agent.tick(1000 * second + 2000)
        ended[nodata] = not last.unknown and not last.firing
    assert ended == {"hold": False, "clear": True}


def test_taking_no_data_for_bad_needs_the_time_a_window_needs() -> None:
    with pytest.raises(BadRule, match="write for: 20s"):
        rule("loss(20s) > 5%", nodata="fire", for_s=19.0)
    rule("loss(20s) > 5%", nodata="fire", for_s=20.0)


def test_office_hours_only() -> None:
    asked, opens = rule("lost(1s) >= 1", only="office-hours"), datetime(2023, 11, 15, 7, 30, tzinfo=VIET_NAM)
    opens_s = int(opens.timestamp()) - START_MS // 1000
    agent, seen = Agent(Engine([asked])), dict[int, tuple[bool, bool]]()
    for second in range(opens_s - 30, opens_s + 10):
        agent.say(1000 * second + 400, values(LOST))
        agent.flush(1000 * second + 1000)
        told = agent.tick(1000 * second + 2000)
        seen[second + 2 - opens_s] = bool(told.firing), bool(told.pending)
    assert {second for second, (fires, _) in seen.items() if fires} == set(range(12))
    assert {second for second, (_, waits) in seen.items() if waits} == set(range(-28, 0))
    assert is_office_hours(1000 * int(opens.timestamp()))


def test_conferences_only() -> None:
    live = set[str]()
    engine = Engine([rule("lost(1s) >= 1", only="conference")], in_conference=lambda _: live)
    agent, seen = Agent(engine), list[list[tuple[str, str]]]()
    for second in range(12):
        live = {"k"} if second >= 6 else set()
        for check in ("k", "other"):
            agent.say(1000 * second + 400, values(LOST), check)
        agent.flush(1000 * second + 1000)
        seen.append(fired(agent.tick(1000 * second + 2000)))
    assert seen == [[]] * 6 + [[("r", "k")]] * 6


def test_shared_severity_is_the_same_unless_it_is_written() -> None:
    assert rule("lost(1s) >= 1", severity="info").shared_severity == "info"
    assert rule("lost(1s) >= 1", severity="info", shared="warning").shared_severity == "warning"


@pytest.mark.parametrize(("period_s", "name"), [(1, "link-latency"), (10, "link-latency-slow")])
def test_slow_round_trips_are_seen_at_any_pace(period_s: int, name: str) -> None:
    agent, first = Agent(Engine(PACK)), dict[str, int]()
    for second in range(300):
        if second % period_s == 0:
            bucket = 120 if second < 120 else 146  # 33 ms, 320 ms
            agent.say(1000 * second + 400, values(OK) | {f"rtt_b{bucket}": 1})
        if second % 10 == 9:
            agent.flush(1000 * second + 1000)
        for rule_name, _ in fired(agent.tick(1000 * second + 2000)):
            first.setdefault(rule_name, second)
    assert list(first) == [name] and 140 <= first[name] <= 175
    severities = {rule.name: (rule.severity, rule.shared_severity) for rule in PACK}
    assert severities[name] == ("info", "warning")
