"""Will the delay rise too much? Steady growth is stopped in time, a burst that drains and jitter are not stopped at all."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from probes.wire.train.watch import RiseWatch

MOST_NS = 30_000_000


def stopped_at(rise_ms: Callable[[float], float], max_ns: int = MOST_NS) -> float | None:
    """When (s) a stream with this delay above the least is stopped, looked at each 2 ms for a second."""
    watch = RiseWatch(max_ns)
    looks = (number * 0.002 for number in range(500))
    return next((at for at in looks if watch.is_too_much(int(rise_ms(at) * 1e6), at)), None)


@pytest.mark.parametrize("pace", [0.015, 0.1, 0.18, 0.39])
def test_a_queue_that_fills_is_stopped_before_30_ms_and_what_is_heeded_late(pace: float) -> None:
    at = stopped_at(lambda now: pace * now * 1000 if now * 1000 * pace < 100 else 100)
    assert (at is None) == (pace < 0.018)
    assert at is None or pace * (at * 1000 + 40) < 30


def test_a_burst_that_fills_a_queue_at_once_and_drains_stops_nothing() -> None:
    assert stopped_at(lambda now: max(0.0, 17 - 100 * (now - 0.1)) if now > 0.1 else 0.0) is None


def test_jitter_stops_nothing() -> None:
    for seed in range(20):
        chance = random.Random(seed)
        assert stopped_at(lambda now, chance=chance: chance.uniform(0, 8)) is None  # type: ignore[misc]


def test_a_standing_queue_is_stopped_at_once() -> None:
    assert stopped_at(lambda now: 29.0) == 0.0


def test_without_a_most_nothing_is_stopped() -> None:
    assert stopped_at(lambda now: now * 1e4, 0) is None
