"""The same trouble of the network has one outcome, and names the same culprit, in whichever probe meets it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator

import pytest
from nets import Pair, pair, sh
from trainfar import NETMON

pytestmark = [pytest.mark.world, pytest.mark.needs("netns", "nft")]
AWAY = "198.51.100.7"
KINDS = {
    "tcp": f"{AWAY}:443",
    "dns": AWAY,
    "sip": f"sip:{AWAY}",
    "stamp": AWAY,
    "snmp": AWAY,
    "media": AWAY,
}
ROUTER = "10.98.0.2"


@pytest.fixture(scope="module")
def link() -> Iterator[Pair]:
    """left — right — a router behind it, to which right sends everything for `AWAY`."""
    with pair() as made:
        left, right, behind = made.left, made.right, f"{made.left}-c"
        sh(
            f"ip netns add {behind} && ip -n {right} link add lc type veth peer name lr netns {behind};"
            f" ip -n {right} addr add 10.98.0.1/30 dev lc; ip -n {right} link set lc up;"
            f" ip -n {behind} addr add {ROUTER}/30 dev lr; ip -n {behind} link set lr up;"
            f" ip -n {left} route add 198.51.100.0/24 via 10.99.0.2;"
            f" ip -n {right} route add 198.51.100.0/24 via {ROUTER};"
            f" ip -n {behind} route add default via 10.98.0.1"
        )
        for name in (right, behind):
            sh(f"ip netns exec {name} sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv4.ip_forward=1")
        try:
            yield made
        finally:
            os.system(f"ip netns del {behind}")


def told(link: Pair) -> dict[str, tuple[str, str]]:
    """Outcome and why of each kind, all asked at the same time."""
    more = {"dns": ["--set=name=a.test"], "stamp": ["--set=every=100ms", "-n2"]}
    running = {
        kind: link.start(
            "left",
            [*NETMON, "probe", kind, target, "-o", "json", "--set=timeout=1s", *more.get(kind, [])],
            stdout=subprocess.PIPE,
        )
        for kind, target in KINDS.items()
    }
    answers = {kind: json.loads(process.communicate(timeout=60)[0]) for kind, process in running.items()}
    return {kind: (answer["outcome"], answer["why"]) for kind, answer in answers.items()}


def test_a_loop_is_lost_and_names_the_router_where_the_packets_died(link: Pair) -> None:
    for kind, (outcome, why) in told(link).items():
        assert outcome == "LOST" and "a loop in the network" in why and ROUTER in why, (kind, why)


def test_a_firewall_that_forbids_is_named(link: Pair) -> None:
    link.nft(
        "right",
        "table ip t {\n chain c {\n type filter hook forward priority 0;\n"
        f" ip daddr {AWAY} reject with icmp type admin-prohibited\n }}\n}}\n",
    )
    for kind, (outcome, why) in told(link).items():
        assert outcome == "REFUSED" and "10.99.0.2 forbids it: a firewall" in why, (kind, why)
