"""One question by datagram in simulated time."""

from __future__ import annotations

from typing import Any

import pytest

from probes.base import Outcome
from probes.errors import WireError
from probes.wire.exchange import Answered, Exchange, Unanswered
from probes.wire.session import Arrival

TO = ("192.0.2.1", 53)


def read(data: bytes) -> tuple[int, Any] | None:
    if data == b"broken":
        raise WireError(0, "broken")
    return (int(data), "answer") if data.isdigit() else None


def asked(sends: int = 2) -> Exchange:
    return Exchange(TO, lambda number, clock: b"q%d" % number, read, began=10.0, timeout_s=2.0, sends=sends)


def arrival(data: bytes, at_ns: int, source: tuple[str, int] = TO) -> Arrival:
    return Arrival(data, source, at_ns)


def test_the_kernels_stamps_are_the_round_trip() -> None:
    session = asked()
    assert [one.data for one in session.transmit(10.0, 1_000_000_000)] == [b"q0"]
    session.sent(0, 1_000_500_000)
    session.receive(arrival(b"0", 1_003_500_000), 10.2)
    assert session.events() == [Answered("answer", 0, 1, 1_000_500_000, 1_003_500_000, 3.0, TO)] and session.done
    assert session.wake_at() is None and session.events() == [] and session.transmit(12.0, 0) == []


def test_a_late_answer_belongs_to_the_send_it_answers() -> None:
    session = asked()
    session.transmit(10.0, 0)
    assert session.wake_at() == 11.0 and session.transmit(10.9, 0) == []
    assert [one.data for one in session.transmit(11.0, 1_000_000_000)] == [b"q1"]
    session.receive(arrival(b"0", 1_001_000_000), 11.001)
    (heard,) = session.events()
    assert (heard.number, heard.sends) == (0, 2) and heard.rtt_ms == pytest.approx(1001.0)


@pytest.mark.parametrize("at_ns", [999_000_000, 9_000_000_000])
def test_a_clock_that_was_set_does_not_make_the_round_trip(at_ns: int) -> None:
    session = asked()
    session.transmit(10.0, 1_000_000_000)
    session.receive(arrival(b"0", at_ns), 10.25)
    assert session.events()[0].rtt_ms == pytest.approx(250.0)


@pytest.mark.parametrize(
    ("data", "source", "end"),
    [
        (b"broken", TO, Outcome.PROTOCOL),
        (b"other", TO, Outcome.PROTOCOL),
        (b"7", TO, Outcome.PROTOCOL),  # answers a send that never was
        (b"0", ("192.0.2.9", 53), Outcome.LOST),
        (b"0", ("192.0.2.1", 54), Outcome.LOST),
        (b"", ("192.0.2.1", 54), Outcome.LOST),
    ],
)
def test_what_is_no_answer_does_not_end_the_waiting(data: bytes, source: tuple[str, int], end: Outcome) -> None:
    session = asked(1)
    session.transmit(10.0, 0)
    session.receive(arrival(data, 1, source), 10.1)
    assert not session.done and session.wake_at() == session.judges_at() == 12.0
    session.transmit(12.0, 0)
    (event,) = session.events()
    assert isinstance(event, Unanswered) and event.outcome is end


def test_where_anyone_may_answer_only_a_right_answer_of_a_stranger_counts() -> None:
    stranger = ("192.0.2.9", 1719)
    session = Exchange(TO, lambda number, clock: b"q", read, began=10.0, timeout_s=2.0, sends=1, from_anyone=True)
    session.transmit(10.0, 0)
    for data in (b"broken", b"other", b"7"):
        session.receive(arrival(data, 1, stranger), 10.1)
    assert not session.done
    session.receive(arrival(b"0", 1, stranger), 10.2)
    (heard,) = session.events()
    assert isinstance(heard, Answered) and heard.source == stranger


def test_a_strangers_no_holds_only_when_nobody_says_yes() -> None:
    def session() -> Exchange:
        return Exchange(
            TO, lambda number, clock: b"q", lambda data: (0, data.decode()), began=10.0, timeout_s=2.0, sends=1,
            from_anyone=True, is_final=lambda answer: answer == "yes",
        )  # fmt: skip

    refused, confirmed, asked_says_no = session(), session(), session()
    for each in (refused, confirmed, asked_says_no):
        each.transmit(10.0, 0)
        each.receive(arrival(b"no", 1, ("192.0.2.9", 1719)), 10.1)
        assert not each.done
    confirmed.receive(arrival(b"yes", 1, ("192.0.2.8", 1719)), 10.2)
    asked_says_no.receive(arrival(b"no", 1), 10.2)
    refused.transmit(12.0, 0)
    assert [each.events()[0].source[0] for each in (refused, confirmed, asked_says_no)] == [
        "192.0.2.9", "192.0.2.8", TO[0],
    ]  # fmt: skip


def test_a_no_of_the_one_asked_waits_a_moment_for_a_strangers_yes() -> None:
    def session() -> Exchange:
        made = Exchange(
            TO, lambda number, clock: b"q", lambda data: (0, data.decode()), began=10.0, timeout_s=2.0, sends=3,
            from_anyone=True, is_final=lambda answer: answer == "yes", grace_s=0.3,
        )  # fmt: skip
        made.transmit(10.0, 0)
        made.receive(arrival(b"no", 0), 10.1)
        return made

    better, worse = session(), session()
    better.receive(arrival(b"yes", 0, ("192.0.2.9", 1719)), 10.3)
    assert better.events()[0].answer == "yes"
    assert not worse.done and worse.wake_at() == worse.judges_at() == pytest.approx(10.4)
    assert worse.transmit(10.4, 0) == [] and worse.events()[0].answer == "no"


def test_a_strangers_nonsense_is_not_what_was_asked_says() -> None:
    session = Exchange(TO, lambda number, clock: b"q", read, began=10.0, timeout_s=2.0, sends=1, from_anyone=True)
    session.transmit(10.0, 0)
    session.receive(arrival(b"broken", 1, ("192.0.2.9", 1719)), 10.1)
    session.transmit(12.0, 0)
    assert session.events()[0].outcome is Outcome.LOST


def test_a_right_answer_after_a_forged_one_counts() -> None:
    session = asked()
    session.transmit(10.0, 0)
    session.receive(arrival(b"broken", 1), 10.1)
    session.receive(arrival(b"0", 2), 10.2)
    assert isinstance(session.events()[0], Answered)


@pytest.mark.parametrize(
    ("by", "type_", "code", "ends"),
    [("192.0.2.7", 3, 3, True), ("fd00::1", 1, 4, True), ("192.0.2.7", 3, 4, False), ("192.0.2.7", 11, 0, False), ("", 3, 1, False)],
)  # fmt: skip
def test_only_a_refusal_by_somebody_else_ends_it(by: str, type_: int, code: int, ends: bool) -> None:
    session = asked()
    session.transmit(10.0, 0)
    session.unreachable(TO[0], by, b"", type_, code, 10.1)
    assert session.done == ends
    assert not ends or session.events()[0].outcome is Outcome.REFUSED


def test_what_did_not_leave_is_our_own_fault_unless_a_repeat_does() -> None:
    session = asked()
    session.transmit(10.0, 0)
    session.unsent(0, "no buffer")
    assert not session.done
    session.transmit(11.0, 0)
    session.unsent(1, "no buffer")
    assert session.done and session.events()[0].outcome is Outcome.LOCAL
