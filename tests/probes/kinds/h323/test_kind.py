"""The `h323` kind against far ends made here: the whole ladder, and each kind of trouble with its own outcome."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from against import against

from probes.answer.standin.h323 import H323StandIn, listen
from probes.base import Measurement, Outcome, Target
from probes.errors import BadSettings, BadTarget, WireError
from probes.kinds.h323.kind import H323, H323Settings, run
from probes.target import Endpoint
from probes.wire.h323 import fast_connect, h225, per, q931, types
from probes.wire.h323.h225 import Ids, Vendor
from probes.wire.h323.q931 import tpkt_framer


def settings(**more: Any) -> H323Settings:
    return H323Settings(**{"timeout_s": 5.0, "duration_s": 0.2, **more})


def call(**more: Any) -> H323Settings:
    return settings(**{"via": "call", "alias": "8001", "call": True, **more})


def measure(target: str, how: H323Settings) -> Measurement:
    return asyncio.run(run(Target(target), how, 1))


def answered(standin: H323StandIn, how: H323Settings, host: str = "127.0.0.1", count: int = 1) -> Measurement:
    return against(
        listen(standin, Endpoint(host, 0)),
        lambda far_end: run(Target(str(far_end.ras if how.via == "ras" else far_end.signalling)), how, count),
    )


# -- a gatekeeper --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_gatekeeper_answers_and_knows_the_room(host: str) -> None:
    standin = H323StandIn(["8001"])
    got = answered(standin, settings(alias="8001"), host, count=2)
    assert (got.outcome, got.why) == (Outcome.OK, "")
    assert {name: got.values[name] for name in ("sent", "rcvd", "sends", "rung", "h225_version")} == {
        "sent": 2, "rcvd": 2, "sends": 1, "rung": 2, "h225_version": 4,
    }  # fmt: skip
    assert got.values["ras_ms"] > 0 and got.values["locate_ms"] > 0
    assert standin.counts == {"gatekeeperRequest": 2, "locationRequest": 2}
    assert len(got.detail) == 2 and got.detail[0]["gatekeeper"] == "standin" and got.detail[1]["signalling"]


class Below(asyncio.DatagramProtocol):
    """A gatekeeper that knows no room: it passes a question on to the one above, which answers the asker itself."""

    def __init__(self, above: H323StandIn, voice: socket.socket) -> None:
        self._above, self._voice, self.hops = above, voice, list[int | None]()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        asked = h225.read_ras(data)
        self.hops.append(asked.hops)
        if asked.name == "gatekeeperRequest":
            self._transport.sendto(h225.gatekeeper_confirm(asked.number, "below", ("127.0.0.1", 1719)), addr)
        elif asked.hops and asked.hops > 1 and asked.ras is not None:
            answer = self._above.ras(data, ("127.0.0.2", 1719), ("127.0.0.2", 1720))
            self._voice.sendto(b"\xff\xff", asked.ras)  # somebody else's bytes end nothing
            self._voice.sendto(answer, asked.ras)


@pytest.mark.parametrize(("room", "outcome"), [("8001", Outcome.OK), ("9999", Outcome.REFUSED)])
def test_a_gatekeeper_above_may_answer_for_the_one_that_was_asked(room: str, outcome: Outcome) -> None:
    async def both(voice: socket.socket) -> tuple[Measurement, Below]:
        loop = asyncio.get_running_loop()
        transport, below = await loop.create_datagram_endpoint(
            lambda: Below(H323StandIn(["8001"]), voice), ("127.0.0.1", 0)
        )
        port = transport.get_extra_info("sockname")[1]
        got = await run(Target(f"127.0.0.1:{port}"), settings(alias=room, timeout_s=0.5), 1)
        transport.close()
        return got, below

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as voice:
        voice.bind(("127.0.0.2", 0))
        got, below = asyncio.run(both(voice))
        said = f"127.0.0.2:{voice.getsockname()[1]}"
    assert got.outcome == outcome and got.values["locate_ms"] > 0 and below.hops[:2] == [None, 8]
    assert got.detail[1]["answered by"] == said and "answered by" not in got.detail[0]
    if outcome is Outcome.REFUSED:
        assert "knows no such room" in got.why


def test_a_gatekeeper_of_several_addresses_may_answer_from_another() -> None:
    async def both(voice: socket.socket, asked: socket.socket) -> Measurement:
        loop = asyncio.get_running_loop()

        def confirm() -> None:
            data, source = asked.recvfrom(4096)
            voice.sendto(h225.gatekeeper_confirm(h225.read_ras(data).number, "wide", ("127.0.0.2", 1719)), source)

        loop.add_reader(asked, confirm)
        try:
            return await run(Target(f"127.0.0.1:{asked.getsockname()[1]}"), settings(timeout_s=0.5), 1)
        finally:
            loop.remove_reader(asked)

    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as voice,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked,
    ):
        voice.bind(("127.0.0.2", 0))
        asked.bind(("127.0.0.1", 0))
        asked.setblocking(False)
        got = asyncio.run(both(voice, asked))
    assert got.outcome == Outcome.OK and str(got.detail[0]["answered by"]).startswith("127.0.0.2:")


def test_without_a_room_only_the_gatekeeper_is_asked() -> None:
    standin = H323StandIn()
    got = answered(standin, settings())
    assert (got.outcome, got.values["rung"]) == (Outcome.OK, 1)
    assert "locate_ms" not in got.values and "locationRequest" not in standin.counts


def test_an_unknown_room_is_refused_in_words_and_the_gatekeepers_time_stays() -> None:
    got = answered(H323StandIn(["8001"]), settings(alias="9999"))
    assert got.outcome == Outcome.REFUSED and "9999" in got.why and "knows no such room" in got.why
    assert (got.values["rung"], got.values["reason"]) == (1, 2) and got.values["ras_ms"] > 0


def test_a_gatekeeper_that_rejects_is_refused() -> None:
    got = answered(H323StandIn(gatekeeper="reject"), settings(alias="8001"))
    assert got.outcome == Outcome.REFUSED and "terminalExcluded" in got.why and "does not serve us" in got.why
    assert got.values["reason"] == 1 and "rung" not in got.values and got.values["rcvd"] == 1


def test_a_silent_gatekeeper_is_lost_and_was_asked_thrice() -> None:
    standin = H323StandIn(gatekeeper="silent")
    got = answered(standin, settings(timeout_s=0.3))
    assert got.outcome == Outcome.LOST and got.values == {"sent": 1, "rcvd": 0}
    assert standin.counts == {"gatekeeperRequest": 3}


@contextlib.contextmanager
def datagrams(answer: Callable[[int, bytes], bytes]) -> Iterator[int]:
    """A UDP far end: (number of the datagram, datagram) → answer, b"" for none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind(("127.0.0.1", 0))
        far.settimeout(0.1)
        stop = threading.Event()

        def serve() -> None:
            number = 0
            while not stop.is_set():
                try:
                    data, source = far.recvfrom(4096)
                except OSError:
                    continue
                said = answer(number, data)
                if said:
                    far.sendto(said, source)
                number += 1

        thread = threading.Thread(target=serve)
        thread.start()
        yield far.getsockname()[1]
        stop.set()
        thread.join(5)


