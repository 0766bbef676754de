"""Log buckets: counters that add, and quantiles read back close to the truth."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes import log_buckets as logbuckets
from probes import stats

delays = st.lists(st.floats(0.001, 4e6), min_size=1, max_size=200)


@pytest.mark.parametrize(
    ("delay_ms", "bucket"),
    [(0.0, 0), (0.0005, 0), (0.001, 0), (0.00109, 0), (0.0011, 1), (0.002, 8), (1.024, 80), (1e9, logbuckets.LAST)],
)
def test_buckets_are_eight_an_octave_from_a_microsecond(delay_ms: float, bucket: int) -> None:
    assert logbuckets.bucket_of(delay_ms) == bucket


@given(st.floats(0.001, 4e6))
def test_a_bucket_stands_for_its_delays_within_five_percent(delay_ms: float) -> None:
    assert logbuckets.middle_ms(logbuckets.bucket_of(delay_ms)) == pytest.approx(delay_ms, rel=0.046)


@given(delays)
def test_every_delay_is_counted_in_one_non_empty_bucket(delays_ms: list[float]) -> None:
    found = logbuckets.count(delays_ms)
    assert sum(found.values()) == len(delays_ms) and 0 not in found.values()


@given(st.lists(delays, max_size=5))
def test_merged_parts_are_the_whole(parts: list[list[float]]) -> None:
    whole = logbuckets.count(one for part in parts for one in part)
    assert logbuckets.merge(logbuckets.count(part) for part in parts) == whole


@given(delays, st.floats(0.01, 1.0))
def test_a_quantile_read_back_is_near_the_exact_one(delays_ms: list[float], share: float) -> None:
    exact = stats.quantile(sorted(delays_ms), share)
    assert logbuckets.quantile_ms(logbuckets.count(delays_ms), share) == pytest.approx(exact, rel=0.046)


def test_nothing_has_no_quantile() -> None:
    assert logbuckets.quantile_ms({}, 0.5) is None and math.isclose(logbuckets.middle_ms(80), 1.069, rel_tol=1e-3)
