"""TWAMP-Control, the asking side: golden messages, any slicing, every refusal in words, and any bytes at all.

No real twampd is among the machine's packages; the layouts are those of RFC 4656 and RFC 5357 (reference/measurement.md §7).
"""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twampserver import accept_session, greeting, server_start, start_ack

from probes.wire.stamp.twamp_control import Control, SessionEnded, SessionReady, Wish

WISH = Wish("192.0.2.1", "192.0.2.2", 40000, 30, 1.5, 46)
AT_NS = 1_800_000_000_500_000_000
GOOD = (greeting(15), server_start(), accept_session(18760), start_ack())
REQUEST = (
    bytes.fromhex("05040000 00000000 00000000 9c409c40 c0000201")
    + bytes(12)
    + bytes.fromhex("c0000202")
    + bytes(12 + 16)
    + bytes.fromhex("0000001e eef4508080000000 0000000180000000 2e000000")
    + bytes(8 + 16)
)


def talk(*messages: bytes, wish: Wish = WISH) -> tuple[Control, list[bytes], list[object]]:
    control, said, events = Control(wish, 10.0), [], []
    for message in messages:
        control.transmit(0.0, AT_NS)
        control.receive(message, 0.0)
        said.append(control.transmit(0.0, AT_NS))
        events += control.events()
    return control, said, events


def test_the_conversation_is_byte_for_byte_rfc_5357s() -> None:
    control, said, events = talk(*GOOD)
    assert [len(one) for one in said] == [164, 112, 32, 0]
    assert said[0] == struct.pack("!I", 1) + bytes(160) and said[1] == REQUEST and said[2] == b"\x02" + bytes(31)
    assert events == [SessionReady(18760)] and control.wake_at() is None
    control.stop()
    assert control.transmit(0.0, 0) == bytes.fromhex("03000000 00000001") + bytes(24) and control.done


def test_in_ipv6_the_request_says_so() -> None:
    _, said, _ = talk(*GOOD, wish=Wish("fe80::1%v0", "2001:db8::2", 40000, 30, 1.0, 0))
    assert said[1][1] == 6 and said[1][16:32] == bytes.fromhex("fe80") + bytes(13) + b"\1"


@given(st.lists(st.integers(1, 60), min_size=1, max_size=300))
def test_any_slicing_gives_the_same(sizes: list[int]) -> None:
    control, rest, said = Control(WISH, 10.0), b"".join(GOOD), b""
    control.transmit(0.0, AT_NS)
    for size in [*sizes, len(rest)]:
        if rest:
            control.receive(rest[:size], 0.0)
            said, rest = said + control.transmit(0.0, AT_NS), rest[size:]
    assert control.events() == [SessionReady(18760)] and said[164:276] == REQUEST


@pytest.mark.parametrize(
    ("messages", "why", "refused"),
    [
        ((greeting(0),), "it serves nobody now (mode 0)", True),
        ((greeting(6),), "it offers no open mode, only keyed ones", True),
        ((greeting(), server_start(3)), "it refuses the connection: it supports no such thing (3)", True),
        (
            (greeting(), server_start(), accept_session(1, 5)),
            "it refuses the session: it lacks the means for now (5)",
            True,
        ),
        ((greeting(), server_start(), accept_session(1, 77)), "it refuses the session: for no known reason (77)", True),
        ((greeting(), server_start(), accept_session(9), start_ack(1)), "it refuses the start: it failed (1)", True),
        ((greeting(), server_start(), accept_session(0)), "it accepts a session at port 0", False),
        ((greeting(), b""), "the far end closed the control connection", False),
    ],
)
def test_every_refusal_is_told_in_words(messages: tuple[bytes, ...], why: str, refused: bool) -> None:
    control, _, events = talk(*messages)
    assert [(one.why, one.refused) for one in events if isinstance(one, SessionEnded)] == [(why, refused)] and len(
        events
    ) == 1
    assert control.done and control.transmit(0.0, 0) == b""


def test_a_far_end_that_says_nothing_is_given_up_in_time_and_one_that_hangs_up_later_is_told() -> None:
    control = Control(WISH, 1.0)
    assert control.wake_at() == 1.0 and control.transmit(0.99, 0) == b"" and not control.events()
    control.transmit(1.0, 0)
    assert control.events() == [SessionEnded("no answer on the control connection in time")] and control.done
    ready, _, _ = talk(*GOOD)
    ready.transmit(1e9, 0)
    assert not ready.events()
    ready.receive(b"", 1e9)
    assert isinstance(ready.events()[0], SessionEnded)


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_raise_nothing_and_are_not_kept(chunks: list[bytes]) -> None:
    control, _, events = talk(*[chunk for chunk in chunks if chunk])
    assert len(events) <= 1 and len(control._framer._bytes) < 64
