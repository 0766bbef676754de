"""DNS against a real unbound: by UDP, TCP and TLS, with right and wrong answers, refusals and silence told apart."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from certs import authority
from checkout import GOLDEN
from ports import free_ports

from probes.base import Measurement, Outcome, Target
from probes.kinds.dns import DnsSettings, run

pytestmark = [pytest.mark.needs("unbound"), pytest.mark.world]
CONFIG = GOLDEN / "dns" / "unbound.conf"


class Peer(NamedTuple):
    """A running unbound."""

    port: int
    tls_port: int
    ca_file: str


def config(folder: Path, port: int, tls_port: int) -> str:
    lines = [f"include: {CONFIG}", "server:", f"interface: 127.0.0.1@{port}", f"interface: 127.0.0.1@{tls_port}"]
    lines += [f"tls-port: {tls_port}", f"tls-service-key: {folder}/tls.pem", f"tls-service-pem: {folder}/cert.pem"]
    lines += [f"local-data: 'big.test. 60 IN TXT \"{'x' * 50}{number}\"'" for number in range(60)]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    folder = tmp_path_factory.mktemp("unbound")
    port, tls_port = free_ports(2)
    root = authority()
    tls = Path(root.server(folder / "tls.pem")).read_text()
    (folder / "cert.pem").write_text(tls[tls.index("-----BEGIN CERTIFICATE") :])
    (folder / "unbound.conf").write_text(config(folder, port, tls_port))
    made = Peer(port, tls_port, root.pem(folder / "ca.pem"))
    program = shutil.which("unbound", path=os.environ.get("PATH", "") + ":/usr/sbin")
    assert program
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "-d", "-c", "unbound.conf"], cwd=folder, stdout=log, stderr=log)
        try:
            until = time.monotonic() + 20
            while ask(made, timeout_s=0.3).outcome != Outcome.OK:
                assert process.poll() is None and time.monotonic() < until, (folder / "log").read_text()[-2000:]
                time.sleep(0.1)
            yield made
        finally:
            process.terminate()
            process.wait(20)


def ask(peer: Peer, name: str = "portal.gov.test", count: int = 1, **more: object) -> Measurement:
    port = peer.tls_port if more.get("transport") == "tls" else peer.port
    settings = DnsSettings(**{"name": name, "timeout_s": 5.0, **more})  # type: ignore[arg-type]
    return asyncio.run(run(Target(f"127.0.0.1:{port}"), settings, count))


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_every_transport_is_answered(peer: Peer, transport: str) -> None:
    ca_file = {"ca_file": peer.ca_file} if transport == "tls" else {}
    got = ask(peer, count=2, transport=transport, expect=("192.0.2.11", "192.0.2.10"), **ca_file)
    assert (got.outcome, got.why) == (Outcome.OK, "")
    assert [got.values[name] for name in ("sent", "rcvd", "rcode", "answers", "ttl_min_s", "aa")] == [2, 2, 0, 2, 60, 1]
    assert got.took_ms > got.values["rtt_ms"] > 0
    assert ("connect_ms" in got.values) == (transport != "udp") and ("tls_ms" in got.values) == (transport == "tls")


@pytest.mark.parametrize(
    ("name", "type_", "expect"),
    [
        ("portal.gov.test", "AAAA", "2001:DB8::10"),
        ("gov.test", "MX", "10 MAIL.gov.test."),
        ("gov.test", "TXT", "v=spf1 -all"),
        ("gov.test", "NS", "ns.gov.test"),
        ("_sip._tcp.gov.test", "SRV", "5 10 5060 mcu.gov.test"),
        ("192.0.2.10", "PTR", "portal.gov.test"),
        ("www.gov.test", "CNAME", "portal.gov.test"),
    ],
)
def test_types_are_asked_for_and_compared(peer: Peer, name: str, type_: str, expect: str) -> None:
    assert ask(peer, name, type=type_, expect=(expect,)).outcome == Outcome.OK
    wrong = ask(peer, name, type=type_, expect=("1 wrong",))
    assert wrong.outcome == Outcome.PROTOCOL and "not 1 wrong" in wrong.why


def test_a_zones_serial_is_told(peer: Peer) -> None:
    assert ask(peer, "gov.test", type="SOA").values["serial"] == 2026112401


def test_what_does_not_fit_a_datagram_comes_by_tcp(peer: Peer) -> None:
    got = ask(peer, "big.test", type="TXT")
    assert (got.outcome, got.values["truncated"], got.values["answers"]) == (Outcome.OK, 1, 60)


@pytest.mark.parametrize(
    ("name", "outcome", "rcode", "word"),
    [
        ("nobody.gov.test", Outcome.PROTOCOL, 3, "NXDOMAIN"),
        ("a.refused.test", Outcome.REFUSED, 5, "REFUSED"),
        ("elsewhere.example", Outcome.REFUSED, 2, "SERVFAIL"),
        ("a.silent.test", Outcome.LOST, None, "nothing came back"),
    ],
)
def test_refusals_are_told_apart(peer: Peer, name: str, outcome: Outcome, rcode: int | None, word: str) -> None:
    got = ask(peer, name, timeout_s=0.5 if rcode is None else 5.0)
    assert (got.outcome, got.values.get("rcode")) == (outcome, rcode) and word in got.why


def test_an_unknown_authority_is_not_trusted_with_questions(peer: Peer) -> None:
    got = ask(peer, transport="tls")
    assert got.outcome == Outcome.PROTOCOL and "not trusted" in got.why and got.values["rcvd"] == 0
    assert ask(peer, transport="tls", verify=False).outcome == Outcome.OK
    named = ask(peer, transport="tls", ca_file=peer.ca_file, server_name="other.test")
    assert named.outcome == Outcome.PROTOCOL and "other.test" in named.why


def test_no_tls_is_told(peer: Peer) -> None:
    settings = DnsSettings(name="portal.gov.test", transport="tls", ca_file=peer.ca_file, timeout_s=1.0)
    got = asyncio.run(run(Target(f"127.0.0.1:{peer.port}"), settings, 1))
    assert got.outcome != Outcome.OK and "rtt_ms" not in got.values
