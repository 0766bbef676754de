"""What an HTTP check is aimed at: `https://portal.example.vn/path?query`, and where an answer sends us to (RFC 3986)."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, urljoin

from probes.clean import clean
from probes.errors import BadTarget
from probes.target import Endpoint, parse
from probes.wire.http import PORT, TLS_PORT

_URL = re.compile(r"(?:(https?)://)?([^/?#\s\\]*)((?:[/?][^#\s]*)?)(?:#.*)?\Z", re.IGNORECASE | re.DOTALL)
_WEB = re.compile(r"https?://", re.IGNORECASE)
_SAFE = "/?:@!$&'()*+,;=-._~%[]"
_MAX_LENGTH = 2048


class Url(NamedTuple):
    """Where to connect, whether by TLS, and what to ask for. `host`: the Host header (RFC 9110 §7.2)."""

    tls: bool
    endpoint: Endpoint
    host: str
    path: str

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}{self.path}"


def aim(text: str) -> Url:
    """The URL a text names; without a scheme https. Raises `BadTarget`."""
    text = text.strip()
    match = _URL.match(text) if len(text) <= _MAX_LENGTH else None
    if match is None or "@" in match[2]:
        raise BadTarget(f"target {clean(text, 80)!r} is not understood (write https://host:port/path)")
    tls = (match[1] or "https").lower() == "https"
    default = TLS_PORT if tls else PORT
    # An empty port is the scheme's own (RFC 3986 §3.2.3).
    endpoint = parse(match[2].removesuffix(":") if match[1] else match[2], default)
    shown = Endpoint(endpoint.host.partition("%")[0], 0 if endpoint.port == default else endpoint.port)
    path = quote(match[3], safe=_SAFE)
    return Url(tls, endpoint, str(shown), path if path.startswith("/") else f"/{path}")


def follow(url: Url, location: str) -> Url:
    """Where `location` leads from `url`; raises `BadTarget`. Blanks within it are escaped, as browsers do (WHATWG URL
    §4.4)."""
    written = location.strip()
    try:
        if not written.isprintable():
            raise ValueError("a control character")
        whole = urljoin(str(url), written.replace(" ", "%20"))
        if not _WEB.match(whole):
            raise BadTarget(f"{clean(location, 80)!r} is no web page (neither http nor https)")
        return aim(whole)
    except ValueError:
        raise BadTarget(f"{clean(location, 80)!r} is no URL") from None
