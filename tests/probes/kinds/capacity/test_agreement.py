"""Many trains over simulated links: right within 1 % or unknown, never wrong by more than 5 %."""

from __future__ import annotations

import pytest
from bucketlink import WIRE, Link, measured
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.kinds.capacity.agreement import AGREE, FIRST, Planner
from probes.kinds.capacity.knee import Fit, fit

RATES_BPS = (5e6, 10e6, 20e6, 50e6, 100e6)
BUCKETS = (5_000, 16_000, 32_768, 65_536)


@pytest.mark.parametrize("rate_bps", RATES_BPS)
@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_clean_link_is_known_within_a_megabyte(rate_bps: float, bucket: int) -> None:
    plan = measured(Link(rate_bps, bucket, seed=1))
    assert plan.answer and plan.answer.rate_bps == pytest.approx(rate_bps, rel=0.01)
    assert plan.answer.bucket_bytes == pytest.approx(bucket, rel=0.02, abs=WIRE)
    assert plan.used_bytes <= 1_000_000


@pytest.mark.parametrize("rate_bps", RATES_BPS)
@pytest.mark.parametrize("bucket", [5 * 1024, 32 * 1024, 128 * 1024])
def test_a_quarter_of_others_traffic_leaves_rate_and_bucket(rate_bps: float, bucket: int) -> None:
    known = buckets = 0
    for seed in range(6):
        plan = measured(Link(rate_bps, bucket, seed, cross_bps=0.25 * rate_bps))
        assert plan.answer and plan.used_bytes <= 1_000_000
        if plan.answer.rate_bps is not None and plan.answer.bucket_bytes is not None:
            known += 1
            assert plan.answer.rate_bps == pytest.approx(rate_bps, rel=0.01), seed
            buckets += plan.answer.bucket_bytes == pytest.approx(bucket, rel=0.15)
    assert known >= 5 and buckets >= known - 1


@pytest.mark.parametrize("rate_bps", RATES_BPS)
@pytest.mark.parametrize("cross", [0.0, 0.25])
def test_jitter_of_5_ms_behind_the_bottleneck_is_unknown(rate_bps: float, cross: float) -> None:
    for bucket in (5 * 1024, 32 * 1024):
        for seed in range(4):
            answer = measured(Link(rate_bps, bucket, seed, cross_bps=cross * rate_bps, jitter_s=0.005)).answer
            assert answer and answer.rate_bps is None and answer.why


def test_a_bucket_beyond_the_budget_is_unknown_and_says_so() -> None:
    plan = measured(Link(20e6, 600_000, seed=1))
    assert plan.answer and plan.answer.rate_bps is None and "no bucket ran dry" in plan.answer.why


def test_a_deep_bucket_is_known_with_a_greater_budget() -> None:
    plan = measured(Link(20e6, 262_144, seed=1), 2_000_000)
    assert plan.answer and plan.answer.rate_bps == pytest.approx(20e6, rel=0.01)
    assert plan.answer.bucket_bytes == pytest.approx(262_144, rel=0.01)


@pytest.mark.parametrize(
    "trouble",
    [
        {"cross_bps": 0.25},
        {"cross_bps": 0.6},
        {"stalls": 0.3},
        {"stalls": 1.0},
        {"jitter_s": 0.0002},
        {"jitter_s": 0.001},
        {"jitter_s": 0.005},
        {"loss": 0.02},
        {"sends_bps": 120e6, "cross_bps": 0.25},
        {"queue_bytes": 40_000},
    ],
    ids=str,
)
def test_trouble_makes_it_unknown_never_wrong(trouble: dict[str, float]) -> None:
    known = 0
    for rate_bps in RATES_BPS:
        for bucket in (5_000, 32_768):
            for seed in range(3):
                given_ = {
                    **trouble,
                    **({"cross_bps": trouble["cross_bps"] * rate_bps} if "cross_bps" in trouble else {}),
                }
                answer = measured(Link(rate_bps, bucket, seed, **given_)).answer
                assert answer is not None
                if answer.rate_bps is not None:
                    known += 1
                    assert abs(answer.rate_bps / rate_bps - 1) < 0.05, (rate_bps, bucket, seed)
                else:
                    assert answer.why
    if trouble != {"jitter_s": 0.005}:
        assert known >= 3


@settings(max_examples=40, deadline=None)
@given(
    st.floats(3e6, 120e6), st.integers(3_000, 100_000), st.integers(0, 9999), st.floats(0, 0.5), st.floats(0, 0.001),
    st.floats(0, 0.5),
)  # fmt: skip
def test_no_mixture_of_troubles_makes_it_wrong_by_more_than_5_percent(
    rate_bps: float, bucket: int, seed: int, cross: float, jitter_s: float, stalls: float
) -> None:
    link = Link(rate_bps, bucket, seed, cross_bps=cross * rate_bps, jitter_s=jitter_s, stalls=stalls)
    answer = measured(link).answer
    assert answer is not None
    assert answer.rate_bps is None or abs(answer.rate_bps / rate_bps - 1) < 0.05


def plan_of(*fits: Fit) -> Planner:
    plan = Planner(WIRE, 4_000_000)
    for one in fits:
        plan.take(plan.packets, one)
    return plan


