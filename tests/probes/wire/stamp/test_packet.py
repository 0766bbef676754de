"""STAMP packets (RFC 8762): golden bytes, scapy as the second opinion, HMAC, lengths, and any bytes at all."""

from __future__ import annotations

import hashlib
import hmac
import struct
from contextlib import nullcontext, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.stamp import (
    ErrorEstimate,
    STAMPSessionReflectorTestUnauthenticated,
    STAMPSessionSenderTestUnauthenticated,
)

from probes.errors import WireError
from probes.wire.stamp import packet as stamp
from probes.wire.stamp.packet import ClockQuality, StampReply, Test

Test.__test__ = False  # type: ignore[attr-defined]
KEY = b"a key of sixteen"
AT_NS = 1_800_000_000_500_000_000  # 2027-01-15 08:00:00.5 UTC
NTP = (1_800_000_000 + 2_208_988_800) << 32 | 1 << 31
SENDER = bytes.fromhex("0000002aeef45080 8000000016010007") + bytes(28)
stamps = st.integers(0, 2**32 * 10**9 - 10**9)  # from 1970 to the end of NTP's next era
seqs, words, shorts = st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1)
tests = st.builds(Test, seqs, stamps, shorts, shorts)
replies = st.builds(StampReply, seqs, stamps, shorts, shorts, stamps, seqs, stamps, shorts, st.integers(0, 255))


def near(one_ns: int, other_ns: int, field: int) -> bool:
    """The wire is exact to a nanosecond; truncated PTP counts 32 bits of seconds, NTP from 1968 to 2104."""
    era = 2**32 * 10**9
    return (one_ns - other_ns + 1) % era <= 2


# --- golden ---


def test_a_senders_packet_is_byte_for_byte_rfc_8762s() -> None:
    assert stamp.to_wire(AT_NS) == NTP == 0xEEF45080_80000000
    assert stamp.encode_test(Test(42, AT_NS, 0x1601, 7)) == SENDER
    assert stamp.decode_test(SENDER) == Test(42, AT_NS, 0x1601, 7)


def test_a_reflectors_packet_is_byte_for_byte_rfc_8762s() -> None:
    data = stamp.encode_reply(StampReply(9, AT_NS + 250_000_000, 0x8001, 7, AT_NS, 42, AT_NS - 500_000_000, 0x1601, 63))
    golden = bytes.fromhex("00000009eef45080 c000000080010007") + bytes.fromhex(
        "eef45080 800000000000002aeef45080 00000000160100003f000000"
    )
    assert data == golden and len(data) == 44


def test_truncated_ptp_is_seconds_and_nanoseconds() -> None:
    assert stamp.to_wire(AT_NS, ptp=True) == 1_800_000_000 << 32 | 500_000_000
    assert stamp.from_wire(1_800_000_000 << 32 | 500_000_000, 0x4000) == AT_NS


def test_ntp_seconds_begin_anew_in_2036() -> None:
    after_ns = 2_200_000_000 * 10**9  # 2039
    assert stamp.to_wire(after_ns) >> 32 < 1 << 31
    assert stamp.from_wire(stamp.to_wire(after_ns)) == after_ns


def test_authenticated_packets_carry_the_hmac_of_their_first_96_bytes() -> None:
    data = stamp.encode_test(Test(42, AT_NS, 0x1601, 7), KEY)
    assert len(data) == 112
    assert data[:4] == SENDER[:4] and data[16:28] == SENDER[4:16] and not any(data[4:16] + data[28:96])
    assert data[96:] == hmac.new(KEY, data[:96], hashlib.sha256).digest()[:16]
    back = stamp.encode_reply(StampReply(9, AT_NS, 0x8001, 7, AT_NS, 42, AT_NS, 0x1601, 63), KEY, 112)
    assert struct.unpack_from("!I12xQHHxxxxQ8xI12xQHxxxxxxB15x", back)[5:] == (42, NTP, 0x1601, 63)
    assert back[96:] == hmac.new(KEY, back[:96], hashlib.sha256).digest()[:16]


