"""`ping` with real packets: both kinds of socket, both families, and every way a packet can fail to come back."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from nets import Pair, pair, sh
from netthread import awaited, within

from probes import log_buckets as logbuckets
from probes.base import Job, Measurement, Outcome, Target
from probes.errors import NeedsPrivilege
from probes.io.datagram.icmp import open_icmp
from probes.kinds.ping import PING, PingSettings, run, watch

pytestmark = pytest.mark.needs("netns", "nft")
loaded: list[tuple[Pair, str]] = []


@pytest.fixture(scope="module", params=["unprivileged", "raw"])
def link(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with pair(ping_sockets=request.param == "unprivileged") as made:
        icmp = within(made.left, lambda: open_icmp(socket.AF_INET))
        icmp.packets.close()
        assert icmp.raw == (request.param == "raw")
        ready(made)
        yield made


@pytest.fixture(scope="module")
def plain() -> Iterator[Pair]:
    with pair() as made:
        ready(made)
        yield made


def ready(made: Pair) -> None:
    """IPv6 takes a moment on a new device."""
    until = time.monotonic() + 10
    while measure(made, made.right_ip6, 1, timeout_s=0.1).outcome != Outcome.OK:
        assert time.monotonic() < until


@pytest.fixture(autouse=True)
def no_rules() -> Iterator[None]:
    yield
    while loaded:
        made, side = loaded.pop()
        made.nft(side, "flush ruleset")


def load(made: Pair, side: str, rules: str) -> None:
    """nft rules until the test's end."""
    loaded.append((made, side))
    made.nft(side, rules)


def chain(hook: str, rule: str) -> str:
    return f"table inet t {{\n chain c {{\n type filter hook {hook} priority 0;\n {rule}\n }}\n}}\n"


def measure(made: Pair, target: str, count: int = 5, **more: object) -> Measurement:
    settings = PingSettings(**{"every_s": 0.01, "timeout_s": 0.2, **more})  # type: ignore[arg-type]
    return awaited(made.left, lambda: run(Target(target), settings, count))


@pytest.mark.parametrize("ip", ["10.99.0.2", "fd99::2"])
def test_a_living_host_answers_every_packet_by_kernel_stamps(link: Pair, ip: str) -> None:
    got = measure(link, ip, 20)
    values = got.values
    assert (got.outcome, got.why, values["sent"], values["rcvd"]) == (Outcome.OK, "", 20, 20)
    assert 0 < values["rtt_min_ms"] <= values["rtt_p50_ms"] <= values["rtt_p95_ms"] <= values["rtt_max_ms"] < 100
    assert (values["unstamped"], values["local_drop"], values["dup"], values["ttl"]) == (0, 0, 0, 64)
    buckets = {int(name[5:]): many for name, many in values.items() if name.startswith(logbuckets.PREFIX)}
    assert sum(buckets.values()) == 20
    assert logbuckets.quantile_ms(buckets, 0.5) == pytest.approx(values["rtt_p50_ms"], rel=0.1, abs=0.002)


@pytest.mark.parametrize("ip", ["10.99.0.2", "fd99::2"])
def test_a_black_hole_is_lost_and_has_no_number(link: Pair, ip: str) -> None:
    load(
        link,
        "right",
        chain("input", "icmp type echo-request drop\n icmpv6 type echo-request drop"),
    )
    got = measure(link, ip)
    assert (got.outcome, got.why) == (Outcome.LOST, "nothing came back in time")
    assert (got.values["sent"], got.values["rcvd"], got.values["loss_run_max"]) == (5, 0, 5)
    assert not any(name.startswith("rtt") or name == "ttl" for name in got.values)


@pytest.mark.parametrize(("ip", "told"), [("10.99.0.2", "type 3 code 13"), ("fd99::2", "type 1 code 1")])
def test_unreachable_is_refused_and_says_by_whom(link: Pair, ip: str, told: str) -> None:
    load(
        link,
        "right",
        chain(
            "input",
            "icmp type echo-request reject with icmp type admin-prohibited\n icmpv6 type echo-request reject with icmpv6 type admin-prohibited",
        ),
    )
    sh(f"ip netns exec {link.right} sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0")
    got = measure(link, ip)
    assert got.outcome == Outcome.REFUSED and got.why == f"{ip} forbids it: a firewall of the host itself (ICMP {told})"
    assert (got.values["sent"], got.values["rcvd"]) == (5, 0)


