"""The hub's own certificate authority: made at first start, so that nobody has to, and pinned by every agent.

EC P-256 throughout (every TLS 1.3 stack has it). Keys are files only their owner can read.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from netmon.errors import MachineError
from netmon.files import write_durably

CA_LIFE = timedelta(days=20 * 365)
SERVER_LIFE = timedelta(days=397)  # the most that strict clients accept
RENEW_BEFORE = timedelta(days=30)
BACKDATE = timedelta(days=1)  # agents' clocks may be behind


def ensure(folder: Path, hub: str, names: Sequence[str], now: datetime) -> bool:
    """CA and server certificate in `folder` (`ca.pem ca.key server.pem server.key`), made or renewed when needed.

    The server's is renewed when `names` changed, when it ends within 30 days, or when the CA is another. Returns
    whether it was. Raises `MachineError` when a file there cannot be understood: it is never overwritten in silence.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        key, certificate = _ca(folder, hub, now)
        if (folder / "server.key").exists() and _good(folder / "server.pem", certificate, names, now):
            return False
    except ValueError as fault:
        raise MachineError(
            f"{folder}: a key or certificate there is damaged: {fault} (mend it, or remove the folder and give the new CA to the agents)"
        ) from fault
    _issue(folder, key, certificate, hub, names, now)
    return True


def context(folder: Path) -> ssl.SSLContext:
    """TLS 1.3 for the hub's listener, with the certificate in `folder`."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    reload(tls, folder)
    return tls


def reload(tls: ssl.SSLContext, folder: Path) -> None:
    """Show the certificate in `folder` to every connection from now on."""
    tls.load_cert_chain(folder / "server.pem", folder / "server.key")


def _ca(folder: Path, hub: str, now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    pem, secret = folder / "ca.pem", folder / "ca.key"
    if pem.exists() and secret.exists():
        key = serialization.load_pem_private_key(secret.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("ca.key is not an EC key")
        return key, x509.load_pem_x509_certificate(pem.read_bytes())
    if pem.exists() or secret.exists():
        raise ValueError("one of ca.pem and ca.key is missing")
    key, name = ec.generate_private_key(ec.SECP256R1()), _name(f"netmon CA of {hub}")
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)  # signs certificates and lists
    certificate = (
        _builder(name, name, key, now, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_durably(secret, _key_pem(key))
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return key, certificate


def _issue(
    folder: Path,
    ca_key: ec.EllipticCurvePrivateKey,
    ca: x509.Certificate,
    hub: str,
    names: Sequence[str],
    now: datetime,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)  # signs handshakes
    certificate = (
        _builder(_name(hub), ca.subject, key, now, SERVER_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    write_durably(folder / "server.key", _key_pem(key))
    (folder / "server.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - BACKDATE)
        .not_valid_after(now.astimezone(UTC) + life)
    )


def _good(pem: Path, ca: x509.Certificate, names: Sequence[str], now: datetime) -> bool:
    if not pem.exists():
        return False
    certificate = x509.load_pem_x509_certificate(pem.read_bytes())
    told = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if set(told) != {_general(name) for name in names} or certificate.not_valid_after_utc - now < RENEW_BEFORE:
        return False
    try:
        certificate.verify_directly_issued_by(ca)
    except (InvalidSignature, ValueError, TypeError):  # issued by another CA
        return False
    return True


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        return x509.DNSName(name)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
