"""Certificates for tests: a private authority, and servers' certificates it signs."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

_PEM, _PLAIN = serialization.Encoding.PEM, serialization.NoEncryption()
NAMES = ("portal.test", "127.0.0.1")


@dataclass(frozen=True)
class Authority:
    """A certificate and its key; `parents`: what a server shows with what this one signed, nearest first."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    parents: tuple[x509.Certificate, ...] = ()

    def pem(self, file: Path) -> str:
        """Write the certificate; its path."""
        file.write_bytes(self.certificate.public_bytes(_PEM))
        return str(file)

    def intermediate(self, name: str, days: float) -> Authority:
        """An authority this one has signed."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = _sign(name, key, self, days, -1.0, (), authority=True)
        return Authority(made, key, (made, *self.parents))

    def server(
        self, file: Path, *, days: float = 20.0, since: float = -1.0, names: Sequence[str] = NAMES, subject: str = ""
    ) -> str:
        """Write key and chain of a server into one file; its path. `days`, `since`: its end and begin from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = _sign(subject or names[0], key, self, days, since, names, authority=False)
        chain = b"".join(one.public_bytes(_PEM) for one in (made, *self.parents))
        file.write_bytes(key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, _PLAIN) + chain)
        return str(file)

    def delegate(self, *, signs_ocsp: bool = True) -> Authority:
        """One that this one lets sign its OCSP answers, or (`signs_ocsp=False`) an ordinary server's certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = _sign("Responder", key, self, 5.0, -1.0, (), authority=False, signs_ocsp=signs_ocsp)
        return Authority(made, key)


def ocsp_answer(
    pem: str,
    issuer: Authority,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    *,
    by: Authority | None = None,
    made_s: float = -3600.0,
    ends_s: float | None = 7200.0,
    shows: bool = True,
) -> bytes:
    """An OCSP answer (DER) about the server of a file with key and chain, signed by its issuer or by another (`by`).
    `made_s`, `ends_s`: from now; `shows`: another signer's certificate stands in the answer."""
    now, by = datetime.datetime.now(datetime.UTC), by or issuer
    is_revoked = status is ocsp.OCSPCertStatus.REVOKED
    leaf = x509.load_pem_x509_certificates(Path(pem).read_bytes())[0]
    made = ocsp.OCSPResponseBuilder().add_response(
        leaf, issuer.certificate, hashes.SHA1(), status,
        now + datetime.timedelta(seconds=made_s),
        None if ends_s is None else now + datetime.timedelta(seconds=ends_s),
        datetime.datetime(2026, 11, 20, tzinfo=datetime.UTC) if is_revoked else None,
        x509.ReasonFlags.key_compromise if is_revoked else None,
    ).responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)  # fmt: skip
    if by is not issuer and shows:
        made = made.certificates([by.certificate])
    return made.sign(by.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def authority(name: str = "Test Root", days: float = 300.0) -> Authority:
    """A root of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Authority(_sign(name, key, None, days, -1.0, (), authority=True), key)


def _sign(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    by: Authority | None,
    days: float,
    since: float,
    names: Sequence[str],
    *,
    authority: bool,
    signs_ocsp: bool = False,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=since))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), True)
    )
    if names:
        made = made.add_extension(x509.SubjectAlternativeName([_named(one) for one in names]), False)
    if signs_ocsp:
        made = made.add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.OCSP_SIGNING]), False)
    return made.sign(by.key if by else key, hashes.SHA256())


def _named(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
