"""The stapled OCSP answer: good, taken back, unknown, too old, forged and absent told apart, against `openssl s_server`."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from certs import Authority, authority, ocsp_answer
from cryptography import x509
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseBuilder, OCSPResponseStatus
from hypothesis import given, settings
from hypothesis import strategies as st
from tlspeer import context, openssl_server, serving

from probes.base import Measurement, Outcome, Target
from probes.errors import BadSettings
from probes.io import ocsp
from probes.kinds.tls import stapling as tlsstaple
from probes.kinds.tls.kind import TlsSettings, run

GOOD, REVOKED, UNKNOWN = OCSPCertStatus.GOOD, OCSPCertStatus.REVOKED, OCSPCertStatus.UNKNOWN
ROOT = authority()
OTHER = authority("Somebody Else")


def measure(port: int, **more: object) -> Measurement:
    words = {"timeout_s": 5.0, "ocsp": True, **more}
    return asyncio.run(run(Target(f"127.0.0.1:{port}"), TlsSettings(**words), 1))  # type: ignore[arg-type]


@pytest.fixture
def pem(tmp_path: Path) -> str:
    return ROOT.server(tmp_path / "s.pem")


@pytest.fixture
def ca_file(tmp_path: Path) -> str:
    return ROOT.pem(tmp_path / "ca.pem")


@contextmanager
def s_server(pem: str, answer: bytes | None, *words: str) -> Iterator[int]:
    """The port of a real `openssl s_server` that staples an answer."""
    if answer is not None:
        file = Path(pem).with_suffix(".ocsp")
        file.write_bytes(answer)
        words = (*words, "-status_file", str(file))
    with openssl_server("-cert", pem, "-key", pem, "-cert_chain", pem, *words) as port:
        yield port


@pytest.mark.needs("openssl", "pyopenssl")
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_good_stapled_answer_is_told_with_its_age(pem: str, ca_file: str, version: str) -> None:
    with s_server(pem, ocsp_answer(pem, ROOT), version) as port:
        got = measure(port, ca_file=ca_file, require_staple=True)
    assert (got.outcome, got.why, got.values["ocsp_status"]) == (Outcome.OK, "", 0)
    assert 3600 <= got.values["ocsp_age_s"] < 3660 and 7140 < got.values["ocsp_left_s"] <= 7200
    assert got.values["verify_code"] == 0 and got.values["cert_days"] == 20.0


@pytest.mark.needs("openssl", "pyopenssl")
@pytest.mark.parametrize(
    ("status", "number", "why"),
    [
        (REVOKED, 1, "its certificate was revoked on 2026-11-20 (key compromise)"),
        (UNKNOWN, 2, "its authority does not know this certificate (OCSP: unknown)"),
    ],
)
def test_a_certificate_that_was_taken_back_or_is_unknown_is_a_problem_though_its_chain_is_trusted(
    pem: str, ca_file: str, status: OCSPCertStatus, number: int, why: str
) -> None:
    with s_server(pem, ocsp_answer(pem, ROOT, status)) as port:
        got = measure(port, ca_file=ca_file)
        unasked = measure(port, ca_file=ca_file, ocsp=False)
    assert (got.outcome, got.why, got.values["ocsp_status"]) == (Outcome.PROTOCOL, why, number)
    assert got.values["verify_code"] == 0
    assert unasked.outcome == Outcome.OK and "ocsp_status" not in unasked.values


@pytest.mark.needs("openssl", "pyopenssl")
def test_no_answer_is_a_problem_only_where_one_is_required(pem: str, ca_file: str) -> None:
    with s_server(pem, None) as port:
        free, strict = measure(port, ca_file=ca_file), measure(port, ca_file=ca_file, require_staple=True)
    assert (free.outcome, free.why) == (Outcome.OK, "") and "ocsp_status" not in free.values
    assert (strict.outcome, strict.why) == (Outcome.PROTOCOL, "it staples no OCSP answer")


@pytest.mark.needs("openssl", "pyopenssl")
def test_an_answer_past_its_end_and_a_forged_one_are_problems(pem: str, ca_file: str) -> None:
    with s_server(pem, ocsp_answer(pem, ROOT, made_s=-90_000, ends_s=-7200)) as port:
        old = measure(port, ca_file=ca_file)
    assert (old.outcome, old.why) == (Outcome.PROTOCOL, "its stapled OCSP answer ended 2.0 hours ago")
    assert old.values["ocsp_left_s"] < -7100 and old.values["ocsp_status"] == 0
    with s_server(pem, ocsp_answer(pem, ROOT, by=OTHER)) as port:
        forged = measure(port, ca_file=ca_file)
    assert forged.outcome == Outcome.PROTOCOL and "not to be trusted" in forged.why
    assert "ocsp_status" not in forged.values


@pytest.mark.needs("pyopenssl")
def test_a_peer_that_knows_no_ocsp_is_good_all_the_same(pem: str, ca_file: str) -> None:
    with serving(tls=context(pem)) as port:
        got = measure(port, ca_file=ca_file)
    assert (got.outcome, got.why) == (Outcome.OK, "")


def test_a_handshake_that_fails_is_never_asked_for_ocsp(pem: str) -> None:
    with serving(tls=context(pem)) as port:
        got = measure(port)
    assert got.outcome == Outcome.PROTOCOL and "not trusted" in got.why


# --- the answer itself ---


@pytest.fixture(scope="module")
def leaf(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, x509.Certificate]:
    pem = ROOT.server(tmp_path_factory.mktemp("leaf") / "s.pem")
    return pem, x509.load_pem_x509_certificates(Path(pem).read_bytes())[0]


def said(leaf: tuple[str, x509.Certificate], answer: bytes, *others: Authority) -> dict[str, object]:
    return ocsp.read(answer, leaf[1], [one.certificate for one in others or (ROOT,)], time.time())


def test_a_delegate_of_the_issuer_may_sign_and_nobody_else_it_has_issued(leaf: tuple[str, x509.Certificate]) -> None:
    delegate, server = ROOT.delegate(), ROOT.delegate(signs_ocsp=False)
    assert said(leaf, ocsp_answer(leaf[0], ROOT, by=delegate))["end"] == "stapled"
    assert said(leaf, ocsp_answer(leaf[0], ROOT, by=delegate, shows=False))["end"] == "bad"
    assert said(leaf, ocsp_answer(leaf[0], ROOT, by=server))["end"] == "bad"
    assert said(leaf, ocsp_answer(leaf[0], ROOT, by=OTHER.delegate()))["end"] == "bad"


def test_an_answer_about_another_certificate_or_from_the_future_is_not_trusted(
    leaf: tuple[str, x509.Certificate], tmp_path: Path
) -> None:
    another = ROOT.server(tmp_path / "another.pem")
    assert "another certificate" in str(said(leaf, ocsp_answer(another, ROOT))["why"])
    assert "begins later" in str(said(leaf, ocsp_answer(leaf[0], ROOT, made_s=900))["why"])
    busy = OCSPResponseBuilder.build_unsuccessful(OCSPResponseStatus.TRY_LATER)
    assert said(leaf, stapled_bytes(busy))["why"] == "it says try later"


def stapled_bytes(response: object) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return bytes(response.public_bytes(Encoding.DER))  # type: ignore[attr-defined]


def test_without_the_issuer_nothing_is_judged_and_without_an_end_no_end_is_told(
    leaf: tuple[str, x509.Certificate],
) -> None:
    assert said(leaf, ocsp_answer(leaf[0], ROOT), OTHER)["end"] == "unchecked"
    assert "left_s" not in said(leaf, ocsp_answer(leaf[0], ROOT, ends_s=None))


@pytest.fixture(scope="module")
def good(leaf: tuple[str, x509.Certificate]) -> bytes:
    return ocsp_answer(leaf[0], ROOT)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_bytes_never_raise_and_no_changed_answer_is_believed(
    leaf: tuple[str, x509.Certificate], good: bytes, data: st.DataObject
) -> None:
    answer = bytearray(good) if data.draw(st.booleans()) else bytearray(data.draw(st.binary()))
    for _ in range(data.draw(st.integers(0, 3)) if answer else 0):
        answer[data.draw(st.integers(0, len(answer) - 1))] = data.draw(st.integers(0, 255))
    told = said(leaf, bytes(answer))
    assert told["end"] == "bad" or (told["end"], told["status"]) == ("stapled", 0)


def test_what_cannot_be_asked_speaks_against_nobody_and_a_missing_library_is_our_own_fault() -> None:
    assert tlsstaple.judge({"end": "unreached", "why": "\x1b[31mx"}, True).outcome is None
    missing = tlsstaple.judge({"end": "missing", "why": "OpenSSL"}, False)
    assert missing.outcome is Outcome.LOCAL and "cpnet-netmon[tls]" in missing.why
    assert tlsstaple.judge({"end": "unchecked", "why": "x"}, True).outcome is None


@pytest.mark.needs("pyopenssl")
def test_a_peer_that_never_answers_the_second_handshake_ends_with_its_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        began = time.monotonic()
        where = deaf.getsockname()
        told = asyncio.run(tlsstaple.staple(socket.AF_INET, where, "127.0.0.1", "", 1.0))
    assert told["end"] == "unreached" and time.monotonic() - began < 6


def test_require_staple_without_ocsp_is_refused_and_the_kind_loads_no_library() -> None:
    with pytest.raises(BadSettings, match="ocsp: true"):
        TlsSettings(require_staple=True)
    code = "import sys, probes.kinds.tls.stapling; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert not {name.split(".")[0] for name in done.stdout.split()} & {"cryptography", "OpenSSL"}
