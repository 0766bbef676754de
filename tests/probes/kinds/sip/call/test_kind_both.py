"""A call is good only when both directions are: what rooms of one process say of ours, and what their last word was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from against import against
from sipfar import busily, elsewhere

from probes.answer.standin import room as rooms
from probes.answer.standin import sip as standin
from probes.answer.standin.room import RoomStandIn
from probes.base import Measurement, Outcome, Target
from probes.io.conversation import ConversationEnd
from probes.kinds.sip import kind as sipkind
from probes.kinds.sip.call import verdict as sipcalljudge
from probes.kinds.sip.call.kind import SipCallSettings, run
from probes.kinds.sip.call.media import Agreed
from probes.target import Endpoint
from probes.wire.rtp import packet as rtp
from probes.wire.rtp import rtcp
from probes.wire.rtp.rtcp import Block, RtcpReport, Sent
from probes.wire.session import Arrival
from probes.wire.sip import message as sip
from probes.wire.sip.call.events import Ringing, Silent
from probes.wire.sip.message import SipMessage

THEIRS = 0xBEEF


class Reporting(RoomStandIn):
    """A room with a voice of its own, which answers each packet and reports what `hears` says of ours, five times a second."""

    def __init__(self, hears: Callable[[int, int], tuple[Block, ...] | None]) -> None:
        super().__init__(2, "127.0.0.1")
        self._hears = hears

    def _echo(self, peer: str) -> rooms._Echo:
        return _Voice(peer, self._hears)


class _Voice(rooms._Echo):
    def __init__(self, peer: str, hears: Callable[[int, int], tuple[Block, ...] | None]) -> None:
        super().__init__(2, "127.0.0.1", peer, dumb=False)
        self._hears, self._count = hears, 0

    def _sound(self, arrival: Arrival) -> None:
        packet, source = rtp.decode(arrival.data), arrival.source
        self._media.send(rtp.encode(packet._replace(source=THEIRS)), source)
        self._count += 1
        blocks = self._hears(packet.source, packet.number)
        if self._count % 10 == 5 and self._count > 20 and blocks is not None:
            sent = Sent(rtcp.ntp64(time.time_ns()), packet.stamp, self._count, 160 * self._count)
            self._control.send(rtcp.encode(RtcpReport(THEIRS, sent, blocks), "room"), (source[0], source[1] + 1))


class Changed(RoomStandIn):
    """A room whose answers to an INVITE are changed on their way out."""

    def __init__(self, change: Callable[[bytes], bytes]) -> None:
        super().__init__(2, "127.0.0.1")
        self._change = change

    def message(self, message: SipMessage, source: tuple[Any, ...]) -> bytes:
        data = super().message(message, source)
        if message.method != "INVITE":
            return data
        head, _, body = data.partition(b"\r\n\r\n")
        body = self._change(body)
        kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
        return b"\r\n".join([*kept, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body


def called(room: RoomStandIn, **more: Any) -> Measurement:
    settings = SipCallSettings(**{"duration_s": 0.3, "timeout_s": 2.0, "video": False, "reports_s": 4.0, **more})
    listening = standin.listen(Endpoint("127.0.0.1", 0), room)
    return against(listening, lambda far_end: run(Target(f"sip:test@{far_end.endpoint}"), settings, 1))


def test_a_room_that_reports_hearing_us_is_good_and_the_call_waits_for_its_report() -> None:
    got = called(Reporting(lambda source, number: (Block(source, 0.0, 0, number, 0, 0, 0.0),)))
    assert (got.outcome, got.why, got.values["audio_lost_fwd"]) == (Outcome.OK, "", 0)
    assert 400 < got.took_ms < 4000  # until the report, and no longer


def test_a_room_whose_reports_leave_us_out_does_not_hear_us() -> None:
    got = called(Reporting(lambda source, number: ()))
    assert got.outcome == Outcome.LOST and "it hears no sound of ours" in got.why
    assert got.values["audio_rcvd"] > 0 and "audio_lost_fwd" not in got.values


def test_a_room_that_reports_nothing_is_not_accused_and_that_is_told() -> None:
    got = called(Reporting(lambda source, number: None), reports_s=0.6)
    assert got.outcome == Outcome.OK and "does not say whether it hears us" in got.why
    assert called(Reporting(lambda source, number: None), reports_s=0.0).why == ""


def test_a_codec_that_was_not_offered_is_told_where_it_works_all_the_same() -> None:
    got = called(Changed(lambda body: body.replace(b"AVP 8", b"AVP 0").replace(b"8 PCMA", b"0 PCMU")))
    assert got.outcome == Outcome.OK and "it takes PCMU, which was not offered, for its sound" in got.why


class Speaking(RoomStandIn):
    """A room that answers `most` of our packets, each as another one."""

    def __init__(self, payload_type: int, most: int = 10_000) -> None:
        super().__init__(2, "127.0.0.1")
        self._payload_type, self._most = payload_type, most

    def _echo(self, peer: str) -> rooms._Echo:
        room = self

        class Voice(rooms._Echo):
            said = 0

            def _sound(self, arrival: Arrival) -> None:
                self.said += 1
                if self.said <= room._most:
                    packet = rtp.decode(arrival.data)._replace(payload_type=room._payload_type)
                    self._media.send(rtp.encode(packet), arrival.source)

        return Voice(2, "127.0.0.1", peer, dumb=False)


def test_packets_of_a_type_that_nobody_spoke_of_are_no_sound() -> None:
    got = called(Speaking(101))
    assert (got.outcome, got.values["audio_rcvd"]) == (Outcome.LOST, 0) and "payload type 101" in got.why
    assert "audio_lost_bwd" not in got.values


def test_sound_from_an_address_that_was_not_named_is_told_and_does_not_count() -> None:
    def moved(body: bytes) -> bytes:
        return body.replace(b"c=IN IP4 127.0.0.1", b"c=IN IP4 127.0.0.3")

    class Echoing(Changed):
        """A room that sends from its own address, and names another."""

        def _take(self, message: SipMessage, source: tuple[Any, ...]) -> bytes:
            data = super()._take(message, source)
            (call,) = self._calls.values()
            port = int(message.body.partition(b"m=audio ")[2].split()[0])
            packet = rtp.encode(rtp.RtpPacket(8, 1, 160, 7, b"x" * 160))
            asyncio.get_running_loop().call_later(0.1, call.echoes[0]._media.send, packet, ("127.0.0.1", port))
            return data

    got = called(Echoing(moved))
    assert (got.outcome, got.values["audio_rcvd"]) == (Outcome.LOST, 0)
    assert "some came from 127.0.0.1, which its answer does not name" in got.why


def test_sound_that_ends_long_before_the_call_is_told() -> None:
    got = called(Speaking(8, 5), duration_s=1.8, reports_s=0.0)
    assert (got.outcome, got.values["audio_rcvd"]) == (
        Outcome.OK,
        5,
    ) and "no sound came any more in the last 1." in got.why


def test_sound_that_came_before_the_call_was_taken_is_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Announcing(RoomStandIn):
        def _take(self, message: SipMessage, source: tuple[Any, ...]) -> bytes:
            data = super()._take(message, source)
            (call,) = self._calls.values()
            call.echoes[0]._dumb = True
            host, port = b"127.0.0.1", int(message.body.partition(b"m=audio ")[2].split()[0])
            for number in range(10):
                call.echoes[0]._media.send(
                    rtp.encode(rtp.RtpPacket(8, number, 160 * number, 7, b"x" * 160)), (host, port)
                )
            return data

    got = called(Announcing(2, "127.0.0.1"))
    assert (got.outcome, got.values["audio_rcvd"]) == (Outcome.LOST, 0) and "no sound came back" in got.why


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"RTP/AVP", b"RTP/SAVP", "encrypted (RTP/SAVP)"),
        (b"RTP/AVP", b"UDP/TLS/RTP/SAVPF", "encrypted (UDP/TLS/RTP/SAVPF)"),
        (b"a=ptime", b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\na=ptime", "encrypted (a=crypto)"),
        (b"c=IN IP4 127.0.0.1", b"c=IN IP4 0.0.0.0", "on hold"),
        (b"c=IN IP4 127.0.0.1", b"c=IN IP4 media.example", "media.example"),
        (b"a=sendrecv", b"a=sendonly", "it receives no sound of ours"),
        (b"m=audio", b"m=text", "it takes no sound"),
        (b"PCMA/8000", b"L16/8000", "only L16"),
        (b"", b"", "no description"),
    ],
)
def test_what_its_description_says_against_the_call_is_named(old: bytes, new: bytes, words: str) -> None:
    got = called(Changed(lambda body: body.replace(old, new) if old else b""))
    assert got.outcome == Outcome.PROTOCOL and words in got.why


@pytest.mark.parametrize(
    "line", [b"m=video 0 RTP/AVP", b"m=application 0 UDP/BFCP *", b"m=", b"m=x y z", b"m=audio 99999 RTP/AVP 8"]
)
def test_a_line_that_says_nothing_to_us_is_passed_over(line: bytes) -> None:
    got = called(Changed(lambda body: body + line + b"\r\n"))
    assert (got.outcome, got.why) == (Outcome.OK, "")


def leaving(message: SipMessage, *more: tuple[str, str]) -> bytes:
    """The room's BYE to whom called."""
    headers = (
        ("via", "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx"), ("from", f"{message.first('to')};tag=standin"),
        ("to", message.first("from")), ("call-id", message.first("call-id")), ("cseq", "1 BYE"), *more,
    )  # fmt: skip
    return sip.encode(SipMessage(0, "", "BYE", "sip:netmon@127.0.0.1", headers))


