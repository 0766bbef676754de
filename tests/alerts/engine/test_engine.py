"""The engine over simulated time: what fires and when, what is unknown, and that no way of reporting changes it."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from engine_world import KINDS, PACK, START_MS, Agent, RealWorld, fired, only, repeat, rule, values
from incident_world import Fault

from alerts.base import LOCAL, LOST, OK, REFUSED, UNRESOLVED, Assessment
from alerts.engine.engine import Engine
from alerts.incidents import Book

Says = Callable[[int], dict[str, int | float] | None]  # second → what a check says of it


def run(
    agent: Agent, says: Says, until_s: int, *, from_s: int = 0, flush_s: int = 1, period_s: int = 1, phase_ms: int = 400
) -> list[tuple[int, Assessment]]:
    """A check measured each period, told each `flush_s`; what the engine says every second."""
    told = []
    for second in range(from_s, until_s):
        if second % period_s == 0 and (what := says(second)) is not None:
            agent.say(second * 1000 + phase_ms, what)
        if (second + 1) % flush_s == 0:
            agent.flush(second * 1000 + 1000, second * 1000 + 1950)
        told.append((second, agent.tick(second * 1000 + 2000)))
    return told


def first(told: list[tuple[int, Assessment]], name: str) -> int:
    """The second in which a rule fired first, -1 if never."""
    return next((second for second, one in told if any(firing.rule == name for firing in one.firing)), -1)


def cut(from_s: int, until_s: int = 1 << 30) -> Says:
    return lambda second: values(LOST if from_s <= second < until_s else OK, rtt_p50_ms=5.0)


# --- cuts ---


@pytest.mark.parametrize("phase_ms", [0, 5, 400, 950, 999])
def test_a_cut_is_seen_with_the_third_miss(phase_ms: int) -> None:
    told = run(Agent(Engine(PACK)), cut(30), 60, phase_ms=phase_ms)
    assert 32 <= first(told, "link-down") <= 33
    firing = next(one for one in told[-1][1].firing if one.rule == "link-down")
    assert firing.severity == "critical"
    assert firing.fault == "reach"
    assert firing.value == pytest.approx(told[-1][0] + 1 - 29 - phase_ms / 1000, abs=0.01)
    assert told[-1][1].evidence["k"].miss_ms == START_MS + 30_000 + phase_ms


@pytest.mark.parametrize("period_s", [2, 10, 30, 60])
def test_a_slow_check_is_down_after_three_misses_too(period_s: int) -> None:
    says = cut(8 * period_s)
    told = run(Agent(Engine(PACK)), says, 14 * period_s, period_s=period_s, flush_s=min(10, period_s))
    assert 10 * period_s <= first(told, "link-down") <= 11 * period_s + 10


def test_a_slow_check_whose_quick_packets_are_lost_too_is_down_at_once() -> None:
    """A packet a minute; its point is told 3 s later, and at once."""
    agent = Agent(Engine(PACK))
    told = []
    for second in range(400):
        if second % 60 == 3:  # what was measured from `second - 3` on
            missing = 120 <= second < 300
            more = {"burst_sent": 3, "burst_rcvd": 0} if missing else {}
            agent.say((second - 3) * 1000, values(LOST if missing else OK, **more))
        if second % 10 == 3:
            agent.flush(second * 1000, second * 1000 + 100)
        told.append((second, agent.tick(second * 1000 + 500)))
    fires = [second for second, one in told if any(firing.rule == "link-down-burst" for firing in one.firing)]
    assert 123 <= fires[0] <= 124 and 300 <= fires[-1] <= 304 and len(fires) > 175


@pytest.mark.parametrize("answered", [1, 2, 3])
def test_a_miss_whose_quick_packets_are_answered_is_no_cut(answered: int) -> None:
    says: Says = lambda second: values(OK, rcvd=0, burst_sent=3, burst_rcvd=answered) if second > 300 else values(OK)  # noqa: E731
    assert first(run(Agent(Engine(PACK)), says, 900, period_s=60), "link-down-burst") == -1


def test_two_misses_are_no_cut() -> None:
    says: Says = lambda second: values(LOST if second in (30, 31, 45, 46) else OK)  # noqa: E731
    assert first(run(Agent(Engine(PACK)), says, 60), "link-down") == -1


def test_a_target_that_never_answered_is_down_too() -> None:
    assert 2 <= first(run(Agent(Engine(PACK)), cut(0), 20), "link-down") <= 5


def test_a_refusing_server_is_unreachable_though_its_host_answers() -> None:
    agent = Agent(Engine(PACK))
    for second in range(40):
        what = values(OK) if second < 20 else values(REFUSED, rcvd=1)
        agent.say(second * 1000, what, kind="sip")
        agent.flush(second * 1000 + 900)
        assessment = agent.tick(second * 1000 + 2000)
    assert fired(assessment) == [("mcu-unreachable", "k")]
    one = assessment.evidence["k"]
    assert (one.ok_ms, one.refused_ms, one.miss_ms, one.latest) == (
        START_MS + 39_000,
        START_MS + 39_000,
        None,
        REFUSED,
    )


def test_it_ends_with_the_first_answer() -> None:
    told = run(Agent(Engine(PACK)), cut(30, 50), 60)
    fires = [second for second, one in told if any(firing.rule == "link-down" for firing in one.firing)]
    assert fires == list(range(fires[0], 50))


# --- loss ---


@pytest.mark.parametrize("seed", range(12))
def test_a_link_that_loses_a_fifth_each_way_is_lossy_within_seconds(seed: int) -> None:
    rng = random.Random(seed)
    says: Says = lambda second: values(LOST if second >= 30 and rng.random() < 0.36 else OK)  # noqa: E731
    at = first(run(Agent(Engine(PACK)), says, 70), "link-loss")
    assert 30 < at <= 52


def test_half_of_all_lossy_links_are_seen_within_nine_seconds() -> None:
    found = []
    for seed in range(24):
        rng = random.Random(seed)
        says: Says = lambda second, rng=rng: values(LOST if second >= 25 and rng.random() < 0.36 else OK)  # type: ignore[misc] # noqa: E731
        found.append(first(run(Agent(Engine(PACK)), says, 60), "link-loss") - 25)
    assert sorted(found)[12] <= 9
    assert sorted(found)[21] <= 16


@pytest.mark.parametrize("loss", [0.0, 0.005])
def test_no_alarm_in_a_calm_network_or_one_that_loses_a_packet_now_and_then(loss: float) -> None:
    engine, rng = Engine(PACK), random.Random(7)
    agents = [Agent(engine, f"a{number}") for number in range(20)]
    seen = 0
    for second in range(400):
        for agent in agents:
            at_ms = second * 1000 + rng.randrange(300, 310)
            agent.say(at_ms, values(LOST if rng.random() < loss else OK, **{"rtt_b104": 1}), f"k-{agent.name}")
            agent.flush(second * 1000 + 900, second * 1000 + 1950)
            agent.told.clear()
        seen += len(agents[0].tick(second * 1000 + 2000).firing)
    assert seen == 0


def test_our_own_faults_never_fire() -> None:
    says: Says = lambda second: {"outcome": LOCAL if second >= 30 else OK, "sent": 1, "rcvd": int(second < 30)}  # noqa: E731
    told = run(Agent(Engine(PACK)), says, 120)
    assert [one.firing for _, one in told if one.firing] == []
    assert told[-1][1].evidence["k"].miss_ms is None
    says = lambda second: {"outcome": UNRESOLVED if second >= 30 else OK}  # noqa: E731
    assert [one.firing for _, one in run(Agent(Engine(PACK)), says, 120) if one.firing] == []


def test_our_own_faults_do_not_end_an_outage() -> None:
    says: Says = lambda second: values(OK if second < 20 else LOST if second < 30 else LOCAL, rcvd=int(second < 20))  # noqa: E731
    assert ("link-down", "k") in fired(run(Agent(Engine(PACK)), says, 60)[-1][1])


def test_slow_round_trips_are_told_and_a_short_burst_is_not() -> None:
    slow = {"rtt_b140": 1}  # 185 ms
    says: Says = lambda second: values(OK, **({"rtt_b100": 1} if second < 40 or 42 < second < 100 else slow))  # noqa: E731
    told = run(Agent(Engine(PACK)), says, 160)
    assert 120 < first(told, "link-latency") < 130
    firing = only(told[-1][1])
    assert firing.value == pytest.approx(0.185, rel=0.05)


def test_low_throughput_is_told_by_its_last_value_however_seldom_it_is_measured() -> None:
    agent = Agent(Engine(PACK))
    for second in range(0, 4000):
        if second % 1800 == 0:
            agent.say(second * 1000, {"rate_bps": 3.5e6 if second else 18e6, "outcome": OK}, kind="throughput")
        if second % 10 == 0:
            agent.flush(second * 1000 + 500)
    firing = only(agent.tick(4_000_000))
    assert (firing.rule, firing.value) == ("throughput-low", 3.5e6)


# --- ways of reporting ---


def test_a_flush_every_ten_seconds_decides_as_one_every_second() -> None:
    rng = random.Random(3)
    lost = {second for second in range(300) if rng.random() < (0.3 if 60 <= second < 150 else 0.0)}
    lost |= set(range(200, 220))
    says: Says = lambda second: values(LOST if second in lost else OK)  # noqa: E731
    for name in ("link-down", "link-loss"):
        told = {}
        for flush_s in (1, 10):
            seconds = run(Agent(Engine(PACK)), says, 300, flush_s=flush_s)
            told[flush_s] = {firing.since_ms for _, one in seconds for firing in one.firing if firing.rule == name}
        # What begins and ends between two reports is seen by nobody; all else begins in the same second.
        assert told[10]
        assert told[10] <= told[1]


@pytest.mark.parametrize("flush_s", [10, 30, 60])
def test_a_slow_flush_is_no_silence(flush_s: int) -> None:
    told = run(Agent(Engine(PACK)), cut(1 << 30), 600, flush_s=flush_s)
    assert [fired(one) for _, one in told if one.firing] == []
    late = [one for second, one in told if second > 3 * flush_s]
    without_rtt = {rule for rule, _ in told[-1][1].unknown if rule.startswith("link-latency")}
    assert all({rule for rule, _ in one.unknown} <= without_rtt for one in late)


def test_a_backlog_after_an_outage_of_the_agent_fires_nothing() -> None:
    agent = Agent(Engine(PACK))
    run(agent, cut(1 << 30), 60)
    for second in range(60, 120):
        assert {rule for rule, _ in fired(agent.tick(second * 1000))} <= {"agent-silent"}
    # Back again: what it measured meanwhile comes as backfill and is not judged; new points are.
    told = run(agent, cut(1 << 30), 180, from_s=120)
    assert [fired(one) for _, one in told if one.firing] == []


def test_a_backlog_told_live_and_late_is_judged_in_order() -> None:
    agent = Agent(Engine(PACK))
    run(agent, cut(1 << 30), 60)
    for second in range(60, 90):
        agent.say(second * 1000 + 400, values(OK))
    agent.flush(90_000, 91_000)
    assert agent.tick(91_000).firing == ()


def test_a_late_point_never_opens_a_closed_decision_again() -> None:
    agent = Agent(Engine([rule("missed(reply) >= 3 or lost(5s) >= 3")]))
    run(agent, cut(1 << 30), 60)
    for second in (50, 51, 52):
        agent.say(second * 1000 + 500, values(LOST))
    assert agent.tick(62_000).firing == ()
    assert [fired(one) for _, one in run(agent, cut(1 << 30), 70, from_s=60) if one.firing] == []


@pytest.mark.parametrize("restart_s", [45, 70, 100, 139])
def test_a_restart_replays_to_the_same_state(restart_s: int) -> None:
    rng = random.Random(5)
    lost = {second for second in range(140) if rng.random() < 0.25}
    says: Says = lambda second: values(LOST if second in lost or 60 <= second < 80 else OK)  # noqa: E731
    agent = Agent(Engine(PACK))
    before = run(agent, says, restart_s)[-1][1]
    again = Engine(PACK)
    for what, at_ms, sample in agent.told:
        repeat(again, agent.name, what, at_ms, sample)
        if what == "frontier":
            again.assess(at_ms + 1000)
    after = again.assess(before.at_ms)
    assert after.firing == before.firing
    assert after.unknown == before.unknown
    assert dict(after.evidence) == dict(before.evidence)


# --- unknown ---


def test_the_series_of_a_mute_agent_neither_fire_nor_end() -> None:
    agent = Agent(Engine(PACK))
    assert ("link-down", "k") in fired(run(agent, cut(30), 60)[-1][1])
    later = agent.tick(75_000)
    assert later.firing == ()
    assert {("link-down", "k"), ("link-loss", "k")} <= later.unknown
    assert fired(agent.tick(90_000)) == [("agent-silent", "a")]
    assert only(agent.tick(90_000)).since_ms == START_MS + 60_950
    assert ("link-down", "k") in fired(run(agent, cut(0), 92, from_s=88)[-1][1])  # it held all the while


def test_a_window_that_is_not_full_yet_is_unknown() -> None:
    agent = Agent(Engine([rule("loss(20s) > 5%")]))
    told = run(agent, cut(0), 40)
    assert [second for second, one in told if ("r", "k") in one.unknown] == list(range(0, 18)) or [
        second for second, one in told if ("r", "k") in one.unknown
    ] == list(range(0, 19))
    assert told[-1][1].unknown == frozenset()


def test_unknown_holds_what_fires() -> None:
    """The rate is measured no more after a hole, so that the window says nothing: the rule stays as it was."""
    agent = Agent(Engine([rule("loss(30s) > 50%")]))
    run(agent, cut(20), 60)
    told = run(agent, cut(0, 101), 140, from_s=100)
    assert fired(told[5][1]) == [("r", "k")]
    assert ("r", "k") in told[5][1].unknown
    assert fired(told[-1][1]) == []


def test_a_difference_of_counts_may_be_negative() -> None:
    told = run(Agent(Engine([rule("count(ok, 5s) - count(lost, 5s) < 0")])), cut(20), 40)
    assert 21 <= first(told, "r") <= 23
    assert only(told[-1][1]).value == 0


def test_nothing_sent_is_unknown_and_no_loss() -> None:
    agent = Agent(Engine([rule("loss(5s) > 5%")]))
    told = run(agent, lambda second: {"outcome": LOCAL, "sent": 0, "rcvd": 0}, 30)
    assert told[-1][1].unknown == {("r", "k")}
    assert [one.firing for _, one in told if one.firing] == []


# --- for, clear, groups ---


def test_for_counts_event_time_and_since_is_before_it() -> None:
    agent = Agent(Engine([rule("missed(reply) >= 1", for_s=10.0)]))
    told = run(agent, cut(30), 60, flush_s=1)
    assert first(told, "r") in (40, 41)
    assert only(told[-1][1]).since_ms in (START_MS + 31_000, START_MS + 30_000)
    broken: Says = lambda second: values(OK if second < 30 or second % 9 == 0 else LOST)  # noqa: E731
    assert first(run(Agent(Engine([rule("missed(reply) >= 1", for_s=10.0)])), broken, 100), "r") == -1


def test_clear_keeps_a_rule_until_it_is_really_better() -> None:
    from alerts.rules import When

    says: Says = lambda second: values(LOST if 30 <= second < 34 or 50 <= second < 51 else OK)  # noqa: E731
    told = run(Agent(Engine([rule("lost(10s) >= 3", clear=When("lost(20s) == 0"))])), says, 100)
    fires = [second for second, one in told if one.firing]
    assert fires == list(range(fires[0], fires[-1] + 1))
    assert fires[0] in (32, 33)
    assert fires[-1] in (69, 70)
    assert len({firing.since_ms for _, one in told for firing in one.firing}) == 1


def test_a_share_of_a_group_counts_those_who_can_be_judged() -> None:
    engine = Engine(
        [rule("share_by(province, missed(reply) >= 3) > 40%"), rule("count_by(agent, missed(ok) >= 1) >= 2", name="n")]
    )
    agents = [Agent(engine, f"a{number}") for number in range(5)]
    for second in range(60):
        for number, agent in enumerate(agents):
            if number == 4 and second > 20:
                continue  # mute: its checks do not count
            dead = second >= 30 and number < 2
            agent.say(second * 1000, values(LOST if dead else OK), f"k{number}")
            agent.say(second * 1000, values(LOST if dead and number == 0 else OK), f"m{number}")
            agent.flush(second * 1000 + 900, second * 1000 + 1900)
        assessment = agents[0].tick(second * 1000 + 2000)
    assert fired(assessment) == [("n", "k0"), ("n", "m0")]  # 3 of 8 in the province, 2 of agent a0
    for second in range(60, 70):
        for number, agent in enumerate(agents[:4]):
            agent.say(second * 1000, values(LOST if number < 2 else OK), f"k{number}")
            agent.say(second * 1000, values(LOST if number < 2 else OK), f"m{number}")
            agent.flush(second * 1000 + 900, second * 1000 + 1900)
        assessment = agents[0].tick(second * 1000 + 2000)
    assert {name for name, _ in fired(assessment)} == {"r", "n"}
    assert len([1 for name, _ in fired(assessment) if name == "r"]) == 8


# --- whose word counts ---


def test_an_agent_cannot_speak_for_a_check_of_another() -> None:
    engine = Engine(PACK)
    mine, other = Agent(engine, "a"), Agent(engine, "b")
    for second in range(40):
        mine.say(second * 1000, values(OK))
        other.say(second * 1000 + 1, values(LOST))
        for agent in (mine, other):
            agent.flush(second * 1000 + 900)
    assessment = mine.tick(41_000)
    assert assessment.firing == ()
    assert assessment.evidence["k"].agent == "a"
    for second in range(40, 400):  # the first one is gone for good: the check is the other's now
        other.say(second * 1000 + 1, values(LOST))
        other.flush(second * 1000 + 900)
    assert ("link-down", "k") in fired(mine.tick(401_000))


def test_a_clock_set_back_does_not_freeze_an_agent() -> None:
    agent = Agent(Engine(PACK))
    run(agent, cut(1 << 30), 700, from_s=600)
    told = run(agent, cut(30), 60)
    assert 32 <= first(told, "link-down") <= 33


def test_lines_of_agents_that_others_carry_are_judged() -> None:
    engine = Engine(PACK)
    agent = Agent(engine)
    for second in range(40):
        agent.say(second * 1000, values(LOST if second > 20 else OK))
        engine.frontier("a", START_MS + second * 1000 + 900)
        assessment = agent.tick(second * 1000 + 2000)
    assert ("link-down", "k") in fired(assessment)


def test_an_engine_nobody_speaks_to_says_nothing() -> None:
    for rules in (PACK, ()):
        assessment = Engine(rules).assess(START_MS)
        assert (assessment.firing, assessment.unknown, dict(assessment.evidence)) == ((), frozenset(), {})


# --- with incidents ---


def said(assessment: Assessment) -> dict[str, tuple[object, ...]]:
    """What each check has to say about reachability."""
    return {
        check: (one.agent, one.period_ms, one.frontier_ms, one.ok_ms, one.miss_ms, one.latest, one.refused_ms)
        for check, one in assessment.evidence.items()
    }


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("fault", "element", "kind"),
    [
        (Fault("link:core-province", 30_000, 50_000), "link:core-province", "down"),
        (Fault("link:province-c3", 30_400, 50_000), "link:province-c3", "down"),
        (Fault("mcu:mcu-1", 30_000, 50_000, refuses=True), "mcu:mcu-1", "down"),
        (Fault("link:province-c1", 30_000, 90_000, loss=0.2), "link:province-c1", "loss"),
    ],
)
def test_one_fault_is_one_incident_with_the_rules_netmon_ships(
    fault: Fault, element: str, kind: str, seed: int
) -> None:
    world = RealWorld(6, seed, (fault,))
    book, opened = Book(world.tree, KINDS), []
    while world.now_ms < 200_000:
        world.second()
        assessment = world.assess()
        assert world.plain is not None
        assert said(assessment) == said(world.plain)  # means the same as the plain engine's
        opened += [world.now_ms for change in book.step(assessment, world.kinds) if change.what == "opened"]
    assert [(one.element, one.kind, one.is_open) for one in book.incidents.values()] == [(element, kind, False)]
    assert opened[0] - fault.from_ms <= (6_000 if kind == "down" else 25_000)


@pytest.mark.parametrize("seed", range(3))
def test_a_calm_network_opens_nothing_with_the_rules_netmon_ships(seed: int) -> None:
    faults = tuple(Fault(f"link:province-c{number}", 0, 1 << 50, loss=0.0025) for number in range(1, 7))
    world = RealWorld(6, seed, faults if seed else ())
    book = Book(world.tree, KINDS)
    while world.now_ms < 150_000:
        world.second()
        assert book.step(world.assess(), world.kinds) == []


def test_a_dead_agent_accuses_itself_only() -> None:
    world = RealWorld(6, 5, dead={"c4": 60_000})
    book = Book(world.tree, KINDS)
    while world.now_ms < 140_000:
        world.second()
        book.step(world.assess(), world.kinds)
    assert [(one.element, one.is_open) for one in book.incidents.values()] == [("agent:c4", True)]


# --- what became another value ---


def test_a_value_that_becomes_another_one_is_told_for_as_long_as_the_rule_says() -> None:
    """Two checksums that differ in one bit, an hour apart or a second; the same value again is no change."""
    agent = Agent(Engine([rule("changed(product_crc) < 10s")]))
    told = dict[int, bool]()
    for at_s in range(60):
        if at_s % 5 == 0:  # a point each 5 s; one without the value in between
            crc = {} if at_s == 15 else {"product_crc": 4_294_967_294 + (at_s >= 30)}
            agent.say(1000 * at_s, values(OK, **crc))
        agent.flush(1000 * (at_s + 1))
        told[at_s] = bool(fired(agent.tick(1000 * (at_s + 2))))
    assert [at_s for at_s, holds in told.items() if holds] == list(range(30, 39))


def test_a_value_of_one_check_is_no_change_of_another() -> None:
    agent = Agent(Engine([rule("changed(product_crc) < 10s")]))
    for at_s in range(20):
        agent.say(1000 * at_s, values(OK, product_crc=1), check="one")
        agent.say(1000 * at_s + 1, values(OK, product_crc=2), check="two")
        agent.flush(1000 * (at_s + 1))
        assert fired(agent.tick(1000 * (at_s + 2))) == []


def test_a_late_point_with_the_old_value_is_no_change_back() -> None:
    agent = Agent(Engine([rule("changed(product_crc) < 60s")]))
    agent.say(0, values(OK, product_crc=1))
    agent.say(2000, values(OK, product_crc=1))
    agent.say(1000, values(OK, product_crc=7))
    agent.flush(5000)
    assert fired(agent.tick(6000)) == []


def test_what_holds_and_not_yet_for_long_enough_is_pending_and_no_more_than_that() -> None:
    agent = Agent(Engine([rule("missed(reply) >= 1", for_s=5.0)]))
    seen = []
    for at_s in range(14):
        agent.say(1000 * at_s, values(LOST if 2 <= at_s < 10 else OK))
        agent.flush(1000 * (at_s + 1))
        now = agent.tick(1000 * (at_s + 2))
        seen.append(
            "fires" if now.firing else "pending" if now.pending == {("r", "k")} else "-" if not now.pending else "?"
        )
    assert seen == ["-"] * 2 + ["pending"] * 5 + ["fires"] * 3 + ["-"] * 4
