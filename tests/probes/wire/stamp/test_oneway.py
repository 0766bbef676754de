"""One-way figures in simulated time: two clocks that drift, are set and lie, paths that are not alike."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes import stats
from probes.wire.stamp import oneway
from probes.wire.stamp.oneway import Directions, Drift, Envelope, absolute, variation


@dataclass
class Pairs:
    """Packets over two paths, seen by two clocks. `offset_ms` at a moment: the far clock less ours."""

    seed: int = 1
    base: tuple[float, float] = (10.0, 10.0)
    jitter_ms: float = 2.0
    offset_ms: Callable[[float], float] = lambda at_s: 123_456.0
    longer: Callable[[float], tuple[float, float]] = lambda at_s: (0.0, 0.0)
    directions: Directions = field(default_factory=Directions)
    told: list[bool | None] = field(default_factory=list)
    seen: list[tuple[float, float, float]] = field(default_factory=list)
    true: list[tuple[float, float]] = field(default_factory=list)

    def run(self, until_s: float, every_s: float = 1.0) -> Pairs:
        rng, at_s = random.Random(self.seed), 0.0
        while at_s < until_s:
            extra = self.longer(at_s)
            there, back = (base + more + rng.expovariate(1 / self.jitter_ms) for base, more in zip(self.base, extra, strict=True))  # fmt: skip
            self.true.append((there, back))
            seen = (there + self.offset_ms(at_s), back - self.offset_ms(at_s + there / 1e3))
            self.seen.append((at_s, *seen))
            self.told.append(self.directions.add(at_s, *seen))
            at_s += every_s
        return self

    def variations(self, last: int) -> tuple[tuple[float, float], tuple[float, float]]:
        """Told, true: there and back, over the last packets."""
        at_s, there, back = zip(*self.seen[-last:], strict=True)
        slope = self.directions.drift().slope
        true = zip(*self.true[-last:], strict=True)
        exact = [stats.quantile(sorted(one), 0.95) - min(one) for one in true]
        return (variation(there, at_s, slope), variation(back, at_s, -slope)), (exact[0], exact[1])


# --- drift ---


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ppm", [-150.0, -20.0, 20.0, 50.0, 150.0])
def test_drift_is_told_and_taken_out_of_the_variation(ppm: float, seed: int) -> None:
    pairs = Pairs(seed, offset_ms=lambda at_s: -5e6 + at_s * ppm / 1e3).run(600)
    slope, error = pairs.directions.drift()
    assert slope * 1000 == pytest.approx(ppm, abs=max(error * 1000, 1.0)) and error * 1000 < 10
    told, true = pairs.variations(60)
    assert told == pytest.approx(true, abs=error * 60 + 0.15)
    assert pairs.directions.steps == 0 and set(pairs.told) == {True}


@pytest.mark.parametrize("seed", range(10))
def test_equal_clocks_keep_their_variation_within_the_error_told(seed: int) -> None:
    pairs = Pairs(seed, jitter_ms=8.0).run(300)
    told, true = pairs.variations(60)
    assert told == pytest.approx(
        true, abs=pairs.directions.drift().error * 60 + 1e-6 + abs(pairs.directions.drift().slope) * 60
    )
    assert abs(pairs.directions.drift().slope) < 0.01


def test_of_a_short_measurement_no_drift_is_told() -> None:
    pairs = Pairs(offset_ms=lambda at_s: at_s * 0.05).run(20)
    assert pairs.directions.drift() == Drift(0.0, oneway.MAX_DRIFT)


def test_a_path_longer_one_way_only_is_no_drift() -> None:
    for ways in ((5.0, 0.0), (0.0, 5.0), (-5.0, 0.0)):
        pairs = Pairs(longer=lambda at_s, ways=ways: ways if at_s >= 150 else (0.0, 0.0)).run(290)
        assert abs(pairs.directions.drift().slope) < 0.002


# --- steps ---


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("step_ms", [-3_600_000.0, -50.0, 20.0, 1e9])
def test_a_clock_that_was_set_is_one_step_and_what_follows_is_clean(step_ms: float, seed: int) -> None:
    pairs = Pairs(seed, offset_ms=lambda at_s: 77.0 + (step_ms if at_s >= 200 else 0.0)).run(400)
    assert pairs.directions.steps == 1 and pairs.told.count(None) == 1
    where = pairs.told.index(None)
    assert 200 <= where <= 203 and False in pairs.told[200:where]
    told, true = pairs.variations(60)
    assert told == pytest.approx(true, abs=0.5)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ways", [(30.0, 0.0), (0.0, 30.0), (25.0, 25.0), (-6.0, 0.0), (0.0, -6.0)])
def test_a_path_that_changes_is_no_step(ways: tuple[float, float], seed: int) -> None:
    pairs = Pairs(seed, longer=lambda at_s: ways if at_s >= 200 else (0.0, 0.0)).run(400)
    assert pairs.directions.steps == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_queue_that_fills_one_way_is_no_step(seed: int) -> None:
    pairs = Pairs(seed, longer=lambda at_s: (max(0.0, (at_s % 60) - 20) * 8, 0.0)).run(400)
    assert pairs.directions.steps == 0


def test_one_packet_with_an_impossible_stamp_is_left_out_and_is_no_step() -> None:
    pairs = Pairs(offset_ms=lambda at_s: 1e9 if 100 <= at_s < 100.9 else 0.0).run(300)
    assert pairs.directions.steps == 0 and pairs.told.count(False) == 1


def test_clocks_that_drift_for_a_day_are_never_set() -> None:
    pairs = Pairs(offset_ms=lambda at_s: at_s * 0.1, jitter_ms=5.0).run(86_400, every_s=10.0)
    assert pairs.directions.steps == 0


@given(st.lists(st.tuples(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12), st.floats(0, 100)), max_size=150))
def test_whatever_a_far_clock_says_nothing_breaks(packets: list[tuple[float, float, float]]) -> None:
    directions, now = Directions(), 0.0
    for there, back, gap in packets:
        now += gap
        directions.add(now, there, back)
    slope, error = directions.drift()
    assert abs(slope) >= 0.0 <= error


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(-50, 50)), min_size=2, max_size=400))
def test_the_envelope_lies_below_every_packet_it_remembers_and_stays_small(gaps: list[tuple[float, float]]) -> None:
    envelope, now, said = Envelope(), 0.0, []
    for gap, way in gaps:
        now += gap + 0.001
        envelope.add(now, way)
        said.append((now, way))
    corners = envelope._corners
    assert len(corners) <= oneway._CORNERS + 1 and set(corners) <= set(said)
    for at_s, way in said:
        for (from_s, low), (to_s, high) in zip(corners, corners[1:], strict=False):
            if from_s <= at_s <= to_s and len(corners) < oneway._CORNERS // 2:
                assert low + (high - low) * (at_s - from_s) / (to_s - from_s) <= way + 1e-6


def test_a_clock_that_runs_faster_and_faster_fills_no_memory() -> None:
    envelope = Envelope()
    for n in range(5000):
        envelope.add(n / 20, (n / 20) ** 2 / 1e3)
    assert len(envelope._corners) <= oneway._CORNERS + 1


# --- the delay itself ---


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("base", [(15.0, 5.0), (5.0, 15.0), (10.0, 10.0)])
def test_the_true_delays_lie_within_the_bound_whatever_the_clocks_do_below_it(
    base: tuple[float, float], seed: int
) -> None:
    apart_ms = random.Random(seed).uniform(-3.0, 3.0)
    pairs = Pairs(seed, base, 0.5, offset_ms=lambda at_s: apart_ms).run(100)
    _, there, back = zip(*pairs.seen, strict=True)
    found = absolute(there, back, 3.0)
    assert found is not None and found.error_ms == 3.0
    for told, true in zip(found[:2], zip(*pairs.true, strict=True), strict=True):
        assert abs(told - stats.quantile(sorted(true), 0.5)) <= 3.0


def test_a_bound_of_half_the_round_trip_tells_nothing_and_so_nothing_is_told() -> None:
    assert absolute([10.0], [10.0], 10.0) is None and absolute([10.0], [10.0], 9.99) is not None
    assert absolute([10.0], [10.0], 16_000.0) is None and absolute([], [], 0.1) is None


def test_a_delay_below_nothing_shows_a_clock_that_lies() -> None:
    assert absolute([-4.0, 8.0], [24.0, 12.0], 3.0) is None and absolute([24.0], [-4.0], 3.0) is None
    assert absolute([-2.0], [22.0], 3.0) == (0.0, 22.0, 3.0)