class HangingUp(RoomStandIn):
    def __init__(self, after_s: float) -> None:
        super().__init__(2, "127.0.0.1")
        self._after_s = after_s

    def _take(self, message: SipMessage, source: tuple[Any, ...]) -> bytes:
        data = super()._take(message, source)
        if not self._after_s:
            for call in self._calls.values():
                call.echoes[0]._dumb = True
        bye = leaving(message, ("reason", 'Q.850;cause=38;text="Network out of order\x1b[31m"'))
        asyncio.get_running_loop().call_later(self._after_s, self.later, bye, source)
        return data


def test_a_room_that_hangs_up_at_once_has_refused_the_call_and_its_reason_is_told() -> None:
    got = called(HangingUp(0.0))
    assert got.outcome == Outcome.REFUSED and "\x1b" not in got.why
    assert "it took the call and hung up after 0.0 s: Network out of order" in got.why and "Q.850 38" in got.why


def test_a_room_that_hangs_up_after_sound_both_ways_was_good_and_that_is_told() -> None:
    got = called(HangingUp(0.4), duration_s=3.0)
    assert got.outcome == Outcome.OK and "hung up after 0.4 s: Network out of order" in got.why
    assert "bye_status" not in got.values


@pytest.mark.parametrize("status", [404, 481, 500])
def test_a_bye_that_is_refused_is_told(status: int) -> None:
    class Keeping(RoomStandIn):
        def _ended(self, message: SipMessage, source: tuple[Any, ...], method: str) -> bytes:
            return self.encoded(status, "Said", message, source)

    got = called(Keeping(2, "127.0.0.1"))
    assert got.outcome == Outcome.OK and got.values["bye_status"] == status
    assert f"its answer to our BYE is {status}" in got.why


