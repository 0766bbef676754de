"""Well-formed SNMP passes, everything else is told apart from it, and nothing but `WireError` comes out."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
import snmpagent as fake
from hypothesis import given
from hypothesis import strategies as st

from probes.errors import WireError
from probes.wire import ber, snmp

# Debian's snmpget and snmpd 5.9.3 on the wire, as a relay between them saw it.
SPOKEN = {
    "v2c question": "302902010104067075626c6963a01c020419b4e24d020100020100300e300c06082b060102010103000500",
    "v2c answer": "302c02010104067075626c6963a21f020419b4e24d0201000201003011300f06082b06010201010300430303015c",
    "v3 discovery": "303e020103301102042c08599d020300ffe30401040201030410300e0400020100020100040004000400301404000400a00e020453ec4"
    "ba50201000201003000",
    "v3 report": "3072020103301102042c08599d020300ffe304010002010304223020041180001f8880fa97c9661d22066b00000000020101020207b20"
    "400040004003036041180001f8880fa97c9661d22066b000000000400a81f020453ec4ba50201000201003011300f060a2b060106030f01010400"
    "410122",
    "v3 encrypted": "308197020103301102042c08599c020300ffe304010702010304483046041180001f8880fa97c9661d22066b000000000201010202"
    "07b204066e65746d6f6e0418cb8c703570181699cb896f357655dcebd2187468f35fd97904082fbb54e1c298feac0435d8e36e83b72aa0eb3a222"
    "568e8f21812c1646dd1ee057518bf2c44f0f6f6cd6f780ed193660e775e0aadf2a8981489bc2540ecd79a",
}
GOOD = fake.message(77, [fake.row("1.3.6.1.2.1.1.3.0", fake.TICKS, 5), fake.row("1.3.6.1.2.1.1.5.0", 4, b"r1")])


@pytest.mark.parametrize("name", SPOKEN)
def test_what_others_say_to_each_other_passes(name: str) -> None:
    snmp.check(bytes.fromhex(SPOKEN[name]))


def test_errors_and_ends_pass() -> None:
    snmp.check(GOOD)
    snmp.check(fake.message(-1, [], fake.TOO_BIG))
    snmp.check(fake.message(2**31 - 1, [fake.row("1.3.9", fake.END, b"")]))


@given(st.binary(max_size=300))
def test_any_bytes_never_raise_anything_else(data: bytes) -> None:
    with suppress(WireError):
        snmp.check(data)
        assert data[0] == 0x30 and ber.body(data, 0, len(data))[1] == len(data)


@given(st.integers(0, len(GOOD) - 1))
def test_a_message_cut_anywhere_is_malformed(size: int) -> None:
    with pytest.raises(WireError):
        snmp.check(GOOD[:size])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no SNMP"),
        (b"HTTP/1.1 400 Bad Request", "no SNMP"),
        (GOOD + b"\0", "after the end"),
        (fake.tlv(0x30, b"\x02\x00"), "type 0x02 of 0 bytes"),
        (b"\x30\x80\x00\x00", "length nobody writes"),
        (b"\x30\x84\xff\xff\xff\xff", "longer than"),
        (fake.tlv(0x30, fake.tlv(0x4F, b"abc")), "type 0x4f"),
        (fake.tlv(0x30, fake.tlv(0x06, b"\x2b\x86")), "type 0x06"),
        (fake.tlv(0x30, fake.number(2**80, 0x46)), "type 0x46"),
        (fake.message(1, [fake.tlv(0x30, b"")]), "cut off"),
        (fake.message(1, [fake.tlv(0x30, fake.number(3))]), "where 0x06 belongs"),
        (fake.message(1, [fake.number(3)]), "where a sequence belongs"),
    ],
)
def test_each_fault_has_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        snmp.check(data)


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_the_short_way_through_a_row_says_what_the_long_one_says(changes: list[tuple[int, int]]) -> None:
    data = bytearray(GOOD)
    for at, byte in changes:
        data[at] = byte

    def verdict() -> bool:
        try:
            snmp.check(bytes(data))
        except WireError:
            return False
        return True

    short = verdict()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snmp, "_usual", lambda *_: 0)
        assert verdict() == short


def oid_of(arcs: int, arc: int = 1) -> str:
    return ".".join(["1.3", *[str(arc)] * (arcs - 2)])


@pytest.mark.parametrize("arc", [1, 2**32 - 1])
def test_an_object_identifier_has_128_arcs_at_most(arc: int) -> None:
    snmp.check(fake.message(1, [fake.row(oid_of(128, arc), fake.OID, oid_of(128, arc))]))
    for row in (fake.row(oid_of(129, arc), fake.INTEGER, 1), fake.row("1.3.6", fake.OID, oid_of(129, arc))):
        with pytest.raises(WireError, match="type 0x06"):
            snmp.check(fake.message(1, [row]))


def test_a_message_of_very_many_rows_is_refused() -> None:
    rows = [fake.row("1.3.6.1", fake.INTEGER, 1)] * (snmp.MAX_ROWS + 1)
    snmp.check(fake.message(1, rows[1:]))
    with pytest.raises(WireError, match="more than 128 rows"):
        snmp.check(fake.message(1, rows))


def test_a_message_is_known_by_its_version_and_number() -> None:
    assert snmp.ident(GOOD) == (1, b"\x4d")
    spoken = {name: snmp.ident(bytes.fromhex(data)) for name, data in SPOKEN.items()}
    assert spoken["v2c question"] == spoken["v2c answer"] == (1, bytes.fromhex("19b4e24d"))
    assert spoken["v3 discovery"] == spoken["v3 report"] == (3, bytes.fromhex("2c08599d"))
    assert spoken["v3 encrypted"] == (3, bytes.fromhex("2c08599c"))


@given(st.binary(max_size=60))
def test_any_bytes_have_a_number_or_none(data: bytes) -> None:
    named = snmp.ident(data)
    assert named is None or (named[0] >= 0 and named[1] in data)


def test_nesting_ends_somewhere() -> None:
    data = b""
    for _ in range(2000):
        data = fake.tlv(0x30, data)
    with pytest.raises(WireError, match="nested"):
        snmp.check(data)


def test_the_librarys_decoder_takes_what_passes_without_a_panic() -> None:
    """Answers with some bytes changed: those that pass the check end in a value or in one of the library's own errors."""
    import select
    import socket

    from gufo.snmp import SnmpError
    from gufo.snmp._fast import GetIter, SnmpV2cClientSocket

    rng, agent = random.Random(11), fake.Agent(fake.router(["wan0", "lan"]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind(("127.0.0.1", 0))
        sock = SnmpV2cClientSocket(f"127.0.0.1:{far.getsockname()[1]}", "public", 0, 0, 0, 0)
        passed = 0
        for _ in range(1500):
            place = GetIter(fake.IFX + ".1", 10)
            sock.send_get_bulk(place)
            data, source = far.recvfrom(9000)
            answer = bytearray(agent.answer(data)[0])
            for _ in range(rng.choice((1, 1, 2, 3))):
                answer[rng.randrange(len(answer))] = rng.choice(
                    (0, 1, 5, 6, 0x30, 0x7F, 0x80, 0xFF, rng.randrange(256))
                )
            with suppress(WireError, SnmpError, BlockingIOError, StopAsyncIteration):
                snmp.check(bytes(answer))
                far.sendto(answer, source)
                select.select([sock.get_fd()], [], [], 1)
                passed += 1
                sock.recv_get_bulk(place)
    assert passed > 500
