"""Five-minute samples and the week's 95th percentile, in simulated time."""

from __future__ import annotations

import random

import pytest

from probes.kinds.snmp.utilisation import WEEK, Slots, percentile95, verdict

BEGIN = 1_790_000_100.0 // 300 * 300


def test_a_slot_is_told_once_it_is_over_and_is_its_true_mean() -> None:
    slots, told = Slots(), []
    for number in range(1, 41):
        mean = slots.add(BEGIN + 30 * number, 30.0, 30 * (1e6 if number <= 10 else 2e6))
        told.append(mean)
    assert told[:9] == [None] * 9
    assert [one for one in told if one is not None] == pytest.approx([1e6, 2e6, 2e6, 2e6])


@pytest.mark.parametrize("seed", range(10))
def test_bits_fall_into_the_slots_they_were_carried_in_at_any_rhythm(seed: int) -> None:
    rng, slots, now = random.Random(seed), Slots(), BEGIN + 17.3
    told = []
    while now < BEGIN + 3600:
        gap = rng.uniform(5, 90)
        now += gap
        told.append(slots.add(now, gap, gap * 5e6))
    means = [one for one in told if one is not None]
    assert len(means) == 12 and means == pytest.approx([5e6] * 12)  # the first is 94 % known


def test_a_slot_that_is_mostly_unknown_is_no_sample() -> None:
    slots = Slots()
    for number in range(1, 6):
        assert slots.add(BEGIN + 30 * number, 30.0, 1e9) is None
    assert slots.add(BEGIN + 330, 30.0, 1e9) is None


def test_the_percentile_is_the_nearest_rank() -> None:
    assert percentile95(range(1, 101)) == 95 and percentile95([7.0]) == 7.0
    with pytest.raises(ValueError, match="nothing"):
        percentile95([])


def test_a_week_is_in_breach_when_more_than_a_twentieth_of_its_samples_are_above_90_percent() -> None:
    few = WEEK // 20
    assert verdict([0.95] * few + [0.5] * (WEEK - few)) == "ok"
    assert verdict([0.95] * (few + 2) + [0.5] * (WEEK - few - 2)) == "breach"
    assert verdict([0.95] * (WEEK * 9 // 10)) == "unknown"
    assert WEEK == 2016
