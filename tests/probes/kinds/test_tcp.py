"""`tcp` with real connects: a reset, an ICMP message, silence and our own fault are four things."""

from __future__ import annotations

import asyncio
import errno
import select
import socket
import time
from collections.abc import Iterator

import pytest
from nets import Pair, pair, sh
from netthread import awaited, serving

from probes.base import Measurement, Outcome, Target
from probes.errors import BadTarget
from probes.io.stream.connect import connect
from probes.kinds.tcp import TCP, TcpSettings, run

pytestmark = pytest.mark.needs("netns", "nft")
loaded: list[tuple[Pair, str]] = []
IPS = ("10.99.0.2", "[fd99::2]")


async def listen() -> None:
    servers = [await asyncio.start_server(lambda reader, writer: writer.close(), ip, 443) for ip in ("0.0.0.0", "::")]
    try:
        await asyncio.Event().wait()
    finally:
        for server in servers:
            server.close()


@pytest.fixture(scope="module")
def link() -> Iterator[Pair]:
    with pair() as made:
        sh(f"ip -n {made.left} route add default via 10.99.0.2; ip -n {made.left} -6 route add default via fd99::2")
        sh(f"ip -n {made.left} route add unreachable 203.0.113.9")
        sh(
            f"ip netns exec {made.right} sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 net.ipv4.ip_forward=1"
        )
        with serving(made.right, listen):
            until = time.monotonic() + 10
            while measure(made, "[fd99::2]:443", timeout_s=0.2).outcome != Outcome.OK:
                assert time.monotonic() < until
            yield made


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


def measure(made: Pair, target: str, count: int = 1, timeout_s: float = 0.5, dscp: int = 0) -> Measurement:
    return awaited(made.left, lambda: run(Target(target), TcpSettings(timeout_s=timeout_s, dscp=dscp), count))


def incoming(rule: str) -> str:
    return f"table inet t {{\n chain c {{\n type filter hook input priority 0;\n {rule}\n }}\n}}\n"


@pytest.mark.parametrize("ip", IPS)
def test_an_open_port_is_timed_from_syn_to_syn_ack(link: Pair, ip: str) -> None:
    got = measure(link, f"{ip}:443", 2)
    assert (got.outcome, got.why, got.values["sent"], got.values["rcvd"]) == (Outcome.OK, "", 2, 2)
    assert 0 < got.values["connect_min_ms"] <= got.values["connect_max_ms"] < 50
    assert "resolve_ms" not in got.values


@pytest.mark.parametrize("ip", IPS)
def test_a_reset_is_refused_at_once(link: Pair, ip: str) -> None:
    got = measure(link, f"{ip}:444", timeout_s=10)
    assert (got.outcome, got.why) == (Outcome.REFUSED, "the host refuses the port (RST)")
    assert got.values == {"sent": 1, "rcvd": 0} and got.took_ms < 5000


@pytest.mark.parametrize(("ip", "told"), [(IPS[0], "type 3 code 13"), (IPS[1], "type 1 code 1")])
def test_an_icmp_message_is_refused_and_says_by_whom(link: Pair, ip: str, told: str) -> None:
    load(
        link,
        "right",
        incoming(
            "meta nfproto ipv4 tcp dport 443 reject with icmp type admin-prohibited\n meta nfproto ipv6 tcp dport 443 reject with icmpv6 type admin-prohibited"
        ),
    )
    got = measure(link, f"{ip}:443", timeout_s=10)
    assert got.outcome == Outcome.REFUSED and got.took_ms < 5000
    assert got.why == f"{ip.strip('[]')} forbids it: a firewall of the host itself (ICMP {told})"


def test_a_router_without_a_route_is_refused_by_it(link: Pair) -> None:
    got = measure(link, "198.51.100.7:443", timeout_s=10)
    assert got.outcome == Outcome.REFUSED and got.why == "10.99.0.2 has no route to it (ICMP type 3 code 0)"


@pytest.mark.parametrize("ip", IPS)
def test_silence_is_lost_when_its_time_is_over(link: Pair, ip: str) -> None:
    load(link, "right", incoming("tcp dport 443 drop"))
    got = measure(link, f"{ip}:443", timeout_s=0.3)
    assert (got.outcome, got.why, got.values) == (Outcome.LOST, "nothing came back in time", {"sent": 1, "rcvd": 0})
    assert 300 <= got.took_ms < 2000


