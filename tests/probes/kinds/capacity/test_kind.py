"""The `capacity` kind through Linux's own token bucket: right within 1 % or unknown, never wrong by more than 5 %."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crosstraffic import crossing
from emulator import emulated
from links import answering
from nets import Pair, pair
from netthread import serving
from trainfar import NETMON, reflector

from probes.answer.streams import train as responder
from probes.answer.streams.train import TrainLimits
from probes.base import Measurement, Outcome, Target
from probes.kinds.capacity.agreement import Estimate, Planner
from probes.kinds.capacity.kind import CAPACITY, CapacitySettings, _Direction, _values, cost_in_words, run, verdict
from probes.kinds.capacity.rounds import payload

KIB = 1024


def probe(both: Pair, *settings: str, target: str = "") -> dict[str, Any]:
    """One test by the command, from the left side."""
    words = [
        *NETMON,
        "probe",
        "capacity",
        target or both.right_ip,
        "-o",
        "json",
        *(f"--set={word}" for word in settings),
    ]
    found: dict[str, Any] = json.loads(both.run("left", words).stdout)
    return found


@pytest.fixture(scope="module")
def link() -> Iterator[Pair]:
    with pair() as made, reflector(made):
        yield made


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("netns", "tc")
@pytest.mark.parametrize("burst", [5, 32, 128])
def test_a_token_bucket_is_read_both_ways_or_not_at_all(link: Pair, burst: int) -> None:
    link.tbf("20mbit", f"{burst}kb", "300ms")
    got = probe(link)
    assert got["outcome"] in ("OK", "LOCAL") and got["values"]["bytes_used"] <= 2_100_000
    known = [direction for direction in ("fwd", "bwd") if f"rate_l2_{direction}_bps" in got["values"]]
    assert known or got["why"]
    for direction in known:
        rate_bps = got["values"][f"rate_l2_{direction}_bps"]
        assert abs(rate_bps / 20e6 - 1) < 0.01
        assert got["values"][f"rate_ip_{direction}_bps"] == pytest.approx(rate_bps * 1500 / 1514, rel=1e-6)
        assert got["values"][f"bucket_{direction}_bytes"] == pytest.approx(burst * KIB, rel=0.15)
    for direction in {"fwd", "bwd"} - set(known):
        assert f"bucket_{direction}_bytes" not in got["values"]


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("netns", "tc")
def test_others_that_use_a_quarter_of_the_link_do_not_change_the_figure(link: Pair) -> None:
    link.tbf("20mbit", "32kb", "300ms")
    with crossing(link, 5e6):
        got = probe(link)
    known = [got["values"][name] for name in ("rate_l2_fwd_bps", "rate_l2_bwd_bps") if name in got["values"]]
    assert known or got["why"]
    assert all(rate_bps == pytest.approx(20e6, rel=0.01) for rate_bps in known)


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("emulator", "tc")
def test_jitter_of_5_ms_behind_the_bottleneck_is_unknown() -> None:
    with emulated() as lab, answering(lab, "site1", "--train", "0.0.0.0:8621"):
        lab.tbf("site1", "20mbit", "32kb", "300ms")
        lab.set("site1", "both", delay="10ms", jitter="5ms")
        words = [*NETMON, "probe", "capacity", lab.address("site1"), "-o", "json"]
        got = json.loads(lab.run("hub", *words, check=False))
    assert got["outcome"] in ("OK", "LOCAL") and got["why"]
    assert not [name for name in got["values"] if name.startswith(("rate", "bucket"))]


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("netns", "tc")
def test_one_direction_is_measured_alone(link: Pair) -> None:
    link.tbf("20mbit", "5kb", "300ms")
    for direction, absent in (("forward", "bwd"), ("reverse", "fwd")):
        got = probe(link, f"direction={direction}")
        assert not [name for name in got["values"] if f"_{absent}" in name]
        assert got["values"]["bytes_used"] <= 1_000_000


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("netns", "tc")
def test_a_link_nobody_shapes_is_unknown_and_says_why(link: Pair) -> None:
    for name in (link.left, link.right):
        os.system(f"ip netns exec {name} tc qdisc del dev v0 root 2>/dev/null")
    got = probe(link)
    assert not [name for name in got["values"] if name.startswith(("rate", "bucket"))] and got["why"]


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("netns", "tc")
def test_ipv6_is_measured_in_packets_as_long_which_are_not_cut_up(link: Pair) -> None:
    link.tbf("20mbit", "5kb", "300ms")
    with serving(link.right, lambda: responder.serve("::", 8622)):
        got = probe(link, "direction=forward", target=f"[{link.right_ip6}]:8622")
        rate_bps = got["values"].get("rate_l2_fwd_bps")
        assert rate_bps is None or abs(rate_bps / 20e6 - 1) < 0.02
        assert got["values"]["bytes_used"] % 1514 == 0
        os.system(f"ip -n {link.left} link set v0 mtu 1400")
        got = probe(link, target=f"[{link.right_ip6}]:8622")
        os.system(f"ip -n {link.left} link set v0 mtu 1500")
    assert got["outcome"] == "LOCAL" and "fit" in got["why"] and not got["values"]


def measure(port: int, **settings: Any) -> Measurement:
    return asyncio.run(run(Target(f"127.0.0.1:{port}"), CapacitySettings(**settings), 1))


def test_a_budget_that_is_spent_refuses_and_the_next_comer_is_served() -> None:
    with serving("", lambda: responder.serve("127.0.0.1", 18_621, limits=TrainLimits(bytes_per_minute=10_000))):
        for _ in range(2):
            got = measure(18_621, timeout_s=1.0)
            assert got.outcome == Outcome.REFUSED and "no more bytes" in got.why and not got.values


def test_another_key_is_never_a_figure(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("the agent's own key")
    with serving("", lambda: responder.serve("127.0.0.1", 18_622, b"the responder's key")):
        for settings in ({}, {"key_file": str(key)}):
            got = measure(18_622, timeout_s=0.3, **settings)
            assert got.outcome in (Outcome.LOST, Outcome.PROTOCOL) and not got.values
        key.write_text("the responder's key")
        got = measure(18_622, timeout_s=1.0, max_bytes=50_000, key_file=str(key))
        assert got.outcome in (Outcome.OK, Outcome.LOCAL) and got.values["trains"] >= 2


class Echo(asyncio.DatagramProtocol):
    """Sends back what it gets, or something else."""

    def __init__(self, words: bytes) -> None:
        self.words = words

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(self.words or data, addr)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("port", "words"), [(18_623, b"SIP/2.0 400 Bad Request\r\n"), (18_624, b"nmt1\xff" + bytes(40))]
)
def test_something_else_that_answers_is_protocol(port: int, words: bytes) -> None:
    async def main() -> Measurement:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: Echo(words), ("127.0.0.1", port))
        try:
            return await run(Target(f"127.0.0.1:{port}"), CapacitySettings(timeout_s=0.3), 1)
        finally:
            transport.close()

    got = asyncio.run(main())
    assert got.outcome == Outcome.PROTOCOL and not got.values


def test_a_closed_port_is_refused() -> None:
    got = measure(18_625, timeout_s=1.0)
    assert got.outcome == Outcome.REFUSED and not got.values


def test_no_figure_is_ours_only_when_this_machine_was_in_the_way() -> None:
    known, unknown, paused = Estimate(20e6), Estimate(None, why="uneven"), Estimate(None, why="paused", starved=True)
    assert verdict({"fwd": known, "bwd": known}, 0) == (Outcome.OK, "")
    assert verdict({"fwd": known, "bwd": unknown}, 0) == (Outcome.OK, "back: uneven")
    assert verdict({"fwd": unknown, "bwd": paused}, 0)[0] == Outcome.OK
    assert verdict({"fwd": paused, "bwd": paused}, 0)[0] == Outcome.LOCAL
    assert verdict({"fwd": known, "bwd": unknown}, 5)[0] == Outcome.LOCAL
    assert verdict({"fwd": unknown, "bwd": known}, 5)[0] == Outcome.OK


def test_delay_beyond_what_a_train_may_add_is_told_with_its_direction() -> None:
    plan = Planner(1514, 1_000_000)
    hurt, fine = _Direction(plan, queued_ns=plan.max_queue_ns * 2), _Direction(plan, queued_ns=plan.max_queue_ns)
    assert (
        cost_in_words({"fwd": hurt, "bwd": fine})
        == "our own trains added delay: up to 60 ms there, more than max_queue"
    )
    assert cost_in_words({"fwd": fine}) == ""


def test_a_train_that_was_cut_short_is_in_the_bytes() -> None:
    assert _values({"fwd": _Direction(Planner(1514, 1_000_000), flying=10)}) == {"bytes_used": 15_140}


def test_a_packet_is_as_long_in_either_family() -> None:
    assert payload(socket.AF_INET, 1472) + 28 == payload(socket.AF_INET6, 1472) + 48 == 1500


def test_every_direction_has_fields_of_its_own() -> None:
    names = {one.name for one in CAPACITY.fields}
    assert all(name.replace("fwd", "bwd") in names for name in names)