def test_a_lost_first_question_shows_in_sends() -> None:
    standin, here = H323StandIn(), ("127.0.0.1", 1)
    with datagrams(lambda number, data: standin.ras(data, here, here) if number else b"") as port:
        got = measure(f"127.0.0.1:{port}", settings(timeout_s=0.6))
    assert (got.outcome, got.values["sends"]) == (Outcome.OK, 2) and got.values["ras_ms"] < 200


@pytest.mark.parametrize(
    ("said", "outcome", "word"),
    [
        (b"\xff" * 20, Outcome.PROTOCOL, "what answers is none"),
        (h225.gatekeeper_confirm(65_535, "other", ("192.0.2.1", 1)), Outcome.PROTOCOL, "not what we asked"),
        (bytes.fromhex("800380ffff"), Outcome.LOST, "works on it"),
    ],
    ids=["noise", "another number", "in progress"],
)
def test_other_answers_of_a_gatekeeper_are_told_apart(said: bytes, outcome: Outcome, word: str) -> None:
    with datagrams(lambda number, data: said) as port:
        got = measure(f"127.0.0.1:{port}", settings(timeout_s=0.3))
    assert got.outcome == outcome and word in got.why and "ras_ms" not in got.values


def test_a_gatekeeper_that_does_not_understand_is_refused() -> None:
    def xrs(turn: int, data: bytes) -> bytes:
        number = h225.read_ras(data).number
        return per.encode(types.RAS, ("unknownMessageResponse", {"requestSeqNum": number}))

    with datagrams(xrs) as port:
        got = measure(f"127.0.0.1:{port}", settings(timeout_s=0.3))
    assert got.outcome == Outcome.REFUSED and "does not understand" in got.why


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_an_icmp_message_refuses_a_question_at_once(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((host.strip("[]"), 0))
        port = sock.getsockname()[1]
    got = measure(f"{host}:{port}", settings(timeout_s=30.0))
    assert got.outcome == Outcome.REFUSED and "ICMP" in got.why and got.took_ms < 20_000


# -- a call --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_whole_ladder_with_sound_both_ways(host: str) -> None:
    standin = H323StandIn(["8001"], vendor=Vendor(181, 0, 54, b"objsys\0", b"v0.9.4"))
    long = host == "127.0.0.1"  # the first RTCP reports go out after two seconds
    got = answered(standin, call(duration_s=2.2 if long else 0.4), host)
    assert (got.outcome, got.why, got.values["rung"]) == (Outcome.OK, "", 5)
    values = got.values
    assert 0 < values["proceeding_ms"] <= values["alerting_ms"] <= values["answer_ms"] < 2000
    assert values["audio_rcvd"] >= (60 if long else 10) and values["audio_sent"] >= values["audio_rcvd"]
    assert (values["audio_lost_bwd"], values["audio_dscp_seen_bwd"]) == (0, 46)
    assert values["audio_first_ms"] < 1000 and values["audio_jitter_bwd_ms"] < 100
    assert (values.get("audio_lost_fwd"), "audio_rtt_ms" in values) == ((0, True) if long else (None, False))
    assert (values["vendor_t35"], values["product_crc"]) == (0xB5000036, Vendor(0, 0, 0, b"objsys", b"v0.9.4").crc)
    assert (got.detail[-1]["product"], got.detail[-1]["version"], got.detail[-1]["vendor"]) == (
        "objsys",
        "v0.9.4",
        "181/0/54",
    )
    assert standin.counts["releaseComplete"] == 1 and standin.counts["sound"] >= 10


def test_without_call_the_port_is_only_opened() -> None:
    standin = H323StandIn()
    got = answered(standin, settings(via="call", alias="8001"))
    assert (got.outcome, got.values["rung"]) == (Outcome.OK, 1) and got.values["connect_ms"] > 0
    assert standin.counts == {}


def test_a_room_is_called_once_however_many_are_asked_for() -> None:
    standin = H323StandIn()
    got = answered(standin, call(duration_s=0.0), count=5)
    assert standin.counts == {"setup": 1, "releaseComplete": 1} and (got.values["sent"], got.values["rung"]) == (1, 4)


@pytest.mark.parametrize(
    ("answer", "outcome", "word", "has", "last"),
    [
        ("busy", Outcome.REFUSED, "the room is busy", {"cause": 17, "reason": 10, "rung": 2}, ""),
        ("ring", Outcome.LOST, "it rang", {"rung": 3}, "releaseComplete"),
        ("working", Outcome.LOST, "works on the call", {"rung": 2}, "releaseComplete"),
        ("silent", Outcome.LOST, "nothing answers the call", {"rung": 1, "rcvd": 0}, "releaseComplete"),
        ("elsewhere", Outcome.REFUSED, "call another place", {"rung": 1, "rcvd": 1}, "releaseComplete"),
    ],
)
def test_ends_of_a_call_have_their_outcomes_and_are_released(
    answer: str, outcome: Outcome, word: str, has: dict[str, int], last: str
) -> None:
    standin = H323StandIn(answer=answer)
    got = answered(standin, call(timeout_s=0.6, ring_s=0.2))
    assert got.outcome == outcome and word in got.why
    assert {name: got.values.get(name) for name in has} == has and "answer_ms" not in got.values
    assert "cause" in has or "cause" not in got.values
    assert bool(standin.counts["releaseComplete"]) == bool(last)


def test_an_unknown_room_has_its_cause_and_words() -> None:
    got = answered(H323StandIn(["8001"]), call(alias="9999"))
    assert (got.outcome, got.values["cause"]) == (Outcome.REFUSED, 20) and "not registered" in got.why


def test_a_change_of_the_far_ends_software_is_a_change_of_a_number() -> None:
    seen = {
        answered(H323StandIn(vendor=Vendor(version=version)), call(duration_s=0.0)).values["product_crc"]
        for version in (b"1.0", b"1.0", b"1.1")
    }
    assert len(seen) == 2


@contextlib.contextmanager
def server(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server that does one thing with its one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            peer, _ = listening.accept()
            with peer:
                peer.settimeout(10)
                behave(peer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(15)


def setup_of(peer: socket.socket) -> tuple[int, Ids]:
    (frame,) = tpkt_framer().feed(peer.recv(4096))
    return frame.reference, Ids(h225.read_call(frame.user or b"").call, bytes(16))


def hang_up(peer: socket.socket) -> None:
    peer.recv(4096)


def reset(peer: socket.socket) -> None:
    peer.recv(10)  # what is left unread makes the close a reset


def speak_http(peer: socket.socket) -> None:
    peer.recv(4096)
    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    peer.recv(4096)


def begin_only(peer: socket.socket) -> None:
    peer.recv(4096)
    peer.sendall(b"\x03\x00\x00\x54\x08")
    peer.recv(4096)


def answer_another(peer: socket.socket) -> None:
    reference, ids = setup_of(peer)
    peer.sendall(q931.message(reference ^ 1, True, q931.CONNECT, h225.answer("connect", ids)))
    peer.recv(4096)


def spoil(peer: socket.socket) -> None:
    reference, _ = setup_of(peer)
    peer.sendall(q931.message(reference, True, q931.CONNECT, b"\xff\xff"))
    peer.recv(4096)


@pytest.mark.parametrize(
    ("behave", "outcome", "word"),
    [
        (hang_up, Outcome.REFUSED, "closed the connection"),
        (reset, Outcome.REFUSED, "broke the connection off"),
        (speak_http, Outcome.PROTOCOL, "no H.323"),
        (begin_only, Outcome.PROTOCOL, "never ended"),
        (answer_another, Outcome.PROTOCOL, "another call"),
        (spoil, Outcome.PROTOCOL, "no H.323"),
    ],
)
def test_far_ends_that_are_no_endpoint_are_told_apart(
    behave: Callable[[socket.socket], None], outcome: Outcome, word: str
) -> None:
    with server(behave) as port:
        got = measure(f"127.0.0.1:{port}", call(timeout_s=0.5))
    assert got.outcome == outcome and word in got.why
    assert "connect_ms" in got.values and "answer_ms" not in got.values and got.values["rcvd"] == 0


def test_a_call_without_fast_connect_is_ok_and_says_that_no_sound_was_tried() -> None:
    def plain(peer: socket.socket) -> None:
        reference, ids = setup_of(peer)
        peer.sendall(q931.message(reference, True, q931.CONNECT, h225.answer("connect", ids)))
        peer.recv(4096)

    with server(plain) as port:
        got = measure(f"127.0.0.1:{port}", call())
    assert (got.outcome, got.values["rung"]) == (Outcome.OK, 4) and "sound was not tried" in got.why
    assert "audio_sent" not in got.values


def test_a_call_that_is_up_without_sound_back_is_lost() -> None:
    def dumb(peer: socket.socket) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
            deaf.bind(("127.0.0.1", 0))
            (frame,) = tpkt_framer().feed(peer.recv(4096))
            read = h225.read_call(frame.user or b"")
            fast = fast_connect.answers(read.fast, deaf.getsockname(), deaf.getsockname())
            user = h225.answer("connect", Ids(read.call, bytes(16)), fast=fast)
            peer.sendall(q931.message(frame.reference, True, q931.CONNECT, user))
            peer.recv(4096)

    with server(dumb) as port:
        got = measure(f"127.0.0.1:{port}", call(duration_s=0.3))
    assert got.outcome == Outcome.LOST and "no sound came back" in got.why
    assert (got.values["rung"], got.values["audio_rcvd"]) == (4, 0) and got.values["audio_sent"] > 5
    assert "audio_lost_bwd" not in got.values and "audio_jitter_bwd_ms" not in got.values


def test_a_closed_port_refuses_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    got = measure(f"127.0.0.1:{port}", call(timeout_s=30.0))
    assert (got.outcome, got.values) == (Outcome.REFUSED, {"sent": 1, "rcvd": 0})


def test_a_cancelled_call_is_released_too_and_leaves_nothing() -> None:
    got = list[q931.Q931Message]()

    def listen_on(peer: socket.socket) -> None:
        framer = tpkt_framer()
        with contextlib.suppress(WireError, OSError):
            while data := peer.recv(4096):
                got.extend(framer.feed(data))

    async def cut(port: int) -> None:
        task = asyncio.create_task(run(Target(f"127.0.0.1:{port}"), call(timeout_s=30.0), 1))
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.02)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with server(listen_on) as port:
        asyncio.run(cut(port))
    assert [frame.type for frame in got] == [q931.SETUP, q931.RELEASE_COMPLETE] and got[1].cause == 16


def test_a_call_cancelled_in_the_middle_of_its_sound_is_released() -> None:
    async def cut(standin: H323StandIn) -> None:
        listening = await listen(standin, Endpoint("127.0.0.1", 0))
        task = asyncio.create_task(run(Target(str(listening.signalling)), call(duration_s=30.0), 1))
        await asyncio.sleep(0.4)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.1)
        await listening.close()

    standin = H323StandIn()
    asyncio.run(cut(standin))
    assert standin.counts["releaseComplete"] == 1 and standin.counts["sound"] > 5


# -- settings ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"call": True, "alias": "8001"}, "via=call"),
        ({"call": True, "via": "call"}, "needs an alias"),
        ({"via": "call", "alias": "a\nb"}, "alias"),
        ({"call": True, "via": "call", "alias": "8001", "every_s": 1.0}, "10 s at most"),
    ],
)
def test_settings_that_contradict_are_refused(more: dict[str, Any], word: str) -> None:
    with pytest.raises(BadSettings) as caught:
        measure("127.0.0.1:9", settings(**more))
    assert word in str(caught.value)


def test_no_call_is_made_unless_it_was_asked_for() -> None:
    assert not H323Settings().call and H323Settings().alias == ""


def test_a_target_that_cannot_be_is_refused() -> None:
    with pytest.raises(BadTarget):
        measure("a b", settings())


def test_importing_the_kind_stays_light() -> None:
    code = "import sys, probes.kinds.h323.kind; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"cryptography", "yaml", "psutil", "numpy", "netmon", "http", "email"}


def test_texts_of_a_far_end_are_cleaned() -> None:
    got = answered(H323StandIn(vendor=Vendor(product=b"\x1b[31mred", version="\u202ex".encode())), call(duration_s=0.0))
    assert "\x1b" not in str(got.detail) and "\u202e" not in str(got.detail)


def test_the_kind_is_named_as_it_is_asked_for() -> None:
    assert H323.name == "h323" and H323.watch is None
