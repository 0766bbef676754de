"""The `sip` kind against far ends made here: each kind of trouble has its own outcome."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from against import against

from probes.answer.standin.sip import SipStandIn, listen
from probes.base import Measurement, Outcome, Target
from probes.errors import BadSettings, BadTarget
from probes.kinds.sip.kind import SIP, SipSettings, run
from probes.kinds.sip.target import aim
from probes.target import Endpoint


def measure(target: str, count: int = 1, **more: object) -> Measurement:
    settings = SipSettings(**{"timeout_s": 5.0, **more})  # type: ignore[arg-type]
    return asyncio.run(run(Target(target), settings, count))


def answered(answer: str, transport: str, host: str = "127.0.0.1", **more: object) -> tuple[Measurement, SipStandIn]:
    standin = SipStandIn(answer)
    settings = SipSettings(**{"timeout_s": 5.0, "transport": transport, **more})  # type: ignore[arg-type]
    listening = listen(Endpoint(host, 0), standin)
    return against(listening, lambda far_end: run(Target(str(far_end.endpoint)), settings, 2)), standin


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_stand_in_is_measured_over_ipv4_and_ipv6(transport: str, host: str) -> None:
    got, standin = answered("200", transport, host)
    assert (got.outcome, got.values["status"], got.values["sent"], got.values["rcvd"]) == (Outcome.OK, 200, 2, 2)
    assert standin.counts == {"answered": 2} and got.took_ms >= got.values["rtt_ms"] > 0


@pytest.mark.parametrize(
    ("answer", "outcome"), [("401", Outcome.OK), ("503", Outcome.REFUSED), ("silent", Outcome.LOST)]
)
def test_answers_have_their_outcomes(answer: str, outcome: Outcome) -> None:
    got, _ = answered(answer, "udp", timeout_s=0.4 if answer == "silent" else 5.0)
    assert got.outcome == outcome
    assert got.values.get("retry_after_s") == (30 if answer == "503" else None)
    assert ("rtt_ms" in got.values) == (answer != "silent")


def test_an_ipv6_socket_listens_where_it_says() -> None:
    got, _ = answered("200", "udp", "::1")
    assert got.target.startswith("[::1]:")


def closed_port(kind: socket.SocketKind, host: str = "127.0.0.1") -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_an_icmp_message_refuses_at_once(host: str) -> None:
    got = measure(f"{host}:{closed_port(socket.SOCK_DGRAM, host.strip('[]'))}", timeout_s=30.0)
    assert got.outcome == Outcome.REFUSED and "ICMP" in got.why
    assert got.values == {"sent": 1, "rcvd": 0} and got.took_ms < 20_000


def test_a_reset_refuses_at_once() -> None:
    got = measure(f"127.0.0.1:{closed_port(socket.SOCK_STREAM)};transport=tcp", timeout_s=30.0)
    assert (got.outcome, got.values) == (Outcome.REFUSED, {"sent": 1, "rcvd": 0})


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


def hang_up(peer: socket.socket) -> None:
    peer.recv(4096)


def reset(peer: socket.socket) -> None:
    peer.recv(10)  # what is left unread makes the close a reset


def speak_http(peer: socket.socket) -> None:
    peer.recv(4096)
    peer.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def begin_only(peer: socket.socket) -> None:
    peer.recv(4096)
    peer.sendall(b"SIP/2.0 200 OK\r\nVia: ")
    peer.recv(4096)


def only_trying(peer: socket.socket) -> None:
    request = peer.recv(4096)
    copied = [line for line in request.split(b"\r\n") if line.startswith((b"Via", b"CSeq", b"Call-ID"))]
    peer.sendall(b"\r\n".join([b"SIP/2.0 100 Trying", *copied]) + b"\r\n\r\n")
    peer.recv(4096)


def keep_silent(peer: socket.socket) -> None:
    while peer.recv(4096):
        pass


@pytest.mark.parametrize(
    ("behave", "outcome", "word"),
    [
        (hang_up, Outcome.REFUSED, "closed the connection"),
        (reset, Outcome.REFUSED, "broke the connection off"),
        (speak_http, Outcome.PROTOCOL, "no SIP"),
        (begin_only, Outcome.PROTOCOL, "never ended"),
        (only_trying, Outcome.LOST, "provisional"),
        (keep_silent, Outcome.LOST, "nothing came back"),
    ],
)
def test_streams_that_do_not_answer_are_told_apart(
    behave: Callable[[socket.socket], None], outcome: Outcome, word: str
) -> None:
    with server(behave) as port:
        got = measure(f"127.0.0.1:{port}", transport="tcp", timeout_s=1.5)
    assert got.outcome == outcome and word in got.why
    assert got.values["rcvd"] == 0 and "rtt_ms" not in got.values and "connect_ms" in got.values


def test_a_far_end_that_hangs_in_the_handshake_is_lost() -> None:
    with server(keep_silent) as port:
        got = measure(f"127.0.0.1:{port}", transport="tls", timeout_s=1.0)
    assert got.outcome == Outcome.LOST and "handshake" in got.why and "tls_ms" not in got.values


def test_what_speaks_something_else_has_no_tls() -> None:
    with server(speak_http) as port:
        got = measure(f"127.0.0.1:{port}", transport="tls")
    assert got.outcome == Outcome.PROTOCOL and "no TLS" in got.why


def test_garbage_over_udp_is_protocol_and_a_lost_first_send_shows() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind(("127.0.0.1", 0))
        far.settimeout(10)
        standin = SipStandIn()

        def serve() -> None:
            data, source = far.recvfrom(4096)
            far.sendto(b"\xff\x1b[31mgarbage", source)
            data, source = far.recvfrom(4096)  # the first OPTIONS of the second measurement goes unheard
            if b"CSeq" in data:
                data, source = far.recvfrom(4096)
            far.sendto(standin.datagram(data, source), source)

        thread = threading.Thread(target=serve)
        thread.start()
        target = f"127.0.0.1:{far.getsockname()[1]}"
        first, second = measure(target, timeout_s=0.4), measure(target)
        thread.join(15)
    assert first.outcome == Outcome.PROTOCOL and "\x1b" not in first.why and "rtt_ms" not in first.values
    assert (second.outcome, second.values["sends"]) == (Outcome.OK, 2) and second.values["rtt_ms"] >= 500


def test_a_name_without_address_is_unresolved() -> None:
    got = measure("nowhere.invalid")
    assert got.outcome == Outcome.UNRESOLVED and got.values == {} and got.why


@pytest.mark.parametrize(
    ("text", "endpoint", "transport", "uri"),
    [
        ("mcu.example", "mcu.example:5060", "udp", "sip:mcu.example"),
        ("mcu.example:5070", "mcu.example:5070", "udp", "sip:mcu.example:5070"),
        ("sip:8001@mcu.example:5070;transport=TCP", "mcu.example:5070", "tcp", "sip:8001@mcu.example:5070"),
        ("<sip:8001#2@mcu.example;transport=tls;lr>", "mcu.example:5061", "tls", "sip:8001%232@mcu.example"),
        ("sips:mcu.example", "mcu.example:5061", "tls", "sips:mcu.example"),
        ("[::1]:5060", "[::1]:5060", "udp", "sip:[::1]:5060"),
        ("8001@2001:db8::1", "[2001:db8::1]:5060", "udp", "sip:8001@[2001:db8::1]"),
        ("SIP:a@[fe80::1%eth0]", "[fe80::1%eth0]:5060", "udp", "sip:a@[fe80::1]"),
    ],
)
def test_targets_are_understood(text: str, endpoint: str, transport: str, uri: str) -> None:
    got = aim(text)
    assert (str(got.endpoint), got.transport, got.uri) == (endpoint, transport, uri)


def test_the_settings_user_is_escaped_into_the_uri() -> None:
    assert aim("h", "udp", 'a b@c"<').uri == "sip:a%20b%40c%22%3C@h"
    assert aim("sip:x@h", "udp", "y").uri == "sip:x@h"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip:a:secret@h",
        "h;transport=sctp",
        "a b@h",
        "sip:a\r\nVia@h",
        "h:0",
        "h:99999",
        "sip:@h",
    ],
)
def test_targets_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(BadTarget) as caught:
        aim(text)
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)


def test_settings_that_contradict_or_lead_nowhere_are_refused(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty", tmp_path / "text"
    empty.write_text("\n"), text.write_text("no certificate")
    for more, word in (
        ({"password_file": str(text)}, "needs a user"),
        ({"user": "u", "password_file": str(tmp_path / "gone")}, "No such file"),
        ({"user": "u", "password_file": str(empty)}, "is empty"),
        ({"transport": "tls", "ca_file": str(tmp_path / "gone")}, "No such file"),
        ({"transport": "tls", "ca_file": str(text)}, "no certificate"),
        ({"transport": "tls", "ca_file": str(text), "verify": False}, "keep one"),
    ):
        with pytest.raises(BadSettings) as caught:
            measure("127.0.0.1:9", **more)
        assert word in str(caught.value)


def test_cancelling_leaves_nothing_behind() -> None:
    async def cancelled(transport: str, port: int) -> int:
        settings = SipSettings(transport=transport, timeout_s=30.0)
        task = asyncio.create_task(run(Target(f"127.0.0.1:{port}"), settings, 1))
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.05)
        return len(asyncio.all_tasks())

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind(("127.0.0.1", 0))
        assert asyncio.run(cancelled("udp", far.getsockname()[1])) == 1
    for transport in ("tcp", "tls"):
        with server(keep_silent) as port:
            assert asyncio.run(cancelled(transport, port)) == 1


def test_importing_the_kind_stays_light() -> None:
    code = "import sys, probes.kinds.sip.kind; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"cryptography", "yaml", "psutil", "numpy", "netmon", "http", "email"}


def test_every_default_field_is_one_of_eight() -> None:
    assert sum(field.default for field in SIP.fields) <= 8
