"""A test call against rooms of one process: what they say of their media, our own faults, and that none is left with our call."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Iterable
from typing import Any

import pytest
from against import against

from probes.answer.standin import sip as standin
from probes.answer.standin.room import RoomStandIn
from probes.base import Measurement, Outcome, Target
from probes.io import conversation, rtp
from probes.io.datagram.socket import PacketSocket
from probes.kinds.sip.call.kind import SipCallSettings, run
from probes.target import Endpoint
from probes.wire.exchange import SocketDuties, Unreached
from probes.wire.icmp.fault import Fault
from probes.wire.session import Arrival, Datagram
from probes.wire.sip.message import SipMessage

TRANSPORTS = ("udp", "tcp")
EVERYBODY = (b"224.0.0.251", b"0.0.0.0", b"255.255.255.255")  # no one place: our media must not go there


class Saying(RoomStandIn):
    """A room whose description of media is changed on its way out; `only`: all that it ever answers."""

    def __init__(self, old: bytes = b"", new: bytes = b"", only: int = 0) -> None:
        super().__init__(2, "127.0.0.1")
        self._old, self._new, self._only = old, new, only

    def message(self, message: SipMessage, source: tuple[Any, ...]) -> bytes:
        if self._only and message.method == "INVITE":
            return self.encoded(self._only, "Said", message, source)
        data = super().message(message, source)
        if message.method != "INVITE" or not self._old:
            return data
        head, _, body = data.partition(b"\r\n\r\n")
        body = body.replace(self._old, self._new)
        kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
        return b"\r\n".join([*kept, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body


def called(room: RoomStandIn, transport: str = "udp", host: str = "127.0.0.1", **more: Any) -> Measurement:
    settings = SipCallSettings(**{"duration_s": 0.2, "timeout_s": 1.0, "transport": transport, **more})

    async def measure(far_end: standin.Listening) -> Measurement:
        got = await run(Target(f"sip:test@{far_end.endpoint}"), settings, 1)
        await asyncio.sleep(0.05)
        room.live_at_end = room.live  # type: ignore[attr-defined]
        return got

    return against(standin.listen(Endpoint(host, 0), room), measure)


def left(room: RoomStandIn) -> int:
    """Calls the room still had when ours was over."""
    return int(room.live_at_end)  # type: ignore[attr-defined]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_good_room_gives_sound_and_picture_back(transport: str) -> None:
    got = called(room := Saying(), transport)
    assert (got.outcome, got.why, left(room)) == (Outcome.OK, "", 0)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_call_over_ipv6_is_heard_and_ended_at_a_uri_that_is_one(transport: str) -> None:
    class Six(RoomStandIn):
        asked: list[str] = []

        def message(self, message: SipMessage, source: tuple[Any, ...]) -> bytes:
            self.asked.append(message.uri)
            return super().message(message, source)

    got = called(room := Six(10, "::1"), transport, host="::1")
    assert (got.outcome, got.why, left(room), got.values["bye_status"]) == (Outcome.OK, "", 0, 200)
    assert room.asked[-1] == f"sip:room@[::1]:{room.port}"


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("how", "after_s", "counted"), [("take", 0.4, "hung up"), ("ring", 0.4, "cancelled")])
def test_a_measurement_that_is_cancelled_leaves_no_call(how: str, after_s: float, counted: str, transport: str) -> None:
    async def cut() -> RoomStandIn:
        room = RoomStandIn(2, "127.0.0.1", call=how)
        listening = await standin.listen(Endpoint("127.0.0.1", 0), room)
        settings = SipCallSettings(duration_s=5.0, ring_s=5.0, transport=transport)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(run(Target(f"sip:test@{listening.endpoint}"), settings, 1), after_s)
        await asyncio.sleep(0.1)
        assert (room.live, room.counts[counted]) == (0, 1)
        await listening.close()
        return room

    asyncio.run(cut())


@pytest.mark.parametrize(
    ("host", "transport"),
    [(b"1..2", "udp"), (b"1..2", "tcp"), (b"a" * 64, "udp"), (b"mcu.example", "tcp"), (b"fe80::1%eth9", "udp"), (b"::1", "tcp")]
    + [(host, "udp") for host in EVERYBODY],
)  # fmt: skip
def test_a_place_that_is_no_address_is_the_rooms_fault_and_the_call_is_hung_up(host: bytes, transport: str) -> None:
    got = called(room := Saying(b"127.0.0.1", host), transport)
    assert (got.outcome, left(room), room.counts["hung up"]) == (Outcome.PROTOCOL, 0, 1)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_media_that_cannot_begin_here_is_our_fault_and_the_call_is_hung_up(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(rtp.MediaLine, "start", full)
    got = called(room := Saying(), transport)
    assert (got.values["status"], got.outcome, left(room), room.counts["hung up"]) == (200, Outcome.LOCAL, 0, 1)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_no_port_for_our_media_is_our_fault_and_no_invite_goes_out(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: Any) -> None:
        raise OSError(errno.EADDRINUSE, "address already in use")

    room = Saying()
    monkeypatch.setattr("probes.io.rtp.open_udp", taken)
    got = called(room, transport)
    assert (got.outcome, room.counts["taken"], "status" in got.values) == (Outcome.LOCAL, 0, False)


@pytest.mark.parametrize("reset", [False, True])
def test_a_call_whose_connection_breaks_is_hung_up_on_another(reset: bool) -> None:
    async def broken() -> tuple[Measurement, RoomStandIn]:
        room = RoomStandIn(2, "127.0.0.1")
        listening = await standin.listen(Endpoint("127.0.0.1", 0), room)

        async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            """Hands on until the call is up, then breaks; the next connection lives."""
            theirs, ours = await asyncio.open_connection(*listening.endpoint)
            first, up = not seen, 0
            seen.append(1)
            while data := await reader.read(65_536):
                if first and up:
                    break
                ours.write(data)
                writer.write(await theirs.read(65_536))
                up += 1
            if first and reset:
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.close()
            ours.close()

        seen: list[int] = []
        relay = await asyncio.start_server(once, "127.0.0.1", 0)
        port = relay.sockets[0].getsockname()[1]
        got = await run(
            Target(f"sip:test@127.0.0.1:{port};transport=tcp"), SipCallSettings(duration_s=0.5, timeout_s=1.0), 1
        )
        await asyncio.sleep(0.05)
        assert (room.live, room.counts["hung up"]) == (0, 1)
        relay.close()
        await listening.close()
        return got, room

    got, _ = asyncio.run(broken())
    assert got.values["status"] == 200


def test_media_that_never_left_this_machine_is_our_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    send = PacketSocket.send

    def blocked(self: PacketSocket, data: bytes, *rest: Any) -> None:
        if data[0] >> 6 == 2:  # RTP's version; no SIP begins so
            raise OSError(errno.EPERM, "a filter of ours")
        send(self, data, *rest)

    monkeypatch.setattr(PacketSocket, "send", blocked)
    got = called(room := Saying())
    assert (got.outcome, got.values["audio_sent"], left(room)) == (Outcome.LOCAL, 0, 0)


def test_a_room_that_says_it_sends_no_picture_is_no_fault_of_the_firewalls() -> None:
    class Mute(Saying):
        def message(self, message: SipMessage, source: tuple[Any, ...]) -> bytes:
            data = super().message(message, source)
            for call in self._calls.values():
                call.echoes[1]._dumb = True
            head, video, rest = data.partition(b"m=video")
            return head + video + rest.replace(b"sendrecv", b"recvonly")

    got = called(Mute())
    assert (got.outcome, got.why) == (Outcome.OK, "it says that it sends no picture")


def test_a_stand_in_without_a_port_declines_and_keeps_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    class Full(RoomStandIn):
        def _echo(self, peer: str) -> Any:
            if opened:
                raise OSError(errno.EADDRINUSE, "address already in use")
            opened.append(peer)
            return super()._echo(peer)

    got = called(room := Full(2, "127.0.0.1"))
    assert (got.outcome, got.values["status"], left(room)) == (Outcome.REFUSED, 503, 0)


def test_a_server_that_only_tries_did_not_ring_the_room() -> None:
    got = called(Saying(only=100), ring_s=0.2)
    assert got.outcome == Outcome.LOST and "rang, and nobody" not in got.why


def test_a_conversation_that_icmp_ends_says_its_last_word() -> None:
    class Asking(SocketDuties):
        done = False
        told: tuple[Any, ...] = ()
        due: float | None = 0.0

        def receive(self, arrival: Arrival, now: float) -> None: ...

        def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
            self.due = None
            return [Datagram(b"hello", ("127.0.0.1", 9))]

        def wake_at(self) -> float | None:
            return self.due

        def refused(self, fault: Fault, to: str, now: float) -> None:
            self.told = (Unreached(fault),)

        def events(self) -> list[Any]:
            said, self.told = list(self.told), ()
            return said

        def sent(self, token: Any, at_ns: int) -> None: ...

    said: list[str] = []
    ended = asyncio.run(
        conversation.over_udp(
            2, ("127.0.0.1", 9), lambda local: Asking(), lambda events: None, lambda: said.append("bye")
        )
    )
    assert (ended.outcome, said) == (Outcome.REFUSED, ["bye"])