# --- scapy as the second opinion (unauthenticated is what it knows) ---


def estimate(field: int) -> dict[str, int]:
    return {"S": field >> 15, "Z": field >> 14 & 1, "scale": field >> 8 & 63, "multiplier": field & 255}


@given(tests)
def test_scapy_reads_our_tests_and_we_read_scapys(test: Test) -> None:
    ours = stamp.encode_test(test)
    read = STAMPSessionSenderTestUnauthenticated(ours)
    assert (read.seq, read.ssid) == (test.seq, test.ssid)
    assert {name: read.err_estimate.getfieldval(name) for name in ("S", "Z", "scale", "multiplier")} == estimate(
        test.error
    )
    made = bytes(STAMPSessionSenderTestUnauthenticated(seq=test.seq, ts=0, err_estimate=ErrorEstimate(**estimate(test.error)), ssid=test.ssid))  # fmt: skip
    assert made[:4] + made[12:44] == ours[:4] + ours[12:]
    assert stamp.decode_test(made[:4] + ours[4:12] + made[12:]) == stamp.decode_test(ours)


@given(replies)
def test_scapy_reads_our_replies_and_we_read_scapys(reply: StampReply) -> None:
    ours = stamp.encode_reply(reply)
    read = STAMPSessionReflectorTestUnauthenticated(ours)
    assert (read.seq, read.ssid, read.seq_sender, read.ttl_sender) == (
        reply.seq,
        reply.ssid,
        reply.sender_seq,
        reply.sender_ttl,
    )
    made = bytes(STAMPSessionReflectorTestUnauthenticated(
        seq=reply.seq, ts=0, err_estimate=ErrorEstimate(**estimate(reply.error)), ssid=reply.ssid, ts_rx=0,
        seq_sender=reply.sender_seq, ts_sender=0, err_estimate_sender=ErrorEstimate(**estimate(reply.sender_error)),
        ttl_sender=reply.sender_ttl,
    ))  # fmt: skip
    for first, last in ((0, 4), (12, 16), (24, 28), (36, 44)):
        assert made[first:last] == ours[first:last]
    stamped = made[:4] + ours[4:12] + made[12:16] + ours[16:24] + made[24:28] + ours[28:36] + made[36:44]
    assert stamp.decode_reply(stamped) == stamp.decode_reply(ours)


# --- round trips ---


@given(tests, st.sampled_from([b"", KEY]), st.integers(0, 1472))
def test_a_test_comes_back_as_it_was_said(test: Test, key: bytes, size: int) -> None:
    data = stamp.encode_test(test, key, size)
    read = stamp.decode_test(data, key)
    assert len(data) == max(size, 112 if key else 44)
    assert read._replace(sent_ns=0) == test._replace(sent_ns=0)
    assert near(read.sent_ns, test.sent_ns, test.error)


@given(replies, st.sampled_from([b"", KEY]))
def test_a_reply_comes_back_as_it_was_said(reply: StampReply, key: bytes) -> None:
    read = stamp.decode_reply(stamp.encode_reply(reply, key, 112 if key else 44), key)
    plain = {"sent_ns": 0, "received_ns": 0, "sender_ns": 0, "stamped": True}
    assert read._replace(**plain) == reply._replace(**plain)
    for name, field in (("sent_ns", "error"), ("received_ns", "error"), ("sender_ns", "sender_error")):
        assert near(getattr(read, name), getattr(reply, name), getattr(reply, field))


@pytest.mark.parametrize("at", [(4, 12), (16, 24), (4, 24)], ids=["sent", "received", "both"])
def test_a_stamp_of_zeros_is_none(at: tuple[int, int]) -> None:
    data = bytearray(stamp.encode_reply(StampReply(0, 10**18, 0x0101, 0, 10**18, 0, 10**18, 0x0101, 64)))
    assert stamp.decode_reply(bytes(data)).stamped
    if at == (4, 24):
        data[4:12] = data[16:24] = bytes(8)
    else:
        data[slice(*at)] = bytes(8)
    assert not stamp.decode_reply(bytes(data)).stamped