@pytest.mark.parametrize("ip", ["10.99.0.2", "fd99::2"])
def test_our_own_firewall_is_our_own_fault(link: Pair, ip: str, request: pytest.FixtureRequest) -> None:
    load(
        link,
        "left",
        chain("output", "icmp type echo-request drop\n icmpv6 type echo-request drop"),
    )
    got = measure(link, ip)
    if ":" in ip and request.node.callspec.params["link"] == "unprivileged" and got.outcome == Outcome.LOST:
        return  # Linux says nothing when a firewall drops what an unprivileged IPv6 ICMP socket sends
    assert got.outcome == Outcome.LOCAL and "did not send" in got.why
    assert (got.values["sent"], got.values["local_drop"]) == (0, 5)


def test_no_route_is_our_own_fault(link: Pair) -> None:
    got = measure(link, "203.0.113.1")
    assert got.outcome == Outcome.LOCAL and got.values["sent"] == 0


def test_a_neighbour_that_is_not_there_is_lost(link: Pair) -> None:
    got = measure(link, "10.99.0.77", 1, timeout_s=0.3)
    assert got.outcome == Outcome.LOST


def test_a_name_without_an_address_is_unresolved(link: Pair) -> None:
    got = measure(link, "no-such-name.invalid")
    assert (got.outcome, got.values) == (Outcome.UNRESOLVED, {}) and "no-such-name.invalid" in got.why


def test_every_tenth_packet_dropped_is_told_exactly(link: Pair) -> None:
    load(link, "right", chain("input", "icmp type echo-request numgen inc mod 10 == 3 drop"))
    values = measure(link, "10.99.0.2", 100, every_s=0.01).values
    assert (values["sent"], values["rcvd"], values["loss_run_max"]) == (100, 90, 1)


@pytest.mark.parametrize("ip", ["10.99.0.2", "fd99::2"])
def test_runs_of_losses_of_marked_packets_are_told_exactly(link: Pair, ip: str) -> None:
    """Three in a row of each ten are dropped by the far side, which looks at EF packets only."""
    rule = "numgen inc mod 10 2-4 drop"
    load(link, "right", chain("input", f"icmp type echo-request ip dscp ef {rule}\n icmpv6 type echo-request ip6 dscp ef {rule}"))  # fmt: skip
    values = measure(link, ip, 100, dscp=46).values
    assert (values["sent"], values["rcvd"], values["loss_run_b3"], values["loss_run_max"]) == (100, 70, 10, 3)
    assert (values["sent_after_lost"], values["lost_after_lost"], values["reordered"]) == (30, 20, 0)
    assert (values["ttl_min"], values["ttl_max"]) == (64, 64) and values["jitter_ms"] >= 0
    assert values["pdv_p95_ms"] == pytest.approx(values["rtt_p95_ms"] - values["rtt_min_ms"], abs=1e-3)


@pytest.mark.parametrize("ip", ["10.99.0.2", "fd99::2"])
@pytest.mark.parametrize("cut", [True, False])
def test_a_miss_of_a_slow_check_is_followed_by_three_quick_packets(link: Pair, ip: str, cut: bool) -> None:
    """The far side drops everything, or one packet of four."""
    rule = "drop" if cut else "numgen inc mod 4 == 0 drop"
    load(link, "right", chain("input", f"icmp type echo-request {rule}\n icmpv6 type echo-request {rule}"))
    began = time.monotonic()
    got = measure(link, ip, 1, every_s=60.0, timeout_s=0.4)
    assert time.monotonic() - began < 10.0
    values = got.values
    assert (values["sent"], values["rcvd"], values["burst_sent"], values["burst_rcvd"]) == (1, 0, 3, 0 if cut else 3)
    assert got.outcome == (Outcome.LOST if cut else Outcome.OK) and "rtt_min_ms" not in values
    assert not any(name.startswith(logbuckets.PREFIX) for name in values) and values["loss_run_max"] == 1


def test_size_and_dscp_are_the_packets(link: Pair) -> None:
    load(
        link,
        "right",
        chain(
            "input",
            "icmp type echo-request ip length 1028 ip dscp ef counter\n icmpv6 type echo-request ip6 length 1008 ip6 dscp ef counter",
        ),
    )
    for ip in ("10.99.0.2", "fd99::2"):
        assert measure(link, ip, 3, size=1000, dscp=46).values["rcvd"] == 3
    assert sh(f"ip netns exec {link.right} nft list ruleset").count("packets 3 ") == 2


