"""Packets of the train protocol: bytes as the module's table lays them out, and any bytes at all."""

from __future__ import annotations

import hashlib
import hmac
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.errors import WireError
from probes.wire.handshake import MIN_QUESTION_BYTES, PacketType, cookie_of
from probes.wire.train import packet as train
from probes.wire.train.packet import PacketStream, Summary, TrainGo, TrainRefusal

TEST, COOKIE, KEY = 0x0102030405060708, bytes(range(16)), b"a shared key of some length"
HEAD = bytes.fromhex("6e6d7431 03 00 0007 0102030405060708")  # "nmt1", GO, 0, round 7, the test


def test_a_go_has_its_bytes_in_place() -> None:
    body = train.go_body(TrainGo(PacketStream(32, 1472, 0), PacketStream(833, 1200, 2_400_000), 136))
    data = train.CODEC.ask(PacketType.GO, TEST, COOKIE, body, tag=7)
    ours, theirs = bytes.fromhex("00000020 05c0 00000000"), bytes.fromhex("00000341 04b0 00249f00")
    assert data == (HEAD + COOKIE + ours + theirs + b"\x88").ljust(96, b"\0")
    assert train.CODEC.head(data) == (PacketType.GO, 7, TEST)
    assert train.read_go(data[32:]) == TrainGo(PacketStream(32, 1472, 0), PacketStream(833, 1200, 2_400_000), 136)


def test_data_has_its_number_and_time() -> None:
    data = train.data_head(7, TEST, 5, 0xABCDEF) + bytes(36)
    assert data[:28] == HEAD[:4] + b"\x06" + HEAD[5:] + bytes.fromhex("00000005 0000000000abcdef")
    assert train.read_data(data) == (5, 0xABCDEF)


def test_a_key_signs_all_that_stands_before() -> None:
    for data in (train.CODEC.hello(TEST, KEY), train.CODEC.answer(PacketType.CHALLENGE, TEST, COOKIE, KEY)):
        assert data[-16:] == hmac.new(KEY, data[:-16], hashlib.sha256).digest()[:16]
        assert train.CODEC.checked(data, KEY) == data[16:-16]
        for place in range(len(data)):
            forged = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            with pytest.raises(WireError):
                train.CODEC.checked(forged, KEY)


def test_no_answer_to_a_stranger_is_longer_than_what_was_asked() -> None:
    for key in (b"", KEY):
        assert len(train.CODEC.hello(TEST, key)) == MIN_QUESTION_BYTES
        for what, body in (
            (PacketType.CHALLENGE, COOKIE),
            (PacketType.NO, bytes([TrainRefusal.BUSY])),
            (PacketType.READY, b""),
        ):
            assert len(train.CODEC.answer(what, TEST, body, key, tag=1)) <= MIN_QUESTION_BYTES


def test_a_full_part_fits_every_path() -> None:
    told = Summary(0, 1, train.PART, 1, 2, 3, tuple((number, number) for number in range(train.PART)))
    assert len(train.CODEC.answer(PacketType.REPORT, TEST, train.summary_body(told), KEY, tag=1)) <= 1280 - 48


tolds = st.builds(
    Summary,
    st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2**48 - 1)), max_size=train.PART).map(tuple),
)  # fmt: skip


@given(tolds)
def test_what_is_told_is_read(told: Summary) -> None:
    assert train.read_summary(train.summary_body(told)) == told


@given(st.integers(0, 65535), st.integers(64, 8972), st.integers(0, 2**32 - 1), st.integers(0, 63))
def test_what_is_wanted_is_read(packets: int, size: int, gap_ns: int, dscp: int) -> None:
    go = TrainGo(PacketStream(packets, size, gap_ns), PacketStream(), dscp << 2)
    assert train.read_go(train.go_body(go)) == go


@pytest.mark.parametrize("stream", [PacketStream(65_536, 100), PacketStream(1, 63), PacketStream(1, 8973)])
def test_what_nobody_sends_is_not_read(stream: PacketStream) -> None:
    with pytest.raises(WireError):
        train.read_go(train.go_body(TrainGo(stream, PacketStream(), 0)))


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: b"nmt1" + tail))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(WireError):
        head = train.CODEC.head(data)
        assert (
            train.CODEC.head(train.CODEC.open(head.type, head.session, head.tag)) == head
            and data[:4] == train.CODEC.magic
        )
    with suppress(WireError):
        assert train.data_head(0, 0, *train.read_data(data))[16:] == data[16:28]
    for read, written in ((train.read_go, train.go_body), (train.read_summary, train.summary_body), (train.read_part, train.part_body)):  # fmt: skip
        with suppress(WireError):
            assert read(written(read(data))) == read(data)  # type: ignore[operator]
    with suppress(WireError):
        assert b"".join(cookie_of(data)) == data
    assert train.CODEC.checked(data, b"") == data[16:]
    with pytest.raises(WireError):
        train.CODEC.checked(data, KEY)
