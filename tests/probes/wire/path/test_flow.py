"""A flow against a made-up path: constant for routers, told apart by us, and never led astray by what comes back."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, UDP

from probes.wire.icmp.error import IcmpMeaning
from probes.wire.icmp.header import REPLY4, REPLY6, checksum
from probes.wire.path.flow import GAP_S, SILENT_RUN, EchoPackets, Flow, Packets, Probe, UdpPackets
from probes.wire.path.listener import IcmpListener
from probes.wire.session import Arrival, Datagram

COOKIE = bytes(range(0xA0, 0xA8))
TARGET = ("192.0.2.9", 33434)
HOPS = 5  # of the made-up path, the target's included


def router(ttl: int) -> str:
    return f"10.0.{ttl}.1"


def flow(packets: Packets | None = None, timeout_s: float = 0.5) -> Flow:
    return Flow(packets or UdpPackets(COOKIE, False), TARGET, v6=False, tos=184, timeout_s=timeout_s)


Back = Callable[[Flow, Datagram, float], None]  # what the path makes of a packet, at once


def played(session: Flow, back: Back, until_s: float = 60.0) -> list[tuple[float, int]]:
    """Run the flow in simulated time; (time, hop limit) of each packet."""
    now, log = 0.0, list[tuple[float, int]]()
    while not session.done:
        for datagram in session.transmit(now, round(now * 1e9) + 1):
            log.append((round(now, 4), datagram.ttl))
            back(session, datagram, now)
        wake_at = session.wake_at()
        now = now if wake_at is None else max(wake_at, now + 1e-6)
        assert now < until_s
    return log


def quoting(shown: int, silent: tuple[int, ...] = ()) -> Back:
    """A path whose routers quote `shown` bytes of the UDP payload, 1 ms after the packet; `silent` ones nothing."""

    def back(session: Flow, datagram: Datagram, now: float) -> None:
        at_ns, quoted = round(now * 1e9) + 1_000_001, datagram.data[:shown]
        if datagram.ttl in silent:
            return
        if datagram.ttl < HOPS:
            session.complaint(router(datagram.ttl), quoted, 11, 0, 0, at_ns, 0, now)
        else:
            session.complaint(TARGET[0], quoted, 3, 3, 0, at_ns, 0, now)

    return back


def shown(session: Flow) -> dict[int, str]:
    return {one.ttl: one.answer.by for one in session.probes if one.answer}


def test_packets_leave_a_moment_apart_and_none_beyond_the_target() -> None:
    session = flow()
    session.ask([(ttl, 0) for ttl in range(1, 31)], 0.0)
    assert played(session, quoting(10)) == [(round(at * GAP_S, 4), at + 1) for at in range(HOPS)]
    assert shown(session) == {ttl: router(ttl) for ttl in range(1, HOPS)} | {HOPS: TARGET[0]}
    assert [one.answer.reached for one in session.probes if one.answer] == [False] * 4 + [True]
    assert {one.answer.rtt_ms for one in session.probes if one.answer} == {1.0}


def test_a_silent_hop_costs_no_waiting_for_the_others() -> None:
    session = flow()
    session.ask([(ttl, 0) for ttl in range(1, 31)], 0.0)
    assert len(played(session, quoting(10, silent=(2, 3)))) == HOPS
    assert set(shown(session)) == {1, 4, 5}


@pytest.mark.parametrize("quoted", [0, 9])
def test_quotes_that_tell_too_little_make_packets_go_alone_and_none_is_given_to_the_wrong_hop(quoted: int) -> None:
    session = flow()
    session.ask([(ttl, 0) for ttl in range(1, 31)], 0.0)

    def delayed(session: Flow, datagram: Datagram, now: float, waiting: list[Datagram] = []) -> None:  # noqa: B006
        """Two packets are on their way before the first answer comes back."""
        waiting.append(datagram)
        if session.alone or len(waiting) == 3:
            for one in waiting if session.alone else waiting[:1]:
                quoting(quoted, silent=(3,))(session, one, now)
            waiting.clear()

    played(session, delayed)
    assert session.alone
    assert shown(session) == {1: router(1), 2: router(2), 4: router(4), 5: TARGET[0]}


def test_one_packet_at_a_time_gives_up_after_a_run_of_silent_hops() -> None:
    session = flow()
    session.alone = True
    session.ask([(ttl, 0) for ttl in range(1, 31)], 0.0)
    log = played(session, quoting(10, silent=tuple(range(3, 31))))
    assert len(log) == 2 + SILENT_RUN


def test_a_quote_padded_with_zeros_tells_no_number() -> None:
    packets = UdpPackets(COOKIE, False)
    assert packets.number_of(bytes(100)) is None
    assert packets.number_of(b"y" * 100) == -1
    assert packets.number_of(packets.write(513, 0)) == 513


def test_an_unreachable_ends_the_flow_and_a_strangers_closed_port_is_not_the_target() -> None:
    session = flow()
    session.ask([(ttl, 0) for ttl in range(1, 31)], 0.0)
    played(session, lambda one, it, now: one.complaint("10.0.2.1", it.data, 3, 13, 0, 0, 0, now))
    assert [one.answer and one.answer.what for one in session.probes if one.left_ns] == [IcmpMeaning.UNREACHABLE]
    session = flow()
    session.ask([(1, 0)], 0.0)
    played(session, lambda one, it, now: one.complaint("10.0.2.1", it.data, 3, 3, 0, 0, 0, now))
    assert session.probes[0].answer and not session.probes[0].answer.reached


def test_what_did_not_leave_is_neither_awaited_nor_lost() -> None:
    session = flow()
    session.ask([(1, 0), (2, 0)], 0.0)
    played(session, lambda one, it, now: one.unsent(it.token, "Network is unreachable"))
    assert [(one.left_ns, one.unsent) for one in session.probes] == [(0, "Network is unreachable")] * 2
    assert session.events() and not session.events()


def test_the_answer_is_the_targets_only_from_its_address_and_with_our_cookie() -> None:
    packets = EchoPackets(7, COOKIE, False)
    session = flow(packets)
    session.ask([(1, 0)], 0.0)
    (asked,) = session.transmit(0.0, 1)
    reply = bytes([REPLY4]) + asked.data[1:]
    for data, source in (
        (reply, "10.0.0.1"),
        (reply[:8] + b"y" * 24, TARGET[0]),
        (asked.data, TARGET[0]),
        (b"", TARGET[0]),
    ):
        session.receive(Arrival(data, (source, 0), 2), 0.0)
        assert session.probes[0].answer is None
    session.receive(Arrival(reply, (TARGET[0], 0), 2_000_001), 0.0)
    assert session.probes[0].answer and session.probes[0].answer.reached and session.probes[0].answer.rtt_ms == 2.0


@given(
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF),
    st.sampled_from([0, *range(24, 80), 1471, 1472]),
    st.integers(1, 0xFFFE),
)
def test_all_echoes_of_a_flow_have_one_checksum_and_it_is_right(ident: int, number: int, size: int, sum: int) -> None:
    packets = EchoPackets(ident, COOKIE, False, sum)
    data = packets.write(number, size)
    read = ICMP(data)
    assert (read.chksum, read.id, read.seq, len(data)) == (sum, ident, number, 8 + (size or 24))
    assert checksum(data) == 0
    assert packets.number_of(data[:8]) == number
    assert packets.reply(bytes([REPLY4]) + data[1:]) == number
    six = EchoPackets(ident, COOKIE, True, sum)
    assert six.reply(bytes([REPLY6]) + six.write(number, size)[1:]) == number


def test_udp_lengths_tell_packets_apart_and_a_size_is_kept() -> None:
    packets = UdpPackets(COOKIE, False)
    assert len({len(packets.write(number, 0)) for number in range(300)}) == 300
    assert len(packets.write(5, 1472)) == 1472


def overhearing() -> tuple[Flow, IcmpListener]:
    session = flow()
    session.overheard = True
    ear = IcmpListener(False, socket.inet_aton(TARGET[0]))
    ear.flows[17, 20000] = session
    session.ask([(ttl, 0) for ttl in range(1, 4)], 0.0)
    return session, ear


def error(payload: bytes, sport: int = 20000, to: str = TARGET[0], tos: int = 40, quoted: int = 28) -> bytes:
    asked = IP(src="192.0.2.1", dst=to, tos=tos, ttl=1) / UDP(sport=sport, dport=33434) / payload
    return bytes(ICMP(type="time-exceeded")) + bytes(asked)[:quoted]


def test_the_ear_knows_a_packet_by_eight_bytes_and_sees_its_dscp() -> None:
    session, ear = overhearing()
    sent = [one for now in (0.0, GAP_S, 2 * GAP_S) for one in session.transmit(now, 1)]
    session.complaint(router(2), b"", 11, 0, 0, 5, 0, 0.0)
    assert not session.alone and shown(session) == {}
    ear.receive(Arrival(error(sent[1].data), (router(2), 0), 1_000_001), 0.0)
    assert shown(session) == {2: router(2)} and ear.events()
    answer = session.probes[1].answer
    assert answer and (answer.dscp, answer.rtt_ms) == (10, 1.0)


def test_the_ear_leaves_others_packets_alone() -> None:
    session, ear = overhearing()
    (sent,) = session.transmit(0.0, 1)
    for data in (error(sent.data, sport=20001), error(sent.data, to="192.0.2.8"), error(b"x" * 900), b"\x0b"):
        ear.receive(Arrival(data, (router(1), 0), 5), 0.0)
    assert shown(session) == {}


def test_the_second_telling_of_an_error_adds_the_dscp_and_nothing_else() -> None:
    session, ear = overhearing()
    (sent,) = session.transmit(0.0, 1)
    session.complaint(router(1), sent.data, 11, 0, 0, 1_000_001, 0, 0.0)
    ear.receive(Arrival(error(sent.data), (router(1), 0), 9_000_001), 0.0)
    ear.receive(Arrival(error(sent.data, tos=0), ("10.9.9.9", 0), 9_000_001), 0.0)
    answer = session.probes[0].answer
    assert answer and (answer.by, answer.dscp, answer.rtt_ms) == (router(1), 10, 1.0)


@given(st.binary(max_size=400), st.integers(0, 255), st.integers(0, 255), st.integers(0, 0xFFFF), st.booleans())
def test_any_bytes_never_raise(data: bytes, type: int, code: int, after: int, echo: bool) -> None:
    session, ear = overhearing()
    if echo:
        session.packets = EchoPackets(7, COOKIE, False)
    (sent,) = session.transmit(0.0, 1)
    for one in (data, sent.data[: len(data)] + data, bytes([REPLY4]) + sent.data[1:16] + data):
        session.complaint("10.0.0.1", one, type, code, 70000, 5, after, 0.0)
        session.receive(Arrival(one, (TARGET[0], 0), 5), 0.0)
        ear.receive(Arrival(one, (TARGET[0], 0), 5), 0.0)
        ear.receive(Arrival(error(one, quoted=400), (TARGET[0], 0), 5), 0.0)
    assert all(isinstance(probe, Probe) for probe in session.probes)
