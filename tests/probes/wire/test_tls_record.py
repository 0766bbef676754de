"""What a TLS server says in plain bytes: handshakes of openssl, alerts, and what is no TLS."""

from __future__ import annotations

import pytest
from checkout import GOLDEN
from hypothesis import given
from hypothesis import strategies as st

from probes.wire import x509
from probes.wire.tls_record import Plaintext, certificates

TLS = GOLDEN / "tls"
TLS12, TLS13 = ((TLS / f"server{one}.bin").read_bytes() for one in (12, 13))  # openssl 3.0.22 s_server
ALERT = bytes.fromhex("15030300020228")  # fatal, handshake failure


def heard(*parts: bytes) -> Plaintext:
    seen = Plaintext()
    for part in parts:
        seen.feed(part)
    return seen


def test_certificates_of_openssls_handshake_are_seen_in_order() -> None:
    seen = heard(TLS12)
    assert [x509.read(one).subject for one in seen.certificates] == ["portal.test", "portal.test", "Mid"]
    assert (seen.foreign, seen.alert) == (False, None)


def test_tls13_shows_none() -> None:
    seen = heard(TLS13)
    assert (seen.certificates, seen.foreign, seen.alert) == ((), False, None)


@given(st.data())
def test_any_slicing_sees_the_same(draw: st.DataObject) -> None:
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(TLS12)), max_size=10)))
    parts = [TLS12[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(TLS12)], strict=True)]
    assert heard(*parts).certificates == heard(TLS12).certificates


def test_an_alert_is_told() -> None:
    assert heard(ALERT).alert == 40
    assert heard(ALERT[:4], ALERT[4:]).alert == 40


@pytest.mark.parametrize(
    "data",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x16\x02\0\0\x01a", b"\x16\x03\x03\xff\xff"],
)
def test_what_is_no_tls_is_foreign(data: bytes) -> None:
    assert heard(data).foreign


def test_lists_that_do_not_fit_end_where_they_break() -> None:
    assert certificates(b"") == certificates(b"\0\0\5\0\0\7ab") == certificates(b"\0\0\3\0\0\0") == ()
    assert certificates(b"\0\0\x09\0\0\2ab\0\0\7c") == (b"ab",)


def test_a_handshake_without_an_end_is_not_kept() -> None:
    seen = Plaintext()
    for _ in range(100):
        seen.feed(b"\x16\x03\x03\x40\x00" + b"\x02\xff\xff\xff" + bytes(16380))
    assert len(seen._messages._bytes) + len(seen._records._bytes) < 200_000


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_tell_the_same_in_any_slicing(parts: list[bytes]) -> None:
    _as_in_one_piece(parts)


@given(st.data())
def test_a_spoiled_handshake_tells_the_same_in_any_slicing(draw: st.DataObject) -> None:
    spoiled = bytearray(TLS12[:900])
    for _ in range(draw.draw(st.integers(1, 4))):
        spoiled[draw.draw(st.integers(0, len(spoiled) - 1))] = draw.draw(st.integers(0, 255))
    at = draw.draw(st.integers(0, len(spoiled)))
    _as_in_one_piece([bytes(spoiled[:at]), bytes(spoiled[at:])])


def _as_in_one_piece(parts: list[bytes]) -> None:
    seen, whole = heard(*parts), heard(b"".join(parts))
    for one in (seen, whole):
        assert not (one.foreign and not b"".join(parts))
    assert (seen.foreign, seen.alert, seen.certificates, seen.demands_certificate) == (
        whole.foreign, whole.alert, whole.certificates, whole.demands_certificate,
    )  # fmt: skip
