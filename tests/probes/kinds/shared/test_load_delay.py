"""The round trip while a test fills the way: what of the echoes counts, and a shaped link's queue as a room feels it."""

from __future__ import annotations

import json

import pytest
from nets import pair
from trainfar import NETMON, reflector

from probes.kinds.shared.load_delay import Echoes
from probes.wire.fleet.fleet import Interval
from probes.wire.fleet.track import FleetWindow


def echoes(*told: tuple[float, list[float]]) -> Echoes:
    found = Echoes()
    found.hear([Interval("", FleetWindow(0, at_s, at_s + 0.1, rtts_ms=trips), 100.0) for at_s, trips in told])
    return found


def test_echoes_before_the_count_are_idle_and_those_within_it_are_loaded() -> None:
    heard = echoes(
        (9.0, [10.0, 12.0]), (9.5, [11.0]), (9.95, [99.0]), (10.0, [60.0, 80.0]), (11.5, [50.0]), (12.0, [5.0])
    )
    assert heard.values(10.0, 2.0) == {"rtt_idle_ms": 11.0, "rtt_load_ms": 60.0, "rpm": 1000.0}


@pytest.mark.parametrize("began_s", [0.0, 10.0])
def test_a_host_that_answers_few_echoes_has_no_figure(began_s: float) -> None:
    assert echoes((9.0, [10.0, 10.0, 10.0]), (10.5, [60.0])).values(began_s, 2.0) == {}
    assert echoes().values(began_s, 2.0) == {}


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("netns", "tc")
def test_a_full_queue_shows_in_the_round_trip_under_load() -> None:
    with pair() as both, reflector(both, "--throughput", "0.0.0.0:5201"):
        both.tbf("20mbit", "32kb", "60ms")
        words = [*NETMON, "probe", "throughput", both.right_ip, "-o", "json", "--set=duration=2s"]
        got = json.loads(both.run("left", words).stdout)
    values = got["values"]
    assert got["outcome"] == "OK" and values["rtt_idle_ms"] < 5
    assert 2 < values["rtt_load_ms"] < 100 and values["rpm"] == pytest.approx(60_000 / values["rtt_load_ms"], rel=0.01)
