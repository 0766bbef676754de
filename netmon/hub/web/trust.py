"""The hub's own certificate authority: made at first start, so that nobody has to, and pinned by every agent.

EC P-256 throughout (every TLS 1.3 stack has it). Keys are files only their owner can read.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from netmon.errors import MachineError
from netmon.files import MISFITS, make_folder, set_aside, write_durably

log = logging.getLogger("netmon.hub")
CA_LIFE = timedelta(days=20 * 365)
SERVER_LIFE = timedelta(days=397)  # the most that strict clients accept
RENEW_BEFORE = timedelta(days=30)
BACKDATE = timedelta(days=1)  # agents' clocks may be behind


class Pair(NamedTuple):
    """A certificate and its key, PEM; `advice`: what of the trust folder a person has to mend, "" for nothing."""

    certificate: bytes
    key: bytes
    advice: str = ""


def ensure(folder: Path, hub: str, names: Sequence[str], now: datetime) -> Pair:
    """The server's certificate and key, made or renewed in `folder` when needed, as the CA (`ca.pem ca.key`) is at first.

    The pair is renewed when `names` changed, when it ends within 30 days, when the CA is another, or when a half of it is
    damaged or does not belong to the other. The CA is never made anew while anything stands there that leans on it: when
    it is damaged the server's pair goes on as it is, and that is told. Raises `MachineError` when there is neither.
    """
    try:
        make_folder(folder)
    except OSError as fault:
        raise MachineError(f"{folder}: {fault.strerror} (the hub keeps its keys there)") from fault
    try:
        authority = _ca(folder, hub, now)
    except (OSError, ValueError) as fault:
        return _without_authority(folder, fault)
    pair = _kept_pair(folder)
    if pair is not None and _good(pair, authority.certificate, names, now):
        return pair
    return _renewed(folder, authority, hub, names, now)


def _without_authority(folder: Path, fault: Exception) -> Pair:
    """The CA is damaged: people have to bring it back; until then what it signed goes on."""
    advice = (
        f"{folder}: the CA (ca.pem, ca.key) cannot be used: {_why(fault)} (bring it back from a backup; or remove the "
        "folder, start again, and give the new ca.pem and the new tokens to all agents)"
    )
    pair = _kept_pair(folder)
    if pair is None:
        raise MachineError(advice)
    return pair._replace(advice=advice)


def _renewed(folder: Path, authority: Authority, hub: str, names: Sequence[str], now: datetime) -> Pair:
    """A new pair, on disk if the disk takes it: the key first, so that a cut between the two shows as a pair that is none."""
    pair = _issue(authority, hub, names, now)
    try:
        for name, body, mode in (("server.key", pair.key, 0o600), ("server.pem", pair.certificate, 0o644)):
            write_durably(folder / name, body, mode)
    except OSError as fault:
        advice = (
            f"{folder}: the server's new certificate cannot be kept ({fault.strerror}): this process has it in memory"
        )
        return pair._replace(advice=advice)
    return pair


def _kept_pair(folder: Path) -> Pair | None:
    """The server's certificate and key as they lie there; None, told in the log, when they are no pair."""
    certificate, key = folder / "server.pem", folder / "server.key"
    try:
        if not certificate.exists() and not key.exists():
            return None
        pair = Pair(certificate.read_bytes(), key.read_bytes())
        certificate_there = x509.load_pem_x509_certificate(pair.certificate)
        if not _belong(_private_key(pair.key), certificate_there):
            raise ValueError("the key is not the certificate's")
        context(pair)  # OpenSSL reads more strictly
    except (OSError, *MISFITS, UnsupportedAlgorithm) as fault:
        log.error("%s: server.pem and server.key are no good pair (%s): they are set aside", folder, _why(fault))
        set_aside(certificate)
        set_aside(key)
        return None
    return pair


def _private_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not an EC key")
    return key


def _belong(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> bool:
    """Does what the key signs stand before the certificate's public key? (A damaged key may still tell the right one.)"""
    public = certificate.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey):
        return False
    try:
        public.verify(key.sign(b"netmon", ec.ECDSA(hashes.SHA256())), b"netmon", ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _why(fault: Exception) -> str:
    if isinstance(fault, OSError):
        return f"{Path(str(fault.filename or '')).name}: {fault.strerror}".removeprefix(": ")
    return re.split(r"\. |\n", str(fault))[0][:120] or type(fault).__name__


def context(pair: Pair) -> ssl.SSLContext:
    """TLS 1.3 for the hub's listener."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    reload(tls, pair)
    return tls


def reload(tls: ssl.SSLContext, pair: Pair) -> None:
    """Show this certificate to every connection from now on. Through memory: the disk may refuse, or differ by now."""
    file = os.memfd_create("netmon-server", os.MFD_CLOEXEC)
    try:
        os.write(file, pair.certificate + pair.key)
        tls.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)


class Authority(NamedTuple):
    """The CA, able to sign."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def _ca(folder: Path, hub: str, now: datetime) -> Authority:
    """The CA as it lies there, made when the folder has nothing of one. Raises ValueError or OSError when it is damaged."""
    pem, secret = folder / "ca.pem", folder / "ca.key"
    if pem.exists() and secret.exists():
        return _checked(secret.read_bytes(), pem.read_bytes())
    for name in ("ca.pem", "ca.key"):
        if (folder / name).exists():
            raise ValueError("one of ca.pem and ca.key is missing")
    if (folder / "server.pem").exists():
        raise ValueError("ca.pem and ca.key are missing, and agents trust what they signed")
    return _new_ca(folder, hub, now)


def _checked(secret: bytes, pem: bytes) -> Authority:
    try:
        key, certificate = _private_key(secret), x509.load_pem_x509_certificate(pem)
        certificate.verify_directly_issued_by(certificate)
        if not _belong(key, certificate):
            raise ValueError("ca.key is not the key of ca.pem")
    except (*MISFITS, InvalidSignature, UnsupportedAlgorithm) as fault:
        raise ValueError(_why(fault)) from fault
    return Authority(key, certificate)


def _new_ca(folder: Path, hub: str, now: datetime) -> Authority:
    key, name = ec.generate_private_key(ec.SECP256R1()), _name(f"netmon CA of {hub}")
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)  # signs certificates and lists
    certificate = (
        _builder(name, name, key, now, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_durably(folder / "ca.key", _key_pem(key))
    try:
        write_durably(folder / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    except OSError:
        (folder / "ca.key").unlink(missing_ok=True)  # half a CA would be told as a damaged one for ever
        raise
    return Authority(key, certificate)


def _issue(authority: Authority, hub: str, names: Sequence[str], now: datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)  # signs handshakes
    certificate = (
        _builder(_name(hub), authority.certificate.subject, key, now, SERVER_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return Pair(certificate.public_bytes(serialization.Encoding.PEM), _key_pem(key))


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


def _good(pair: Pair, ca: x509.Certificate, names: Sequence[str], now: datetime) -> bool:
    """Is it signed by this CA, for these names, and not near its end?"""
    try:
        certificate = x509.load_pem_x509_certificate(pair.certificate)
        certificate.verify_directly_issued_by(ca)
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (InvalidSignature, x509.ExtensionNotFound, UnsupportedAlgorithm, *MISFITS):  # of another CA, or damaged
        return False
    if begins > now >= ca.not_valid_before_utc:  # made while this machine's clock was ahead: nobody would take it
        return False
    return set(alternatives) == {_general(name) for name in names} and ends - now >= RENEW_BEFORE


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
