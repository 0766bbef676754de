"""HTTP digest for SIP (RFC 3261 §22.4, RFC 7616, RFC 8760): MD5 and SHA-256, with `-sess`, with or without qop=auth."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

_HASHES = {"MD5": "md5", "SHA-256": "sha256"}
_PAIR = re.compile(r'([A-Za-z0-9_-]{1,32})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')
_MOST, _MOST_VALUES = 2048, 8  # characters of a header, and headers, that are read


class Challenge(NamedTuple):
    """What a WWW- or Proxy-Authenticate header asks for. `qop`: "auth", or "" when none was offered."""

    realm: str
    nonce: str
    algorithm: str
    qop: str
    opaque: str | None
    stale: bool


class Credentials(NamedTuple):
    """Who asks. Never logged."""

    user: str
    password: str


def challenge(values: Iterable[str]) -> Challenge | None:
    """The topmost challenge we can answer (RFC 8760 §2.4), None when there is none."""
    for value in islice(values, _MOST_VALUES):
        for part in re.split(r",\s*(?=[Dd]igest\s)", value[:_MOST]):
            if found := _one(part.strip()):
                return found
    return None


def _one(text: str) -> Challenge | None:
    scheme, _, rest = text.partition(" ")
    if scheme.lower() != "digest":
        return None
    pairs = {name.lower(): _unquote(quoted) or plain for name, quoted, plain in _PAIR.findall(rest)}
    algorithm = pairs.get("algorithm", "MD5").upper()
    offered = [one.strip().lower() for one in pairs.get("qop", "").split(",") if one.strip()]
    if algorithm.removesuffix("-SESS") not in _HASHES or (offered and "auth" not in offered) or "nonce" not in pairs:
        return None
    return Challenge(
        pairs.get("realm", ""),
        pairs["nonce"],
        algorithm,
        "auth" if offered else "",
        pairs.get("opaque"),
        pairs.get("stale", "").lower() == "true",
    )


def authorization(asked: Challenge, who: Credentials, method: str, uri: str, cnonce: str, count: int = 1) -> str:
    """The value of Authorization or Proxy-Authorization (RFC 7616 §3.4). `count`: uses of this nonce so far, from 1."""
    nc = f"{count:08x}"
    response = _response(asked, who, f"{method}:{uri}", nc, cnonce)
    parts = [
        f"username={_quote(who.user)}",
        f"realm={_quote(asked.realm)}",
        f"nonce={_quote(asked.nonce)}",
        f"uri={_quote(uri)}",
        f'response="{response}"',
        f"algorithm={asked.algorithm}",
    ]
    if asked.opaque is not None:
        parts.append(f"opaque={_quote(asked.opaque)}")
    if asked.qop:
        parts += [f"qop={asked.qop}", f"nc={nc}"]
    if asked.qop or asked.algorithm.endswith("-SESS"):
        parts.append(f'cnonce="{cnonce}"')
    return "Digest " + ", ".join(parts)


def _response(asked: Challenge, who: Credentials, a2: str, nc: str, cnonce: str) -> str:
    name = _HASHES[asked.algorithm.removesuffix("-SESS")]

    def digest(text: str) -> str:
        return hashlib.new(name, text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()

    secret = digest(f"{who.user}:{asked.realm}:{who.password}")
    if asked.algorithm.endswith("-SESS"):
        secret = digest(f"{secret}:{asked.nonce}:{cnonce}")
    middle = f"{nc}:{cnonce}:{asked.qop}:" if asked.qop else ""
    return digest(f"{secret}:{asked.nonce}:{middle}{digest(a2)}")


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", "", escaped) + '"'