@given(st.floats(1e-9, 1000.0), st.booleans(), st.booleans())
def test_an_error_estimate_is_never_too_small_nor_twice_too_large(error_s: float, synced: bool, ptp: bool) -> None:
    field = ClockQuality(error_s, synced, ptp).field
    assert (field >> 15, field >> 14 & 1) == (synced, ptp) and field & 255
    told = stamp.error_s(field)
    assert told is not None and error_s <= told * (1 + 1e-12)
    assert told <= error_s * (1 + 1 / 127) + 2.0**-32


def test_a_multiplier_of_nothing_is_no_estimate() -> None:
    assert stamp.error_s(0x8000) is None and stamp.error_s(0x2001) == 1.0


# --- lengths and forgeries ---


@pytest.mark.parametrize("length", range(41))
def test_shorter_than_twamp_light_is_no_packet(length: int) -> None:
    for decode in (stamp.decode_test, stamp.decode_reply):
        with pytest.raises(WireError, match="too short"):
            decode(SENDER[:length])


@pytest.mark.parametrize("length", [41, 42, 43])
def test_twamp_light_has_no_ssid(length: int) -> None:
    assert stamp.decode_test(SENDER[:length]) == Test(42, AT_NS, 0x1601, 0)
    reply = StampReply(9, AT_NS, 0x8001, 0, AT_NS, 42, AT_NS, 0x1601, 63)
    data = stamp.encode_reply(reply, size=length)
    assert len(data) == length and stamp.decode_reply(data) == reply


@pytest.mark.parametrize("length", [0, 44, 96, 111])
def test_authenticated_packets_have_112_bytes_at_least(length: int) -> None:
    data = stamp.encode_test(Test(1, AT_NS, 1, 1), KEY)
    for decode in (stamp.decode_test, stamp.decode_reply):
        with pytest.raises(WireError, match="too short"):
            decode(data[:length], KEY)


@given(st.integers(0, 111), st.integers(1, 255))
def test_one_changed_byte_is_a_forgery(at: int, change: int) -> None:
    data = bytearray(stamp.encode_test(Test(1, AT_NS, 1, 1), KEY))
    data[at] ^= change
    with pytest.raises(WireError, match="HMAC") as caught:
        stamp.decode_test(bytes(data), KEY)
    assert caught.value.offset == 96


def test_another_key_is_a_forgery() -> None:
    with pytest.raises(WireError, match="HMAC"):
        stamp.decode_reply(stamp.encode_reply(StampReply(1, 2, 1, 1, 2, 3, 4, 1, 5), b"another key at all", 112), KEY)


def test_answers_are_told_from_tests() -> None:
    reply = StampReply(9, AT_NS + 10**6, 0x8001, 7, AT_NS, 42, AT_NS, 0x1601, 63)
    for key in (b"", KEY):
        assert stamp.is_answer(stamp.encode_reply(reply, key, 112), bool(key))
        assert not stamp.is_answer(stamp.encode_test(Test(42, AT_NS, 0x1601, 7), key, 112), bool(key))
    assert not stamp.is_answer(SENDER[:40], False) and stamp.is_answer(stamp.encode_reply(reply)[:41], False)


@given(st.binary(max_size=300), st.sampled_from([b"", KEY]))
def test_any_bytes_raise_nothing_but_a_wire_error(data: bytes, key: bytes) -> None:
    for decode in (stamp.decode_test, stamp.decode_reply):
        with pytest.raises(WireError) if key or len(data) < stamp.TWAMP else nullcontext():
            decode(data, key)
    with suppress(WireError):
        test, reply = stamp.decode_test(data), stamp.decode_reply(data)
        assert stamp.encode_test(test)[:4] == data[:4] == stamp.encode_reply(reply)[:4]
        assert stamp.encode_reply(reply)[24:28] == data[24:28]
    assert not (stamp.is_answer(data, bool(key)) and len(data) < stamp.TWAMP)
