"""ICMP echo byte by byte: golden packets, checksums as others make them, and any bytes at all."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6EchoRequest

from probes.kinds.ping import _more, _note
from probes.wire.fleet.track import FleetTarget
from probes.wire.icmp.echo import MIN_PAYLOAD, Ping
from probes.wire.icmp.header import ECHO4, ECHO6, REPLY4, REPLY6, checksum
from probes.wire.session import Arrival

COOKIE = bytes(range(0xA0, 0xA8))
# An echo request of twelve bytes, as RFC 1071 sums them by hand.
REQUEST = bytes.fromhex("0800 f7fc 0001 0002 0000 0000")
HOST = ("192.0.2.1", 0)


def echo(ident: int, index: int, seq: int, size: int, v6: bool = False) -> bytes:
    session = Ping(ident=ident, cookie=COOKIE, v6=v6)
    session.fill(index, size)
    return session.packet(FleetTarget("t", index, HOST, 1.0, 1.0, 1.0, 0.0), seq, 0)


def test_the_checksum_is_rfc_1071s() -> None:
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D  # the sum of RFC 1071 §3 is ddf2
    assert checksum(REQUEST[:2] + b"\0\0" + REQUEST[4:]) == 0xF7FC
    assert checksum(REQUEST) == 0


@given(st.binary(max_size=1500))
def test_checksums_are_those_of_scapy(data: bytes) -> None:
    from scapy.utils import checksum as theirs

    assert checksum(data) == theirs(data)


@given(
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(MIN_PAYLOAD, 1472),
    st.booleans(),
)
def test_scapy_reads_our_requests(ident: int, index: int, seq: int, size: int, v6: bool) -> None:
    data = echo(ident, index, seq, size, v6)
    read = ICMPv6EchoRequest(data) if v6 else ICMP(data)
    assert (read.type, read.code, read.id, read.seq) == (ECHO6 if v6 else ECHO4, 0, ident, seq & 0xFFFF)
    payload = bytes(data[8:])
    assert (len(payload), payload[:8]) == (size, COOKIE)
    assert struct.unpack("!II", payload[8:16]) == (index, seq)
    assert v6 or checksum(data) == 0


def test_scapys_answer_to_our_request_is_taken() -> None:
    session, data = sent()
    asked = ICMP(data)
    made = bytes(ICMP(type="echo-reply", id=asked.id, seq=asked.seq) / bytes(asked.payload))
    session.receive(Arrival(made, HOST, 1_000_000, 64), 0.001)
    (event,) = session.events()
    assert (event.window.rcvd, event.window.hops, event.window.rtts_ms) == (1, 64, [1.0])


def sent(v6: bool = False, summed: bool = False) -> tuple[Ping, bytes]:
    session = Ping(ident=7, cookie=COOKIE, v6=v6, summed=summed)
    session.add("a", HOST, every_s=1.0, interval_s=1.0, timeout_s=1.0, first_at=0.0, count=1)
    (packet,) = session.transmit(0.0, 0)
    return session, packet.data


def test_ipv6_answers_have_their_own_type() -> None:
    session, data = sent(v6=True)
    session.receive(Arrival(bytes([REPLY4]) + data[1:], HOST, 0), 0.0)
    assert session.events() == []
    session.receive(Arrival(bytes([REPLY6]) + data[1:], HOST, 0), 0.0)
    assert session.events()[0].window.rcvd == 1


@pytest.mark.parametrize("summed", [True, False])
def test_a_damaged_answer_counts_only_where_the_kernel_has_checked_it(summed: bool) -> None:
    session, data = sent(summed=summed)
    answer = bytearray(ICMP(bytes([REPLY4]) + data[1:2] + b"\0\0" + data[4:]).build())
    answer[2:4] = checksum(bytes(answer[:2]) + b"\0\0" + bytes(answer[4:])).to_bytes(2, "big")
    damaged = bytes(answer[:3]) + bytes([answer[3] ^ 1]) + bytes(answer[4:])
    session.receive(Arrival(damaged, HOST, 0), 0.0)
    assert (session.malformed, len(session.events())) == ((1, 0) if summed else (0, 1))
    if summed:
        session.receive(Arrival(bytes(answer), HOST, 0), 0.0)
        assert session.events()[0].window.rcvd == 1


@pytest.mark.parametrize(
    ("back", "size"),
    [
        (lambda data: data, None),
        (lambda data: data[:40], 32),
        (lambda data: data[:14], 6),
        (lambda data: data[:8], 0),
        (lambda data: data[:8] + bytes(56), 56),
        (lambda data: data + b"\0", 57),
        (lambda data: data[:-1] + b"x", 56),
    ],
    ids=["whole", "cut", "cut in our mark", "no payload", "zeroed", "filled", "changed"],
)
def test_an_answer_that_is_not_what_was_sent_is_told(back: Callable[[bytes], bytes], size: int | None) -> None:
    session, data = sent()
    session.receive(Arrival(back(bytes([REPLY4]) + data[1:]), HOST, 0), 0.0)
    window = session.events()[0].window
    assert window.rcvd == 1 and window.more.get("changed_size") == size
    assert ("not what was sent" in _note(window)) == (size is not None) == ("changed" in _more(window))


@pytest.mark.parametrize(
    ("head", "source"),
    [(b"\0\0\0\0\0\x08\0\0", HOST), (b"\0\0\0\0\0\x07\0\x05", HOST), (b"\0\0\0\0\0\x07\0\0", ("192.0.2.7", 0))],
    ids=["another identifier", "another number", "another host"],
)
def test_a_payload_without_our_mark_is_ours_only_by_identifier_number_and_host(
    head: bytes, source: tuple[str, int]
) -> None:
    session, _ = sent()
    session.receive(Arrival(head, source, 0), 0.0)
    assert not session.events()


@pytest.mark.parametrize(("size", "length"), [(0, 24), (16, 24), (17, 25), (56, 64), (8972, 8980)])
def test_the_size_is_the_payloads(size: int, length: int) -> None:
    assert len(echo(1, 2, 3, size)) == length


def test_errors_quote_our_packet_as_scapy_writes_it() -> None:
    session, data = sent()
    whole = bytes(IP(src="192.0.2.9", dst=HOST[0]) / ICMP(data))
    session.unreachable(HOST[0], "192.0.2.254", whole[20:], 3, 13, 0.1)
    session.transmit(2.0, 0)
    session.transmit(2.0, 0)
    (event,) = session.events() or [None]
    assert event is not None and event.window.why.startswith("192.0.2.254 forbids it")


@given(st.binary(max_size=1500), st.booleans())
def test_any_bytes_never_raise(data: bytes, v6: bool) -> None:
    session, good = sent(v6)
    for one in (data, good[: len(data)] + data, bytes([REPLY6 if v6 else REPLY4]) + good[1:16] + data):
        session.receive(Arrival(one, HOST, 0), 0.0)
        session.unreachable(HOST[0], "192.0.2.254", one, 3, 1, 0.0)
    windows = [event.window for event in session.events()]
    assert len(windows) <= 1 and all("changed_size" in window.more for window in windows if window.rcvd)
