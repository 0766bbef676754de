"""Certificates made by `cryptography` and by openssl, and what is none."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from certs import authority
from checkout import GOLDEN
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from probes.errors import WireError
from probes.wire import x509
from probes.wire.x509 import Certificate

# openssl 3.0.22: req -x509 -newkey ed25519 -subj "/C=VN/O=Bộ/CN=Gốc thử" -days 20000, from 2026-11-24 (GeneralizedTime: 2081)
FAR = GOLDEN / "tls" / "far.der"
DER = FAR.read_bytes()


def test_openssls_certificate_is_read() -> None:
    got = x509.read(DER)
    assert (got.subject, got.issuer) == ("Gốc thử", "Gốc thử")
    assert got.not_after_s - got.not_before_s == 20000 * 86400 and got.not_after_s > 3_400_000_000
    assert got.names == ("portal.test", "*.portal.test", "192.0.2.1", "2001:db8::1")


def test_what_cryptography_signed_is_read(tmp_path: Path) -> None:
    made = authority("Root", 10.0).intermediate("Mid", 5.0)
    got = x509.read(made.certificate.public_bytes(Encoding.DER))
    assert (got.subject, got.issuer, got.names) == ("Mid", "Root", ())
    assert got.not_after_s == int(made.certificate.not_valid_after_utc.timestamp())
    assert got.not_before_s == int(made.certificate.not_valid_before_utc.timestamp())


def time(text: bytes, tag: int) -> int:
    return x509._time(x509._Item(tag, text))


@pytest.mark.parametrize(
    ("text", "tag", "seconds"),
    [
        (b"700101000000Z", 0x17, 0),
        (b"491231235959Z", 0x17, 2_524_607_999),
        (b"500101000000Z", 0x17, -631_152_000),
        (b"20500101000000Z", 0x18, 2_524_608_000),
        (b"99991231235959Z", 0x18, 253_402_300_799),  # "no end" (RFC 5280 §4.1.2.5)
    ],
)
def test_times_are_read(text: bytes, tag: int, seconds: int) -> None:
    assert time(text, tag) == seconds


@pytest.mark.parametrize(
    ("text", "tag"),
    [(b"701301000000Z", 0x17), (b"7001010000Z", 0x17), (b"700101000000+0700", 0x17), (b"20500101000000Z", 0x17)]
    + [(b"700101000000Z", 0x18), (b"", 0x18), (b"700101000000Z", 0x13), (b"00000101000000Z", 0x18)],
)
def test_times_that_are_none_are_wire_errors(text: bytes, tag: int) -> None:
    with pytest.raises(WireError):
        time(text, tag)


@given(st.binary(max_size=100))
def test_any_bytes_are_a_certificate_or_a_wire_error(data: bytes) -> None:
    with suppress(WireError):
        assert isinstance(x509.read(data), Certificate)


@given(st.data())
def test_a_spoiled_certificate_is_one_or_a_wire_error(draw: st.DataObject) -> None:
    spoiled = bytearray(DER)
    for _ in range(draw.draw(st.integers(1, 4))):
        spoiled[draw.draw(st.integers(0, len(DER) - 1))] = draw.draw(st.integers(0, 255))
    with suppress(WireError):
        assert isinstance(x509.read(bytes(spoiled[: draw.draw(st.integers(0, len(DER)))])), Certificate)
