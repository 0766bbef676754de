"""DNS messages: bytes of unbound and of scapy, and bytes nobody should send."""

from __future__ import annotations

from contextlib import suppress

import pytest
from checkout import GOLDEN
from hypothesis import example, given
from hypothesis import strategies as st

from probes.errors import WireError
from probes.wire import dns, dns_rdata
from probes.wire.cursor import ByteCursor
from probes.wire.dns import DnsMessage, Question, dns_framer

RECORDED = GOLDEN / "dns" / "unbound.hex"
LINES = [line.split() for line in RECORDED.read_text().splitlines() if not line.startswith("#")]
BYTES = {line[0]: bytes.fromhex(line[3]) for line in LINES}
# DNS(id=0x1234, rd=1, ad=1, qd=DNSQR(qname="portal.gov.test"), ar=DNSRROPT(rclass=1232, z=0x8000)) of scapy 2.8
QUERY = "12340120000100000000000106706f7274616c03676f760474657374000001000100002904d0000080000000"
# a response of scapy 2.8: AA, AD, an SRV, an NS, an AAAA, and an OPT with the upper bits of rcode 16
SCAPY = (
    "0007852000010001000100020178047465737400002100010178047465737400002100010000000900100001000213c4016d0178047465"
    "73740001780474657374000002000100000005000b026e730178047465737400016d0178047465737400001c0001000000060010"
    "20010db80000000000000000000000070000291000010080000000"
)


def test_a_query_is_byte_for_byte_scapys() -> None:
    assert dns.encode_query(0x1234, Question("portal.gov.test", "A"), dnssec=True).hex() == QUERY
    assert dns.encode_query(0x1234, Question("portal.gov.test.", "A"), dnssec=True).hex() == QUERY


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0])
def test_unbounds_answers_carry_our_question(line: list[str]) -> None:
    read = dns.decode(bytes.fromhex(line[3]))
    assert (read.ident, read.response, read.rd, read.ra, read.edns) == (0x1234, True, True, True, True)
    assert read.question is not None and read.question.same(Question(line[1].upper(), line[2]))


@pytest.mark.parametrize(
    ("label", "values"),
    [
        ("a", ["192.0.2.10", "192.0.2.11"]),
        ("aaaa", ["2001:db8::10"]),
        ("soa", ["ns.gov.test admin.gov.test 2026112401 3600 600 86400 60"]),
        ("mx", ["10 mail.gov.test"]),
        ("txt", ["v=spf1 -all"]),
        ("caa", ['0 issue "ca.gov.test"']),
        ("srv", ["5 10 5060 mcu.gov.test"]),
        ("ptr", ["portal.gov.test"]),
        ("cname", ["portal.gov.test"]),
    ],
)
def test_values_of_unbound_are_read(label: str, values: list[str]) -> None:
    assert [one.value for one in dns.decode(BYTES[label]).answers] == values


@pytest.mark.parametrize(
    ("label", "rcode", "tc"), [("nxdomain", 3, False), ("refused", 5, False), ("servfail", 2, False), ("truncated", 0, True)]
)  # fmt: skip
def test_refusals_of_unbound_are_told(label: str, rcode: int, tc: bool) -> None:
    read = dns.decode(BYTES[label])
    assert (read.rcode, read.tc, read.answers) == (rcode, tc, ())


def test_scapys_sections_flags_and_extended_rcode_are_read() -> None:
    read = dns.decode(bytes.fromhex(SCAPY))
    assert (read.rcode, read.aa, read.ad, read.cd, read.ra) == (16, True, True, False, False)
    assert read.answers == (dns.Record("x.test", "SRV", 9, "1 2 5060 m.x.test"),)
    assert read.authority == (dns.Record("x.test", "NS", 5, "ns.x.test"),)
    assert read.additional == (dns.Record("m.x.test", "AAAA", 6, "2001:db8::7"),)
    assert dns_rdata.serial(dns.decode(BYTES["soa"]).answers[0].value) == 2026112401


HEAD = bytes.fromhex("000181800001000100000000") + b"\x01a\0\0\x01\0\x01"


