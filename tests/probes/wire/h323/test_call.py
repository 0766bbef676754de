"""One H.323 call as a state machine: the ladder, its ends, and that it never leaves without RELEASE COMPLETE."""

from __future__ import annotations

from typing import Any

import pytest
from h323bytes import RECORDED
from hypothesis import given
from hypothesis import strategies as st

from probes.wire.h323 import fast_connect, h225, q931
from probes.wire.h323.call import (
    LEAVE_S,
    CallExpired,
    CallLeft,
    CallPlan,
    CallStage,
    ConnectionClosed,
    Elsewhere,
    H323Call,
    Released,
)
from probes.wire.h323.h225 import Ids
from probes.wire.h323.q931 import Q931Message, tpkt_framer
from probes.wire.session import Malformed

IDS = Ids(bytes(16), bytes(range(16)))
REFERENCE = 0x1234


def call(*, stay: bool = False, ring_s: float = 5.0, reference: int = REFERENCE) -> H323Call:
    """A call at time 0 whose SETUP has left; 3 s to answer."""
    plan = CallPlan("8001", ("192.0.2.1", 1720), ("192.0.2.2", 5), IDS, reference, 3.0, ring_s, stay)
    made = H323Call(plan)
    (setup,) = frames(made.transmit(0.0, 0))
    assert (setup.type, setup.reference, setup.from_called) == (q931.SETUP, reference, False)
    return made


def frames(data: bytes) -> list[Q931Message]:
    return list(tpkt_framer().feed(data))


def far(type: int, user: bytes, cause: int | None = None, reference: int = REFERENCE) -> bytes:
    return q931.message(reference, True, type, user, cause_number=cause)


PROCEEDING = far(q931.CALL_PROCEEDING, h225.answer("callProceeding", IDS))
ALERTING = far(q931.ALERTING, h225.answer("alerting", IDS))
CONNECT = far(q931.CONNECT, h225.answer("connect", IDS))
BUSY = far(q931.RELEASE_COMPLETE, h225.release(IDS, "inConf"), 17)


def released(made: H323Call, now: float) -> bool:
    """It says RELEASE COMPLETE now, and only that."""
    out = frames(made.transmit(now, 0))
    assert all((one.type, one.cause, one.reference) == (q931.RELEASE_COMPLETE, 16, REFERENCE) for one in out)
    assert len(out) <= 1
    return bool(out)


def kinds(events: list[Any]) -> list[type]:
    return [type(one) for one in events]


def test_the_ladder_is_told_with_its_times_and_the_call_is_ended_at_once() -> None:
    made = call()
    for at, data in ((0.1, PROCEEDING), (0.2, ALERTING), (0.5, CONNECT)):
        made.receive(data, at)
    told = made.events()
    assert [(one.name, one.after_s) for one in told] == [("callProceeding", 0.1), ("alerting", 0.2), ("connect", 0.5)]
    assert released(made, 0.5) and not released(made, 0.6) and not made.done
    made.receive(BUSY, 0.6)
    assert made.done and kinds(made.events()) == [CallLeft] and made.wake_at() is None


def test_a_call_that_stays_is_up_until_it_is_hung_up() -> None:
    made = call(stay=True)
    made.receive(CONNECT, 0.5)
    assert made.wake_at() is None and made.transmit(100.0, 0) == b""
    made.hang_up(200.0)
    assert released(made, 200.0) and made.wake_at() == 200.0 + LEAVE_S
    made.hang_up(200.1)
    assert not released(made, 200.1)
    assert not released(made, 200.0 + LEAVE_S) and made.done


def test_a_far_end_that_ends_the_call_gets_no_release_of_ours() -> None:
    made = call()
    made.receive(PROCEEDING + BUSY, 0.3)
    stage, end, left = made.events()
    assert isinstance(stage, CallStage) and isinstance(left, CallLeft)
    assert isinstance(end, Released) and (end.cause, end.call.reason, end.up) == (17, "inConf", False)
    made.hang_up(0.4)
    assert not released(made, 0.4)


@pytest.mark.parametrize(
    ("data", "at", "stage"),
    [(b"", 3.0, ""), (PROCEEDING, 3.0, "callProceeding"), (ALERTING, 1.0 + 5.0, "alerting")],
)
def test_silence_ends_with_a_release(data: bytes, at: float, stage: str) -> None:
    made = call()
    if data:
        made.receive(data, 1.0)
    made.events()
    assert made.wake_at() == at and not released(made, at - 0.01)
    assert released(made, at)
    (end,) = made.events()
    assert isinstance(end, CallExpired) and (end.stage, end.partial, end.strays) == (stage, False, 0)


def test_ringing_is_capped_even_when_there_was_more_time() -> None:
    made = call(ring_s=0.5)
    made.receive(ALERTING, 0.1)
    assert made.wake_at() == 0.6


