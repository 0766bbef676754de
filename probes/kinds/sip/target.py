"""What a SIP check is aimed at: `host:port`, `sip:room@host;transport=tcp`, `sips:host`, `[v6]:port` (RFC 3261 §19.1)."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

from probes.clean import clean
from probes.errors import BadTarget
from probes.target import Endpoint, parse
from probes.wire.sip.message import PORT, TLS_PORT

TRANSPORTS = ("udp", "tcp", "tls")
_SCHEME = re.compile(r"(sips?):", re.IGNORECASE)
_USER = re.compile(r"[A-Za-z0-9_.!~*'()&=+$,;?/#%-]{1,256}\Z")  # RFC 3261 §25.1 user, and the # of many room numbers
_UNESCAPED = "-_.!~*'()&=+$,;?/"


class SipTarget(NamedTuple):
    """Where to connect, by what, and the Request-URI to ask for. `user`: whom the URI names, as written, or ""."""

    endpoint: Endpoint
    transport: str
    uri: str
    user: str


def aim(text: str, transport: str = "udp", user: str = "") -> SipTarget:
    """The aim a target's text names; `transport` and `user` hold where it says nothing. Raises `BadTarget`."""
    scheme, rest = _scheme(text.strip())
    written, at, place = rest.rpartition("@")
    if at and not _USER.match(written):
        fault = "a password does not belong here: use password_file" if ":" in written else "the user is not understood"
        raise BadTarget(f"target {clean(place, 80)!r}: {fault}")
    host, *parameters = place.partition("?")[0].split(";")
    endpoint = parse(host)
    transport = _transport(text, scheme, parameters, transport)
    named = written or quote(user, safe=_UNESCAPED)
    shown = Endpoint(endpoint.host.partition("%")[0], endpoint.port)
    uri = f"{scheme}:{named}@{shown}" if named else f"{scheme}:{shown}"
    port = endpoint.port or (TLS_PORT if transport == "tls" else PORT)
    return SipTarget(Endpoint(endpoint.host, port), transport, uri.replace("#", "%23"), written)


def _scheme(text: str) -> tuple[str, str]:
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    match = _SCHEME.match(text)
    return (match[1].lower(), text[match.end() :]) if match else ("sip", text)


def _transport(text: str, scheme: str, parameters: list[str], default: str) -> str:
    if scheme == "sips":
        return "tls"
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "transport":
            if value.strip().lower() not in TRANSPORTS:
                raise BadTarget(f"target {clean(text, 80)!r}: transport is {', '.join(TRANSPORTS)}")
            return value.strip().lower()
    return default
