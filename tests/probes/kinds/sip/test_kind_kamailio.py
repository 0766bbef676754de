"""SIP against a real kamailio: 200, a digest, 503 with Retry-After and silence told apart on UDP, TCP and TLS."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import certs
import kamailio
import pytest
from checkout import GOLDEN
from ports import free_ports

from probes.base import Measurement, Outcome, Target
from probes.kinds.sip.call.kind import SipCallSettings
from probes.kinds.sip.call.kind import run as call
from probes.kinds.sip.kind import SIP, SipSettings, run

pytestmark = [pytest.mark.needs("kamailio"), pytest.mark.world]
CONFIG = GOLDEN / "sip" / "kamailio.cfg"
TRANSPORTS = ("udp", "tcp", "tls")


class Peer(NamedTuple):
    """A running kamailio."""

    ports: dict[str, int]
    ca_file: str
    password_file: str


def up(ports: dict[str, int]) -> bool:
    try:
        for transport in ("tcp", "tls"):
            socket.create_connection(("127.0.0.1", ports[transport]), 0.5).close()
    except OSError:
        return False
    return kamailio.answers(ports["udp"])


@pytest.fixture(scope="module", params=["MD5", "SHA-256"])
def peer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    folder = tmp_path_factory.mktemp("kamailio")
    trusted = certs.authority()
    pem = trusted.server(folder / "server.pem")
    (folder / "password").write_text("secret\n")
    ports = dict(zip(TRANSPORTS, free_ports(3), strict=True))
    defines = {f"LISTEN_{transport.upper()}": f"{transport}:127.0.0.1:{port}" for transport, port in ports.items()}
    defines |= {"CERT": f'"{pem}"', "KEY": f'"{pem}"', "ALGORITHM": f'"{request.param}"'}
    with kamailio.running(folder, CONFIG, defines, lambda: up(ports)):
        yield Peer(ports, trusted.pem(folder / "ca.pem"), str(folder / "password"))


def ask(peer: Peer, transport: str, room: str, count: int = 1, **more: object) -> Measurement:
    who = f"sip:{room}@" if room else ""
    trust = {"ca_file": peer.ca_file} if transport == "tls" else {}
    settings = SipSettings(**{"transport": transport, "timeout_s": 5.0, **trust, **more})  # type: ignore[arg-type]
    return asyncio.run(run(Target(f"{who}127.0.0.1:{peer.ports[transport]}"), settings, count))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_living_server_is_ok(peer: Peer, transport: str) -> None:
    got = ask(peer, transport, "", count=3)
    assert (got.outcome, got.why) == (Outcome.OK, "")
    assert {name: got.values[name] for name in ("sent", "rcvd", "status")} == {"sent": 3, "rcvd": 3, "status": 200}
    assert 0 < got.values["rtt_min_ms"] <= got.values["rtt_ms"] <= got.values["rtt_max_ms"] < 5000
    assert ("connect_ms" in got.values, "tls_ms" in got.values) == (transport != "udp", transport == "tls")
    assert set(got.values) <= {field.name for field in SIP.fields}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_challenge_proves_life_without_a_password(peer: Peer, transport: str) -> None:
    got = ask(peer, transport, "auth")
    assert (got.outcome, got.values["status"]) == (Outcome.OK, 401)
    assert "who we are" in got.why


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_challenge_is_answered_with_the_digest(peer: Peer, transport: str) -> None:
    got = ask(peer, transport, "auth", user="auth", password_file=peer.password_file)
    assert (got.outcome, got.values["status"], got.values["rcvd"]) == (Outcome.OK, 200, 1)


def test_the_user_setting_also_names_the_room(peer: Peer) -> None:
    got = ask(peer, "udp", "", user="auth", password_file=peer.password_file)
    assert got.values["status"] == 200
    assert ask(peer, "udp", "", user="busy").values["status"] == 503


def test_a_wrong_password_is_said(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("not it")
    got = ask(peer, "udp", "auth", password_file=str(tmp_path / "wrong"))
    assert (got.outcome, got.values["status"]) == (Outcome.OK, 401)
    assert "does not accept our user and password" in got.why


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_503_is_refused_and_says_when_to_come_again(peer: Peer, transport: str) -> None:
    got = ask(peer, transport, "busy")
    assert got.outcome == Outcome.REFUSED
    assert (got.values["status"], got.values["retry_after_s"], got.values["rcvd"]) == (503, 30, 1)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_silence_is_lost_and_has_no_number(peer: Peer, transport: str) -> None:
    got = ask(peer, transport, "slow", timeout_s=0.8)
    assert (got.outcome, got.why) == (Outcome.LOST, "nothing came back in time")
    assert set(got.values) <= {"sent", "rcvd", "connect_ms", "tls_ms", "cert_days"} and got.values["rcvd"] == 0


def test_an_untrusted_certificate_is_no_answer_of_the_server(peer: Peer) -> None:
    got = ask(peer, "tls", "", ca_file="")
    assert got.outcome == Outcome.PROTOCOL and "not trusted" in got.why
    assert ask(peer, "tls", "", ca_file="", verify=False).values["status"] == 200


def test_the_days_left_of_a_checked_certificate_are_told(peer: Peer) -> None:
    assert 19 < ask(peer, "tls", "").values["cert_days"] <= 20
    assert "cert_days" not in ask(peer, "tls", "", ca_file="", verify=False).values


def test_plain_sip_where_tls_is_asked_is_no_answer(peer: Peer) -> None:
    settings = SipSettings(transport="tls", ca_file=peer.ca_file, timeout_s=3.0)
    got = asyncio.run(run(Target(f"127.0.0.1:{peer.ports['tcp']}"), settings, 1))
    assert got.outcome in (Outcome.PROTOCOL, Outcome.REFUSED, Outcome.LOST) and "tls_ms" not in got.values


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_call_to_a_room_it_does_not_know_is_refused_with_its_404(peer: Peer, transport: str) -> None:
    settings = SipCallSettings(transport=transport, ca_file=peer.ca_file if transport == "tls" else "")
    got = asyncio.run(call(Target(f"sip:nobody@127.0.0.1:{peer.ports[transport]}"), settings, 1))
    assert (got.outcome, got.why) == (Outcome.REFUSED, "404 Not here: it knows no such room")
    assert (got.values["status"], got.values["sends"]) == (404, 1) and 0 < got.values["srd_ms"] < 5000
    assert "answer_ms" not in got.values and not any(name.startswith(("audio", "video")) for name in got.values)