def answer(name: bytes, value: bytes, type_: int = 1, ttl: int = 5) -> bytes:
    return HEAD + name + type_.to_bytes(2, "big") + b"\0\x01" + ttl.to_bytes(4, "big") + len(value).to_bytes(2, "big") + value  # fmt: skip


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "header"),
        (HEAD[:11], "header"),
        (HEAD[:4] + b"\0\x02" + HEAD[6:], "questions"),
        (HEAD[:6] + b"\xff\xff" + HEAD[8:], "records"),
        (HEAD, "cut"),
        (answer(b"\xc0\x13", b"abcd"), "circles"),  # points at itself
        (answer(b"\xc0\xff", b"abcd"), "circles"),  # points forward
        (answer(b"\x40", b"abcd"), "label"),
        (answer(b"\xc0\x0c", b"abc"), "3 bytes"),
        (answer(b"\xc0\x0c", b"\x03abc", 2), "cut"),
        (answer(b"\xc0\x0c", b"\x01b\0xx", 2), "bytes"),
        (answer(b"\xc0\x0c", b"\x09abc", 16), "string"),
        (answer(b"\xc0\x0c", b"\0", 15), "short"),
        (answer(b"\xc0\x0c", b"\0\0abc", 6), "bytes"),
        (answer(b"\xc0\x0c", b"\0\x09a", 257), "short"),
        (answer(b"\xc0\x0c", b"abcd")[:-1], "cut"),
        (answer((b"\x3f" + b"x" * 63) * 4 + b"\0", b"abcd"), "too long"),
        (answer(b"\0", b"", 41), "OPT"),
    ],
)
def test_what_is_no_message_is_a_wire_error(data: bytes, word: str) -> None:
    with pytest.raises(WireError) as caught:
        dns.decode(data)
    assert word in caught.value.reason


def test_pointers_to_pointers_cost_no_more_than_a_name() -> None:
    chain = b"".join((0xC000 | max(0, 12 + 2 * number - 2)).to_bytes(2, "big") for number in range(1, 200))
    with pytest.raises(WireError) as caught:
        dns_rdata.name(ByteCursor(bytes(14) + chain, 14 + len(chain) - 2))
    assert "circles" in caught.value.reason


def test_a_truncated_message_may_end_anywhere() -> None:
    whole = answer(b"\xc0\x0c", b"abcd")
    cut = whole[:2] + b"\x83\x80" + whole[4:-2]
    assert dns.decode(cut).tc and dns.decode(cut).answers == ()


def test_an_impossible_lifetime_is_none_and_unknown_types_are_hexadecimal() -> None:
    read = dns.decode(answer(b"\xc0\x0c", b"\x01\x02", 999, ttl=0x80000001))
    assert read.answers == (dns.Record("a", "TYPE999", 0, "\\# 2 0102"),)


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        (".", b"\0"),
        ("a.b", b"\x01a\x01b\0"),
        ("a.b.", b"\x01a\x01b\0"),
        (r"a\.b.c", b"\x03a.b\x01c\0"),
        (r"a\032b", b"\x03a b\0"),
        ("_sip._tcp", b"\x04_sip\x04_tcp\0"),
    ],
)
def test_names_are_written_as_in_zone_files(text: str, wire: bytes) -> None:
    assert dns.encode_name(text) == wire
    assert dns.encode_name(dns_rdata.name(ByteCursor(wire))) == wire


@pytest.mark.parametrize(
    "text", ["", "..", "a..b", ".a", "x" * 64, "công.vn", "a\\999", "a\\", ".".join(["x" * 60] * 5)]
)
def test_names_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        dns.encode_name(text)


labels = st.binary(min_size=1, max_size=20)


@given(st.lists(labels, max_size=8))
def test_any_name_is_read_as_it_was_written(parts: list[bytes]) -> None:
    wire = b"".join(bytes((len(one),)) + one for one in parts) + b"\0"
    held = ByteCursor(wire)
    text = dns_rdata.name(held)
    assert not held.left and text.isprintable() and dns.encode_name(text) == wire


@given(st.binary(max_size=200))
@example(bytes.fromhex(SCAPY))
def test_any_bytes_are_a_message_or_a_wire_error(data: bytes) -> None:
    with suppress(WireError):
        _is_sound(dns.decode(data))


def _is_sound(message: DnsMessage) -> None:
    records = (*message.answers, *message.authority, *message.additional)
    for name in [record.name for record in records] + ([message.question.name] if message.question else []):
        assert dns.plain_name(name) == name
    assert all(
        0 <= record.ttl_s < 2**31 and record.value.isprintable()
        for record in records
        if record.type not in ("TXT", "CAA")
    )


@given(st.sampled_from(sorted(BYTES.values())), st.data())
def test_a_spoiled_message_is_a_message_or_a_wire_error(data: bytes, draw: st.DataObject) -> None:
    spoiled = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        spoiled[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    cut = draw.draw(st.integers(0, len(data)))
    with suppress(WireError):
        _is_sound(dns.decode(bytes(spoiled[:cut])))


@given(st.lists(st.binary(max_size=40), max_size=5), st.data())
def test_a_stream_is_cut_into_the_same_messages_in_any_slicing(messages: list[bytes], draw: st.DataObject) -> None:
    stream, framer, found = b"".join(map(dns.framed, messages)), dns_framer(), list[bytes]()
    while stream:
        size = draw.draw(st.integers(1, len(stream)))
        found += framer.feed(stream[:size])
        stream = stream[size:]
    assert found == messages and not framer.pending
    framer.feed(b"\0\x09ab")
    assert framer.pending
