"""What is usual at this hour of the week, and how full a link is: learnt, kept across a restart, unknown where little is known."""

from __future__ import annotations

import numpy as np
import pytest
from engine_world import START_MS, Agent, fired, rule, values

from alerts.base import OK
from alerts.engine.baselines import HOUR_MS, HOURS, Baselines
from alerts.engine.engine import Engine
from alerts.engine.log_buckets import middle_ms
from alerts.engine.long_term import LongTerm
from alerts.engine.weeks import A_DAY, A_WEEK, OFFSET_MS, SAMPLE_MS, WeekSamples
from alerts.language.parse import parse
from alerts.language.tree import figures_of
from alerts.rules import Rule

ROWS = np.arange(1)
WEEK_MS = HOURS * HOUR_MS
HOUR_0_MS = START_MS - START_MS % HOUR_MS
MIDNIGHT_MS = HOUR_0_MS - (HOUR_0_MS + OFFSET_MS) % (24 * HOUR_MS)


def taught(hours: list[dict[str, int]], baselines: Baselines | None = None, first: int = 0) -> Baselines:
    """Hours, one after the other, each of so many round trips a log bucket."""
    learnt = baselines or Baselines()
    for number, counts in enumerate(hours):
        at_ms = HOUR_0_MS + (first + number) * HOUR_MS
        learnt.turn(at_ms, 1)
        learnt.add(0, counts)
        learnt.turn(at_ms + 1000, 1)
    learnt.turn(HOUR_0_MS + (first + len(hours)) * HOUR_MS, 1)
    return learnt


