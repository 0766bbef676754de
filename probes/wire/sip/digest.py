"""HTTP digest for SIP (RFC 3261 §22.4, RFC 7616, RFC 8760): MD5, SHA-256 and SHA-512-256, with `-sess`; qop=auth, auth-int or none."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from probes.wire.sip import message as sip

_KNOWN = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_HASHES = {name: hash_name for name, hash_name in _KNOWN.items() if hash_name in hashlib.algorithms_available}
_SCHEME = re.compile(r"(?:\A|,)\s*([!#$%&'*+.^_`|~\w-]{1,32})[ \t]+(?=[\w-]{1,32}\s*=)", re.ASCII)
_PAIR = re.compile(r'([A-Za-z0-9_-]{1,32})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')
_MAX_CHARS, _MAX_VALUES = 2048, 8  # characters of a header, and headers, that are read


class Challenge(NamedTuple):
    """What a WWW- or Proxy-Authenticate header asks for. `qop`: "auth", else "auth-int", "" when none was offered."""

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


def challenges(values: Iterable[str]) -> list[Challenge]:
    """Of each realm the topmost challenge we can answer (RFC 8760 §2.4, RFC 3261 §22.3), in the order they came."""
    by_realm: dict[str, Challenge] = {}
    for text in _split(values):
        if (challenge := _challenge(text)) and challenge.realm not in by_realm:
            by_realm[challenge.realm] = challenge
    return list(by_realm.values())


def schemes(values: Iterable[str]) -> list[str]:
    """What is asked for, by name: "Basic", "Digest AKAv1-MD5"; the scheme and the algorithm it wants."""
    out = []
    for text in _split(values):
        pairs = {name.lower(): quoted or plain for name, quoted, plain in _PAIR.findall(text)}
        out.append(f"{text.partition(' ')[0]} {pairs.get('algorithm', '')}".strip())
    return list(dict.fromkeys(out))


def _split(values: Iterable[str]) -> list[str]:
    """Challenges one by one: several may stand in one header, and a realm may look like one."""
    out = []
    for value in islice(values, _MAX_VALUES):
        text = value[:_MAX_CHARS]
        starts = [match.start(1) for match in _SCHEME.finditer(sip.unquoted(text))]
        ends = [*starts[1:], len(text)]
        out += [text[start:end].strip(" \t,") for start, end in zip(starts, ends, strict=False)]
    return out


def _challenge(text: str) -> Challenge | None:
    scheme, _, rest = text.partition(" ")
    if scheme.lower() != "digest":
        return None
    pairs = {name.lower(): _unquote(quoted) or plain for name, quoted, plain in _PAIR.findall(rest)}
    algorithm = pairs.get("algorithm", "MD5").upper()
    offered = [word.strip().lower() for word in pairs.get("qop", "").split(",") if word.strip()]
    if (
        algorithm.removesuffix("-SESS") not in _HASHES
        or (offered and not {"auth", "auth-int"} & {*offered})
        or "nonce" not in pairs
    ):
        return None
    return Challenge(
        pairs.get("realm", ""),
        pairs["nonce"],
        algorithm,
        ("auth" if "auth" in offered else "auth-int") if offered else "",
        pairs.get("opaque"),
        pairs.get("stale", "").lower() == "true",
    )


def authorization(
    asked: Challenge, who: Credentials, method: str, uri: str, cnonce: str, count: int = 1, body: bytes = b""
) -> str:
    """The value of Authorization or Proxy-Authorization (RFC 7616 §3.4). `count`: uses of this nonce so far, from 1."""
    nc = f"{count:08x}"
    # RFC 7616 §3.4.3: with auth-int the body is vouched for, too
    whole = f":{_digest(asked, body)}" if asked.qop == "auth-int" else ""
    response = _response(asked, who, f"{method}:{uri}{whole}", nc, cnonce)
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
    def digest(text: str) -> str:
        return _digest(asked, text.encode("utf-8", "surrogateescape"))

    secret = digest(f"{who.user}:{asked.realm}:{who.password}")
    if asked.algorithm.endswith("-SESS"):
        secret = digest(f"{secret}:{asked.nonce}:{cnonce}")
    middle = f"{nc}:{cnonce}:{asked.qop}:" if asked.qop else ""
    return digest(f"{secret}:{asked.nonce}:{middle}{digest(a2)}")


def _digest(asked: Challenge, data: bytes) -> str:
    return hashlib.new(_HASHES[asked.algorithm.removesuffix("-SESS")], data, usedforsecurity=False).hexdigest()


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", "", escaped) + '"'
