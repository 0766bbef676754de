"""How a room is called, from what a sheet says of it: an IP or a name, a protocol, an alias. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import NamedTuple

from inventory.conferences import MAX_ALIAS, is_address
from netmon.conference.sheet.site import Unclear
from netmon.conference.sheet.text import fold, number

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?", re.ASCII)
_MASKED = re.compile(r"([0-9A-Fa-f:.]{2,45})/[0-9]{1,3}", re.ASCII)
_PORT = re.compile(r"([0-9.]{7,15}):([0-9]{1,5})", re.ASCII)
_SCHEME = re.compile(r"(sips?|h323):(.+)", re.IGNORECASE | re.ASCII)
_USER = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=-]{1,64}", re.ASCII)
_PROTOCOLS = (("sips", r"\bsips\b|\bsip (over )?tls\b|\btls\b"), ("h323", r"\bh ?323\b"), ("sip", r"\bsip\b"))
_NAMES = {"sips": "SIP TLS", "h323": "H.323", "sip": "SIP"}


class Note(NamedTuple):
    """Something worth telling of a column."""

    column: str
    code: str
    with_: Mapping[str, str]


class DialTarget(NamedTuple):
    """Where a room takes calls; "" where the sheet does not say."""

    address: str
    alias: str
    notes: tuple[Note, ...]


def call(cells: Mapping[str, str]) -> DialTarget:
    """From the columns `address`, `domain`, `protocol` and `alias`. Raises `Unclear`."""
    notes: list[Note] = []
    whole = _whole(cells.get("address", "")) or _whole(cells.get("domain", ""))
    alias = _alias(cells.get("alias", ""))
    if whole:
        return DialTarget(whole, alias, ())
    scheme = _scheme(cells.get("protocol", ""), notes)
    host = _host(cells, notes)
    user, at = alias, ""
    if match := _SCHEME.fullmatch(alias):
        scheme, user = scheme or match[1].lower(), match[2]
    if "@" in user:
        user, _, at = user.partition("@")
        scheme = scheme or "sip"
    host = host or (at if _is_host(at) else "")
    return DialTarget(_address(scheme, user, host), alias, tuple(notes))


def _address(scheme: str, user: str, host: str) -> str:
    """The fullest address that can be called; what cannot stand in one stays the alias."""
    if not host:
        return ""
    if not scheme:
        return host
    named = f"{scheme}:{user}@{host}"
    return named if _USER.fullmatch(user) and is_address(named) else f"{scheme}:{host}"


def _whole(text: str) -> str:
    """A text that is a whole address already (`sip:room@10.1.4.10`)."""
    return text if _SCHEME.fullmatch(text) and is_address(text) else ""


def _alias(text: str) -> str:
    alias = number(text)
    if not alias.isprintable() or len(alias) > MAX_ALIAS:
        raise Unclear("bad_alias", "alias", text=alias)
    return alias


def _scheme(text: str, notes: list[Note]) -> str:
    if not text:
        return ""
    said = fold(text)
    schemes = [(match.start(), scheme) for scheme, pattern in _PROTOCOLS if (match := re.search(pattern, said))]
    if not schemes:
        raise Unclear("bad_protocol", "protocol", text=text)
    first = min(schemes)[1]
    if {"sip", "sips"} <= {scheme for _, scheme in schemes} and first == "sip":
        first = "sips"  # `SIP TLS` and `SIP/TLS` say both
    if "h323" in {scheme for _, scheme in schemes} and len(schemes) > 1:
        notes.append(Note("protocol", "two_protocols", {"text": text, "known": _NAMES[first]}))
    return first


def _host(cells: Mapping[str, str], notes: list[Note]) -> str:
    address, domain = cells.get("address", ""), cells.get("domain", "").rstrip(".")
    host = _of_address(address, notes) if address else ""
    if domain and not _is_host(domain):
        raise Unclear("bad_domain", "domain", text=domain)
    if host and domain and domain.lower() != host.lower():
        notes.append(Note("domain", "domain_kept", {"text": domain}))
    return host or domain


def _of_address(text: str, notes: list[Note]) -> str:
    if match := _MASKED.fullmatch(text):
        notes.append(Note("address", "mask", {"text": text, "known": match[1]}))
        return _of_address(match[1], notes)
    if match := _PORT.fullmatch(text):
        if _ip(match[1]) and 0 < int(match[2]) < 65536:
            return text
    elif host := _ip(text):
        return host
    elif _DOMAIN.fullmatch(text) and len(text) < 254:
        return text
    raise Unclear("bad_address", "address", text=text)


def _ip(text: str) -> str:
    """An address one machine can have, as it stands in a URI; "" when it is none."""
    try:
        ip = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return ""
    if ip.is_unspecified or ip.is_multicast or ip.is_loopback or "%" in text:
        return ""
    return f"[{ip}]" if ip.version == 6 else str(ip)


def _is_host(text: str) -> bool:
    return bool(_ip(text)) or (_DOMAIN.fullmatch(text) is not None and len(text) < 254)
