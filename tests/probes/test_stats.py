"""Exact figures of one interval."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes import stats


def test_nothing_measured_gives_no_number() -> None:
    assert stats.delays([]) == {}


def test_figures_are_nearest_rank_and_rounded_to_a_tenth_of_a_microsecond() -> None:
    got = stats.delays([*range(1, 100), 100.123456])
    assert got == {"rtt_min_ms": 1, "rtt_p50_ms": 50, "rtt_p95_ms": 95, "rtt_max_ms": 100.1235}
    assert set(stats.delays([1.0], "connect")) == {f"connect_{name}_ms" for name in ("min", "p50", "p95", "max")}


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 2), (0.75, 3), (0.76, 4), (1.0, 4)])
def test_a_quantile_is_a_value_that_was_measured(share: float, value: int) -> None:
    assert stats.quantile([1, 2, 3, 4], share) == value


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_figures_stand_in_order(delays_ms: list[float]) -> None:
    values = list(stats.delays(delays_ms).values())
    assert values == sorted(values)