@pytest.mark.parametrize("ip", ["10.99.0.2", "fd99::2"])
def test_a_dscp_changed_on_the_way_is_told(link: Pair, ip: str) -> None:
    assert "dscp_seen_bwd" not in measure(link, ip, 2, dscp=46).values
    assert "dscp_seen_bwd" not in measure(link, ip, 2).values
    load(link, "right", chain("output", "icmp type echo-reply ip dscp set af11\n icmpv6 type echo-reply ip6 dscp set af11"))  # fmt: skip
    got = measure(link, ip, 2, dscp=46)
    assert (got.outcome, got.values["rcvd"], got.values["dscp_seen_bwd"]) == (Outcome.OK, 2, 10)


@pytest.mark.needs("fping")
def test_other_pingers_of_the_host_neither_wake_nor_fool_us(link: Pair) -> None:
    other = link.start("left", ["fping", "-q", "-c", "100", "-p", "10", "10.99.0.2"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        icmp = within(link.left, lambda: open_icmp(socket.AF_INET))
        time.sleep(0.2)
        assert list(icmp.packets.arrivals()) == [] and icmp.packets.dropped() == 0
        icmp.packets.close()
        assert measure(link, "10.99.0.2", 20).values["rcvd"] == 20
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("ip", ["10.99.0.2"])
def test_one_refused_target_costs_the_others_nothing(link: Pair, ip: str) -> None:
    """An ICMP error about one packet makes the next send on the socket fail: it is sent again, whoever it is for."""
    load(
        link,
        "right",
        chain(
            "input",
            "icmp type echo-request ip daddr 10.99.0.3 reject\n icmpv6 type echo-request ip6 daddr fd99::3 reject",
        ),
    )
    sh(f"ip netns exec {link.right} sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0")
    sh(
        f"ip -n {link.right} address replace 10.99.0.3/24 dev v0; ip -n {link.right} address replace fd99::3/64 dev v0 nodad"
    )
    told = watched(link, {"good": ip, "bad": ip[:-1] + "3", "also": ip}, 1.6, every_s=0.02)
    assert {one.outcome for one in told["bad"]} == {Outcome.REFUSED}
    for name in ("good", "also"):
        assert {one.outcome for one in told[name]} == {Outcome.OK}
        for one in told[name]:
            assert (one.values["sent"], one.values["rcvd"]) == (50, 50)
            assert one.values["local_drop"] == 0 and one.values["rtt_max_ms"] < 100


def watched(made: Pair, targets: dict[str, str], seconds: float, every_s: float = 1.0) -> dict[str, list[Measurement]]:
    told: dict[str, list[Measurement]] = {name: [] for name in targets}
    settings = PingSettings(every_s=every_s, timeout_s=0.4)
    jobs = [Job(name, Target(ip), settings, every_s, 1.0) for name, ip in targets.items()]

    async def some() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(watch(jobs, lambda id, got: told[id].append(got)), seconds)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    awaited(made.left, some)
    return told


def test_watched_targets_get_one_point_an_interval(plain: Pair) -> None:
    told = watched(plain, {"v4": "10.99.0.2", "v6": "fd99::2", "none": "no-such-name.invalid"}, 2.6, every_s=0.1)
    for name in ("v4", "v6"):
        first, second = told[name][:2]
        assert (first.values["sent"], first.values["rcvd"]) == (10, 10)
        assert abs(second.at_ns - first.at_ns - 1e9) < 0.05e9
    assert {(one.outcome, len(one.values)) for one in told["none"]} == {(Outcome.UNRESOLVED, 0)}


# --- privilege ---


@pytest.mark.parametrize("allowed", [True, False])
def test_without_privilege_the_sysctl_decides(allowed: bool) -> None:
    words = ["setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw", sys.executable, "-m", "netmon"]
    words += ["probe", "ping", "10.99.0.2", "-n", "2", "--set", "every=10ms", "-o", "json"]
    with pair(ping_sockets=allowed) as made:
        done = made.run("left", words)
    if allowed:
        said = json.loads(done.stdout)
        assert (done.returncode, said["outcome"], said["values"]["rcvd"]) == (0, "OK", 2)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", said["at"])
    else:
        assert done.returncode == 3 and "net.ipv4.ping_group_range" in done.stderr and done.stdout == ""


def test_a_kind_of_socket_that_is_closed_to_us_is_said() -> None:
    with pair(ping_sockets=False) as made, pytest.raises(NeedsPrivilege, match="ping_group_range"):
        within(made.left, lambda: open_icmp(socket.AF_INET, raw=False))


def test_every_value_is_declared(plain: Pair) -> None:
    names = {one.name for one in PING.fields}
    assert {
        name if name in names else name.rstrip("0123456789") for name in measure(plain, "10.99.0.2").values
    } <= names