def test_a_neighbour_that_answers_no_arp_is_silence_not_a_refusal(link: Pair) -> None:
    sh(f"ip netns exec {link.left} sysctl -qw net.ipv4.neigh.v0.retrans_time_ms=100 net.ipv4.neigh.v0.mcast_solicit=1")
    got = measure(link, "10.99.0.77:443", timeout_s=4)
    assert got.outcome == Outcome.LOST and "next hop" in got.why


@pytest.mark.parametrize(
    ("verdict", "wait_ms", "told"),
    [
        ("reject with icmp type admin-prohibited", 5000, Outcome.REFUSED),  # the connection is over already
        ("drop", 0, Outcome.LOST),  # it is still under way
    ],
)
def test_a_wake_up_without_an_error_is_no_open_port(
    link: Pair, monkeypatch: pytest.MonkeyPatch, verdict: str, wait_ms: int, told: Outcome
) -> None:
    load(link, "right", incoming(f"tcp dport 443 {verdict}"))

    async def woken(loop: object, sock: socket.socket, address: tuple[str, int]) -> None:
        """The loop's connect in the moment in which a message is queued and `SO_ERROR` not set yet."""
        assert sock.connect_ex(address) == errno.EINPROGRESS
        poll = select.poll()
        poll.register(sock, 0)
        assert not wait_ms or poll.poll(wait_ms)

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", woken)
    assert measure(link, "10.99.0.2:443", timeout_s=10).outcome == told


def test_no_way_out_of_this_machine_is_our_own_fault(link: Pair) -> None:
    got = measure(link, "203.0.113.9:443")
    assert got.outcome == Outcome.LOCAL and got.values == {"sent": 0, "rcvd": 0}


def test_a_name_without_an_address_is_unresolved() -> None:
    got = asyncio.run(run(Target("no-such-name.invalid:443"), TcpSettings(), 1))
    assert (got.outcome, got.values) == (Outcome.UNRESOLVED, {})


def test_a_target_without_a_port_is_no_target(link: Pair) -> None:
    with pytest.raises(BadTarget, match="write 10.99.0.2:443"):
        measure(link, "10.99.0.2")


def test_one_connect_of_several_proves_the_port(link: Pair) -> None:
    load(link, "right", incoming("tcp dport 443 tcp flags syn / syn,ack numgen inc mod 2 == 0 drop"))
    got = measure(link, "10.99.0.2:443", 2, timeout_s=0.4)
    assert (got.outcome, got.values["sent"], got.values["rcvd"]) == (Outcome.OK, 2, 1)


def test_a_repeated_syn_is_in_the_time(link: Pair) -> None:
    load(link, "right", incoming("tcp dport 443 tcp flags syn / syn,ack numgen inc mod 2 == 0 drop"))
    got = measure(link, "10.99.0.2:443", timeout_s=5)
    assert got.outcome == Outcome.OK and 900 < got.values["connect_min_ms"] < 3000


@pytest.mark.parametrize(("ip", "family"), [(IPS[0], "ip"), (IPS[1], "ip6")])
def test_the_dscp_is_the_packets(link: Pair, ip: str, family: str) -> None:
    load(link, "right", incoming(f"tcp dport 443 tcp flags syn / syn,ack {family} dscp af41 counter"))
    assert measure(link, f"{ip}:443", dscp=34).outcome == Outcome.OK
    assert "packets 1 " in sh(f"ip netns exec {link.right} nft list ruleset")


def test_our_own_lateness_is_not_in_the_time() -> None:
    async def busy() -> float:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        there = server.sockets[0].getsockname()
        asyncio.get_running_loop().call_soon(time.sleep, 0.3)
        found = await connect(socket.AF_INET, there, 2.0)
        server.close()
        assert found.open
        return found.took_ms

    assert asyncio.run(busy()) < 100


def test_every_value_is_declared(link: Pair) -> None:
    assert set(measure(link, "10.99.0.2:443").values) <= {one.name for one in TCP.fields}
