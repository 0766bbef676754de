"""What of a handshake is told, and whose trouble a bad certificate is: the tables of `docs/probes/tls.md`."""

from __future__ import annotations

from collections.abc import Sequence

from probes import tls_faults
from probes.base import Value
from probes.clean import clean
from probes.errors import WireError
from probes.io.stream.tls import Shaken
from probes.tls_faults import EXPIRED, NOT_YET, OTHER_NAME
from probes.wire import x509
from probes.wire.x509 import Certificate

_SHOWN = 3


def read(chain: Sequence[bytes]) -> list[Certificate]:
    """The certificates that can be read."""
    certificates = []
    for der in chain:
        try:
            certificates.append(x509.read(der))
        except WireError:
            continue
    return certificates


def facts(shaken: Shaken, chain: Sequence[Certificate], now_s: float) -> dict[str, Value]:
    """What was agreed and shown, by field name. What has ended in a chain that is trusted is not needed for that trust,
    and does not count."""
    needed = [cert for cert in chain if shaken.verify_code != 0 or cert.not_after_s > now_s]
    facts = {
        "verify_code": shaken.verify_code,
        "tls_version": shaken.version,
        "cipher": shaken.cipher,
        "chain_certs": len(chain) or None,
        "cert_days": min((days(cert, now_s) for cert in needed), default=None),
        "leaf_days": days(chain[0], now_s) if chain else None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def days(cert: Certificate, now_s: float) -> float:
    """Until a certificate ends; below 0 when it has."""
    return round((cert.not_after_s - now_s) / 86400, 2)


def distrust(code: int, chain: Sequence[Certificate], name: str, now_s: float, message: str = "") -> str:
    """Why a certificate is not trusted, for whoever must mend it. `message`: OpenSSL's own words."""
    if code == EXPIRED:
        ended = next((cert for cert in chain if cert.not_after_s <= now_s), None)
        return f"{_whose(ended, chain)} ended{_ago(ended, now_s)}"
    if code == NOT_YET:
        early = next((cert for cert in chain if cert.not_before_s > now_s), None)
        return f"{_whose(early, chain)} begins later (or a clock is wrong)"
    if code in OTHER_NAME:
        return f"its certificate is not for {clean(name, 80)}{_for(chain, name)}"
    issuer = clean(chain[-1].issuer, 60) if chain else ""
    words = clean(tls_faults.distrust(code, message), 100)
    return f"its certificate is not trusted: {words}" + (f" (issued by {issuer})" if issuer else "")


def _whose(cert: Certificate | None, chain: Sequence[Certificate]) -> str:
    if not chain or cert is chain[0]:
        return "its certificate" if chain else "its certificate, or its authority's,"
    return f"the certificate of its authority {clean(cert.subject, 60) if cert else ''}".rstrip()


def _ago(cert: Certificate | None, now_s: float) -> str:
    if cert is None:
        return ""
    hours = (now_s - cert.not_after_s) / 3600
    return f" {hours / 24:.0f} days ago" if hours >= 48 else f" {hours:.0f} hours ago"


def _for(chain: Sequence[Certificate], name: str) -> str:
    """Whom it is for: the names of its subjectAltName alone (RFC 9525 §2); a common name is nobody's name."""
    names, subject = (chain[0].names, chain[0].subject) if chain else ((), "")
    if chain and not names:
        only = f" {clean(subject, 60)!r} is only its common name, and" if subject else ""
        return f":{only} it has no subjectAltName"
    if name.lower() in [name.lower() for name in names]:
        return ": it is written there as a host name, not as an IP address (subjectAltName)"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f", but for {', '.join(clean(name, 60) for name in names[:_SHOWN])}{more}" if any(names) else ""
