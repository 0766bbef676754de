"""Which one-way values a stamp measurement has: no delay without its bound, no variation across a clock step."""

from __future__ import annotations

from typing import Any

import pytest

from probes.kinds.stamp import RECIPE, STAMP
from probes.wire.fleet.track import FleetWindow
from probes.wire.stamp import packet as stamp
from probes.wire.stamp.oneway import Drift

GOOD, BAD = stamp.ClockQuality(0.002, True), stamp.ClockQuality(16.0)
SPLIT = [(float(n), 112.0 + n % 3, -92.0 + n % 2) for n in range(60)]
CLOSE = [(float(n), 12.0 + n % 3, 8.0 + n % 2) for n in range(60)]


def values(
    split: list[Any], ours: stamp.ClockQuality | None, theirs: stamp.ClockQuality, **more: object
) -> dict[str, Any]:
    window = FleetWindow(0, 0.0, 60.0)
    window.more = {
        "split": split,
        "tos": 0,
        "clock": ours,
        "far_error": theirs.field,
        "drift": Drift(0.0, 0.001),
        **more,
    }
    return RECIPE.more(window)


def test_two_clocks_kept_right_split_the_round_trip_with_their_bound() -> None:
    found = values(CLOSE, GOOD, GOOD)
    assert (found["owd_fwd_ms"], found["owd_bwd_ms"]) == (13.0, 8.0)
    assert found["owd_err_ms"] == pytest.approx(4.0, rel=0.01) and found["owd_err_ms"] >= 4.0


@pytest.mark.parametrize(("ours", "theirs"), [(None, GOOD), (BAD, GOOD), (GOOD, BAD), (stamp.ClockQuality(0.002), GOOD), (GOOD, stamp.ClockQuality(0.002))])  # fmt: skip
def test_without_both_clocks_kept_right_no_one_way_delay_is_told(
    ours: stamp.ClockQuality | None, theirs: stamp.ClockQuality
) -> None:
    found = values(CLOSE, ours, theirs)
    assert not [name for name in found if name.startswith("owd")]
    assert (found["pdv_fwd_ms"], found["pdv_bwd_ms"], found["pdv_err_ms"]) == (2.0, 1.0, 0.059)


def test_clocks_that_say_they_are_right_and_are_not_split_nothing() -> None:
    assert not [name for name in values(SPLIT, GOOD, GOOD) if name.startswith("owd")]


def test_clocks_that_run_apart_too_fast_are_an_event_and_nothing_is_split() -> None:
    assert {
        name for name in values(CLOSE, GOOD, GOOD, drift=Drift(0.5, 0.01)) if name[:3] in ("owd", "pdv", "dri")
    } == set()
    assert values(CLOSE, GOOD, GOOD, drift=Drift(0.5, 0.01))["clock_steps"] == 1


def test_a_step_is_counted_also_when_nothing_else_can_be_told() -> None:
    assert values([], GOOD, GOOD, clock_steps=1)["clock_steps"] == 1


def test_drift_nobody_could_tell_is_absent() -> None:
    found = values(CLOSE, GOOD, GOOD, drift=Drift(0.0, 0.2))
    assert "drift_ppm" not in found and found["pdv_err_ms"] == 11.8


def test_every_value_is_declared() -> None:
    assert set(values(CLOSE, GOOD, GOOD)) <= {one.name for one in STAMP.fields}
