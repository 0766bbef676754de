"""The `tls` kind: trust, names, ends, refusals and what is no TLS told apart, against Python's ssl and openssl."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from certs import Authority, authority
from tlspeer import context, openssl_server, serving

from probes import tls_faults
from probes.base import Measurement, Outcome, Target
from probes.errors import BadSettings
from probes.kinds.shared import certificate as tlsjudge
from probes.kinds.tls.kind import TLS, TlsSettings, run
from probes.wire.x509 import Certificate


def measure(target: str, count: int = 1, **more: object) -> Measurement:
    settings = TlsSettings(**{"timeout_s": 5.0, **more})  # type: ignore[arg-type]
    return asyncio.run(run(Target(target), settings, count))


@pytest.fixture(scope="module")
def root() -> Authority:
    return authority()


@pytest.fixture
def ca_file(root: Authority, tmp_path: Path) -> str:
    return root.pem(tmp_path / "ca.pem")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_good_handshake_is_measured(root: Authority, ca_file: str, tmp_path: Path, host: str) -> None:
    server = context(root.server(tmp_path / "s.pem", names=("portal.test", "127.0.0.1", "::1")))
    with serving(tls=server, host=host) as port:
        got = measure(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", 2, ca_file=ca_file)
    assert (got.outcome, got.why) == (Outcome.OK, "")
    values = got.values
    assert (values["sent"], values["rcvd"], values["verify_code"], values["tls_version"]) == (2, 2, 0, 13)
    assert values["cipher"] in (0x1301, 0x1302, 0x1303) and values["cert_days"] == values["leaf_days"] == 20.0
    assert 0 < values["connect_ms"] < values["tls_ms"] < got.took_ms


@pytest.mark.parametrize("most", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_authority_that_ends_before_the_server_is_seen(
    root: Authority, ca_file: str, tmp_path: Path, most: ssl.TLSVersion
) -> None:
    pem = root.intermediate("Mid", 5).server(tmp_path / "s.pem")
    with serving(tls=context(pem, most=most)) as port:
        got = measure(f"127.0.0.1:{port}", ca_file=ca_file)
        soon = measure(f"127.0.0.1:{port}", ca_file=ca_file, days=7)
    assert (got.outcome, got.values["cert_days"], got.values["leaf_days"]) == (Outcome.OK, 5.0, 20.0)
    assert (got.values["chain_certs"], got.values["tls_version"]) == (2, 12 if most == ssl.TLSVersion.TLSv1_2 else 13)
    assert soon.outcome == Outcome.PROTOCOL and "ends in 5.0 days, fewer than 7" in soon.why


def test_without_a_second_look_tls13_may_show_the_leaf_alone(root: Authority, ca_file: str, tmp_path: Path) -> None:
    with serving(tls=context(root.intermediate("Mid", 5).server(tmp_path / "s.pem"))) as port:
        got = measure(f"127.0.0.1:{port}", ca_file=ca_file, chain=False)
    assert got.values["chain_certs"] == (2 if sys.version_info >= (3, 13) else 1)
    assert got.values["leaf_days"] == 20.0


@pytest.mark.parametrize("most", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("made", "more", "code", "word", "days"),
    [
        ({"days": -3.0, "since": -30.0}, {}, 10, "its certificate ended 3 days ago", -3.0),
        ({"days": 20.0, "since": 2.0}, {}, 9, "its certificate begins later", 20.0),
        (
            {"names": ("other.test", "b.test")},
            {"server_name": "portal.test"},
            62,
            "not for portal.test, but for other",
            20,
        ),
        ({"names": ("other.test",)}, {}, 64, "not for 127.0.0.1, but for other.test", 20.0),
        ({}, {"ca_file": ""}, 20, "its issuer is unknown here (issued by Test Root)", 20.0),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told_and_its_end_measured(
    root: Authority, ca_file: str, tmp_path: Path, made: dict[str, object], more: dict[str, object],
    code: int, word: str, days: float, most: ssl.TLSVersion,
) -> None:  # fmt: skip
    pem = root.server(tmp_path / "s.pem", **made)  # type: ignore[arg-type]
    with serving(tls=context(pem, most=most)) as port:
        got = measure(f"127.0.0.1:{port}", **{"ca_file": ca_file, **more})
        looked = measure(f"127.0.0.1:{port}", verify=False)
    assert got.outcome == Outcome.PROTOCOL and word in got.why
    assert (got.values["verify_code"], got.values["cert_days"], got.values["rcvd"]) == (code, days, 1)
    assert got.values["tls_version"] == (12 if most == ssl.TLSVersion.TLSv1_2 else 13) and got.values["tls_ms"] > 0
    assert (looked.outcome, looked.values["cert_days"]) == (Outcome.OK, days) and "verify_code" not in looked.values


def test_a_common_name_is_nobodys_name(root: Authority, ca_file: str, tmp_path: Path) -> None:
    with serving(tls=context(root.server(tmp_path / "s.pem", names=(), subject="Server"))) as port:
        got = measure(f"127.0.0.1:{port}", ca_file=ca_file, server_name="Server")
        by_address = measure(f"127.0.0.1:{port}", ca_file=ca_file)
    assert (got.outcome, got.values["verify_code"]) == (Outcome.PROTOCOL, 62)
    assert "only its common name, and it has no subjectAltName" in got.why
    assert by_address.outcome is Outcome.PROTOCOL and "no subjectAltName" in by_address.why


def test_an_address_written_as_a_host_name_is_told_apart() -> None:
    told = tlsjudge.distrust(64, [Certificate("", "", 0, 0, ("192.0.2.1",))], "192.0.2.1", 0.0)
    assert (
        told
        == "its certificate is not for 192.0.2.1: it is written there as a host name, not as an IP address (subjectAltName)"
    )


def test_the_last_dot_is_no_part_of_a_certificates_name(root: Authority, ca_file: str, tmp_path: Path) -> None:
    asked = set[str]()
    server = context(root.server(tmp_path / "s.pem", names=("portal.test",)))
    server.sni_callback = lambda connection, name, _: asked.add(name)  # type: ignore[assignment, misc]
    with serving(tls=server) as port:
        got = measure(f"127.0.0.1:{port}", ca_file=ca_file, server_name="portal.test.")
    assert (got.outcome, got.why, asked) == (Outcome.OK, "", {"portal.test"})


@pytest.mark.parametrize(
    ("code", "word"), [(26, "not made for servers"), (66, "too weak"), (68, "hash"), (2, "issuer")]
)
def test_openssls_numbers_have_plain_words(code: int, word: str) -> None:
    assert word in tls_faults.distrust(code) and "OpenSSL" not in tls_faults.distrust(code)


def test_a_number_that_is_new_has_openssls_own_words() -> None:
    assert tls_faults.distrust(4711, "a new fault") == "a new fault"
    assert "4711" in tls_faults.distrust(4711)


def test_an_authority_that_has_ended_is_named(root: Authority, ca_file: str, tmp_path: Path) -> None:
    with serving(tls=context(root.intermediate("Mid", -0.4).server(tmp_path / "s.pem"))) as port:
        got = measure(f"127.0.0.1:{port}", ca_file=ca_file)
    assert got.outcome == Outcome.PROTOCOL and "the certificate of its authority Mid ended 10 hours ago" in got.why
    assert (got.values["verify_code"], got.values["leaf_days"]) == (10, 20.0) and got.values["cert_days"] < 0


def test_what_has_ended_and_is_not_needed_does_not_count() -> None:
    from probes.io.stream.tls import Shaken

    fresh, ended = (Certificate("", "", 0, end, ()) for end in (86400 * 30, 86400))
    trusted = tlsjudge.facts(Shaken("open", verify_code=0), [fresh, ended], 86400 * 10)
    assert (trusted["cert_days"], trusted["chain_certs"]) == (20.0, 2)
    assert tlsjudge.facts(Shaken("untrusted", verify_code=10), [fresh, ended], 86400 * 10)["cert_days"] == -9.0


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_a_refused_handshake_says_why(root: Authority, ca_file: str, tmp_path: Path) -> None:
    old = context(root.server(tmp_path / "s.pem"))
    old.set_ciphers("@SECLEVEL=0:ALL")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with serving(tls=old) as port:
        got = measure(f"127.0.0.1:{port}", ca_file=ca_file)
    assert got.outcome == Outcome.REFUSED and "protocol version" in got.why
    assert got.values["rcvd"] == 0 and "tls_ms" not in got.values and "cert_days" not in got.values


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_asking_for_our_certificate_is_told(
    root: Authority, ca_file: str, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    pem = root.server(tmp_path / "s.pem")
    with serving(tls=context(pem, most=version, client_ca=ca_file)) as port:
        got = measure(f"127.0.0.1:{port}", ca_file=ca_file)
    assert got.outcome == Outcome.REFUSED and "it wants a certificate of ours" in got.why


def speak_http(peer: socket.socket) -> None:
    peer.recv(4096)
    peer.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def close(peer: socket.socket) -> None:
    peer.recv(4096)


def reset(peer: socket.socket) -> None:
    peer.recv(10)  # what is left unread makes the close a reset


def silent(peer: socket.socket) -> None:
    while peer.recv(4096):
        pass


@pytest.mark.parametrize(
    ("behave", "outcome", "word"),
    [
        (speak_http, Outcome.PROTOCOL, "no TLS"),
        (close, Outcome.REFUSED, "breaks the connection off"),
        (reset, Outcome.REFUSED, "breaks the connection off"),
        (silent, Outcome.LOST, "no TLS handshake in time"),
    ],
)
def test_what_shakes_no_hands_is_told_apart(behave, outcome: Outcome, word: str) -> None:  # type: ignore[no-untyped-def]
    with serving(behave) as port:
        got = measure(f"127.0.0.1:{port}", timeout_s=0.4 if behave is silent else 5.0)
    assert got.outcome == outcome and word in got.why
    assert set(got.values) == {"sent", "rcvd", "connect_ms"} and got.values["rcvd"] == 0


def test_a_closed_port_refuses_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as far:
        port = far.getsockname()[1]
    got = measure(f"127.0.0.1:{port}", timeout_s=20.0)
    assert (got.outcome, got.values) == (Outcome.REFUSED, {"sent": 1, "rcvd": 0}) and got.took_ms < 10_000


def test_a_hostile_name_in_a_certificate_never_reaches_a_terminal_raw(root: Authority, tmp_path: Path) -> None:
    evil = authority("\x1b[31m\u202eevil", 5)
    with serving(tls=context(evil.server(tmp_path / "s.pem"))) as port:
        got = measure(f"127.0.0.1:{port}")
    assert got.outcome == Outcome.PROTOCOL and "evil" in got.why and got.why.isprintable()


def test_settings_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no certificate")
    for more, word in (
        ({"server_name": "a b"}, "not understood"),
        ({"ca_file": "x", "verify": False}, "keep one"),
        ({"ca_file": str(tmp_path / "gone")}, "No such file"),
        ({"ca_file": str(tmp_path / "text")}, "no certificate"),
    ):
        with pytest.raises(BadSettings) as caught:
            measure("127.0.0.1", **more)
        assert word in str(caught.value)


@pytest.mark.needs("openssl")
@pytest.mark.parametrize(
    ("version", "number", "cipher"),
    [
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], 12, 0xC02B),
        (["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"], 13, 0x1303),
    ],
)
def test_openssls_version_and_cipher_have_their_numbers(
    root: Authority, ca_file: str, tmp_path: Path, version: list[str], number: int, cipher: int
) -> None:
    pem = root.intermediate("Mid", 5).server(tmp_path / "s.pem")
    with openssl_server("-cert", pem, "-key", pem, "-cert_chain", pem, *version) as port:
        got = measure(f"127.0.0.1:{port}", 2, ca_file=ca_file)
    assert (got.outcome, got.values["tls_version"], got.values["cipher"]) == (Outcome.OK, number, cipher)
    shows = number == 12 or sys.version_info >= (3, 13)  # a server of TLS 1.3 alone hides its chain from older Pythons
    assert got.values["cert_days"] == (5.0 if shows else 20.0) and got.values["leaf_days"] == 20.0


@pytest.mark.needs("openssl")
def test_openssls_refusal_is_told(root: Authority, ca_file: str, tmp_path: Path) -> None:
    pem = root.server(tmp_path / "s.pem")
    with openssl_server("-cert", pem, "-key", pem, "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256") as port:
        got = measure(f"127.0.0.1:{port}", ca_file=ca_file)
    assert got.outcome == Outcome.REFUSED and "handshake failure" in got.why


def test_importing_the_kind_stays_light() -> None:
    code = "import sys, probes.kinds.tls.kind; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"cryptography", "yaml", "psutil", "numpy", "netmon", "http", "email"}


def test_every_default_field_is_one_of_eight() -> None:
    assert sum(field.default for field in TLS.fields) <= 8
