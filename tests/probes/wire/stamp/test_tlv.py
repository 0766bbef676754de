"""STAMP TLVs (RFC 8972 §4): golden bytes, scapy as the second opinion, flags, the HMAC, and chains made to hurt."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.stamp import STAMPSessionReflectorTestUnauthenticated, STAMPSessionSenderTestUnauthenticated

from probes.wire.stamp import packet as stamp
from probes.wire.stamp import tlv
from probes.wire.stamp.tlv import COS, DIRECT, FOLLOW_UP, HMAC, LENGTHS, PADDING, TIMESTAMP, Cos

KEY, HEAD, BACK = b"a key of sixteen", bytes.fromhex("0000002a"), bytes.fromhex("00000009")
ASKED = {COS: Cos(46).encode(), TIMESTAMP: bytes(4), DIRECT: tlv.direct(43), FOLLOW_UP: bytes(16)}
GOLDEN = bytes.fromhex(
    "80040004 b8000000"  # DSCP1 46
    "80030004 00000000"
    "8005000c 0000002b 00000000 00000000"
    "80070010 00000000 0000000000000000 00000000"
)
ANSWERS = {
    COS: lambda value: Cos(46, 10, 3, True).encode(),
    TIMESTAMP: lambda value: bytes((1, 2, 1, 2)),
    DIRECT: lambda value: tlv.direct(tlv.counted(value)[0], 7, 6),
    FOLLOW_UP: lambda value: tlv.follow_up(8, 0xEEF45080_80000000, 2),
}
ANSWERED = bytes.fromhex(
    "00040004 b8ad0000"  # DSCP1 101110, DSCP2 001010, ECN 11, RP 01
    "00030004 01020102 0005000c 0000002b 00000007 00000006 00070010 00000008 eef4508080000000 02000000"
)
values = st.dictionaries(st.sampled_from([COS, TIMESTAMP, DIRECT, FOLLOW_UP]), st.none()).map(lambda some: {one: ASKED[one] for one in some})  # fmt: skip


def test_an_asking_chain_is_byte_for_byte_rfc_8972s() -> None:
    assert tlv.chain_of(ASKED) == GOLDEN
    assert tlv.chain_of({COS: ASKED[COS]}, size=20) == GOLDEN[:8] + bytes.fromhex("80010008") + bytes(8)


def test_an_answered_chain_is_byte_for_byte_rfc_8972s() -> None:
    assert tlv.cos(ANSWERED[4:8]) == (46, 10, 3, True)
    assert tlv.reflected(GOLDEN, ANSWERS) == ANSWERED
    assert tlv.answered(ANSWERED) == {
        COS: ANSWERED[4:8], TIMESTAMP: bytes((1, 2, 1, 2)), DIRECT: tlv.direct(43, 7, 6),
        FOLLOW_UP: tlv.follow_up(8, 0xEEF45080_80000000, 2),
    }  # fmt: skip


def test_scapy_reads_our_chains_behind_tests_and_answers() -> None:
    test = stamp.encode_test(stamp.Test(42, 0, 0x1601, 7)) + tlv.chain_of(ASKED, size=80)
    reply = stamp.encode_reply(stamp.StampReply(9, 0, 0x8001, 7, 0, 42, 0, 0x1601, 63)) + tlv.reflected(GOLDEN, ANSWERS)
    for read, flags, types in (
        (STAMPSessionSenderTestUnauthenticated(test), 0x80, [COS, TIMESTAMP, DIRECT, FOLLOW_UP, PADDING]),
        (STAMPSessionReflectorTestUnauthenticated(reply), 0, [COS, TIMESTAMP, DIRECT, FOLLOW_UP]),
    ):
        assert [one.type for one in read.tlv_objects] == types
        assert {int(one.flags) for one in read.tlv_objects} == {flags}
        assert [one.len for one in read.tlv_objects if one.type != PADDING] == [LENGTHS[one] for one in types if one != PADDING]  # fmt: skip
        assert all(one.len == len(one.value) for one in read.tlv_objects)


# --- flags ---


def test_an_unknown_type_goes_back_flagged_unknown_and_untouched() -> None:
    chain = bytes.fromhex("80c80003 010203 80060002 abcd") + GOLDEN[:8]
    back = tlv.reflected(chain, ANSWERS)
    assert back[:13] == chain[:13] and back[13] == 0  # the next one is answered all the same
    assert tlv.answered(back) == {COS: Cos(46, 10, 3, True).encode()}


@pytest.mark.parametrize("length", [0, 3, 5, 8])
def test_a_wrong_length_is_malformed(length: int) -> None:
    back = tlv.reflected(bytes((0x80, COS, 0, length)) + bytes(length), ANSWERS)
    assert back == bytes((0x40, COS, 0, length)) + bytes(length) and tlv.answered(back) == {}


@pytest.mark.parametrize("tail", ["80040005 b8000000", "8004ffff", "800400", "80"])
def test_a_chain_that_breaks_off_is_malformed_there_and_copied(tail: str) -> None:
    back = tlv.reflected(GOLDEN[:8] + bytes.fromhex(tail), ANSWERS)
    assert back[8] == 0x40 and back[9:] == bytes.fromhex(tail)[1:] and back[0] == 0


def test_a_chain_longer_than_is_read_is_malformed_where_reading_ends() -> None:
    many = tlv.reflected(GOLDEN[:8] * 9, ANSWERS)
    assert [many[at] for at in range(0, 72, 8)] == [0] * 8 + [0x40]
    long = tlv.reflected(bytes.fromhex("80c80100") + bytes(256) + GOLDEN[:8], ANSWERS)
    assert long[0] == 0x40 and long[260:] == GOLDEN[:8]
    padded = tlv.reflected(bytes.fromhex("80010400") + bytes(1024) + GOLDEN[:8], ANSWERS)
    assert padded[0] == 0 and padded[-8] == 0


# --- integrity ---


def test_the_hmac_covers_the_number_and_all_before_it() -> None:
    chain = tlv.chain_of(ASKED, head=HEAD, key=KEY, size=100)
    mac = hmac.new(KEY, HEAD + GOLDEN, hashlib.sha256).digest()[:16]
    assert chain[: len(GOLDEN) + 20] == GOLDEN + bytes.fromhex("80080010") + mac
    assert chain[len(GOLDEN) + 20 :][:2] == bytes((0x80, PADDING)) and len(chain) == 100
    back = tlv.reflected(chain, ANSWERS, key=KEY, head=HEAD, reply_head=BACK)
    assert back[len(GOLDEN) + 4 :][:16] == hmac.new(KEY, BACK + back[: len(GOLDEN)], hashlib.sha256).digest()[:16]
    assert set(tlv.answered(back, key=KEY, head=BACK)) == {*ASKED, HMAC}
    assert tlv.answered(back, key=KEY, head=HEAD) == {}


@given(st.integers(0, len(GOLDEN) + 19).filter(lambda at: at != len(GOLDEN)), st.integers(1, 255))
def test_one_changed_byte_before_the_hmac_fails_all_of_them(at: int, change: int) -> None:
    chain = bytearray(tlv.chain_of(ASKED, head=HEAD, key=KEY, size=100))
    chain[at] ^= change
    back = tlv.reflected(bytes(chain), ANSWERS, key=KEY, head=HEAD, reply_head=BACK)
    assert tlv.answered(back, key=KEY, head=BACK) == {}
    found, _ = tlv.spots(bytes(chain))
    assert all(back[spot.at] == 0x20 for spot in found)
    assert all(back[spot.at + 1 : spot.end] == chain[spot.at + 1 : spot.end] for spot in found)


def test_with_a_key_a_chain_without_hmac_or_with_more_behind_it_is_not_believed() -> None:
    chain = tlv.chain_of(ASKED, head=HEAD, key=KEY)
    for bad in (GOLDEN, chain + GOLDEN[:8]):
        back = tlv.reflected(bad, ANSWERS, key=KEY, head=HEAD, reply_head=BACK)
        assert back[0] == 0x20 and tlv.answered(back, key=KEY, head=BACK) == {}
    padding = tlv.chain_of({}, size=30)
    assert tlv.reflected(padding, ANSWERS, key=KEY, head=HEAD, reply_head=BACK) == b"\0" + padding[1:]


# --- anything ---


@given(values, st.booleans(), st.integers(0, 400))
def test_what_was_asked_is_answered_in_as_many_bytes(asked: dict[int, bytes], keyed: bool, size: int) -> None:
    key = KEY if keyed else b""
    chain = tlv.chain_of(asked, head=HEAD, key=key, size=size)
    back = tlv.reflected(chain, ANSWERS, key=key, head=HEAD, reply_head=BACK)
    assert len(back) == len(chain) and len(chain) >= size - 4
    assert set(tlv.answered(back, key=key, head=BACK)) - {HMAC} == set(asked)


@given(st.one_of(st.binary(max_size=1400), st.lists(st.tuples(st.integers(0, 255), st.integers(0, 12), st.integers(0, 40)), max_size=40).map(lambda tlvs: b"".join(bytes((flags, type_, 0, length)) + bytes(length) for flags, type_, length in tlvs))), st.sampled_from([b"", KEY]))  # fmt: skip
def test_any_chain_goes_back_as_long_as_it_came_and_nothing_raises(chain: bytes, key: bytes) -> None:
    back = tlv.reflected(chain, ANSWERS, key=key, head=HEAD, reply_head=BACK)
    assert len(back) == len(chain)
    for one in (chain, back):
        assert all(len(value) == LENGTHS[type_] for type_, value in tlv.answered(one, key=key, head=BACK).items())
    found, broken = tlv.spots(chain)
    assert len(found) <= 8 and broken <= len(chain)