def test_a_busy_loop_of_ours_is_not_in_the_delays() -> None:
    with elsewhere(lambda: RoomStandIn(2, "127.0.0.1")) as port:
        target = Target(f"sip:test@127.0.0.1:{port}")
        asked = busily(lambda: sipkind.run(target, sipkind.SipSettings(timeout_s=0.25), 1), 0.001, 0.3)
        assert asked.outcome == Outcome.OK and asked.values["rtt_ms"] < 100 and asked.values["sends"] == 1
        settings = SipCallSettings(duration_s=0.2, video=False, timeout_s=0.25)
        taken = busily(lambda: run(target, settings, 1), 0.001, 0.3)
    assert taken.outcome == Outcome.OK and taken.values["answer_ms"] < 100 and taken.values["sends"] == 1


@pytest.mark.parametrize(
    ("statuses", "words"), [((100, 180, 183), "announcement"), ((180,), "it rang"), ((100,), "its server tries")]
)
def test_how_far_a_call_came_that_nobody_took_is_told(statuses: tuple[int, ...], words: str) -> None:
    events = [*(Ringing(status, 0.1) for status in statuses), Silent(True)]
    outcome, why = sipcalljudge.verdict(sipcalljudge.SipTalk(events, ConversationEnd(), False, Agreed(), {}))
    assert outcome == Outcome.LOST and words in why
