"""The agent's pure parts: frontier, phases, clock, verdict, lines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agenthub import check, config
from hypothesis import given
from hypothesis import strategies as st

from netmon.agent.clock.hub import HubClock, parse
from netmon.agent.health.verdict import judge
from netmon.agent.measure import schedule
from netmon.agent.measure.check_state import SLOT_MS, SLOTS, CheckState, Minute
from netmon.agent.measure.frontier import PATIENCE_MS, SLACK_MS, Frontier
from netmon.agent.uplink.lines import LineMaker
from probes.base import Field, Job, Kind, Measurement, Outcome, Target
from probes.kinds.ping import PingSettings


def test_the_frontier_waits_for_the_open_interval_and_not_for_ever() -> None:
    frontier = Frontier()
    frontier.watch("a", 0, 1000, 2000)
    frontier.interval_done("a", 10_000)
    assert frontier.at(10_500) == 10_500 - SLACK_MS
    assert frontier.at(11_900) == 11_000 - SLACK_MS
    assert frontier.at(11_000 + 2000 + PATIENCE_MS + 1) == 11_000 + 2001 + PATIENCE_MS - SLACK_MS


def test_the_frontier_waits_for_short_runs_only() -> None:
    frontier = Frontier()
    frontier.began("short", 1000, 2500)
    frontier.began("long", 1000, 0)
    assert frontier.at(1500) == 1000 - SLACK_MS and frontier.at(3501) == 3501 - SLACK_MS
    frontier.ended("short")
    assert frontier.at(1500) == 1500 - SLACK_MS


@given(st.text(max_size=20), st.floats(0.01, 86_400))
def test_a_phase_is_the_same_each_time_and_inside_the_period(name: str, every_s: float) -> None:
    phase = schedule.phase_s("agent", name, every_s)
    assert 0 <= phase < every_s and phase == schedule.phase_s("agent", name, every_s)


@given(st.floats(0, 2e9), st.floats(0, 1), st.floats(0.01, 86_400))
def test_the_next_time_is_ahead_and_within_one_period(now_s: float, share: float, every_s: float) -> None:
    due = schedule.next_due(now_s, share * every_s, every_s)
    assert now_s - 1e-6 <= due <= now_s + every_s + 1e-6


def test_phases_of_many_checks_are_spread() -> None:
    tenths = {int(schedule.phase_s("agent", f"check-{number}", 10.0)) for number in range(200)}
    assert tenths == set(range(10))


def test_fast_packets_share_an_interval_of_a_second() -> None:
    job = schedule.job("agent", check("a", "a", every_s=0.1))
    assert job.interval_s == 1.0 and schedule.known_ms(job) == 1900
    slow = schedule.job("agent", check("a", "a", every_s=10))
    assert slow.interval_s == 10 and schedule.known_ms(slow) == 1000


@pytest.mark.parametrize(("every_s", "timeout_s", "known_ms"), [(10.0, 1.0, 2450), (4.0, 1.0, 1000), (5.0, 4.0, 4000), (60.0, 3.0, 4450)])  # fmt: skip
def test_a_pings_fate_may_be_told_after_a_burst(every_s: float, timeout_s: float, known_ms: int) -> None:
    job = Job("a", Target("a"), PingSettings(timeout_s=timeout_s), every_s, every_s)
    assert schedule.known_ms(job) == known_ms


def test_the_clock_believes_the_quickest_exchange() -> None:
    clock = HubClock()
    clock.sample(0, 5_000_000_000 + 80_000_000, 5_000_000_000 + 80_000_000, 100_000_000)
    assert clock.offset_ms == 5030.0
    clock.sample(0, 5_000_000_000 + 1_000_000, 5_000_000_000 + 1_000_000, 2_000_000)
    assert clock.offset_ms == 5000.0
    clock.sample(10_000_000_000, 0, 0, 1)
    assert clock.offset_ms == 5000.0


@pytest.mark.parametrize("header", ["", "1", "1 2 3", "a b", "-1 2", "1" * 30 + " 1", "１ 2"])
def test_a_strange_clock_header_is_none(header: str) -> None:
    assert parse(header) is None and parse("1 2") == (1, 2)


def _note(state: CheckState, outcome: Outcome, at_s: int, rcvd: int = 1) -> bool:
    values: dict[str, int | float] = {"sent": 1, "rcvd": rcvd if outcome is Outcome.OK else 0}
    return state.note(Measurement("ping", "t", at_s * 10**9, 1.0, outcome, values))


def test_a_run_that_was_put_off_leaves_what_was_said_of_its_check() -> None:
    state = CheckState("a", "link")
    for at, outcome in enumerate([Outcome.OK, Outcome.LOST, Outcome.LOST], 10):
        _note(state, outcome, at)
    put_off = Measurement("heavy", "t", 13 * 10**9, 0.0, Outcome.LOCAL, {"deferred": 1}, "not run: a conference")
    assert not state.note(put_off)
    assert (state.outcome, state.misses, state.why, state.at_ms) == (Outcome.LOST, 2, put_off.why, 13_000)
    assert _note(state, Outcome.LOST, 14)


def test_two_misses_are_chance_and_the_third_says_since_when() -> None:
    state = CheckState("a", "link")
    told = [_note(state, outcome, at) for at, outcome in enumerate([Outcome.OK, *[Outcome.LOST] * 4], 10)]
    assert told == [False, False, False, True, False]
    verdict = judge([state])
    assert (verdict.state, verdict.part, verdict.since_ms, verdict.checks) == ("down", "link", 11_000, ("a",))
    _note(state, Outcome.OK, 20)
    assert judge([state]).state == "lossy"  # four of six packets within a minute
    for at in range(21, 150):
        _note(state, Outcome.OK, at)
    assert judge([state]).state == "fine" and judge([state]).since_ms == 20_000


@given(st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60))
def test_loss_is_of_the_last_twelve_slots(steps: list[tuple[int, int, int]]) -> None:
    minute, at_ms, told = Minute(), 1_700_000_000_000, list[tuple[int, int, int]]()
    for gap_ms, sent, rcvd in steps:
        at_ms += gap_ms
        minute.add(at_ms, sent, rcvd)
        told.append((at_ms // SLOT_MS, sent, rcvd))
    kept = [one for one in told if one[0] > at_ms // SLOT_MS - SLOTS]
    sent, rcvd = (sum(one[place] for one in kept) for place in (1, 2))
    assert minute.loss == (None if not sent else 1 - min(sent, rcvd) / sent)


@given(st.lists(st.integers(0, 2**44), max_size=20))
def test_a_clock_that_jumps_leaves_no_old_losses_behind(jumps: list[int]) -> None:
    minute = Minute()
    for at_ms in jumps:
        minute.add(at_ms, 5, 0)
    for at_ms in range(2**45, 2**45 + 60_001, 1000):
        minute.add(at_ms, 1, 1)
    assert minute.loss == 0


def test_a_miss_and_three_unanswered_quick_packets_are_believed_at_once() -> None:
    state = CheckState("a", "link")
    values = {"sent": 1, "rcvd": 0, "burst_sent": 3, "burst_rcvd": 0}
    told = [state.note(Measurement("ping", "t", at * 10**9, 1.0, Outcome.LOST, values)) for at in (0, 60)]
    assert told == [True, False] and state.down and judge([state]).state == "down"


def test_a_quick_packet_that_was_answered_is_no_miss() -> None:
    state = CheckState("a", "link")
    values = {"sent": 1, "rcvd": 0, "burst_sent": 3, "burst_rcvd": 1}
    assert not state.note(Measurement("ping", "t", 0, 1.0, Outcome.OK, values)) and not state.misses


def test_the_nearest_part_is_blamed() -> None:
    states = {about: CheckState(about, about) for about in ("service", "upstream", "link")}
    assert judge(states.values()).state == "unknown"
    found = []
    for about in ("service", "upstream", "link"):
        for at in range(3):
            _note(states[about], Outcome.LOST, at)
        found.append(judge(states.values()).part)
    for at in range(3, 6):
        _note(states["link"], Outcome.LOCAL, at)
    found.append(judge(states.values()).part)
    assert found == ["service", "upstream", "link", "self"]


def test_our_own_faults_never_hurry_and_begin_a_row_of_their_own() -> None:
    state = CheckState("a", "link")
    outcomes = [Outcome.LOST, Outcome.LOST, Outcome.LOCAL, Outcome.LOCAL, Outcome.LOCAL, Outcome.LOST]
    assert [_note(state, outcome, at) for at, outcome in enumerate(outcomes)] == [False] * 6
    assert not state.down and state.bad_since_ms == 5000


def test_a_line_has_declared_finite_values_of_their_type_only() -> None:
    fields = (Field("n", "", "", "int"), Field("x_ms", "ms", ""), Field("rtt_b", "", "", "int", repeated=True))

    async def run(*_: object) -> Measurement:
        raise AssertionError

    lines = LineMaker(
        config("/x", "http://h", one := check("k", "t", kind="fake")), {"fake": Kind("fake", object, fields, run)}
    )  # type: ignore[arg-type]
    values: dict[str, int | float] = {"n": 2.0, "x_ms": 3, "rtt_b7": 1, "rtt_bx": 1, "other": 9, "nan": float("nan")}
    line = lines.of(one, Measurement("fake", "10.0.0.1", 1_999_999, 1.0, Outcome.LOST, values))
    assert line.split(" ")[1:] == ["n=2i,x_ms=3.0,rtt_b7=1i,outcome=1i", "1"] and "10.0.0.1" not in line
    line = lines.of(one, Measurement("fake", "t", 0, 1.0, Outcome.OK, {"x_ms": float("inf")}))
    assert line.split(" ")[1] == "outcome=0i"
    assert lines.of_gap(3, 9, 5).split(" ")[1:] == ["count=7i,first=3i,last=9i", "5"]


def test_a_check_sends_what_its_file_asks_for_beside_the_default_values() -> None:
    fields = (Field("n", "", "", "int"), Field("ttl", "", "", "int", default=False))

    async def run(*_: object) -> Measurement:
        raise AssertionError

    plain, more = check("a", "t", kind="fake"), replace(check("b", "t", kind="fake"), also=("ttl",))
    lines = LineMaker(config("/x", "http://h", plain, more), {"fake": Kind("fake", object, fields, run)})  # type: ignore[arg-type]
    told = Measurement("fake", "t", 0, 1.0, Outcome.OK, {"n": 1, "ttl": 64})
    assert lines.of(plain, told).split(" ")[1] == "n=1i,outcome=0i"
    assert lines.of(more, told).split(" ")[1] == "n=1i,ttl=64i,outcome=0i"


def test_what_is_lost_beside_a_heavy_test_of_ours_is_no_miss_and_no_loss() -> None:
    state = CheckState("a", "link")
    _note(state, Outcome.OK, 10)
    lossy = {"sent": 10, "rcvd": 2, "heavy": 1}
    for at in range(11, 20):
        assert not state.note(
            Measurement("ping", "t", at * 10**9, 1.0, Outcome.LOST, {"sent": 1, "rcvd": 0, "heavy": 1})
        )
        state.note(Measurement("ping", "t", at * 10**9, 1.0, Outcome.OK, lossy))
    assert (state.misses, state.loss) == (0, 0.0) and judge([state]).state == "fine"
