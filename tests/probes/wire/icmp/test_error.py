"""ICMP errors as scapy and by hand made them: quotes, MTUs, MPLS labels; any bytes raise `WireError` at most."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.mpls import MPLS, ICMPExtension_MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP, ICMPExtension_Header
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6EchoRequest, ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPv6

from probes.errors import WireError
from probes.wire.icmp.error import IcmpMeaning, Label, decode, labels, labels_at, meaning
from probes.wire.icmp.header import checksum

# RFC 4950 §3, by hand: version 2, checksum, one object of 12 bytes, class 1, type 1, two entries.
STACK = bytes.fromhex("2000 0000 000c 0101 05dc8040 1388af01".replace(" ", ""))
STACK = STACK[:2] + checksum(STACK).to_bytes(2, "big") + STACK[4:]
LABELS = (Label(0x5DC8, 0, False, 0x40), Label(0x1388A, 7, True, 1))
ASKED = IP(src="192.0.2.1", dst="192.0.2.9", tos=0xB8, ttl=1) / UDP(sport=20000, dport=33434) / (b"x" * 40)


def test_a_router_quotes_our_udp_packet_as_it_saw_it() -> None:
    got = decode(bytes(ICMP(type="time-exceeded") / ASKED), False)
    assert (got.what, got.type, got.code, got.labels) == (IcmpMeaning.EXCEEDED, 11, 0, ())
    assert (got.protocol, got.to, got.dscp, got.ttl) == (17, socket.inet_aton("192.0.2.9"), 46, 1)
    assert (got.source, got.port, got.number) == (20000, 33434, 48)


def test_quotes_of_eight_bytes_are_enough() -> None:
    for asked, found in (
        (ASKED, (20000, 33434, 48)),
        (IP(dst="192.0.2.9") / TCP(sport=20001, dport=443, seq=0xABCDEF01), (20001, 443, 0xABCDEF01)),
        (IP(dst="192.0.2.9") / ICMP(id=7, seq=513), (7, 0, 513)),
    ):
        got = decode(bytes(ICMP(type=3, code=13) / IP(bytes(asked)[:28])), False)
        assert got.what is IcmpMeaning.UNREACHABLE and (got.source, got.port, got.number) == found


@pytest.mark.parametrize("length", [17, 0])
def test_labels_stand_behind_the_quote_whether_its_length_is_told_or_not(length: int) -> None:
    quote = bytes(ASKED).ljust(136 if length else 128, b"\0")
    got = decode(bytes([11, 0, 0, 0, 0, length * 2, 0, 0]) + quote.ljust(length * 8, b"\0") + STACK, False)
    assert got.labels == LABELS
    assert str(got.labels[0]) == "24008/0/64"


def test_labels_that_scapy_made() -> None:
    stack = [MPLS(label=16001, cos=5, s=0, ttl=254), MPLS(label=24, cos=0, s=1, ttl=1)]
    extension = ICMPExtension_Header() / ICMPExtension_MPLS(stack=stack)
    found = labels(bytes(extension))
    assert found == (Label(16001, 5, False, 254), Label(24, 0, True, 1))
    message = bytes(ICMP(type=11, code=0, ext=extension) / ASKED)
    assert decode(message, False).labels == found


def test_other_objects_are_passed_over() -> None:
    interface = bytes.fromhex("0008020200000007")  # RFC 5837: class 2, an interface's index
    body = interface + STACK[4:] + interface
    assert labels(b"\x20\0\0\0" + body) == LABELS


def test_an_ipv6_router_quotes_and_labels_too() -> None:
    asked = IPv6(dst="2001:db8::9", tc=0xB8, hlim=1) / UDP(sport=20000, dport=33434) / (b"x" * 40)
    plain = decode(bytes(ICMPv6TimeExceeded() / asked), True)
    assert (plain.what, plain.protocol, plain.dscp, plain.ttl, plain.number) == (IcmpMeaning.EXCEEDED, 17, 46, 1, 48)
    assert plain.to == socket.inet_pton(socket.AF_INET6, "2001:db8::9")
    labelled = bytes([3, 0, 0, 0, 16, 0, 0, 0]) + bytes(asked).ljust(128, b"\0") + STACK
    assert decode(labelled, True).labels == LABELS
    echo = decode(bytes(ICMPv6DestUnreach(code=1) / IPv6(dst="2001:db8::9") / ICMPv6EchoRequest(id=9, seq=3)), True)
    assert (echo.what, echo.source, echo.number) == (IcmpMeaning.UNREACHABLE, 9, 3)


def test_a_packet_that_is_too_big_names_the_mtu() -> None:
    assert decode(bytes(ICMP(type=3, code=4, nexthopmtu=1300) / ASKED), False)[:4] == (IcmpMeaning.TOO_BIG, 3, 4, 1300)
    big = ICMPv6PacketTooBig(mtu=1280) / IPv6(dst="2001:db8::9") / UDP()
    assert decode(bytes(big), True)[:4] == (IcmpMeaning.TOO_BIG, 2, 0, 1280)


@pytest.mark.parametrize(
    ("type", "code", "v6", "what"),
    [
        (3, 3, False, IcmpMeaning.PORT),
        (3, 1, False, IcmpMeaning.UNREACHABLE),
        (3, 13, False, IcmpMeaning.UNREACHABLE),
        (11, 1, False, IcmpMeaning.OTHER),
        (12, 0, False, IcmpMeaning.OTHER),
        (1, 4, True, IcmpMeaning.PORT),
        (1, 1, True, IcmpMeaning.UNREACHABLE),
        (3, 1, True, IcmpMeaning.OTHER),
        (4, 0, True, IcmpMeaning.OTHER),
    ],
)
def test_types_and_codes_mean_what_the_rfcs_say(type: int, code: int, v6: bool, what: IcmpMeaning) -> None:
    assert meaning(type, code, v6) is what


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no ICMP message"),
        (bytes(ICMP(type="echo-reply") / ASKED), "quotes no packet"),
        (bytes([11]) + bytes(7), "no IPv4 header"),
        (bytes(ICMP(type=11) / IP(bytes(ASKED)[:24])), "less than 8 bytes"),
        (bytes(ICMP(type=11) / IP(dst="192.0.2.9", proto=47) / (b"x" * 8)), "protocol 47"),
        (bytes(ICMP(type=11) / IP(dst="192.0.2.9", frag=100, proto=17) / (b"x" * 8)), "later fragment"),
    ],
)
def test_what_is_no_error_about_a_packet_is_told(data: bytes, reason: str) -> None:
    with pytest.raises(WireError) as caught:
        decode(data, False)
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x20\0", "version 2"),
        (b"\x10\0\0\0", "version 2"),
        (STACK[:-1] + b"\x02", "checksum"),
        (b"\x20\0\0\0" + b"\0\x08\x01", "cut short"),
        (b"\x20\0\0\0" + b"\0\x03\x01\x01", "does not fit"),
        (b"\x20\0\0\0" + b"\0\x0c\x01\x01" + bytes(4), "does not fit"),
        (b"\x20\0\0\0" + b"\0\x06\x01\x01" + bytes(2), "multiple of 4"),
    ],
)
def test_broken_extensions_are_told(data: bytes, reason: str) -> None:
    with pytest.raises(WireError) as caught:
        labels(data)
    assert reason in caught.value.reason


def test_an_extension_nobody_announced_must_have_a_checksum() -> None:
    unchecked = STACK[:2] + b"\0\0" + STACK[4:]
    assert labels_at(b"x" * 8 + unchecked, 8, sure=True) == LABELS
    assert labels_at(b"x" * 8 + unchecked, 8, sure=False) == ()
    assert labels_at(b"x" * 8 + STACK, 8, sure=False) == LABELS


GOOD = (bytes([11, 0, 0, 0, 0, 32, 0, 0]) + bytes(ASKED).ljust(128, b"\0") + STACK, bytes(ICMP(type=3, code=4) / ASKED))


@given(st.binary(max_size=300), st.integers(0, 300), st.sampled_from(GOOD), st.booleans())
def test_any_bytes_never_raise_anything_else(data: bytes, at: int, good: bytes, v6: bool) -> None:
    for one in (data, good[:at] + data, good[:at] + data + good[at + len(data) :], good[:at]):
        for read in (lambda it: decode(it, v6), labels):
            try:
                read(one)
            except WireError as fault:
                assert fault.offset <= len(one) + 48  # noqa: PT017
