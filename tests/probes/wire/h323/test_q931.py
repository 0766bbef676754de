"""TPKT and Q.931: recorded frames, any slicing, and bytes nobody should send."""

from __future__ import annotations

from contextlib import suppress

import pytest
from h323bytes import CALLS, RECORDED
from hypothesis import given
from hypothesis import strategies as st

from probes.errors import WireError
from probes.wire.h323 import q931
from probes.wire.h323.q931 import Q931Message, tpkt_framer

TYPES = {
    "setup": q931.SETUP,
    "proceeding": q931.CALL_PROCEEDING,
    "alerting": q931.ALERTING,
    "connect": q931.CONNECT,
    "release": q931.RELEASE_COMPLETE,
}


@pytest.mark.parametrize("name", CALLS)
def test_recorded_frames_are_read_and_written_alike(name: str) -> None:
    (frame,) = tpkt_framer().feed(RECORDED[name])
    assert frame.type == TYPES[name.split()[1].split("-")[0]] and frame.user
    assert q931.packed(frame) == RECORDED[name]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_any_slicing_gives_the_same_messages(steps: list[int]) -> None:
    stream = b"".join(RECORDED[name] for name in CALLS)
    framer, got, at = tpkt_framer(), list[Q931Message](), 0
    for turn in range(len(stream)):
        step = steps[turn % len(steps)]
        got += framer.feed(stream[at : at + step])
        at += step
        if at >= len(stream):
            break
    assert [frame.type for frame in got] == [next(tpkt_framer().feed(RECORDED[name])).type for name in CALLS]
    assert not framer.pending


@pytest.mark.parametrize(
    ("value", "number"),
    [("8094", 20), ("8090", 16), ("028090", 16), ("0080", None), ("80", None), ("", None), ("80ff", 127)],
)
def test_causes_are_read_with_and_without_a_recommendation(value: str, number: int | None) -> None:
    assert q931.cause_of(bytes.fromhex(value)) == number


def test_single_bytes_and_unknown_elements_are_passed_over() -> None:
    frame = q931.parse(bytes.fromhex("080280055a" + "a1" + "1e028188" + "08028094" + "7e000205aa"))
    assert (frame.reference, frame.from_called, frame.cause, frame.user) == (5, True, 20, b"\xaa")
    assert frame.element(0xA1) == b"" and frame.element(0x28) is None


def test_user_information_of_another_sort_is_not_taken_for_h225() -> None:
    assert q931.parse(bytes.fromhex("0802000105" + "7e00020461")).user is None


def test_an_empty_tpkt_is_a_keep_alive() -> None:
    framer = tpkt_framer()
    assert list(framer.feed(bytes.fromhex("03000004"))) == []
    assert next(framer.feed(RECORDED["ooh323c connect"])).type == q931.CONNECT


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ("485454502f31", "no TPKT"),
        ("03000003", "shorter than its head"),
        ("0300000841424344", "no Q.931"),
        ("0300000708020a", "call reference"),
        ("030000070800a1", "call reference"),
        ("0300000c0802000105080580" + "", "too early"),
        ("0300000b08020001057eff", "too early"),
        ("0300000a080200010508", "too early"),
    ],
)
def test_what_is_no_frame_is_refused_at_once(data: str, word: str) -> None:
    with pytest.raises(WireError) as caught:
        list(tpkt_framer().feed(bytes.fromhex(data)))
    assert word in caught.value.reason


def test_a_frame_too_long_to_write_is_a_value_error() -> None:
    with pytest.raises(ValueError):
        q931.message(1, False, q931.SETUP, bytes(65_530))


@given(
    st.lists(st.binary(max_size=40), max_size=6)
    | st.binary(max_size=120).map(lambda body: [b"\3\0\0" + bytes([4 + len(body)]) + b"\x08" + body])
)
def test_any_bytes_give_frames_or_a_wire_error(pieces: list[bytes]) -> None:
    framer = tpkt_framer()
    with suppress(WireError):
        for piece in pieces:
            for frame in framer.feed(piece):
                assert frame.cause is None or 0 <= frame.cause <= 127
                if not any(identifier & 0x80 for identifier, _ in frame.elements):
                    again = q931.parse(q931.packed(frame)[4:])
                    assert (again.type, again.elements) == (frame.type, frame.elements)
