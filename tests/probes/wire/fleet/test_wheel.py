"""The wheel of slots: everything comes once, never early, in order."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from probes.wire.fleet.wheel import SLOT_S, Wheel


@given(st.lists(st.floats(0, 20, allow_nan=False), max_size=60), st.integers(1, 7))
def test_everything_comes_once_in_its_slot_the_earliest_first(times: list[float], most: int) -> None:
    wheel: Wheel[float] = Wheel()
    for when in times:
        wheel.put(when, when)
    found: list[float] = []
    while wheel:
        at = wheel.next_at() + 1e-6
        each = wheel.take(at, most)
        assert 0 < len(each) <= most
        assert all(at - SLOT_S - 1e-6 < when <= at for when in each)
        found += each
    assert sorted(found) == sorted(times)
    slots = [math.ceil(when / SLOT_S - 1e-6) for when in found]
    assert slots == sorted(slots)
    assert wheel.next_at() == math.inf and wheel.take(1e9, 5) == []


def test_nothing_is_due_before_its_slot() -> None:
    wheel: Wheel[str] = Wheel()
    wheel.put(1.005, "a")
    assert wheel.take(1.0099, 9) == [] and wheel.take(1.0101, 9) == ["a"] and not wheel


def test_what_is_put_back_while_a_slot_is_taken_comes_in_the_same_slot() -> None:
    wheel: Wheel[int] = Wheel()
    wheel.put(0.01, 1)
    assert wheel.take(0.011, 1) == [1]
    wheel.put(0.005, 2)
    assert wheel.take(0.011, 1) == [2]
