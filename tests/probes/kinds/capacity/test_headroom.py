"""The `headroom` kind: what fits and what does not, judged from traces, and through Linux's own token bucket."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from nets import Pair, pair
from trainfar import NETMON, reflector

from probes.base import Outcome
from probes.errors import BadSettings
from probes.kinds.capacity.headroom import HeadroomSettings, judge, stream, verdict
from probes.wire.train.packet import PacketStream
from probes.wire.train.sender import RoundDone, TrainTrace

CLOCKS_APART_NS = 9_000_000_000_000


def trace(
    rise_ms: float = 0.0, lost: int = 0, packets: int = 400, starved: int = 0, noise_ms: float = 0.2
) -> TrainTrace:
    """A stream of 2 ms steps whose delay grows evenly by so much."""
    sent = [number * 2_000_000 for number in range(packets)]
    late = [number / packets * rise_ms * 1e6 + (number % 7) / 7 * noise_ms * 1e6 for number in range(packets)]
    came = [(number, int(sent[number] + late[number]) + CLOCKS_APART_NS) for number in range(lost, packets)]
    return TrainTrace(PacketStream(packets, 1200, 2_000_000), tuple(sent), tuple(came), starved)


def judged(
    forward: TrainTrace, backward: TrainTrace, *, aborted: bool = False, dropped: int = 0
) -> tuple[Outcome, str, dict[str, Any]]:
    return verdict(RoundDone(forward, backward, aborted), HeadroomSettings(), dropped)


def test_an_even_delay_fits() -> None:
    outcome, why, values = judged(trace(), trace())
    assert (outcome, why, values["fits"]) == (Outcome.OK, "", 1)
    assert values["rise_fwd_ms"] < 1 and values["lost_fwd"] == 0


def test_a_delay_that_varies_all_the_time_is_no_queue_that_fills() -> None:
    outcome, _, values = judged(trace(noise_ms=8), trace(noise_ms=8))
    assert outcome == Outcome.OK and values["fits"] == 1 and abs(values["rise_fwd_ms"]) < 1


@pytest.mark.parametrize("direction", ["there", "back"])
def test_a_delay_that_grows_on_one_way_does_not_fit(direction: str) -> None:
    grows = trace(rise_ms=5)
    outcome, why, values = judged(*((grows, trace()) if direction == "there" else (trace(), grows)))
    assert outcome == Outcome.OK and values["fits"] == 0 and direction in why


def test_losses_do_not_fit_and_a_single_one_does() -> None:
    assert judged(trace(lost=40), trace())[2]["fits"] == 0
    assert judged(trace(lost=1), trace())[2]["fits"] == 1


def test_one_packet_held_up_is_no_queue() -> None:
    even = trace()
    held = list(even.arrivals)
    held[350] = (350, held[350][1] + 50_000_000)
    assert judge(TrainTrace(even.stream, even.sent_ns, tuple(held))).fits


def test_what_its_senders_own_pause_left_in_the_queue_is_no_fault_of_the_network() -> None:
    grows = trace(rise_ms=5)
    assert not judge(grows).fits
    for paused_ms, fits in ((1, False), (4, True)):
        sent = [
            at + max(0, paused_ms - 2 * max(0, number - 200)) * 1_000_000 * (number >= 200)
            for number, at in enumerate(grows.sent_ns)
        ]
        assert judge(TrainTrace(grows.stream, tuple(sent), grows.arrivals)).fits is fits
    assert not judge(trace(rise_ms=25)).fits


def test_the_most_delay_of_any_packet_is_told() -> None:
    assert judge(trace(rise_ms=5, noise_ms=0)).queue_ms == pytest.approx(5, rel=0.01)


def test_cut_short_does_not_fit() -> None:
    outcome, why, values = judged(trace(packets=60), trace(packets=60), aborted=True)
    assert (outcome, values["fits"], values["aborted"]) == (Outcome.OK, 0, 1) and "cut short" in why


def test_our_own_lateness_is_no_verdict() -> None:
    for found in (judged(trace(starved=100), trace()), judged(trace(), trace(), dropped=3)):
        assert found[0] == Outcome.LOCAL and "fits" not in found[2]


def test_a_stream_of_which_nothing_came_is_lost() -> None:
    outcome, why, values = judged(trace(lost=400), trace(lost=400))
    assert outcome == Outcome.LOST and why and "fits" not in values and "rise_fwd_ms" not in values


def test_rooms_multiply_the_rate_and_the_budget_bounds_it() -> None:
    asked = stream(HeadroomSettings(rooms=3, profile="conf-720p"))
    assert asked.size * 8e9 / asked.gap_ns == pytest.approx(4.5e6, rel=0.001)
    assert asked.packets * asked.size <= 1_000_000
    own = stream(HeadroomSettings(rate_bps=512_000.0, duration_s=1.0))
    assert own.packets * own.size * 8 == pytest.approx(512_000, rel=0.05)


def test_a_rate_that_would_take_minutes_is_refused_with_a_way_out() -> None:
    with pytest.raises(BadSettings, match="smaller size"):
        stream(HeadroomSettings(rate_bps=1000.0))


@pytest.fixture(scope="module")
def link() -> Iterator[Pair]:
    with pair() as made, reflector(made):
        made.tbf("20mbit", "5kb", "300ms")
        yield made


def probe(both: Pair, *settings: str) -> dict[str, Any]:
    """The first test that this machine was not too busy for, of three."""
    words = [*NETMON, "probe", "headroom", both.right_ip, "-o", "json", *(f"--set={word}" for word in settings)]
    for _ in range(3):
        found: dict[str, Any] = json.loads(both.run("left", words).stdout)
        if found["outcome"] != "LOCAL":
            break
        time.sleep(0.5)
    return found


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("netns", "tc")
@pytest.mark.parametrize(
    ("settings", "fits"), [(["rooms=3"], 1), (["rooms=7"], 0), (["rooms=7", "direction=reverse"], 0)]
)
def test_three_rooms_fit_into_20_mbit_and_seven_do_not(link: Pair, settings: list[str], fits: int) -> None:
    got = probe(link, *settings)
    assert got["outcome"] == "OK", got
    assert got["values"]["fits"] == fits, got
    assert bool(got["why"]) is not bool(fits)