def knee(rate_mbps: float) -> Fit:
    return Fit("knee", rate_mbps * 1e6, 5_000.0, 3, 28, 1)


def test_two_trains_are_no_figure() -> None:
    assert plan_of(knee(20), knee(20)).answer is None


def test_three_that_differ_by_more_than_1_percent_are_none() -> None:
    assert plan_of(knee(20), knee(20.15), knee(20.3)).answer is None


def test_three_that_agree_are() -> None:
    plan = plan_of(knee(20), knee(20.05), knee(19.99))
    assert plan.answer and plan.answer.rate_bps == 20e6 and plan.answer.bucket_bytes == 5_000


def test_two_that_agree_are_when_a_third_costs_too_much() -> None:
    for rate_mbps, known in ((20.1, True), (20.3, False)):
        plan = Planner(WIRE, 3 * FIRST * WIRE)
        plan.take(FIRST, knee(20))
        plan.take(2 * FIRST, knee(rate_mbps))
        assert plan.answer and plan.answer.rate_bps == (rate_mbps * 1e6 if known else None)


def seen(bucket: float) -> Fit:
    return Fit("knee", 20e6, bucket, 3, 28, 1)


def test_a_bucket_is_told_as_full_as_three_trains_saw_it() -> None:
    plan = plan_of(seen(5_000), seen(3_800), seen(5_010), seen(4_400))
    assert plan.answer is None
    plan.take(plan.packets, seen(4_990))
    assert plan.answer and plan.answer.bucket_bytes == 5_010 and not plan.answer.unsettled


def test_a_bucket_seen_once_is_not_believed() -> None:
    plan = plan_of(*[seen(9_000), seen(5_000), seen(5_010), seen(4_990)])
    assert plan.answer and plan.answer.bucket_bytes == 5_010


def test_a_bucket_no_two_agree_on_is_told_once_it_has_cost_its_share() -> None:
    plan = Planner(WIRE, 14 * FIRST * WIRE)
    sizes = iter(5_000 * 1.3**one for one in range(20))
    while plan.answer is None:
        plan.take(plan.packets, seen(next(sizes)))
    assert plan.answer.rate_bps == 20e6 and plan.answer.unsettled and len(plan.fits) > AGREE


def test_one_outlier_does_not_hide_the_three() -> None:
    assert plan_of(knee(20), knee(9), knee(20.05), knee(20)).answer is not None


def test_three_alike_among_many_that_differ_are_chance() -> None:
    rates = (20, 9, 31, 14, 26, 20.05, 39, 11, 20.1)
    assert plan_of(*(knee(rate) for rate in rates)).answer is None


def test_an_undrained_bucket_doubles_the_train() -> None:
    assert plan_of(Fit("undrained", 1e9)).packets == 2 * FIRST


def test_a_train_is_no_longer_than_the_queue_allows() -> None:
    plan = Planner(WIRE, 4_000_000, max_queue_ns=30_000_000)
    plan.take(32, knee(20))
    for _ in range(6):
        plan.take(plan.packets, Fit("knee", 20e6 + len(plan.fits) * 1e6, 5_000.0, 3, 28, 1))
    assert plan.packets - 4 <= 30e-3 / (WIRE * 8 / 26e6)


def test_the_rate_of_an_ethernet_line_is_not_taken_for_a_shaper() -> None:
    line = Fit("flat", 100e6 * WIRE / (WIRE + 24), 0.0, 0, 60, 1)
    plan = Planner(WIRE, 1_000_000)
    while plan.answer is None:
        plan.take(plan.packets, line)
    assert plan.answer.rate_bps is None and "line" in plan.answer.why


def test_a_link_without_a_bucket_costs_no_more_delay_and_bytes_than_it_may() -> None:
    for seed in range(5):
        link, worst_ns = Link(20e6, 1.0 * WIRE, seed, cross_bps=5e6), 0
        plan = Planner(WIRE, 1_000_000)
        while plan.answer is None:
            found = fit(link.train(plan.packets))
            worst_ns = max(worst_ns, found.queued_ns)
            plan.take(plan.packets, found)
        assert plan.answer.rate_bps == pytest.approx(20e6, rel=0.01)
        assert worst_ns <= 1.05 * plan.max_queue_ns and plan.used_bytes < 500_000


def test_a_flat_rate_is_told_without_a_bucket_once_long_trains_say_so() -> None:
    plan = Planner(WIRE, 1_000_000)
    while plan.answer is None:
        plan.take(plan.packets, Fit("flat", 20e6, 0.0, 0, 60, 1))
    assert plan.answer.rate_bps == 20e6 and plan.answer.bucket_bytes is None and plan.longest > FIRST


def test_our_own_pauses_are_told_as_ours() -> None:
    plan = plan_of(*[Fit("idle", 20e6)] * 24)
    assert plan.answer and plan.answer.starved and plan.answer.rate_bps is None


def test_losing_trains_end_it_soon() -> None:
    plan = plan_of(*[Fit("lossy")] * AGREE)
    assert plan.answer and plan.answer.rate_bps is None and "lost" in plan.answer.why
