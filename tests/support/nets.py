"""Throw-away network namespaces for tests: two or more hosts on one machine, veth between them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

ENV = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
_serial = count(1)


def sh(command: str, *, check: bool = True) -> str:
    """Run one shell line; its stdout. Raises with stderr when it fails."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env=ENV, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{command}: {done.stderr.strip()}")
    return done.stdout


@dataclass(frozen=True)
class Pair:
    """Two namespaces joined by one veth: addresses 10.99.0.1/2 and fd99::1/2, devices `v0` in each."""

    left: str
    right: str
    left_ip: str = "10.99.0.1"
    right_ip: str = "10.99.0.2"
    left_ip6: str = "fd99::1"
    right_ip6: str = "fd99::2"

    def run(self, side: str, command: Sequence[str], **kwargs: object) -> subprocess.CompletedProcess[str]:
        """Run a program inside a side (`left` or `right`) and wait."""
        return subprocess.run(
            [*inside(getattr(self, side)), *command], capture_output=True, text=True, env=ENV, **kwargs
        )  # type: ignore[call-overload, no-any-return]

    def start(self, side: str, command: Sequence[str], **kwargs: object) -> subprocess.Popen[str]:
        """Start a program inside a side."""
        return subprocess.Popen([*inside(getattr(self, side)), *command], text=True, env=ENV, **kwargs)  # type: ignore[call-overload, no-any-return]

    def nft(self, side: str, rules: str) -> None:
        """Load nft rules (`table inet t { … }`) inside a side."""
        subprocess.run([*inside(getattr(self, side)), "nft", "-f", "-"], input=rules, text=True, check=True, env=ENV)

    def tbf(self, rate: str, burst: str = "32kb", latency: str = "50ms") -> None:
        """Shape both directions with a token bucket (`20mbit`)."""
        for name in (self.left, self.right):
            sh(f"ip netns exec {name} tc qdisc replace dev v0 root tbf rate {rate} burst {burst} latency {latency}")


def inside(name: str) -> list[str]:
    """The words that run a command inside a namespace."""
    return ["ip", "netns", "exec", name]


@contextmanager
def pair(*, ping_sockets: bool = True) -> Iterator[Pair]:
    """Two namespaces and their veth, gone afterwards."""
    mark = f"{os.getpid() % 100000}-{next(_serial)}"
    both = Pair(f"nl{mark}", f"nr{mark}")
    try:
        for name in (both.left, both.right):
            sh(f"ip netns add {name}")
            sh(f"ip -n {name} link set lo up")
        sh(f"ip link add v0 netns {both.left} type veth peer name v0 netns {both.right}")
        for name, v4, v6 in ((both.left, both.left_ip, both.left_ip6), (both.right, both.right_ip, both.right_ip6)):
            sh(
                f"ip -n {name} address add {v4}/24 dev v0; ip -n {name} address add {v6}/64 dev v0 nodad; ip -n {name} link set v0 up"
            )
            if ping_sockets:
                sh(f"ip netns exec {name} sysctl -qw net.ipv4.ping_group_range='0 2147483647'")
        yield both
    finally:
        for name in (both.left, both.right):
            sh(f"ip netns pids {name} | xargs -r kill -9; ip netns del {name}", check=False)