def trips(bucket: int, many: int = 60) -> dict[str, int]:
    return {f"rtt_b{bucket - 1}": many // 4, f"rtt_b{bucket}": many // 2, f"rtt_b{bucket + 1}": many // 4}


def usual_ms(learnt: Baselines, hours_ahead: int) -> float:
    learnt.turn(HOUR_0_MS + hours_ahead * HOUR_MS, 1)
    return float(learnt.value("base", ROWS)[0]) * 1000


def test_each_hour_of_the_week_has_its_own_median() -> None:
    day_and_night = [trips(107 if 8 <= hour % 24 < 17 else 96) for hour in range(HOURS)]
    learnt = taught(day_and_night)
    for hour in (0, 9, 16, 17, 100):
        expected = middle_ms(107 if 8 <= hour % 24 < 17 else 96)
        assert usual_ms(learnt, HOURS + hour) == pytest.approx(expected, rel=0.01), hour
    assert learnt.value("mad", ROWS)[0] * 1000 >= 0.045 * expected


def test_one_bad_hour_moves_what_is_usual_by_a_clipped_step() -> None:
    learnt = taught([trips(96)] * HOURS)
    bad = taught([trips(130)] * 1, learnt, HOURS)
    before, after = middle_ms(96), usual_ms(bad, 2 * HOURS)
    assert before < after < 1.2 * before < middle_ms(130)


def test_a_new_series_has_the_mean_of_its_hours_from_a_day_on() -> None:
    learnt = taught([trips(96)] * 23)
    assert np.isnan(learnt.value("base", ROWS)[0])
    learnt = taught([trips(96)] * 24)
    assert learnt.value("base", ROWS)[0] * 1000 == pytest.approx(middle_ms(96), rel=0.01)


def test_an_hour_of_few_replies_teaches_nothing() -> None:
    assert np.isnan(taught([{"rtt_b96": 11}] * 30).value("base", ROWS)[0])


def filled(days: int, value: float = 0.5, *, hole: int = 0, rise: float = 0.0) -> WeekSamples:
    """Days of five-minute samples from midnight on, a `hole` of so many at the end missing."""
    week = WeekSamples("rx_5m_share")
    for sample in range(days * A_DAY + 1):
        week.turn(MIDNIGHT_MS + sample * SAMPLE_MS, 1)
        busy = sample % 20 == 19  # one of twenty: above the 95th percentile, which stays below it
        if sample < days * A_DAY - hole:
            week.add(0, {"rx_5m_share": value + rise * (sample // A_DAY) + (0.4 if busy else 0.0)})
    for part in range(1, 13):  # each hour's turn
        week.turn(MIDNIGHT_MS + (days * A_DAY + part) * SAMPLE_MS, 1)
    return week


def test_the_95th_percentile_leaves_out_a_twentieth() -> None:
    assert filled(8).value("p95_7d", ROWS)[0] == pytest.approx(0.5)


@pytest.mark.parametrize(("hole", "is_known"), [(80, True), (120, False)])
def test_a_week_with_a_large_hole_is_unknown(hole: int, is_known: bool) -> None:
    assert np.isfinite(filled(8, hole=hole).value("p95_7d", ROWS)[0]) == is_known
    assert np.isnan(filled(6).value("p95_7d", ROWS)[0])


def test_the_trend_is_the_rise_of_the_same_weekdays() -> None:
    assert filled(15, 0.3, rise=0.01).value("trend_7d", ROWS)[0] == pytest.approx(0.01, rel=0.01)
    assert np.isnan(filled(13, 0.3, rise=0.01).value("trend_7d", ROWS)[0])


def capacity_rule() -> Rule:
    return rule("p95_7d(rx_5m_share) > 90%", kinds=("snmp",))


def test_a_rule_fires_for_a_link_that_is_full_for_a_week_and_a_restart_changes_nothing() -> None:
    engine = Engine([capacity_rule()])
    agent, told = Agent(engine), None
    for sample in range(A_WEEK + 14):
        at_ms = sample * SAMPLE_MS
        agent.say(at_ms, {"outcome": OK, "rx_5m_share": 0.95}, "if", "snmp")
        agent.flush(at_ms + 1000)
        told = agent.tick(at_ms + 2000)
        if sample == A_WEEK // 2:
            assert fired(told) == []
    assert told is not None and fired(told) == [("r", "if")]
    memory = engine.long_memory()
    again = Engine([capacity_rule()])
    again.long_term.recall(memory.words["checks"], memory.arrays)
    agent = Agent(again)
    for sample in range(A_WEEK + 15, A_WEEK + 17):
        agent.say(sample * SAMPLE_MS, {"outcome": OK, "rx_5m_share": 0.95}, "if", "snmp")
        agent.flush(sample * SAMPLE_MS + 1000)
        told = agent.tick(sample * SAMPLE_MS + 2000)
    assert fired(told) == [("r", "if")]


def test_what_is_remembered_waits_for_its_check_and_is_kept_meanwhile() -> None:
    figures = list(figures_of(parse("last(rtt_p50_ms) > base(rtt) + 6 * mad(rtt)")))
    first = LongTerm(figures)
    for hour in range(30):
        first.turn(HOUR_0_MS + hour * HOUR_MS, ["k"])
        first.add(0, trips(96))
    checks, arrays = first.memory(["k"])
    assert checks == {"rtt": ["k"]} and first.is_due
    second = LongTerm(figures)
    second.recall(checks, arrays)
    second.turn(HOUR_0_MS, ["other"])
    kept = second.memory(["other"])
    assert kept[0] == {"rtt": ["k"]} and all(
        np.array_equal(kept[1][key], arrays[key], equal_nan=True) for key in arrays
    )
    second.turn(HOUR_0_MS + HOUR_MS, ["other", "k"])
    base = next(figure for figure in figures if figure.function == "base")
    values_s = second.value(base, np.arange(2))
    assert np.isnan(values_s[0]) and values_s[1] * 1000 == pytest.approx(middle_ms(96), rel=0.01)
    with pytest.raises(ValueError, match="another shape"):
        second.recall(checks, {key: array[:, :-1] for key, array in arrays.items()})


# --- functions of minutes ---


def last_of(when: str, says: list[dict[str, float] | None]) -> bool:
    """Does a rule fire after points, one a second?"""
    agent = Agent(Engine([rule(when)]))
    told = None
    for second, more in enumerate(says):
        if more is not None:
            agent.say(1000 * second + 400, values(OK, **more))
        agent.flush(1000 * second + 1000)
        told = agent.tick(1000 * second + 2000)
    assert told is not None
    return bool(told.firing)


def test_the_rate_of_a_counter() -> None:
    grows = [{"sent_bytes": 1000.0 * second} for second in range(60)]
    assert last_of("rate(sent_bytes, 20s) > 7.9kbit", grows) and not last_of("rate(sent_bytes, 20s) > 8.1kbit", grows)
    again = [{"dup": float(second % 30)} for second in range(60)]  # begins anew
    assert last_of("rate(dup, 40s) > 0.9", again) and not last_of("rate(dup, 40s) > 1", again)
    assert not last_of("rate(dup, 20s) >= 0", [{}] * 60)


def test_the_slope_of_a_value() -> None:
    rises = [{"rtt_p50_ms": 10.0 + second} for second in range(60)]
    assert last_of("slope(rtt_p50_ms, 20s) > 19.9ms and slope(rtt_p50_ms, 20s) < 20.1ms", rises)
    assert last_of("slope(rtt_p50_ms, 20s) < 1ms", [{"rtt_p50_ms": 10.0}] * 60)
    assert not last_of("slope(rtt_p50_ms, 20s) < 1ms or slope(rtt_p50_ms, 20s) >= 1ms", [{}] * 60)


def test_what_is_missing() -> None:
    gone: list[dict[str, float] | None] = [{"ttl": 60.0} if second < 30 else {} for second in range(60)]
    assert last_of("missing(ttl)", gone) and not last_of("missing(ttl)", gone[:44])
    assert not last_of("missing(reply)", gone)
