"""Bytes of the media protocol: golden packets, round trips, keys, any bytes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.errors import WireError
from probes.wire.handshake import MIN_QUESTION_BYTES, PacketType, cookie_of, key_id
from probes.wire.media import packet as media
from probes.wire.media.packet import Data, MediaGo, MediaReport, ReportRequest
from probes.wire.media.shape import MediaShape, Sort, Variant

KEY = b"a key of sixteen"
words = st.integers(0, 2**32 - 1)
bytes_ = st.integers(0, 255)


def test_a_data_packet_is_as_written() -> None:
    said = Data(Sort.VIDEO, 34, 120, 5, 2, 1, 9, 0x0102030405060708)
    packet = media.data_packets(0x1122334455667788)(said, 64)
    assert packet.hex() == (
        "6e6d6431" "06" "00" "0000" "1122334455667788"  # nmd1, DATA, 0, no key, session
        "01" "22" "0078" "00000005" "00000002" "0001" "0009" "0102030405060708" + 24 * "00"
    )  # fmt: skip
    assert media.read_data(packet) == said and media.CODEC.head(packet) == (PacketType.DATA, 0, 0x1122334455667788)


def test_a_hello_is_as_long_as_whatever_answers_a_stranger() -> None:
    assert media.CODEC.hello(5).hex() == "6e6d6431" "01" "00" "0000" "0000000000000005" + 80 * "00"  # fmt: skip
    assert len(media.CODEC.hello(5, KEY)) == MIN_QUESTION_BYTES
    assert len(media.CODEC.answer(PacketType.CHALLENGE, 5, bytes(16), KEY)) <= MIN_QUESTION_BYTES


@given(words, st.integers(0, 2**32 - 1), st.sampled_from(Variant), st.integers(1, 3), bytes_)
def test_what_is_wanted_comes_back(rate: int, seed: int, variant: Variant, directions: int, tos: int) -> None:
    go = MediaGo(1, MediaShape(rate, 10_000, variant, seed), directions, tos & 0xFC, 184)
    assert media.read_go(media.go_body(go)) == go


@given(st.lists(st.tuples(words, words, bytes_), max_size=media.PART), words, st.booleans(), st.booleans())
def test_a_report_comes_back_and_fits_every_path(
    came: list[tuple[int, int, int]], word: int, over: bool, clock_set: bool
) -> None:
    report = MediaReport(word, 2, 3, word, 5, 6, 7, over, clock_set, tuple(came))
    body = media.report_body(report)
    assert media.read_report(body) == report
    assert len(media.CODEC.answer(PacketType.REPORT, 1, body, KEY)) <= 1200


def test_numbers_beyond_their_field_are_cut_not_wrapped() -> None:
    report = MediaReport(1, 2**40, 0, 0, 0, 0, 10**9, True, False, ((1, 2**40, 0x1FF),))
    told = media.read_report(media.report_body(report))
    assert told.held_us == 2**32 - 1 and told.quiet_ms == 65_535 and told.came == ((1, 2**32 - 1, 255),)


def test_a_question_comes_back() -> None:
    assert media.read_ask(media.ask_body(ReportRequest(9, 120, True))) == ReportRequest(9, 120, True)


def test_a_key_is_named_by_its_id_and_checked_by_its_hmac() -> None:
    packet = media.CODEC.hello(5, KEY)
    assert media.CODEC.head(packet).tag == key_id(KEY) != 0 == key_id(b"")
    media.CODEC.checked(packet, KEY)
    with pytest.raises(WireError, match="another key"):
        media.CODEC.checked(packet, b"quite another key")
    with pytest.raises(WireError, match="not made with our key"):
        media.CODEC.checked(packet[:-1] + b"\0", KEY)
    with pytest.raises(WireError, match="another key"):
        media.CODEC.checked(media.CODEC.hello(5), KEY)


@given(st.binary(max_size=1400))
def test_any_bytes_raise_nothing_but_the_one_error(data: bytes) -> None:
    for body in (data, b"nmd1" + data, media.CODEC.hello(1)[:6] + data):
        with contextlib.suppress(WireError):
            head = media.CODEC.head(body)
            assert (
                media.CODEC.head(media.CODEC.open(head.type, head.session, head.tag)) == head
                and body[:4] == media.CODEC.magic
            )
        with contextlib.suppress(WireError):
            said = media.read_data(body)
            assert media.data_packets(0)(said, media.MIN_BYTES)[16:] == body[16 : media.MIN_BYTES]
        for read, written in ((media.read_go, media.go_body), (media.read_ask, media.ask_body), (media.read_report, media.report_body)):  # fmt: skip
            with contextlib.suppress(WireError):
                assert read(written(read(body))) == read(body)  # type: ignore[operator]
        with contextlib.suppress(WireError):
            assert b"".join(cookie_of(body)) == body
        with pytest.raises(WireError):
            media.CODEC.checked(body, KEY)
