"""`ping` with packets that must not be cut: a hop whose MTU is small, our own, and a router that says nothing."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from nets import Pair, pair, sh
from netthread import awaited, within

from probes.base import Job, Measurement, Outcome, Target
from probes.io.datagram.icmp import open_icmp
from probes.kinds.ping import PingSettings, run, watch

pytestmark = pytest.mark.needs("netns", "nft")
FAR = {4: "10.97.0.2", 6: "fd97::2"}
HEADERS = {4: 28, 6: 48}  # IP and ICMP


@pytest.fixture(scope="module", params=["unprivileged", "raw"])
def narrow(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """The right side routes to a third host over a device of 1,300 bytes."""
    with pair(ping_sockets=request.param == "unprivileged") as made:
        far = f"{made.right}f"
        sh(f"ip netns add {far}")
        try:
            lines = f"""ip link add v1 netns {made.right} type veth peer name v1 netns {far}
                ip -n {made.right} address add 10.97.0.1/24 dev v1; ip -n {far} address add {FAR[4]}/24 dev v1
                ip -n {made.right} address add fd97::1/64 dev v1 nodad; ip -n {far} address add {FAR[6]}/64 dev v1 nodad
                ip -n {made.right} link set v1 mtu 1300 up; ip -n {far} link set v1 mtu 1300 up
                ip netns exec {made.right} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
                ip netns exec {made.right} sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
                ip -n {made.left} route add 10.97.0.0/24 via {made.right_ip}; ip -n {made.left} route add fd97::/64 via {made.right_ip6}
                ip -n {far} route add default via 10.97.0.1; ip -n {far} -6 route add default via fd97::1"""
            for line in lines.splitlines():
                sh(line)
            icmp = within(made.left, lambda: open_icmp(socket.AF_INET))
            icmp.packets.close()
            assert icmp.raw == (request.param == "raw")
            until = time.monotonic() + 10
            while measure(made, FAR[6], size=56, df=False, count=1).outcome != Outcome.OK:
                assert time.monotonic() < until
            yield made
        finally:
            sh(f"ip netns del {far}", check=False)


def measure(made: Pair, target: str, *, size: int, df: bool = True, count: int = 3) -> Measurement:
    settings = PingSettings(every_s=0.02, timeout_s=0.3, size=size, df=df)
    return awaited(made.left, lambda: run(Target(target), settings, count))


@pytest.mark.parametrize("version", [4, 6])
def test_what_fits_passes_whole_and_a_byte_more_is_refused_with_the_mtu(narrow: Pair, version: int) -> None:
    most = 1300 - HEADERS[version]
    got = measure(narrow, FAR[version], size=most)
    assert (got.outcome, got.values["rcvd"]) == (Outcome.OK, 3) and "mtu_bytes" not in got.values
    got = measure(narrow, FAR[version], size=most + 1)
    router, told = (narrow.right_ip, "type 3 code 4") if version == 4 else (narrow.right_ip6, "type 2 code 0")
    assert (got.outcome, got.values["sent"], got.values["rcvd"]) == (Outcome.REFUSED, 3, 0)
    assert got.values["mtu_bytes"] == 1300
    assert got.why == f"{router} says it is too big: at most 1300 bytes pass (ICMP {told})"
    assert measure(narrow, FAR[version], size=most).outcome == Outcome.OK


@pytest.mark.parametrize("version", [4, 6])
def test_what_our_own_device_cannot_carry_is_our_own_fault(narrow: Pair, version: int) -> None:
    got = measure(narrow, FAR[version], size=1501 - HEADERS[version])
    assert (got.outcome, got.values["sent"], got.values["local_drop"]) == (Outcome.LOCAL, 0, 3)
    assert "did not send" in got.why and "its own MTU of 1500" in got.why and "mtu_bytes" not in got.values


@pytest.mark.parametrize("version", [4, 6])
def test_a_router_that_says_nothing_leaves_them_lost(narrow: Pair, version: int) -> None:
    rules = "icmp type destination-unreachable drop\n icmpv6 type packet-too-big drop"
    narrow.nft("right", f"table inet t {{\n chain c {{\n type filter hook output priority 0;\n {rules}\n }}\n}}\n")
    try:
        got = measure(narrow, FAR[version], size=1400)
    finally:
        narrow.nft("right", "flush ruleset")
    assert (got.outcome, got.why) == (Outcome.LOST, "nothing came back in time") and "mtu_bytes" not in got.values


def test_without_the_setting_large_packets_are_cut_and_pass(narrow: Pair) -> None:
    measure(narrow, FAR[4], size=1400, df=False)  # Linux learns the path's MTU
    assert measure(narrow, FAR[4], size=1400, df=False).values["rcvd"] == 3
    assert measure(narrow, narrow.right_ip, size=4000, df=False).values["rcvd"] == 3
    assert measure(narrow, FAR[4], size=1400).outcome == Outcome.REFUSED  # and does not believe it when asked not to


def test_checks_of_both_sorts_run_side_by_side(narrow: Pair) -> None:
    """A refused size on one socket costs the plain check on the other nothing, nor the fitting one on its own."""
    told: dict[str, list[Measurement]] = {"plain": [], "fits": [], "large": [], "ours": []}
    sizes = {"plain": (1400, False), "fits": (1200, True), "large": (1400, True), "ours": (2000, True)}
    jobs = [
        Job(name, Target(FAR[4]), PingSettings(every_s=0.05, timeout_s=0.3, size=size, df=df), 0.05, 1.0)
        for name, (size, df) in sizes.items()
    ]

    async def main() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(2.6):
                await watch(jobs, lambda id, got: told[id].append(got))

    awaited(narrow.left, main)
    last = {name: each[-1] for name, each in told.items()}
    assert {name: one.outcome for name, one in last.items()} == {
        "plain": Outcome.OK, "fits": Outcome.OK, "large": Outcome.REFUSED, "ours": Outcome.LOCAL,
    }  # fmt: skip
    assert (last["fits"].values["rcvd"], last["fits"].values["local_drop"]) == (20, 0)
    assert last["plain"].values["rcvd"] == 20 and last["large"].values["mtu_bytes"] == 1300
