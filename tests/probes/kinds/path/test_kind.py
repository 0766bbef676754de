"""`path` through real routers: branches, silent hops, black holes, rewritten DSCP, and who refuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chains import Chain, chain
from checkout import ROOT
from nets import ENV, inside
from netthread import awaited, within

from probes.base import Measurement, Outcome, Target
from probes.kinds.path import history as pathmemory
from probes.kinds.path.kind import PathSettings, run

pytestmark = pytest.mark.needs("netns", "nft")
V4, V6 = "10.98.6.2", "fd98:6::2"
families = pytest.mark.parametrize("v6", [False, True], ids=["ipv4", "ipv6"])


@pytest.fixture(scope="module")
def net() -> Iterator[Chain]:
    with chain() as made:
        until = time.monotonic() + 10
        while subprocess.run(
            [*inside(made.name("s")), "ping", "-6", "-c1", "-W1", V6], env=ENV, capture_output=True
        ).returncode:
            assert time.monotonic() < until
        yield made


@pytest.fixture(autouse=True)
def as_it_was(net: Chain) -> Iterator[None]:
    pathmemory._last.clear()
    yield
    for node in ("r1", "a", "r3", "t"):
        net.nft(node, "flush ruleset")
    for node, device in (("r3", "tor4"), ("r4", "tor3")):
        net.ip(node, f"link set {device} mtu 1500")
    net.ip("s", "route flush cache")
    net.ip("s", "-6 route flush cache")


def measure(net: Chain, target: str = V4, **more: object) -> Measurement:
    settings = PathSettings(**{"timeout_s": 0.3, **more})  # type: ignore[arg-type]
    return awaited(net.name("s"), lambda: run(Target(target), settings, 1))


def target(v6: bool) -> str:
    return V6 if v6 else V4


def addresses(got: Measurement) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for row in got.detail:
        found.setdefault(int(row["hop"]), set()).add(str(row["address"]))
    return found


def drop(hook: str, *rules: str) -> str:
    lines = "\n ".join(rules)
    return f"table inet t {{\n chain c {{\n type filter hook {hook} priority 0;\n {lines}\n }}\n}}\n"


@families
def test_every_hop_and_both_branches_are_seen(net: Chain, v6: bool) -> None:
    got = measure(net, target(v6), flows=16)
    assert (got.outcome, got.why) == (Outcome.OK, "")
    seen = addresses(got)
    assert seen[1] == {net.hop(0, v6=v6)} and seen[2] == {net.hop(1, v6=v6), net.hop(2, v6=v6)}
    assert seen[4] == {net.hop(5, v6=v6)} and seen[5] == {target(v6)} and len(seen) == 5
    want = {"hops": 5, "last_hop": 5, "branches": 2, "hops_silent": 0, "mtu_bytes": 1500, "mtu_blackhole": 0}
    assert {key: got.values[key] for key in want} == want
    assert 0 < got.values["rtt_ms"] < 50


@pytest.mark.parametrize("protocol", ["udp", "icmp", "tcp"])
@families
def test_all_three_protocols_go_all_the_way(net: Chain, protocol: str, v6: bool) -> None:
    got = measure(net, target(v6), protocol=protocol, flows=2, mtu=False)
    assert (got.outcome, got.values["hops"], got.values["hops_silent"]) == (Outcome.OK, 5, 0)
    assert "mtu_bytes" not in got.values


def test_a_flow_takes_the_same_branch_each_time(net: Chain) -> None:
    first, second = (measure(net, mtu=False) for _ in range(2))
    assert [row.get("flows") for row in first.detail] == [row.get("flows") for row in second.detail]
    assert "changed" not in first.values and second.values["changed"] == 0


def test_a_branch_that_goes_away_is_a_change(net: Chain) -> None:
    assert measure(net, flows=16, mtu=False).values["branches"] == 2
    net.ip("r1", "route replace 10.98.6.0/24 via 10.98.2.2")
    try:
        got = measure(net, flows=16, mtu=False)
    finally:
        net.ip("r1", "route replace 10.98.6.0/24 nexthop via 10.98.1.2 nexthop via 10.98.2.2")
    assert (got.outcome, got.values["changed"], got.values["branches"]) == (Outcome.OK, 1, 1)
    assert got.why == "hop 2 was 10.98.1.2 10.98.2.2, it is 10.98.2.2"


def test_a_silent_router_in_the_middle_is_shown_and_is_no_fault(net: Chain) -> None:
    net.nft("r3", drop("output", "ip protocol icmp drop"))
    got = measure(net)
    assert (got.outcome, got.why, got.values["hops"], got.values["hops_silent"]) == (Outcome.OK, "", 5, 1)
    assert addresses(got)[3] == {"*"}


def test_a_path_that_breaks_off_names_the_last_hop_and_where_it_went_before(net: Chain) -> None:
    measure(net, mtu=False)
    net.nft("r3", drop("forward", "ip daddr 10.98.6.0/24 drop"))
    got = measure(net, mtu=False)
    assert (got.outcome, got.values["last_hop"]) == (Outcome.LOST, 3) and "hops" not in got.values
    assert re.fullmatch(
        r"no answer from beyond hop 3 \(10\.98\.[\d. ]+\); the last good path went on to 10\.98\.5\.2", got.why
    )


def test_a_router_without_a_route_refuses(net: Chain) -> None:
    got = measure(net, "203.0.113.9", flows=2)
    assert got.outcome == Outcome.REFUSED and got.values["last_hop"] >= 3  # more when it says so to some packets only
    assert re.fullmatch(r"10\.98\.[34]\.2 has no route to it \(ICMP type 3 code 0\)", got.why)


def test_a_firewall_before_the_target_refuses_though_it_speaks_of_a_port(net: Chain) -> None:
    net.nft("r3", drop("forward", "ip daddr 10.98.6.0/24 udp dport 33434 reject"))
    got = measure(net, flows=2)
    assert got.outcome == Outcome.REFUSED and "type 3 code 3" in got.why


@families
def test_the_mtu_a_router_tells_of_is_found_at_once(net: Chain, v6: bool) -> None:
    for node, device in (("r3", "tor4"), ("r4", "tor3")):
        net.ip(node, f"link set {device} mtu 1300")
    got = measure(net, target(v6))
    assert (got.outcome, got.why) == (Outcome.OK, "")
    assert (got.values["mtu_bytes"], got.values["mtu_blackhole"]) == (1300, 0)


@families
def test_a_black_hole_is_measured_and_placed(net: Chain, v6: bool) -> None:
    for node, device in (("r3", "tor4"), ("r4", "tor3")):
        net.ip(node, f"link set {device} mtu 1300")
    net.nft(
        "r3", drop("output", "icmp type destination-unreachable icmp code 4 drop", "icmpv6 type packet-too-big drop")
    )
    got = measure(net, target(v6), timeout_s=0.15)
    assert (got.values["mtu_bytes"], got.values["mtu_blackhole"], got.values["mtu_hop"]) == (1300, 1, 3)
    assert got.outcome == Outcome.OK and got.why.startswith(
        "packets above 1300 bytes vanish without a word after hop 3"
    )


def test_where_echoes_are_dropped_udp_finds_the_size(net: Chain) -> None:
    net.ip("r3", "link set tor4 mtu 1300")
    net.nft("t", drop("input", "icmp type echo-request drop"))
    got = measure(net, flows=1)
    assert (got.values["mtu_bytes"], got.values["mtu_blackhole"]) == (1300, 0)


@families
@pytest.mark.parametrize("protocol", ["udp", "icmp", "tcp"])
def test_who_rewrites_the_dscp_is_named_with_what_it_becomes(net: Chain, protocol: str, v6: bool) -> None:
    net.nft("r3", drop("postrouting", "ip dscp set 10", "ip6 dscp set 10"))
    got = measure(net, target(v6), dscp=46, protocol=protocol, flows=1, mtu=False)
    assert (got.outcome, got.values["dscp_changed_at_hop"], got.values["dscp_seen"]) == (Outcome.OK, 4, 10)
    assert got.why == f"DSCP 46 is 10 at hop 4 ({net.hop(5, v6=v6)})"
    assert [row.get("dscp") for row in got.detail][:4] == [46, 46, 46, 10]


def unprivileged(net: Chain, *words: str) -> dict[str, object]:
    """`netmon probe path` without a single capability."""
    command = [*inside(net.name("s")), "setpriv", "--inh-caps=-all", "--bounding-set=-all", sys.executable, "-m", "netmon", "probe", "path", *words, "-o", "json"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env=ENV, cwd=ROOT, timeout=60, check=False)
    assert done.stdout, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told


@pytest.mark.needs("setpriv")
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_hops_and_sizes_need_no_privilege_but_the_dscp_does(net: Chain, protocol: str) -> None:
    told = unprivileged(net, V4, "--set", f"protocol={protocol}", "--set", "timeout=300ms")
    values = told["values"]
    assert isinstance(values, dict)
    assert (told["outcome"], values["hops"], values["hops_silent"], values["mtu_bytes"]) == ("OK", 5, 0, 1500)
    assert "dscp_changed_at_hop" not in values


@pytest.mark.needs("setpriv")
def test_echoes_without_any_right_to_send_them_are_our_own_fault(net: Chain) -> None:
    def group(low_high: str) -> None:
        Path("/proc/sys/net/ipv4/ping_group_range").write_text(low_high)

    within(net.name("s"), lambda: group("1 0"))
    try:
        told = unprivileged(net, V4, "--set", "protocol=icmp")
        raw = measure(net, protocol="icmp", flows=2)
    finally:
        within(net.name("s"), lambda: group("0 2147483647"))
    assert told["outcome"] == "LOCAL" and "ping_group_range" in str(told["why"])
    assert (raw.outcome, raw.values["hops"], raw.values["mtu_bytes"]) == (Outcome.OK, 5, 1500)


def test_no_scapy_is_loaded() -> None:
    code = "import sys, probes.kinds.path.kind; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {name.split(".")[0] for name in done.stdout.split()} & {"scapy", "yaml", "psutil", "netmon", "numpy"}
