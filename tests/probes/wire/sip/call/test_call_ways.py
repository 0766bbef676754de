"""A test call in simulated time: where its requests go, what the far end's last word was, and whose clock a delay is by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from probes.base import Outcome
from probes.wire.exchange import Unreached
from probes.wire.session import Arrival
from probes.wire.sip import message as sip
from probes.wire.sip.call.call import DatagramCall, StreamCall
from probes.wire.sip.call.events import AckUnheard, CallLimits, CallOver, CallRefused, Demands, HungUp, Silent, Up
from probes.wire.sip.digest import Credentials
from probes.wire.sip.message import SipMessage
from probes.wire.sip.options import DatagramOptions, FinalResponse
from probes.wire.sip.request import RequestPlan

PEER, ROOM = ("10.0.0.1", 5060), ("10.0.0.9", 5062)
SEED = "0123456789abcdef" * 2
ASK = RequestPlan("sip:test@mcu.test", "10.0.0.2:5070", SEED)
LIMITS = CallLimits(answer_s=4.0, ring_s=6.0, talk_s=3.0, part_s=2.0)
SDP = b"v=0\r\nm=audio 4000 RTP/AVP 8\r\n"
AT_ROOM = ("contact", '"sip:x@elsewhere" <sip:room@10.0.0.9:5062>')


def reply(to: SipMessage, status: int, *more: tuple[str, str], tag: str = "far", body: bytes = b"") -> bytes:
    kept = [(name, value) for name, value in to.headers if name in ("via", "from", "call-id", "cseq")]
    target = to.first("to")
    headers = (*kept, ("to", target if ";tag=" in target else f"{target};tag={tag}"), *more)
    return sip.encode(SipMessage(status, "Said", "", "", headers, body))


def asked(to: SipMessage, method: str, *more: tuple[str, str], tag: str = "far", ours: str = SEED[:8]) -> bytes:
    """A request of theirs within the dialog our `to` belongs to."""
    headers = (
        ("via", "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKx"), ("from", f"<sip:test@mcu.test>;tag={tag}"),
        ("to", f"<sip:netmon@10.0.0.2>;tag={ours}"), ("call-id", to.first("call-id")), ("cseq", f"7 {method}"), *more,
    )  # fmt: skip
    return sip.encode(SipMessage(0, "", method, "sip:netmon@10.0.0.2", headers))


class Line:
    """One call by hand: what it sends, to whom, and what it tells."""

    def __init__(self, limits: CallLimits = LIMITS, credentials: Credentials | None = None) -> None:
        self.call = DatagramCall(RequestPlan(ASK.uri, ASK.local, SEED, "UDP", credentials), SDP, limits, 0.0, PEER)
        self.told: list[Any] = []
        self.sent: list[tuple[SipMessage, Any]] = []
        self.at(0.0)

    def at(self, now: float) -> list[tuple[str, Any]]:
        out = [(sip.parse(one.data), one.to) for one in self.call.transmit(now, 0)]
        self.sent += out
        self.told += self.call.events()
        return [(message.method or str(message.status), to) for message, to in out]

    def hear(self, data: bytes, now: float, source: tuple[str, int] = PEER) -> list[tuple[str, Any]]:
        self.call.receive(Arrival(data, source, 0), now)
        self.told += self.call.events()
        return self.at(now)

    def last(self, method: str) -> SipMessage:
        return [message for message, _ in self.sent if message.method == method][-1]

    def up(self, *headers: tuple[str, str], now: float = 0.1) -> list[tuple[str, Any]]:
        return self.hear(reply(self.last("INVITE"), 200, *headers, body=SDP), now)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]


def test_ack_and_bye_go_to_the_place_the_contact_names() -> None:
    line = Line()
    assert line.up(AT_ROOM) == [("ACK", ROOM)]
    assert line.at(3.2) == [("BYE", ROOM)] and line.last("BYE").uri == "sip:room@10.0.0.9:5062"


def test_they_go_to_the_router_that_recorded_itself() -> None:
    line = Line()
    assert line.up(AT_ROOM, ("record-route", "<sip:10.0.0.7:5090;lr>")) == [("ACK", ("10.0.0.7", 5090))]
    assert line.at(3.2) == [("BYE", ("10.0.0.7", 5090))] and line.last("BYE").first("route") == "<sip:10.0.0.7:5090;lr>"


def test_a_room_that_does_not_answer_the_bye_where_it_says_it_is_gets_it_where_it_was_called() -> None:
    line = Line()
    line.up(AT_ROOM)
    sends = [to for now in (3.2, 3.8, 4.9) for _, to in line.at(now)]
    assert sends == [ROOM, ROOM, PEER]


def test_a_place_that_icmp_refuses_is_left_for_whom_we_called() -> None:
    line = Line()
    line.up(AT_ROOM)
    line.call.unreachable(ROOM[0], ROOM[0], b"", 3, 3, 0.2)
    assert line.at(0.2) == [("ACK", PEER)] and line.at(3.2) == [("BYE", PEER)] and not line.of(Unreached)
    line.call.unreachable(PEER[0], PEER[0], b"", 3, 3, 3.3)
    line.at(3.3)
    assert line.of(Unreached)[0].fault.outcome is Outcome.REFUSED


def test_an_answer_from_the_room_itself_is_heard_and_strangers_rubbish_is_not() -> None:
    line = Line()
    line.up(AT_ROOM)
    line.at(3.2)
    line.hear(b"rubbish", 3.25, ("10.9.9.9", 1))
    line.hear(reply(line.last("BYE"), 481), 3.3, ROOM)
    assert line.told[-1] == CallOver(True, 481, pytest.approx(0.1)) and line.call.done


def test_a_200_that_comes_again_and_again_says_that_our_ack_is_not_heard() -> None:
    line = Line(LIMITS._replace(talk_s=9.0))
    line.up(AT_ROOM)
    assert line.up(AT_ROOM, now=0.11) == [("ACK", ROOM)]  # a copy of the network's
    assert line.up(AT_ROOM, now=0.6) == [("ACK", ROOM)] and not line.of(AckUnheard)
    assert line.up(AT_ROOM, now=1.6) == [("ACK", ROOM), ("ACK", PEER)] and len(line.of(AckUnheard)) == 1
    line.up(AT_ROOM, now=3.6)
    assert len(line.of(AckUnheard)) == 1


def test_tags_are_the_same_in_letters_of_either_case() -> None:
    line = Line()
    line.up()
    line.hear(reply(line.last("INVITE"), 200, tag="FAR"), 1.0)
    assert [message.method for message, _ in line.sent] == ["INVITE", "ACK", "ACK"]  # no second place: no BYE to it
    line.hear(asked(line.last("INVITE"), "BYE", tag="Far", ours=SEED[:8].upper()), 1.2)
    assert line.call.done and line.of(HungUp)


def test_a_branch_in_capitals_is_ours() -> None:
    line = Line()
    data = reply(line.last("INVITE"), 486).replace(b"z9hG4bK0123456789abcdef1", b"Z9HG4BK0123456789ABCDEF1")
    line.hear(data, 0.1)
    assert line.of(CallRefused)


def test_an_answer_in_a_branch_of_another_request_is_none() -> None:
    line = Line()
    line.hear(reply(line.last("INVITE"), 486).replace(b"abcdef1;", b"abcdef9;"), 0.1)
    assert not line.told


def test_the_far_ends_bye_is_told_with_its_reason_and_its_time() -> None:
    line = Line()
    line.up()
    said = line.hear(asked(line.last("INVITE"), "BYE", ("reason", 'SIP;cause=500;text="broken"')), 0.4)
    (hung,) = line.of(HungUp)
    assert said == [("200", PEER)] and hung.after_s == pytest.approx(0.3) and "broken" in hung.message.first("reason")
    assert line.told[-1] == CallOver(False, 0, 0.0)


def test_a_bye_that_overtakes_its_200_ends_the_call_when_that_comes() -> None:
    line = Line()
    line.hear(asked(line.last("INVITE"), "BYE"), 0.1)
    line.up(now=0.5)
    assert line.of(Up) and line.of(HungUp) and line.call.done and line.last("ACK")


@pytest.mark.parametrize(("tag", "ours"), [("other", SEED[:8]), ("far", "other")])
def test_a_bye_of_another_dialog_is_told_that_there_is_none_and_ends_nothing(tag: str, ours: str) -> None:
    line = Line()
    line.up()
    assert line.hear(asked(line.last("INVITE"), "BYE", tag=tag, ours=ours), 0.4) == [("481", PEER)]
    assert not line.call.done and not line.of(HungUp)


def test_a_second_place_that_hangs_up_by_itself_does_not_end_the_call_of_the_first() -> None:
    line = Line()
    line.up()
    line.hear(reply(line.last("INVITE"), 200, AT_ROOM, tag="two"), 0.2)
    assert line.sent[-1][1] == ROOM  # its BYE goes to where it is
    assert line.hear(asked(line.last("INVITE"), "BYE", tag="two"), 0.4) == [("200", PEER)] and not line.call.done


def test_a_request_that_demands_what_we_do_not_know_is_told_so() -> None:
    line = Line()
    line.up()
    assert line.hear(asked(line.last("INVITE"), "INFO", ("require", "timer")), 0.4) == [("420", PEER)]
    assert line.sent[-1][0].first("unsupported") == "timer"


def test_an_answer_that_waits_for_a_prack_is_told_once() -> None:
    line = Line()
    for now in (0.1, 0.7):
        line.hear(reply(line.last("INVITE"), 183, ("require", "100rel"), ("rseq", "1")), now)
    assert line.of(Demands) == [Demands(("100rel",))]
    line.at(6.2)
    assert line.of(Silent) == [Silent(True)]


def test_the_description_in_a_183_is_the_answer_of_a_200_that_has_none() -> None:
    line = Line()
    line.hear(
        reply(line.last("INVITE"), 183, ("content-type", "application/sdp"), tag="other", body=b"v=0\r\nother"), 0.1
    )
    line.hear(reply(line.last("INVITE"), 183, ("content-type", "application/sdp"), body=SDP), 0.2)
    line.hear(reply(line.last("INVITE"), 200), 0.3)
    assert line.of(Up)[0].description == SDP


def test_what_another_branch_of_a_fork_described_is_no_answer_of_this_one() -> None:
    line = Line()
    line.hear(reply(line.last("INVITE"), 183, ("content-type", "application/sdp"), tag="other", body=SDP), 0.1)
    line.hear(reply(line.last("INVITE"), 200, AT_ROOM), 0.3)
    assert line.of(Up)[0].description == b""


@pytest.mark.parametrize(("method", "status"), [("INVITE", 488), ("UPDATE", 405), ("REFER", 405), ("INFO", 200)])
def test_a_change_of_media_is_refused_and_what_we_do_not_do_is_named(method: str, status: int) -> None:
    line = Line()
    line.up(AT_ROOM)
    line.hear(asked(line.last("ACK"), method), 0.5)
    said = line.sent[-1][0]
    assert said.status == status and bool(said.first("allow")) == (status == 405)


def test_the_proxys_and_the_rooms_questions_are_both_answered_in_the_next_invite_and_in_the_bye() -> None:
    line = Line(credentials=Credentials("me", "secret"))
    line.hear(reply(line.last("INVITE"), 407, ("proxy-authenticate", 'Digest realm="edge", nonce="a"')), 0.1)
    line.hear(reply(line.last("INVITE"), 401, ("www-authenticate", 'Digest realm="mcu", nonce="b"')), 0.2)
    line.up(now=0.3)
    line.at(3.4)
    for method in ("INVITE", "ACK", "BYE"):
        message = line.last(method)
        assert 'realm="edge"' in message.first("proxy-authorization") and 'realm="mcu"' in message.first(
            "authorization"
        )


@pytest.mark.parametrize(("known_at", "bye_at"), [(0.0, 3.1), (4.0, 4.0), (99.0, 6.6)])
def test_a_call_lasts_until_what_is_awaited_of_it_has_come_and_no_longer_than_its_cap(
    known_at: float, bye_at: float
) -> None:
    line = Line(LIMITS._replace(longest_s=6.5))
    now = 0.1
    line.call.is_enough = lambda: now >= known_at
    line.up()
    while not any(message.method == "BYE" for message, _ in line.sent):
        now = line.call.wake_at() or now
        line.at(now)
    assert now == pytest.approx(bye_at, abs=0.15)


def stamped(session: Any, data: Callable[[SipMessage], bytes], *, sent_ns: int, came_ns: int, now: float) -> list[Any]:
    """Send at 0, stamped; an answer that came so long after it by the kernel's clock, taken by us at `now`."""
    (datagram,) = session.transmit(0.0, 10**18)
    session.sent(datagram.token, 10**18 + sent_ns)
    session.receive(Arrival(data(sip.parse(datagram.data)), PEER, 10**18 + came_ns), now)
    return list(session.events())


