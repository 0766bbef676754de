"""Trains through simulated token buckets: the knee, the rate after it, and what spoils a train."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bucketlink import WIRE, Link
from hypothesis import given
from hypothesis import strategies as st

from probes.kinds.capacity.knee import Fit, Train, bend, fit

LINK = Link(20e6, 32_768)


def exact(slots: list[float]) -> Train:
    """A train sent within a nanosecond each, arriving at these times (ms)."""
    return Train(WIRE, list(range(len(slots))), [(number, int(at * 1e6)) for number, at in enumerate(slots)])


def test_the_knee_is_where_the_lines_meet() -> None:
    assert bend([int(at * 1e6) for at in [*range(20), *range(20, 200, 6)]]) in (19, 20, 21)


def test_rate_and_bucket_are_those_of_the_shaper() -> None:
    found = fit(Link(20e6, 32_768, noise_s=0).train(64))
    assert found.how == "knee"
    assert found.rate_bps == pytest.approx(20e6, rel=1e-3) and found.bucket_bytes == pytest.approx(32_768, rel=0.01)


def test_a_bucket_that_still_holds_is_no_rate() -> None:
    found = fit(Link(20e6, 262_144).train(100))
    assert found.how == "undrained"


def test_a_knee_near_the_end_asks_for_a_longer_train() -> None:
    assert fit(LINK.train(30)).how == "undrained"


def test_a_link_without_a_bucket_is_flat() -> None:
    found = fit(exact([0.6056 * place for place in range(64)]))
    assert found.how == "flat" and found.rate_bps == pytest.approx(20e6, rel=0.001)


def test_a_train_as_slow_as_its_sender_says_nothing() -> None:
    train = exact([0.1 * place for place in range(64)])
    assert fit(train._replace(sent_ns=[100_000 * place for place in range(64)])).how == "undrained"


def test_a_pause_of_our_own_sending_leaves_the_rate() -> None:
    sent = [*range(0, 32_000, 1000), *range(60_000_000, 60_032_000, 1000)]
    slots = [0.6 * place for place in range(32)] + [60 + 0.6 * place for place in range(32)]
    train = Train(WIRE, sent, [(number, int(at * 1e6)) for number, at in enumerate(slots)])
    found = fit(train)
    assert found.how in ("flat", "knee") and found.rate_bps == pytest.approx(WIRE * 8 / 0.6e-3, rel=0.001)


def test_a_receiver_held_up_in_the_tail_spoils_the_train() -> None:
    times = [0.01 * place for place in range(10)] + [0.1 + 0.6 * place for place in range(1, 50)]
    held = [max(at, 20.0) if at > 8 else at for at in times]
    assert fit(exact(times)).how == "knee"
    assert fit(exact(held)).how != "knee"


def test_a_receiver_held_up_for_a_moment_leaves_the_rate() -> None:
    times = [0.01 * place for place in range(10)] + [0.1 + 0.6 * place for place in range(1, 50)]
    found = fit(exact([max(at, 11.0) if at > 8 else at for at in times]))
    assert found.how == "knee" and found.rate_bps == pytest.approx(WIRE * 8 / 0.6e-3, rel=0.002)


def test_a_tail_that_changes_its_pace_spoils_the_train() -> None:
    times = [*(0.01 * place for place in range(10)), *(0.1 + 0.6 * place for place in range(1, 30))]
    slower = [*times, *(times[-1] + 0.66 * place for place in range(1, 30))]
    even = [*times, *(times[-1] + 0.6 * place for place in range(1, 30))]
    assert fit(exact(even)).how == "knee" and fit(exact(slower)).how == "unsteady"


def test_a_few_of_others_packets_among_ours_leave_rate_and_bucket() -> None:
    times = [0.01 * place for place in range(10)]
    for place in range(50):
        times.append(times[-1] + (1.0 if place % 12 == 7 else 0.6))
    found = fit(exact(times))
    assert found.how == "knee" and found.rate_bps == pytest.approx(WIRE * 8 / 0.6e-3, rel=0.002)
    assert found.bucket_bytes == pytest.approx(10 * WIRE, rel=0.03)


def test_a_bucket_of_a_few_packets_is_read_where_no_bend_shows() -> None:
    times = [0.0, 0.01, 0.02, *(0.6 * place for place in range(1, 60))]
    found = fit(exact(times))
    assert found.how == "knee" and found.bucket_bytes == pytest.approx(3 * WIRE, rel=0.05)


def test_many_of_others_packets_among_ours_spoil_the_train() -> None:
    times = [0.01 * place for place in range(10)]
    for place in range(50):
        times.append(times[-1] + (0.9 if place % 3 == 0 else 0.6))
    assert fit(exact(times)).how == "unsteady"


def test_a_sender_that_slows_down_is_not_taken_for_a_shaper() -> None:
    times = [*(0.001 * place for place in range(10)), *(0.6 * place for place in range(1, 50))]
    train = exact(times)
    assert fit(train._replace(sent_ns=[at for _, at in train.arrivals])).how == "idle"


def test_a_slight_bend_is_no_knee() -> None:
    times = [*(0.5 * place for place in range(30)), *(14.5 + 0.6 * place for place in range(1, 30))]
    assert fit(exact(times)).how not in ("knee", "flat")


def test_a_knee_in_the_last_fifth_may_be_chance() -> None:
    times = [*(0.01 * place for place in range(118)), *(1.17 + 0.6 * place for place in range(1, 23))]
    found = fit(exact(times))
    assert found.how == "undrained" and found.knee in (117, 118)


def test_a_third_lost_is_no_train() -> None:
    train = LINK.train(64)
    assert fit(train._replace(arrivals=train.arrivals[::2])).how == "lossy"
    assert fit(train._replace(arrivals=train.arrivals[:10])).how == "short"


def test_losses_behind_the_shaper_leave_the_rate() -> None:
    found = fit(Link(20e6, 16_000, seed=3, loss=0.05).train(64))
    assert found.how == "knee" and found.rate_bps == pytest.approx(20e6, rel=0.01)


def test_losses_before_the_shaper_leave_the_rate() -> None:
    link = Link(20e6, 5_000, seed=4)
    train = link.train(64)
    kept = [place for place in range(64) if place % 9]
    times = [at for _, at in train.arrivals][: len(kept)]
    found = fit(train._replace(arrivals=list(zip(kept, times, strict=True))))
    assert found.how == "knee" and found.rate_bps == pytest.approx(20e6, rel=0.01)


def test_repeats_and_numbers_never_sent_do_not_count() -> None:
    train = LINK.train(64)
    more = [*train.arrivals, *train.arrivals[:5], (9999, train.arrivals[3][1]), (-1, 0)]
    assert replace(fit(train._replace(arrivals=more))) == fit(train)


numbers = st.integers(-5, 80)
whens = st.integers(-(2**40), 2**40)


@given(st.lists(whens, max_size=70), st.lists(st.tuples(numbers, whens), max_size=90))
def test_any_times_give_a_fit(sent: list[int], arrivals: list[tuple[int, int]]) -> None:
    assert isinstance(fit(Train(WIRE, sent, arrivals)), Fit)


@given(st.sampled_from([0, 1, 5]), st.integers(20, 70))
def test_all_at_one_moment_is_no_rate(at: int, many: int) -> None:
    assert fit(Train(WIRE, [0] * many, [(number, at) for number in range(many)])).how not in ("knee", "flat")