def test_a_call_taken_after_we_gave_up_is_still_ended_once() -> None:
    made = call(ring_s=0.5)
    made.receive(ALERTING, 0.1)
    assert released(made, 0.6)
    made.receive(CONNECT, 0.65)
    assert not released(made, 0.7) and "connect" not in [getattr(one, "name", "") for one in made.events()]


def test_a_call_sent_elsewhere_is_not_followed_and_released() -> None:
    made = call()
    made.receive(far(q931.FACILITY, h225.facility(IDS, "routeCallToMC", ("192.0.2.9", 1720))), 0.2)
    (end,) = made.events()
    assert isinstance(end, Elsewhere) and end.call.other == ("192.0.2.9", 1720)
    assert released(made, 0.2)


def test_a_facility_that_sends_nowhere_is_passed_over() -> None:
    made = call()
    made.receive(far(q931.FACILITY, h225.facility(IDS, "startH245")), 0.2)
    assert made.events() == [] and not made.done


def test_channels_are_taken_from_whichever_message_brings_them() -> None:
    us, them = ("192.0.2.2", 4000), ("192.0.2.1", 5000)
    fast = fast_connect.answers(fast_connect.offers(us, us), them, them)
    made = call(stay=True)
    made.receive(far(q931.ALERTING, h225.answer("alerting", IDS, fast=fast)), 0.1)
    made.receive(CONNECT, 0.2)
    opened = fast_connect.opened(made.fast)
    assert opened is not None and opened.rtp == them


def test_messages_of_other_calls_and_of_callers_are_strays() -> None:
    made = call()
    made.receive(far(q931.CONNECT, h225.answer("connect", IDS), reference=7), 0.1)
    made.receive(q931.message(REFERENCE, False, q931.CONNECT, h225.answer("connect", IDS)), 0.1)
    assert released(made, 3.0)
    (end,) = made.events()
    assert isinstance(end, CallExpired) and (end.stage, end.strays) == ("", 2)


@pytest.mark.parametrize("junk", [b"HTTP/1.1 400 Bad Request\r\n", q931.packed(Q931Message(REFERENCE, True, q931.CONNECT, ((q931.USER_USER, b"\x05\xff\xff"),)))])  # fmt: skip
def test_what_is_no_h323_ends_the_call_with_a_release(junk: bytes) -> None:
    made = call()
    made.receive(junk, 0.2)
    assert kinds(made.events()) == [Malformed] and released(made, 0.2)


def test_a_connection_that_closes_is_told_with_what_was_begun() -> None:
    for data, partial in ((b"", False), (CONNECT[:9], True)):
        made = call()
        if data:
            made.receive(data, 0.1)
        made.receive(b"", 0.2)
        end, left = made.events()
        assert end == ConnectionClosed("", partial) and isinstance(left, CallLeft) and made.done


def test_nothing_is_released_that_was_never_set_up() -> None:
    made = H323Call(CallPlan("8001", ("192.0.2.1", 1720), ("192.0.2.2", 5), IDS, 1, 3.0))
    made.hang_up(0.0)
    assert made.transmit(0.0, 0) == b"" and made.done and kinds(made.events()) == [CallLeft]


@pytest.mark.parametrize("stack", ["ooh323c", "gnugk-routed", "h323plus"])
def test_recorded_stacks_climb_the_ladder(stack: str) -> None:
    answers = [
        RECORDED[f"{stack} {what}"] for what in ("proceeding", "alerting", "connect") if f"{stack} {what}" in RECORDED
    ]
    reference = frames(answers[0])[0].reference
    made = call(reference=reference)
    made.receive(b"".join(answers), 0.1)
    told = made.events()
    assert told[-1].name == "connect" and told[-1].call.vendor and frames(made.transmit(0.1, 0))


@given(st.lists(st.sampled_from([PROCEEDING, ALERTING, CONNECT, BUSY, b"\x03", b"", CONNECT[:20], bytes(9)]), max_size=6), st.booleans(), st.floats(0.1, 9.0))  # fmt: skip
def test_whatever_comes_the_last_word_is_a_release_ours_or_theirs(pieces: list[bytes], stay: bool, step: float) -> None:
    made, now, ours, told = call(stay=stay), 0.0, 0, list[Any]()
    for piece in pieces:
        now += step
        made.receive(piece, now)
        ours += released(made, now)
        told += made.events()
    for _ in range(3):
        made.hang_up(now)
        ours += released(made, now)
        now += 20.0
        ours += released(made, now)
        told += made.events()
    gone = b"" in pieces or any(isinstance(one, Released) for one in told)
    assert made.done and ours <= 1 and (ours == 1 or gone)
    assert sum(isinstance(one, CallLeft) for one in told) == 1 and isinstance(told[-1], CallLeft)
