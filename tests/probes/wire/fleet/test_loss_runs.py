"""Runs of losses and losses after losses: counted once each, in any order of knowing, against a plain count."""

from __future__ import annotations

import random
from collections import Counter
from itertools import groupby

import pytest
from virtualnet import EPOCH_NS, Line

from probes.kinds.ping import RECIPE
from probes.kinds.shared.packets import measurement
from probes.wire.fleet.fleet import Interval
from probes.wire.fleet.loss_runs import LossRuns
from probes.wire.icmp.echo import Ping
from probes.wire.session import Arrival, Datagram

NAMES = {1: range(1, 2), 2: range(2, 3), 3: range(3, 6), 6: range(6, 11), 11: range(11, 51), 51: range(51, 10**6)}


def line(delay_ms: dict[int, float], count: int, every_s: float, *, interval_s: float = float("inf"), hops: int = 60) -> list[dict[str, float]]:  # fmt: skip
    """Values of each interval of one target: packet number → its delay; absent: lost."""

    def path(packet: Datagram, now: float) -> list[tuple[float, Arrival]]:
        seq = int.from_bytes(packet.data[20:24], "big")
        if seq not in delay_ms:
            return []
        when = now + delay_ms[seq] / 1000
        return [(when, Arrival(b"\0" + packet.data[1:], packet.to, EPOCH_NS + round(when * 1e9), hops - seq % 3))]

    session = Ping(ident=1, cookie=b"8 bytes!")
    session.add("a", ("192.0.2.1", 0), every_s=every_s, interval_s=interval_s, timeout_s=0.5, first_at=0.5, count=count)
    events = Line(session, path).run(1000).events
    return [measurement(RECIPE, "a", one).values for one in events if isinstance(one, Interval)]


def total(values: list[dict[str, float]], name: str) -> float:
    return sum(one.get(name, 0) for one in values)


@pytest.mark.parametrize("seed", range(12))
def test_runs_and_losses_after_losses_add_up_over_intervals_to_the_plain_count(seed: int) -> None:
    rng, lost, count = random.Random(seed), [False], 600
    while len(lost) < count:
        lost.append(rng.random() < (0.9 if lost[-1] else 0.1))
    told = line({seq: rng.choice((1, 20, 300)) for seq in range(count) if not lost[seq]}, count, 0.1, interval_s=1.0)
    runs = [len(list(many)) for gone, many in groupby(lost) if gone]
    wanted = Counter(next(name for name, held in NAMES.items() if run in held) for run in runs)
    assert {name: total(told, f"loss_run_b{name}") for name in NAMES} == {name: wanted[name] for name in NAMES}
    pairs = Counter(zip(lost, lost[1:], strict=False))
    assert total(told, "lost_after_lost") == pairs[True, True] > 0
    assert total(told, "sent_after_lost") == pairs[True, True] + pairs[True, False]


def test_a_packet_this_machine_did_not_send_ends_a_run_but_follows_no_loss() -> None:
    runs = LossRuns()
    for seq in (5, 4, 7):
        runs.lost(seq)
    runs.ours(6)
    runs.settle(9)
    assert runs.take() == ({2: 1, 1: 1}, 2, 1) and not runs.busy
    assert runs.take() == ({}, 0, 0)


def test_a_run_waits_while_an_earlier_packet_is_in_the_air() -> None:
    runs = LossRuns()
    runs.lost(3)
    runs.lost(5)
    runs.settle(4)
    assert runs.take() == ({}, 0, 0) and runs.busy
    runs.lost(4)
    runs.settle(6)
    assert runs.take() == ({}, 2, 2) and runs.busy  # it may go on
    runs.settle(7)
    assert runs.take() == ({3: 1}, 1, 0)


def test_overtaken_answers_are_reordered_once_each() -> None:
    (values,) = line({0: 10, 1: 350, 2: 10, 3: 150, 4: 10, 5: 10}, 6, 0.1)
    assert values["reordered"] == 2  # 1 comes after 2, 3 and 4; 3 comes after 4


def test_jitter_is_that_of_rfc_3550_and_runs_on_over_intervals() -> None:
    trips, jitter = [10.0, 30.0, 20.0, 20.0], 0.0
    for before, after in zip(trips, trips[1:], strict=False):
        jitter += (abs(after - before) - jitter) / 16
    told = line(dict(enumerate(trips)), 4, 1.0, interval_s=1.0)
    assert "jitter_ms" not in told[0] and told[1]["jitter_ms"] == pytest.approx(20 / 16, abs=1e-3)
    assert told[3]["jitter_ms"] == pytest.approx(jitter, abs=1e-3)


def test_delay_variation_is_from_the_minimum_and_needs_two_answers() -> None:
    (values,) = line({seq: 10.0 + seq for seq in range(20)}, 20, 0.1)
    assert values["pdv_p95_ms"] == pytest.approx(18.0, abs=1e-3)
    assert "pdv_p95_ms" not in line({0: 10.0}, 1, 1.0)[0]
    assert (values["ttl_min"], values["ttl_max"]) == (58, 60)


def test_nothing_measured_is_absent() -> None:
    (values,) = line({}, 3, 1.0)
    assert not {"jitter_ms", "pdv_p95_ms", "ttl_min", "ttl_max"} & set(values)
    assert (values["loss_run_b3"], values["lost_after_lost"], values["sent_after_lost"]) == (1, 2, 2)
