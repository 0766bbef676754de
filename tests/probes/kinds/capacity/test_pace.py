"""The pace of a busy shaper: late packets are left out, others' packets break the line, and what keeps no pace has none."""

from __future__ import annotations

import random
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.kinds.capacity.pace import pace

SLOT_NS = 121_120  # a full frame at 100 Mbit/s
SLOTS = list(range(60))


def line(others: dict[int, int] | None = None, noise_ns: int = 0, seed: int = 1) -> list[int]:
    """Arrivals one a slot; `others`: before which packet another's stood, and how long it took."""
    chance = random.Random(seed)
    ahead = accumulate((others or {}).get(number, 0) for number in SLOTS)
    return [number * SLOT_NS + more + chance.randrange(noise_ns + 1) for number, more in zip(SLOTS, ahead, strict=True)]


def test_an_even_line_keeps_its_pace() -> None:
    found = pace(SLOTS, line())
    assert found and found.slot_ns == pytest.approx(SLOT_NS) and found.places == SLOTS and not any(found.others_ns)


def test_others_packets_among_ours_do_not_slow_it() -> None:
    times = line({9: 100_000, 23: 60_000, 24: 100_000, 41: 100_000}, noise_ns=15_000)
    assert (times[-1] - times[0]) / 59 > 1.04 * SLOT_NS
    found = pace(SLOTS, times)
    assert found and found.slot_ns == pytest.approx(SLOT_NS, rel=0.005)
    assert found.others_ns[-1] == pytest.approx(360_000, rel=0.2)


def test_packets_held_up_and_let_go_at_once_do_not_slow_it() -> None:
    times = line(noise_ns=10_000)
    held = [max(at, times[30]) if 22 <= number < 30 else at for number, at in enumerate(times)]
    found = pace(SLOTS, held)
    assert found and found.slot_ns == pytest.approx(SLOT_NS, rel=0.005) and not {22, 25} & set(found.places)


def test_half_the_line_at_another_pace_is_none() -> None:
    assert pace(SLOTS, [*line()[:30], *(line()[29] + int(1.06 * SLOT_NS) * one for one in range(1, 31))]) is None


def test_jitter_of_several_slots_is_no_pace() -> None:
    for seed in range(50):
        chance = random.Random(seed)
        assert pace(SLOTS, sorted(at + chance.randrange(5_000_000) for at in line())) is None


def test_breaks_at_every_third_packet_are_no_pace() -> None:
    assert pace(SLOTS, line(dict.fromkeys(range(2, 60, 3), 60_000))) is None


def test_lost_packets_leave_their_slots() -> None:
    kept = [number for number in SLOTS if number % 7]
    found = pace(kept, [number * SLOT_NS for number in kept])
    assert found and found.slot_ns == pytest.approx(SLOT_NS)


@pytest.mark.parametrize("many", range(6))
def test_a_handful_of_packets_at_one_moment_has_no_pace(many: int) -> None:
    assert pace(list(range(many)), [7] * many) is None


@given(st.lists(st.integers(0, 2**40), min_size=5, max_size=80))
def test_any_times_give_a_positive_pace_or_none(times: list[int]) -> None:
    found = pace(list(range(len(times))), sorted(times))
    assert found is None or found.slot_ns > 0
