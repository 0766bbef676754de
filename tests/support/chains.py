"""A chain of routers with two branches of equal cost in its middle, in throw-away namespaces.

    s ── r1 ──┬─ a ─┬── r3 ── r4 ── t          hops from s: r1 1, a or b 2, r3 3, r4 4, t 5
              └─ b ─┘

Node x reaches its neighbour y by its device `toy`. Link n has 10.98.n.0/24 and fd98:n::/64; its left end is .1, its right end .2. Branches are chosen by ports (layer 4).
"""

from __future__ import annotations

import ipaddress
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nets import ENV, inside, sh

NODES = ("s", "r1", "a", "b", "r3", "r4", "t")
LINKS = (("s", "r1"), ("r1", "a"), ("r1", "b"), ("a", "r3"), ("b", "r3"), ("r3", "r4"), ("r4", "t"))
_ROUTES = {
    "s": ["default via {0}.2"],
    "r1": ["{6}/net nexthop via {1}.2 nexthop via {2}.2", "{5}/net via {1}.2", "default via {1}.2"],
    "a": ["{0}/net via {1}.1", "default via {3}.2"],
    "b": ["{0}/net via {2}.1", "default via {4}.2"],
    "r3": ["{0}/net via {3}.1", "{1}/net via {3}.1", "{2}/net via {4}.1", "{6}/net via {5}.2"],
    "r4": ["default via {5}.1"],
    "t": ["default via {6}.1"],
}
_SYSCTLS = (
    "net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0"
    " net.ipv4.fib_multipath_hash_policy=1 net.ipv6.fib_multipath_hash_policy=1"
    " net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=10000"
)


@dataclass(frozen=True)
class Chain:
    """The names of the namespaces are the nodes' names behind a mark of this process."""

    mark: str

    def name(self, node: str) -> str:
        """The namespace of a node."""
        return f"{node}{self.mark}"

    def nft(self, node: str, rules: str) -> None:
        """Load nft rules inside a node."""
        subprocess.run(
            [*inside(self.name(node)), "nft", "-f", "-"], input=rules, text=True, check=True, env=ENV, timeout=10
        )

    def ip(self, node: str, words: str) -> None:
        """`ip` inside a node."""
        sh(f"ip -n {self.name(node)} {words}")

    def hop(self, link: int, end: int = 2, v6: bool = False) -> str:
        """An address: of a link's left (1) or right (2) end."""
        return str(ipaddress.ip_address(f"fd98:{link}::{end}" if v6 else f"10.98.{link}.{end}"))


@contextmanager
def chain() -> Iterator[Chain]:
    """All seven hosts and their links, gone afterwards."""
    made = Chain(f"-{os.getpid() % 100000}")
    try:
        sh("; ".join(f"ip netns add {made.name(node)}" for node in NODES))
        for at, (left, right) in enumerate(LINKS):
            _link(made, at, left, right)
        for node in NODES:
            sh(f"ip netns exec {made.name(node)} sysctl -qw {_SYSCTLS}", check=False)
            made.ip(node, "link set lo up")
            _batch(made, node, "-4", _routes(node, "10.98.{}", ".", ".0/24"))
            _batch(made, node, "-6", _routes(node, "fd98:{}:", ":", ":/64"))
        sh(f"ip netns exec {made.name('s')} sysctl -qw net.ipv4.ping_group_range='0 2147483647'")
        yield made
    finally:
        for node in NODES:
            sh(f"ip netns pids {made.name(node)} | xargs -r kill -9; ip netns del {made.name(node)}", check=False)


def _link(made: Chain, at: int, left: str, right: str) -> None:
    sh(f"ip link add to{right} netns {made.name(left)} type veth peer name to{left} netns {made.name(right)}")
    for node, device, end in ((left, f"to{right}", 1), (right, f"to{left}", 2)):
        lines = [
            f"address add 10.98.{at}.{end}/24 dev {device}",
            f"address add fd98:{at}::{end}/64 dev {device} nodad",
            f"link set {device} up",
        ]
        _batch(made, node, "", lines)


def _routes(node: str, link: str, dot: str, net: str) -> list[str]:
    """`{n}.` is an address on link n, `{n}/net` the link's network."""
    texts = [route.replace("}/net", "}" + net).replace("}.", "}" + dot) for route in _ROUTES[node]]
    return ["route add " + text.format(*(link.format(n) for n in range(len(LINKS)))) for text in texts]


def _batch(made: Chain, node: str, family: str, lines: list[str]) -> None:
    command = f"ip {family} -n {made.name(node)} -batch -".split()
    done = subprocess.run(command, input="\n".join(lines), text=True, capture_output=True, env=ENV, timeout=20)
    if done.returncode:
        raise RuntimeError(f"{node}: {done.stderr.strip()} in {lines}")
