"""Counters in simulated time: whatever a device does, no rate is ever above what was really carried."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.kinds.snmp.rates import TICKS, Counter, Poll, Uptime, compare, elapsed_s, uptime_s

GIGABIT = 1e9
counts64 = st.integers(0, 2**64 - 1)
counts32 = st.integers(0, 2**32 - 1)


def poll(at_s: float, ticks: int | None, value: int, bits: int = 64, speed: float = GIGABIT, **more: object) -> Poll:
    return Poll(at_s, ticks, {"rx": Counter(value, bits)}, speed, **more)  # type: ignore[arg-type]


def test_a_rate_is_reckoned_with_the_devices_own_clock() -> None:
    change = compare(poll(0.0, 1000, 0), poll(31.0, 1000 + 3000, 3_000_000))
    assert (change.elapsed_s, change.grown) == (30.0, {"rx": 3_000_000})


def test_the_first_look_has_no_rate() -> None:
    assert compare(None, poll(0, 0, 5)) == (None, {}, "first look")


@given(counts64, counts64, st.floats(1, 3600))
def test_a_64_bit_counter_never_wraps_and_a_decrease_is_a_reset(before: int, now: int, gap_s: float) -> None:
    change = compare(poll(0.0, 100, before), poll(gap_s, 100 + round(gap_s * 100), now))
    if now < before:
        assert change.grown == {}
    for by in change.grown.values():
        assert by == now - before and 8 * by / gap_s <= 1.001e12


@given(counts32, st.integers(0, 2**31), st.floats(1, 300))
def test_a_32_bit_wrap_is_counted_when_the_port_cannot_have_gone_round_twice(start: int, by: int, gap_s: float) -> None:
    speed = 1e8  # wraps in 344 s at the soonest
    change = compare(poll(0.0, 0, start, 32, speed), poll(gap_s, round(gap_s * 100), (start + by) % 2**32, 32, speed))
    most = 1.1 * speed / 8 * (round(gap_s * 100) / 100)
    if by <= most < 2**32:
        assert change.grown == {"rx": by}
    else:
        assert change.grown == {} or change.grown["rx"] <= most


@given(counts32, counts32)
def test_a_32_bit_counter_of_a_fast_port_says_nothing_after_half_a_minute(before: int, now: int) -> None:
    change = compare(poll(0.0, 0, before, 32, 1e10), poll(30.0, 3000, now, 32, 1e10))
    assert change.grown == {}


@given(counts32, counts32)
def test_without_a_known_speed_a_decrease_is_no_wrap(before: int, now: int) -> None:
    change = compare(poll(0.0, 0, before, 32, 0), poll(30.0, 3000, now, 32, 0))
    assert change.grown == ({"rx": now - before} if now >= before else {})


@given(st.integers(0, TICKS - 1), st.integers(0, 500), counts64, counts64)
def test_a_reboot_never_makes_a_rate(ticks: int, since: int, before: int, now: int) -> None:
    """However near to its wrap the clock was: the device came up `since` hundredths ago, 30 s after the last look."""
    change = compare(poll(0.0, ticks, before), poll(30.0, since, now))
    theirs = (since - ticks) % TICKS / 100
    assert (change.elapsed_s is None) == (abs(theirs - 30) > 3.0)


@given(st.integers(TICKS - 2999, TICKS - 1))
def test_after_497_days_the_clock_wraps_and_nothing_is_missed(ticks: int) -> None:
    change = compare(poll(0.0, ticks, 10), poll(30.0, (ticks + 3000) % TICKS, 4010))
    assert (change.elapsed_s, change.grown) == (30.0, {"rx": 4000})


def test_another_name_or_a_told_discontinuity_has_no_rate() -> None:
    before = poll(0, 0, 10, identity="3/wan", discontinuity=0)
    assert compare(before, poll(30, 3000, 20, identity="3/lan", discontinuity=0)).elapsed_s is None
    assert compare(before, poll(30, 3000, 20, identity="3/wan", discontinuity=1500)).grown == {}
    assert compare(before, poll(30, 3000, 20, identity="3/wan", discontinuity=0)).grown == {"rx": 10}


def test_a_counter_that_changed_its_width_has_no_rate() -> None:
    assert compare(poll(0, 0, 10, 64), poll(30, 3000, 20, 32, 1e6)).grown == {}


def test_a_device_without_a_clock_is_measured_by_ours() -> None:
    assert elapsed_s(poll(0, None, 0), poll(30, None, 0)) == 30
    assert elapsed_s(poll(0, None, 0), poll(30, 5, 0)) is None


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("seed", range(20))
def test_over_days_of_wraps_resets_and_reboots_no_rate_is_above_what_was_carried(bits: int, seed: int) -> None:
    """A device of 100 Mbit/s in simulated time; its counters are reset, it reboots, its clock is a little wrong."""
    rng = random.Random(seed)
    speed, drift = 1e8, rng.uniform(0.999, 1.001)
    now, ticks, value, before, said, true = 0.0, rng.randrange(TICKS), rng.randrange(2**bits), None, 0, 0
    carried = 0
    for _ in range(3000):
        gap_s = rng.uniform(25, 35)
        rate = rng.choice((0.0, 1e5, 5e7, 1e8))
        now += gap_s
        carried += (by := int(rate / 8 * gap_s))
        ticks, value = (ticks + round(gap_s * 100 * drift)) % TICKS, (value + by) % 2**bits
        event = rng.random()
        if event < 0.01:  # it reboots
            up_s = rng.uniform(0, gap_s)
            ticks, value = round(up_s * 100), int(rate / 8 * up_s)
        elif event < 0.02 and bits == 64:  # somebody clears the counters
            value = int(rate / 8 * rng.uniform(0, gap_s))
        poll_now = poll(now, ticks, value, bits, speed)
        change = compare(before, poll_now)
        if change.grown:
            assert change.elapsed_s and 8 * change.grown["rx"] / change.elapsed_s <= 1.1 * speed
            assert change.grown["rx"] <= by
            said, true = said + change.grown["rx"], true + by
        before = poll_now
    assert true > 0.9 * carried and said > 0.99 * true


def test_uptime_is_the_engines_after_497_days_and_the_systems_when_they_disagree() -> None:
    assert uptime_s(500, None) == 5 and uptime_s(None, 7) == 7 and uptime_s(None, None) is None
    days500 = 500 * 86400
    assert uptime_s((days500 * 100) % TICKS, days500) == days500
    assert uptime_s(100_000, 77) == 1000
    assert uptime_s(100_000, -5) == 1000


def test_a_clock_that_begins_again_after_497_days_is_no_restart_and_a_restart_is_one() -> None:
    uptime = Uptime()
    assert uptime.seconds(0.0, TICKS - 1000, None) == (TICKS - 1000) // 100
    assert uptime.seconds(30.0, 2000, None) == 20 + TICKS // 100
    assert uptime.seconds(60.0, 5000, None) == 50 + TICKS // 100
    assert uptime.seconds(90.0, 700, None) == 7
    assert Uptime().seconds(0.0, None, None) is None


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        (200, 1500, "it started again 15 s ago"),  # younger than the time between the looks, though more than before
        (0, 0, "its sysUpTime went on by 0.00 s"),
        (90_000, 1500, "it started again 15 s ago"),
        (90_000, 90_030, "its sysUpTime went on by 0.30 s"),
        (900_000, 540_000, "its sysUpTime went back by 3600.00 s"),
    ],
)
def test_a_restart_is_told_from_a_clock_that_counts_wrong(before: int, now: int, why: str) -> None:
    assert compare(poll(0.0, before, 5), poll(60.0, now, 9)).why.startswith(why)
