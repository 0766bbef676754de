"""Many packets in one call: whatever a plain socket sends, stamps and receives, this one does alike."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from probes.io.datagram import batch, mmsg
from probes.io.datagram.batch import BatchSocket, fleet_socket
from probes.io.datagram.socket import PacketSocket, Stamped, Unreachable, open_udp
from probes.wire.session import Arrival, Datagram

LOOPBACK: dict[int, str] = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
Failed = list[tuple[Any, str]]


def made(family: int) -> BatchSocket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((LOOPBACK[family], 0))
    return BatchSocket(sock)


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["v4", "v6"])
def both(request: pytest.FixtureRequest) -> Iterator[tuple[BatchSocket, BatchSocket]]:
    left, right = made(request.param), made(request.param)
    yield left, right
    left.close()
    right.close()


def to(sock: PacketSocket) -> Any:
    return sock.sock.getsockname()


def send(sock: PacketSocket, packets: list[Datagram]) -> Failed:
    failed: Failed = []
    assert sock.send_all(packets, lambda token, why: failed.append((token, why))) == len(packets)
    return failed


def stamps(sock: PacketSocket) -> dict[Any, int]:
    return {said.token: said.at_ns for said in sock.errors() if type(said) is Stamped}


def test_every_packet_arrives_once_in_order_and_gets_its_own_stamps(both: tuple[BatchSocket, BatchSocket]) -> None:
    left, right = both
    before = time.time_ns()
    packets = [Datagram(os.urandom(number % 90), to(right), 0, 0, f"t{number}") for number in range(100)]
    assert send(left, packets) == []
    sent, came = stamps(left), list(right.arrivals())
    assert [one.data for one in came] == [one.data for one in packets]
    assert list(sent) == [one.token for one in packets] and not left._tokens
    assert {one.source for one in came} == {to(left)}
    for one, at_ns in zip(came, sent.values(), strict=True):
        assert before < at_ns <= one.at_ns + 1000 < time.time_ns() and (one.hops, one.tos) == (64, 0)
    assert sorted(sent.values()) == list(sent.values())


def test_a_plain_socket_is_told_the_same(both: tuple[BatchSocket, BatchSocket]) -> None:
    """The same packets to a plain socket: each of its arrivals but for the time."""
    left, right = both
    plain = open_udp(left.sock.family, LOOPBACK[left.sock.family])
    packets = [(bytes([number]) * number, number % 3 * 0x20, number % 4 * 10) for number in range(40)]
    for there in (right, plain):
        send(left, [Datagram(data, to(there), tos, ttl) for data, tos, ttl in packets])
    told: list[list[Arrival]] = [list(there.arrivals()) for there in (right, plain)]
    assert [one._replace(at_ns=0) for one in told[0]] == [one._replace(at_ns=0) for one in told[1]]
    assert {one.tos for one in told[0]} == {0, 0x20, 0x40} and {one.hops for one in told[0]} == {64, 10, 20, 30}
    plain.close()


@pytest.mark.parametrize("size", [0, 1, 2047, 2048, 2049, 9000, 65_000])
def test_packets_of_every_size_pass_whole(both: tuple[BatchSocket, BatchSocket], size: int) -> None:
    left, right = both
    packets = [Datagram(os.urandom(size), to(right), 0, 0, number + 1) for number in range(3)]
    assert send(left, packets) == []
    assert [one.data for one in right.arrivals()] == [one.data for one in packets]
    assert list(stamps(left)) == [1, 2, 3]


def test_one_that_fails_costs_no_other_its_stamp(both: tuple[BatchSocket, BatchSocket]) -> None:
    left, right = both
    good, bad = to(right), (LOOPBACK[left.sock.family], 0)  # nothing can be sent to port 0
    packets = [Datagram(b"x", bad if number % 4 == 2 else good, 0, 0, number + 1) for number in range(80)]
    failed = send(left, packets)
    assert [token for token, _ in failed] == [number + 1 for number in range(80) if number % 4 == 2]
    assert all(why == os.strerror(errno.EINVAL) for _, why in failed)
    assert len(list(right.arrivals())) == 60
    assert sorted(stamps(left)) == [number + 1 for number in range(80) if number % 4 != 2]


def test_another_packets_icmp_error_spoils_none(both: tuple[BatchSocket, BatchSocket]) -> None:
    left, right = both
    closed = made(left.sock.family)
    nobody = to(closed)
    closed.close()
    packets = [Datagram(b"x", nobody if number % 2 else to(right), 0, 0, number + 1) for number in range(64)]
    assert send(left, packets) == []
    said = list(left.errors())
    assert len(list(right.arrivals())) == 32
    refused = [one for one in said if isinstance(one, Unreachable)]
    assert len(refused) >= 1 and {one.to for one in refused} == {nobody[0]}
    even = [one.token for one in said if type(one) is Stamped and one.token % 2]
    assert len(even) >= 31


def test_what_our_buffer_drops_is_told(both: tuple[BatchSocket, BatchSocket]) -> None:
    left, right = both
    right.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    send(left, [Datagram(bytes(1000), to(right)) for _ in range(50)])
    first = list(right.arrivals())
    send(left, [Datagram(b"later", to(right))])
    later = [one.data for one in right.arrivals()]
    assert len(first) < 50 and later == [b"later"] and right.overflow == 50 - len(first)


def test_tokens_whose_stamp_never_comes_do_not_pile_up(
    both: tuple[BatchSocket, BatchSocket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "KEPT", 10)
    left, right = both
    send(left, [Datagram(b"x", to(right), 0, 0, number + 1) for number in range(100)])
    assert list(left._tokens.values()) == list(range(91, 101))


def test_many_addresses_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmsg, "KNOWN", 5)
    left, right = made(socket.AF_INET), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    right.bind(("0.0.0.0", 0))  # noqa: S104  every address of the loopback
    there = BatchSocket(right)
    send(left, [Datagram(b"x", (f"127.0.0.{number}", there.port)) for number in range(1, 40)])
    assert len(list(there.arrivals())) == 39 and len(left._named) <= 5 and len(there._in.sources) <= 5
    left.close()
    there.close()


def test_a_name_instead_of_an_address_still_goes_the_plain_way() -> None:
    left, right = made(socket.AF_INET), made(socket.AF_INET)
    assert send(left, [Datagram(b"x", ("localhost", right.port)), Datagram(b"y", to(right))]) == []
    assert [one.data for one in right.arrivals()] == [b"x", b"y"]
    left.close()
    right.close()


def test_link_local_scope_is_kept_both_ways() -> None:
    sock = made(socket.AF_INET6)
    assert sock._name(("fe80::1", 7, 0, 3))[-4:] == (3).to_bytes(4, "little")
    place = sock._in.names[0]
    sock._in.memory[place : place + 28] = sock._name(("fe80::1", 7, 0, 3))
    assert sock._source(0) == ("fe80::1", 7, 0, 3)
    sock.close()


def test_hostile_control_messages_end_the_walk() -> None:
    sock = made(socket.AF_INET)
    at = sock._in.controls[0]
    for junk in (bytes(512), b"\xff" * 512, (5).to_bytes(8, "little") * 64):
        sock._in.memory[at : at + 512] = junk
        assert len(sock._in.control_messages(0, 512)) <= 32
    sock.close()


def test_closing_gives_everything_back() -> None:
    def files() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = files()
    for _ in range(20):
        made(socket.AF_INET).close()
    assert files() <= before  # what an earlier test left may be closed meanwhile


def test_other_machines_get_a_plain_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "AVAILABLE", False)
    sock = fleet_socket(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    assert type(sock) is PacketSocket
    sock.close()


def test_an_error_is_no_stamp_whatever_the_buffer_held_before(both: tuple[BatchSocket, BatchSocket]) -> None:
    left, right = both
    closed = made(left.sock.family)
    nobody = to(closed)
    closed.close()
    # The kernel leaves gaps between an error's control messages unwritten: stamps read before must not show in them.
    assert send(left, [Datagram(b"", to(right), token=number) for number in range(batch._MANY)]) == []
    assert len(stamps(left)) == batch._MANY
    for number in range(20):
        send(left, [Datagram(b"hello?", nobody, token=number)])
        told = list(left.errors())
        assert sum(isinstance(one, Unreachable) for one in told) == 1, told
        assert sum(isinstance(one, Stamped) for one in told) <= 1
