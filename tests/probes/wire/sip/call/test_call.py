"""A test call against a far end in simulated time: what is sent, what is told, and that no room is left with our call."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire.session import Arrival
from probes.wire.sip import message as sip
from probes.wire.sip.call.call import DatagramCall, StreamCall
from probes.wire.sip.call.events import CallLimits, CallOver, CallRefused, Ringing, Silent, Up
from probes.wire.sip.digest import Credentials
from probes.wire.sip.message import SipMessage
from probes.wire.sip.request import RequestPlan

PEER = ("10.0.0.1", 5060)
SEED = "0123456789abcdef" * 2
LIMITS = CallLimits(answer_s=4.0, ring_s=6.0, talk_s=3.0, part_s=2.0)
SDP = b"v=0\r\n"


class Far:
    """A scripted far end: `answers` maps a method to what it says, by how often it was asked."""

    def __init__(self, answers: Callable[[SipMessage, int], list[SipMessage]]) -> None:
        self._answers = answers
        self.heard: list[SipMessage] = []

    def take(self, data: bytes) -> list[bytes]:
        message = sip.parse(data)
        self.heard.append(message)
        return [sip.encode(one) for one in self._answers(message, self.methods().count(message.method))]

    def methods(self) -> list[str]:
        return [one.method for one in self.heard]


def reply(to: SipMessage, status: int, *more: tuple[str, str], tag: str = "far", body: bytes = b"") -> SipMessage:
    kept = []
    for name, value in to.headers:
        if name in ("via", "from", "call-id", "cseq"):
            kept.append((name, value))
        elif name == "to":
            kept.append((name, value if ";tag=" in value else f"{value};tag={tag}"))
    return SipMessage(status, "Said", "", "", (*kept, *more), body)


def play(
    far: Far, *, credentials: Credentials | None = None, until: float = 40.0
) -> tuple[DatagramCall, list[tuple[float, Any]]]:
    """Run a call to its end; answers come after 10 ms. What it told, and when."""
    call = DatagramCall(
        RequestPlan("sip:test@mcu.test", "10.0.0.2:5070", SEED, "UDP", credentials), SDP, LIMITS, 0.0, PEER
    )
    told: list[tuple[float, Any]] = []
    due: list[tuple[float, bytes]] = []
    now = 0.0
    while not call.done and now < until:
        while due and due[0][0] <= now:
            call.receive(Arrival(due.pop(0)[1], PEER, 0), now)
        for datagram in call.transmit(now, 0):
            due += [(now + 0.01, answer) for answer in far.take(datagram.data)]
        told += [(now, one) for one in call.events()]
        times = [one for one in (call.wake_at(), due[0][0] if due else None) if one is not None]
        now = max(now, min(times)) if times else until
    for datagram in call.transmit(now, 0):
        far.take(datagram.data)
    return call, told + [(now, one) for one in call.events()]


def events(told: list[tuple[float, Any]], kind: type) -> list[Any]:
    return [one for _, one in told if isinstance(one, kind)]


def friendly(message: SipMessage, times: int) -> list[SipMessage]:
    if message.method == "INVITE":
        return [
            reply(message, 180),
            reply(message, 200, ("contact", "<sip:room@10.0.0.9:5062>"), body=b"v=0\r\nanswer"),
        ]
    return [] if message.method == "ACK" else [reply(message, 200)]


def test_a_call_that_is_taken_is_acknowledged_and_ended() -> None:
    far = Far(friendly)
    call, told = play(far)
    assert far.methods() == ["INVITE", "ACK", "BYE"] and call.done
    up, over = events(told, Up)[0], events(told, CallOver)[0]
    assert up.message.body == b"v=0\r\nanswer" and up.sends == 1 and up.after_s == pytest.approx(0.01)
    assert over == CallOver(True, 200, pytest.approx(0.01))
    assert [one.status for one in events(told, Ringing)] == [180]


def test_the_media_lasts_as_long_as_asked() -> None:
    _, told = play(Far(friendly))
    assert told[-1][0] == pytest.approx(0.01 + LIMITS.talk_s + 0.01)


def test_what_is_said_in_the_dialog_goes_to_the_far_ends_own_uri() -> None:
    far = Far(friendly)
    play(far)
    ack, bye = far.heard[1], far.heard[2]
    assert ack.uri == bye.uri == "sip:room@10.0.0.9:5062" and ";tag=far" in bye.first("to")
    assert sip.cseq(ack) == (1, "ACK") and sip.cseq(bye) == (2, "BYE")
    assert sip.top_branch(ack) != sip.top_branch(far.heard[0]) != sip.top_branch(bye)


def test_the_way_the_far_end_recorded_is_taken_backwards() -> None:
    def routed(message: SipMessage, times: int) -> list[SipMessage]:
        if message.method != "INVITE":
            return friendly(message, times)
        return [reply(message, 200, ("record-route", "<sip:a;lr>, <sip:b;lr>"), ("record-route", "<sip:c;lr>"))]

    far = Far(routed)
    play(far)
    assert far.heard[-1].all("route") == ["<sip:c;lr>", "<sip:b;lr>", "<sip:a;lr>"]


def test_an_invite_is_repeated_until_something_answers_and_the_sends_are_told() -> None:
    far = Far(lambda message, times: [] if message.method == "INVITE" and times < 3 else friendly(message, times))
    _, told = play(far)
    assert far.methods() == ["INVITE"] * 3 + ["ACK", "BYE"]
    assert events(told, Up)[0].sends == 3


def test_silence_is_told_and_a_cancel_sent_all_the_same() -> None:
    far = Far(lambda message, times: [])
    call, told = play(far)
    assert events(told, Silent) == [Silent(False)] and not events(told, CallOver)
    assert "CANCEL" in far.methods() and "BYE" not in far.methods() and call.done


def test_a_room_that_rings_for_ever_is_cancelled() -> None:
    def ringing(message: SipMessage, times: int) -> list[SipMessage]:
        if message.method == "CANCEL":
            return [reply(message, 200), reply(far.heard[0], 487)]
        return [reply(message, 180)] if message.method == "INVITE" else []

    far = Far(ringing)
    call, told = play(far)
    assert far.methods() == ["INVITE", "CANCEL", "ACK"] and call.done
    assert events(told, Silent) == [Silent(True)]
    assert sip.top_branch(far.heard[1]) == sip.top_branch(far.heard[0]) == sip.top_branch(far.heard[2])
    assert told[-1][0] < LIMITS.ring_s + 1


def test_a_room_that_takes_the_call_while_we_cancel_is_hung_up() -> None:
    def slow(message: SipMessage, times: int) -> list[SipMessage]:
        if message.method == "CANCEL":
            return [reply(message, 200), reply(far.heard[0], 200)]
        return {"INVITE": [reply(message, 180)], "BYE": [reply(message, 200)]}.get(message.method, [])

    far = Far(slow)
    call, told = play(far)
    assert far.methods() == ["INVITE", "CANCEL", "ACK", "BYE"] and call.done
    assert not events(told, Up)


def test_the_second_place_that_takes_a_forked_call_is_hung_up_too() -> None:
    def forked(message: SipMessage, times: int) -> list[SipMessage]:
        if message.method == "INVITE":
            return [reply(message, 200, tag="one"), reply(message, 200, tag="two")]
        return friendly(message, times)

    far = Far(forked)
    play(far)
    ended = [sip.parameter(one.first("to"), "tag") for one in far.heard if one.method == "BYE"]
    assert sorted(ended, key=str) == ["one", "two"]


def test_a_busy_room_is_acknowledged_and_told() -> None:
    far = Far(lambda message, times: [reply(message, 486)] if message.method == "INVITE" else [])
    call, told = play(far)
    assert far.methods() == ["INVITE", "ACK"] and call.done
    assert events(told, CallRefused)[0].message.status == 486
    assert sip.top_branch(far.heard[1]) == sip.top_branch(far.heard[0])


def test_a_bye_of_theirs_is_answered_and_ends_it() -> None:
    def leaving(message: SipMessage, times: int) -> list[SipMessage]:
        if message.method == "ACK":
            headers = [*((n, v) for n, v in message.headers if n in ("via", "call-id")), ("from", "<sip:x>;tag=far")]
            return [SipMessage(0, "", "BYE", "sip:netmon@10.0.0.2", (*headers, ("to", "<sip:n>"), ("cseq", "7 BYE")))]
        return friendly(message, times)

    far = Far(leaving)
    call, told = play(far)
    assert events(told, CallOver) == [CallOver(False, 0, 0.0)] and call.done
    assert far.heard[-1].status == 200 and sip.cseq(far.heard[-1]) == (7, "BYE")


def test_a_bye_nobody_answers_is_repeated_and_then_given_up() -> None:
    far = Far(lambda message, times: [] if message.method == "BYE" else friendly(message, times))
    call, told = play(far)
    assert far.methods().count("BYE") >= 2 and events(told, CallOver)[0].status == 0 and call.done


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_a_challenge_is_answered_for_invite_and_bye(algorithm: str) -> None:
    def wary(message: SipMessage, times: int) -> list[SipMessage]:
        asked = ("www-authenticate", f'Digest realm="r", nonce="n", algorithm={algorithm}, qop="auth"')
        if message.method in ("INVITE", "BYE") and not proven(message, algorithm):
            return [reply(message, 401, asked)]
        return friendly(message, times)

    far = Far(wary)
    _, told = play(far, credentials=Credentials("me", "secret"))
    assert far.methods() == ["INVITE", "ACK", "INVITE", "ACK", "BYE"]
    assert events(told, Up) and events(told, CallOver)[0].status == 200
    assert "nc=00000002" in far.heard[-1].first("authorization")


def proven(message: SipMessage, algorithm: str) -> bool:
    given = dict(re.findall(r'(\w+)="?([^",]+)"?', message.first("authorization")))
    if not given:
        return False

    def digest(text: str) -> str:
        return hashlib.new({"MD5": "md5", "SHA-256": "sha256"}[algorithm], text.encode()).hexdigest()

    middle = f"n:{given['nc']}:{given['cnonce']}:auth:{digest(f'{message.method}:{message.uri}')}"
    return given["response"] == digest(f"{digest('me:r:secret')}:{middle}")


def test_a_wrong_password_is_a_refusal_not_a_loop() -> None:
    asked = ("www-authenticate", 'Digest realm="r", nonce="n", qop="auth"')
    far = Far(lambda message, times: [reply(message, 401, asked)] if message.method == "INVITE" else [])
    _, told = play(far, credentials=Credentials("me", "wrong"))
    assert far.methods() == ["INVITE", "ACK"] * 2 and events(told, CallRefused)[0].tried


def test_hanging_up_early_says_so_in_every_state() -> None:
    for upto, word in ((0, b"CANCEL"), (1, b"CANCEL"), (2, b"BYE")):
        call = DatagramCall(RequestPlan("sip:test@mcu.test", "10.0.0.2:5070", SEED), SDP, LIMITS, 0.0, PEER)
        invite = sip.parse(next(iter(call.transmit(0.0, 0))).data)
        for status in (180, 200)[:upto]:
            call.receive(Arrival(sip.encode(reply(invite, status)), PEER, 0), 0.1)
        call.hang_up(0.2)
        assert any(one.data.startswith(word) for one in call.transmit(0.2, 0))


def test_a_stream_call_reads_a_body_cut_anywhere() -> None:
    for cut in range(1, 40, 3):
        call = StreamCall(RequestPlan("sip:test@mcu.test", "10.0.0.2:5070", SEED, "TCP"), SDP, LIMITS, 0.0)
        invite = sip.parse(call.transmit(0.0, 0))
        data = sip.encode(reply(invite, 180)) + sip.encode(reply(invite, 200, body=b"v=0\r\n" * 9))
        for start in range(0, len(data), cut):
            call.receive(data[start : start + cut], 0.1)
        assert [one.message.body for one in call.events() if isinstance(one, Up)] == [b"v=0\r\n" * 9]


@given(
    st.lists(st.one_of(st.binary(max_size=200), st.sampled_from([100, 180, 200, 401, 486, 487])), max_size=20),
    st.randoms(),
)
def test_no_answers_make_it_raise_or_go_on_for_ever(said: list[bytes | int], random: Any) -> None:
    call = DatagramCall(
        RequestPlan("sip:t@m", "10.0.0.2:5070", SEED, "UDP", Credentials("a", "b")), SDP, LIMITS, 0.0, PEER
    )
    now, last = 0.0, None
    for one in said:
        for datagram in call.transmit(now, 0):
            last = sip.parse(datagram.data)
        if isinstance(one, bytes):
            call.receive(Arrival(one, PEER, 0), now)
        elif last is not None and not last.status:
            call.receive(Arrival(sip.encode(reply(last, one, tag=random.choice("ab"))), PEER, 0), now)
        now += random.random()
    for _ in range(200):
        if call.done:
            break
        list(call.transmit(now, 0))
        wake = call.wake_at()
        now = now if wake is None else max(now, wake)
    assert call.done and now < 60


def test_a_line_end_hidden_in_the_tag_neither_raises_nor_keeps_the_call() -> None:
    far = Far(lambda message, times: [])
    call = DatagramCall(RequestPlan("sip:test@mcu.test", "10.0.0.2:5070", SEED, "UDP", None), SDP, LIMITS, 0.0, PEER)
    (invite,) = call.transmit(0.0, 0)
    hostile = sip.encode(reply(sip.parse(invite.data), 200, tag="XX")).replace(b"tag=XX", b"tag=a\rb" + b"c" * 9000)
    call.receive(Arrival(hostile, PEER, 0), 0.1)
    call.hang_up(0.2)
    for datagram in call.transmit(0.2, 0):
        assert len(datagram.data) < 2000
        far.take(datagram.data)
    assert far.methods() == ["ACK", "BYE"]


def test_a_bye_that_is_challenged_anew_is_said_with_the_new_nonce() -> None:
    def once(message: SipMessage, times: int) -> list[SipMessage]:
        nonce = f'Digest realm="mcu.test", nonce="n{message.method}", qop="auth"'
        if message.method in ("INVITE", "BYE") and f'nonce="n{message.method}"' not in message.first("authorization"):
            return [reply(message, 401, ("www-authenticate", nonce))]
        return friendly(message, times) if message.method == "INVITE" else [reply(message, 200)]

    _, told = play(Far(once), credentials=Credentials("test", "secret"))
    assert [(one.ours, one.status) for one in events(told, CallOver)] == [(True, 200)]


def test_a_room_that_tags_nothing_cannot_keep_a_cancelled_call_for_ever() -> None:
    def untagged(message: SipMessage) -> bytes:
        return sip.encode(reply(message, 200, tag="")).replace(b";tag=\r", b"\r")

    call = DatagramCall(RequestPlan("sip:test@mcu.test", "10.0.0.2:5070", SEED, "UDP", None), SDP, LIMITS, 0.0, PEER)
    (invite,) = call.transmit(0.0, 0)
    call.hang_up(0.1)
    now = 0.2
    while not call.done and now < 20.0:
        call.receive(Arrival(untagged(sip.parse(invite.data)), PEER, 0), now)
        call.transmit(now, 0)
        now += 0.5
    assert now < 4.0


@pytest.mark.parametrize(("then", "last"), [(b"no SIP at all\r\n\r\n", "BYE"), (b"", "BYE")])
def test_a_stream_that_breaks_while_the_call_is_up_still_hears_our_bye(then: bytes, last: str) -> None:
    call = StreamCall(RequestPlan("sip:test@mcu.test", "10.0.0.2:5070", SEED, "TCP", None), SDP, LIMITS, 0.0)
    invite = sip.parse(call.transmit(0.0, 0))
    call.receive(sip.encode(reply(invite, 200)), 0.1)
    assert b"ACK " in call.transmit(0.1, 0)
    call.receive(then, 0.2)
    assert call.transmit(0.2, 0).startswith(last.encode()) and call.done


def test_a_stream_that_breaks_while_it_rings_still_hears_our_cancel() -> None:
    call = StreamCall(RequestPlan("sip:test@mcu.test", "10.0.0.2:5070", SEED, "TCP", None), SDP, LIMITS, 0.0)
    invite = sip.parse(call.transmit(0.0, 0))
    call.receive(sip.encode(reply(invite, 180)) + b"no SIP at all\r\n\r\n", 0.1)
    assert call.transmit(0.1, 0).startswith(b"CANCEL") and call.done


def test_a_flood_of_rubbish_does_not_hide_that_the_call_was_taken() -> None:
    call = DatagramCall(RequestPlan("sip:test@mcu.test", "10.0.0.2:5070", SEED), SDP, LIMITS, 0.0, PEER)
    invite = sip.parse(next(iter(call.transmit(0.0, 0))).data)
    for _ in range(100):
        call.receive(Arrival(b"rubbish", PEER, 0), 0.1)
    call.receive(Arrival(sip.encode(reply(invite, 200)), PEER, 0), 0.1)
    assert any(isinstance(one, Up) for one in call.events())
