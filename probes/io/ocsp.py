"""A program of its own: one handshake that asks for a stapled OCSP answer (RFC 6066 §8), and what the answer says (RFC 6960).

`python -I -m probes.io.ocsp` reads `{"family", "sockaddr", "name", "ca_file", "timeout_s"}` from stdin and writes one JSON
object: `{"end": "stapled", "status": 0 good, 1 revoked, 2 unknown, "age_s", "left_s", "revoked_s", "reason"}` (times that the
answer does not give are absent), `{"end": "none"}` (it staples none), or `{"end": "bad" | "unchecked" | "unreached" | "missing",
"why"}`: an answer that is not to be trusted, one we cannot judge, no handshake, a library that is not installed. Python's own ssl cannot ask, so pyOpenSSL does; it and
cryptography are imported here and nowhere else of `probes`, and their memory is gone with the process.
"""

from __future__ import annotations

import ipaddress
import json
import signal
import socket
import ssl
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from cryptography.x509.ocsp import OCSPResponse, OCSPSingleResponse

Stapled = dict[str, Any]
_MAX_LATE_S = 300  # an answer made so much later than now: our clock and theirs differ


def ask(family: int, sockaddr: tuple[Any, ...], name: str, ca_file: str, timeout_s: float) -> Stapled:
    """One handshake; blocks, at most `timeout_s` each way."""
    from OpenSSL import SSL

    heard = list[bytes]()
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_ocsp_client_callback(lambda connection, data, _: heard.append(data) or True)  # type: ignore[func-returns-value]
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        try:
            sock.settimeout(timeout_s)
            sock.connect(sockaddr)
            sock.settimeout(None)  # pyOpenSSL wants it so; the alarm ends what takes too long
            connection = SSL.Connection(context, sock)
            connection.request_ocsp()
            if not _is_address(name):
                connection.set_tlsext_host_name(name.encode("ascii"))
            connection.set_connect_state()
            connection.do_handshake()
        except (OSError, SSL.Error) as fault:
            return {"end": "unreached", "why": str(fault) or type(fault).__name__}
        chain = [cert.to_cryptography() for cert in connection.get_peer_cert_chain() or ()]
    answer = b"".join(heard)
    if not answer or not chain:
        return {"end": "none"}
    return read(answer, chain[0], [*chain[1:], *_trusted(ca_file)], time.time())


def _trusted(ca_file: str) -> list[Certificate]:
    """The authorities of a file, of the system's without one; none when that cannot be read."""
    from cryptography import x509

    file = ca_file or ssl.get_default_verify_paths().cafile
    try:
        return x509.load_pem_x509_certificates(Path(file).read_bytes()) if file else []
    except (OSError, ValueError):
        return []


def read(answer: bytes, leaf: Certificate, others: Sequence[Certificate], now_s: float) -> Stapled:
    """What an OCSP answer (DER) says of a certificate, given who may have issued it; never raises for what a peer sent."""
    from cryptography.x509 import ocsp

    try:
        response = ocsp.load_der_ocsp_response(answer)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return _bad(f"it says {response.response_status.name.lower().replace('_', ' ')}")
        single = next((each for each in response.responses if each.serial_number == leaf.serial_number), None)
        if single is None:
            return _bad("it is about another certificate")
        issuer = next((each for each in others if _has_issued(each, leaf)), None)
        if issuer is None:
            return {"end": "unchecked", "why": "its issuer's certificate is not shown, and not known here"}
        signed = _is_signed(response, issuer)
        return (
            _said(single, now_s) if signed else _bad("neither the certificate's issuer nor its delegate has signed it")
        )
    except (ValueError, TypeError) as fault:
        return _bad(f"it cannot be read ({type(fault).__name__})")


def _bad(why: str) -> Stapled:
    return {"end": "bad", "why": why}


def _said(single: OCSPSingleResponse, now_s: float) -> Stapled:
    from cryptography.x509 import ocsp

    number = {ocsp.OCSPCertStatus.GOOD: 0, ocsp.OCSPCertStatus.REVOKED: 1}.get(single.certificate_status, 2)
    age_s = round(now_s - single.this_update_utc.timestamp())
    if age_s < -_MAX_LATE_S:
        return _bad("it begins later (or a clock is wrong)")
    said: Stapled = {"end": "stapled", "status": number, "age_s": max(0, age_s)}
    if single.next_update_utc is not None:
        said["left_s"] = round(single.next_update_utc.timestamp() - now_s)
    if single.revocation_time_utc is not None:
        said["revoked_s"] = round(single.revocation_time_utc.timestamp())
    if single.revocation_reason is not None:
        said["reason"] = single.revocation_reason.name.replace("_", " ")
    return said


def _is_signed(response: OCSPResponse, issuer: Certificate) -> bool:
    """By the certificate's issuer, or by somebody the issuer lets sign such answers (RFC 6960 §4.2.2.2)?"""
    delegates = [cert for cert in response.certificates if _may_sign(cert) and _has_issued(issuer, cert)]
    return any(_has_signed(cert, response) for cert in (issuer, *delegates))


def _may_sign(cert: Certificate) -> bool:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        return ExtendedKeyUsageOID.OCSP_SIGNING in cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False


def _has_issued(issuer: Certificate, cert: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        cert.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _has_signed(signer: Certificate, response: OCSPResponse) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

    key, signature, body = signer.public_key(), response.signature, response.tbs_response_bytes
    try:
        hashing = response.signature_hash_algorithm
        if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, body)
        elif isinstance(key, ec.EllipticCurvePublicKey) and hashing:
            key.verify(signature, body, ec.ECDSA(hashing))
        elif isinstance(key, rsa.RSAPublicKey) and hashing:
            key.verify(signature, body, padding.PKCS1v15(), hashing)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def main() -> int:
    """The child's whole life."""
    asked = json.load(sys.stdin)
    signal.alarm(int(asked["timeout_s"]) + 1)
    try:
        said = ask(**{**asked, "sockaddr": tuple(asked["sockaddr"])})
    except ImportError as fault:
        said = {"end": "missing", "why": fault.name or "pyOpenSSL"}
    print(json.dumps(said))
    return 0


if __name__ == "__main__":
    sys.exit(main())