def test_a_delay_is_the_kernels_whatever_our_loop_did_meanwhile() -> None:
    options = DatagramOptions(ASK, PEER, 5.0)
    (answered,) = stamped(options, lambda it: reply(it, 200), sent_ns=1_000_000, came_ns=31_000_000, now=0.304)
    assert isinstance(answered, FinalResponse) and answered.rtt_s == pytest.approx(0.03)
    call = DatagramCall(ASK, SDP, LIMITS, 0.0, PEER)
    (up,) = stamped(call, lambda it: reply(it, 200, body=SDP), sent_ns=1_000_000, came_ns=31_000_000, now=0.304)
    assert isinstance(up, Up) and up.after_s == pytest.approx(0.03)


@pytest.mark.parametrize("came_ns", [-5, 9_000_000_000])
def test_a_wall_clock_that_was_set_makes_no_delay(came_ns: int) -> None:
    options = DatagramOptions(ASK, PEER, 5.0)
    (answered,) = stamped(options, lambda it: reply(it, 200), sent_ns=0, came_ns=came_ns, now=0.25)
    assert answered.rtt_s == pytest.approx(0.25)


def test_what_came_is_taken_in_before_a_repeat_is_due() -> None:
    """The driver asks: a busy loop must neither repeat what was answered nor give up on it."""
    options = DatagramOptions(ASK, PEER, 2.0)
    list(options.transmit(0.0, 0))
    assert options.judges_at() == options.wake_at() == 0.5


def test_a_send_that_did_not_leave_is_our_fault_unless_a_repeat_left() -> None:
    line = Line(LIMITS._replace(answer_s=1.0))
    line.call.unsent(None, "no route")
    line.at(0.5)  # a repeat leaves
    line.at(1.0)
    assert line.of(Silent)[0].trouble is None
    lost = Line(LIMITS._replace(answer_s=0.4))
    lost.call.unsent(None, "no route")
    lost.at(0.4)
    assert lost.of(Silent)[0].trouble.outcome is Outcome.LOCAL


def test_a_stream_call_is_told_of_the_far_ends_last_word_too() -> None:
    call = StreamCall(ASK, SDP, LIMITS, 0.0)
    invite = sip.parse(call.transmit(0.0, 0))
    call.receive(reply(invite, 200, body=SDP) + asked(invite, "BYE", ("reason", "Q.850;cause=16")), 0.1)
    assert [type(event) for event in call.events()] == [Up, HungUp, CallOver]
    assert b"SIP/2.0 200 OK" in call.transmit(0.1, 0) and call.done
