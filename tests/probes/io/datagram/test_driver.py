"""The driver and its sockets: nothing is lost by us, stamps stay with their packets, and what we drop we say."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from nets import Pair, pair
from netthread import serving, within

from probes.answer.stamp import reflector
from probes.base import Outcome
from probes.errors import NeedsPrivilege
from probes.io.datagram import socket as packet_socket
from probes.io.datagram.driver import Driver, both_clocks
from probes.io.datagram.icmp import open_icmp
from probes.io.datagram.socket import PacketSocket, Stamped, Unreachable, is_own, open_udp
from probes.io.datagram.timer import Timer
from probes.kinds.shared.packets import outcome_of
from probes.wire.fleet.track import FleetWindow
from probes.wire.stamp import packet as stamp
from probes.wire.stamp.sender import StampSender


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        free = int(probe.getsockname()[1])
    with serving("", lambda: reflector.serve("127.0.0.1", free)):
        yield free


async def measure(
    port: int, count: int, every_s: float, timeout_s: float = 0.5,
    beside: Callable[[Driver], Coroutine[Any, Any, None]] | None = None,
) -> FleetWindow:  # fmt: skip
    """One interval of packets to the reflector, with something else going on in the loop."""
    told: asyncio.Future[FleetWindow] = asyncio.get_running_loop().create_future()
    session = StampSender(stamp.ClockQuality())
    driver = Driver(session, open_udp(socket.AF_INET), lambda events: told.set_result(events[0].window))
    track = session.add("a", ("127.0.0.1", port), every_s=every_s, interval_s=float("inf"), timeout_s=timeout_s, first_at=time.monotonic(), count=count)  # fmt: skip
    session.fit(track, b"", 44, True)
    try:
        driver.kick()
        if beside is not None:
            await beside(driver)
        return await told
    finally:
        driver.close()


def test_a_busy_loop_loses_no_packet_and_lengthens_no_round_trip(port: int) -> None:
    async def busy(driver: Driver) -> None:
        for _ in range(12):
            time.sleep(0.05)
            await asyncio.sleep(0.001)

    window = asyncio.run(measure(port, 100, 0.005, beside=busy))
    assert (window.rcvd, window.late, window.unstamped, window.ours) == (window.sent, 0, 0, 0)
    assert window.sent > 50 and sorted(window.rtts_ms)[len(window.rtts_ms) // 2] < 20


def test_answers_that_waited_while_we_stood_still_are_in_time(port: int) -> None:
    async def stall(driver: Driver) -> None:
        await asyncio.sleep(0.05)
        time.sleep(1.0)  # twice the time-out

    window = asyncio.run(measure(port, 5, 0.01, beside=stall))
    assert (window.sent, window.rcvd, outcome_of(window)) == (5, 5, Outcome.OK)
    assert max(window.rtts_ms) < 500


def test_more_answers_than_fit_one_reading_are_all_taken_before_time_outs(port: int) -> None:
    async def stall(driver: Driver) -> None:
        for _ in range(60):  # sent without reading: 600 answers wait in the socket
            for data, to, *_, token, _ in driver.session.transmit(*both_clocks()):
                driver.sock.send(data, to, token=token)
            time.sleep(0.0101)
        time.sleep(1.6)  # longer than the time-out

    window = asyncio.run(measure(port, 600, 0.001, timeout_s=1.5, beside=stall))
    assert (window.sent, window.rcvd) == (600, 600)


def test_what_our_buffer_had_no_room_for_is_our_own_fault(port: int) -> None:
    async def full(driver: Driver) -> None:
        await asyncio.sleep(0.03)  # a packet is in the air
        driver.sock.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            for _ in range(200):
                other.sendto(bytes(1000), ("127.0.0.1", driver.sock.sock.getsockname()[1]))
        driver.session.overflow(0)
        assert driver.sock.dropped() > 100

    window = asyncio.run(measure(1, 2, 0.05, beside=full))
    assert (window.rcvd, outcome_of(window)) == (0, Outcome.LOCAL) and window.overflow > 100


def test_uvloop_is_refused_and_the_socket_closed() -> None:
    uvloop = pytest.importorskip("uvloop")
    sock = open_udp(socket.AF_INET)

    async def main() -> None:
        with pytest.raises(NeedsPrivilege, match="asyncio's own loop"):
            Driver(StampSender(stamp.ClockQuality()), sock, lambda events: None)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    assert sock.sock.fileno() == -1


def test_a_closed_driver_leaves_no_descriptor(port: int) -> None:
    async def main() -> tuple[int, int]:
        before = len(os.listdir("/proc/self/fd"))
        await measure(port, 2, 0.01)
        return before, len(os.listdir("/proc/self/fd"))

    before, after = asyncio.run(main())
    assert after <= before  # what an earlier test left may be closed meanwhile


# --- the socket ---


@pytest.fixture
def sock() -> Iterator[PacketSocket]:
    made = open_udp(socket.AF_INET, "127.0.0.1")
    yield made
    made.close()


def stamps(sock: PacketSocket) -> list[Any]:
    return [said.token for said in sock.errors() if type(said) is Stamped]


def test_every_send_stamp_comes_back_with_its_token(sock: PacketSocket) -> None:
    before = time.time_ns()
    for token in range(50):
        sock.send(b"x", ("127.0.0.1", 9), token=token or None)
        list(sock.errors()) if token == 0 else None
    time.sleep(0.01)
    said = [one for one in sock.errors() if type(one) is Stamped]
    assert [one.token for one in said] == list(range(1, 50))
    assert all(before < one.at_ns < time.time_ns() for one in said) and not sock._tokens


def test_a_far_side_gets_the_send_stamps_it_asks_for_and_no_others() -> None:
    made = open_udp(socket.AF_INET, "127.0.0.1", answers=True)
    for token in range(30):
        made.send(b"x", ("127.0.0.1", 9), tos=0xB8 * (token % 2), token=token if token % 3 == 0 else None)
        list(made.errors()) if token == 0 else None
    time.sleep(0.01)
    assert stamps(made) == list(range(3, 30, 3)) and not made._tokens
    made.close()


def test_tokens_whose_stamp_never_comes_do_not_pile_up(sock: PacketSocket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packet_socket, "KEPT", 10)
    other = open_udp(socket.AF_INET, "127.0.0.1")
    for token in range(100):
        other.send(b"x", sock.sock.getsockname(), token=token)
    assert len(other._tokens) <= 11
    other.close()


def test_arrivals_carry_the_kernels_stamp_ttl_and_tos(sock: PacketSocket) -> None:
    other = open_udp(socket.AF_INET, "127.0.0.1")
    before = time.time_ns()
    other.send(b"hello", sock.sock.getsockname(), tos=0xB8, ttl=7)
    time.sleep(0.05)
    (got,) = sock.arrivals()
    assert (got.data, got.source, got.hops, got.tos) == (b"hello", other.sock.getsockname(), 7, 0xB8)
    assert before < got.at_ns < time.time_ns() - 40_000_000
    other.close()


def test_a_send_that_another_packets_icmp_error_spoiled_is_sent_again(sock: PacketSocket) -> None:
    there = open_udp(socket.AF_INET, "127.0.0.1")
    for number in range(20):
        sock.send(b"x", ("127.0.0.1", 9), token=f"bad {number}")  # nothing listens there: ICMP comes at once
        sock.send(b"x", there.sock.getsockname(), token=f"good {number}")
    time.sleep(0.05)
    said = list(sock.errors())
    assert sum(type(one) is Unreachable for one in said) == 20 and len(list(there.arrivals())) == 20
    good = [one for one in said if type(one) is Stamped and str(one.token).startswith("good")]
    assert len(good) >= 19
    there.close()


def test_own_addresses_are_known() -> None:
    assert is_own("127.0.0.1") and is_own("::1") and not is_own("192.0.2.1") and not is_own("nonsense")


@pytest.fixture(scope="module")
def link() -> Iterator[Pair]:
    with pair() as made:
        made.nft("left", "table inet t {\n chain c {\n type filter hook output priority 0;\n udp dport 5001 drop\n icmp type echo-request ip daddr 10.99.0.3 drop\n }\n}\n")  # fmt: skip
        yield made


@pytest.mark.needs("netns", "nft")
def test_a_send_our_firewall_dropped_moves_no_stamp_to_another_packet(link: Pair) -> None:
    """The kernel counts such a send: every later stamp once met the packet before its own."""

    def sends() -> list[tuple[Any, bool]]:
        sock, found = open_udp(socket.AF_INET), list[tuple[Any, bool]]()
        for number in range(30):
            before = time.time_ns()
            if number % 3 == 1:
                with pytest.raises(PermissionError):
                    sock.send(b"x", ("10.99.0.2", 5001), token="dropped")
            else:
                sock.send(b"x", ("10.99.0.2", 5000), token=number)
            time.sleep(0.002)
            found += [(said.token, said.at_ns > before) for said in sock.errors() if type(said) is Stamped]
        sock.close()
        return found

    assert within(link.left, sends) == [(number, True) for number in range(30) if number % 3 != 1]


@pytest.mark.needs("netns", "nft")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("raw", [False, True])
def test_icmp_sockets_are_had_both_ways(link: Pair, family: int, raw: bool) -> None:
    def opened() -> tuple[bool, bool, bool]:
        icmp = open_icmp(family, raw=raw)
        try:
            return icmp.raw, icmp.packets.kernel_tx, 0 <= icmp.ident < 65536
        finally:
            icmp.packets.close()

    assert within(link.left, opened) == (raw, True, True)


# --- the timer ---


@contextmanager
def timer(fire: Callable[[], None]) -> Iterator[Timer]:
    made = Timer(asyncio.get_running_loop(), fire)
    try:
        yield made
    finally:
        made.close()


def test_a_timer_fires_after_its_time_and_much_finer_than_asyncio() -> None:
    async def lateness() -> float:
        fired = asyncio.Event()
        with timer(fired.set) as made:
            when = time.monotonic() + 0.0043
            made.at(when)
            await fired.wait()
            return time.monotonic() - when

    async def main() -> list[float]:
        late = list[float]()
        while len(late) < 20 or (len(late) < 200 and sorted(late)[5] >= 0.001):  # a busy machine lets us wait, too
            late.append(await lateness())
        return sorted(late)

    late = asyncio.run(main())
    assert late[0] >= 0 and late[5] < 0.001


def test_a_timer_keeps_the_last_time_it_was_given() -> None:
    async def main() -> list[float]:
        fired, turned = list[float](), asyncio.Event()

        def fire() -> None:
            fired.append(time.monotonic())
            turned.set()

        with timer(fire) as one:
            began = time.monotonic()
            one.at(began + 0.01)
            one.at(began + 0.05)
            await turned.wait()
            one.at(time.monotonic() + 0.01)
            one.at(None)
            await asyncio.sleep(0.03)
            turned.clear()
            one.at(began)  # the past: at once
            await turned.wait()
        one.close()
        return [at - began for at in fired]

    first, second = asyncio.run(main())
    assert first >= 0.05 and second > first


def test_a_timer_may_fire_every_so_often_until_a_time_is_set() -> None:
    async def main() -> tuple[int, int, int]:
        fired = list[float]()
        with timer(lambda: fired.append(time.monotonic())) as one:
            one.every(0.005)
            await asyncio.sleep(0.1)
            often = len(fired)
            one.at(time.monotonic() + 0.03)
            await asyncio.sleep(0.015)
            between = len(fired) - often
            await asyncio.sleep(0.06)
            return often, between, len(fired) - often

    often, between, after = asyncio.run(main())
    assert 5 <= often <= 20 and (between, after) == (0, 1)


def test_what_fires_may_set_the_next_time_or_close() -> None:
    async def main() -> int:
        fired = list[float]()

        def fire() -> None:
            fired.append(time.monotonic())
            one.at(time.monotonic() + 0.002) if len(fired) < 5 else one.close()

        one = Timer(asyncio.get_running_loop(), fire)
        one.at(time.monotonic())
        await asyncio.sleep(0.1)
        return len(fired)

    assert asyncio.run(main()) == 5


def test_both_clocks_are_of_one_moment() -> None:
    now, clock_ns = both_clocks()
    again, later_ns = both_clocks()
    assert abs((later_ns - clock_ns) / 1e9 - (again - now)) < 0.001
