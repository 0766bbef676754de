"""iperf3's login: a token of user, password and time under the server's RSA key, both ends (reference/measurement.md §8).

The server's list of users is iperf3's: a line `user,sha256` each, the hash being that of `{user}password`, braces and all.
PKCS#1 v1.5 (up to 3.16) or OAEP with SHA-1 (from 3.17 on). The door to `cryptography`, which is imported on first use: an
agent that logs in nowhere does not need it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from types import ModuleType
from typing import TYPE_CHECKING

from probes.clean import clean
from probes.errors import BadSettings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

PADDINGS = ("pkcs1", "oaep")
MIN_BITS = 1024  # of a key
SKEW_S = 10.0  # iperf3's own threshold
_MAX_USERS = 10_000
_TOKEN = re.compile(r"user: ([^\n]+)\npwd:  ([^\n]+)\nts:   (-?\d{1,12})", re.ASCII)
_NOBODY = "0" * 64


def token(key: RSAPublicKey, user: str, password: str, at_s: float, padding: str) -> str:
    """What the client sends as `authtoken`, good for the server's threshold around `at_s` (Unix time)."""
    text = f"user: {user}\npwd:  {password}\nts:   {int(at_s)}"
    return base64.b64encode(encrypt(key, text.encode(), padding)).decode("ascii")


def hash_of(user: str, password: str) -> str:
    """A line's second half in the list of users."""
    return hashlib.sha256(f"{{{user}}}{password}".encode()).hexdigest()


def users(text: str) -> dict[str, str]:
    """User → hash of a list; raises `BadSettings` with the line. Empty lines and `#` lines say nothing."""
    hashes: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        user, comma, digest = (part.strip() for part in line.rpartition(","))
        if not (comma and user and re.fullmatch(r"[0-9a-fA-F]{64}", digest)):
            raise BadSettings(f"line {number} is not user,sha256 (the hash of {{user}}password, 64 hex digits)")
        if user in hashes:
            raise BadSettings(f"line {number}: {clean(user, 40)} stands there twice")
        hashes[user] = digest.lower()
    if not 0 < len(hashes) <= _MAX_USERS:
        raise BadSettings(f"{len(hashes)} users (1 to {_MAX_USERS} are allowed)")
    return hashes


class Login:
    """Who may start a test. A token lets in once, near its time; whoever fails is told no more than that."""

    def __init__(
        self,
        key: RSAPrivateKey,
        users: dict[str, str],
        skew_s: float = SKEW_S,
        paddings: tuple[str, ...] = PADDINGS,
    ) -> None:
        self._key, self._users, self._skew_s, self._paddings = key, users, skew_s, paddings
        self._seen: dict[bytes, float] = {}  # digests of tokens that let somebody in, until they are stale anyway

    def fault(self, token: str, now_s: float) -> str:
        """Why this token opens nothing at `now_s` (Unix time), for the log; "": it does."""
        if not token:
            return "no login"
        try:
            block = base64.b64decode(token, validate=True)
        except (binascii.Error, ValueError):
            return "a login that is no base64"
        texts = [decrypt(self._key, block, padding) for padding in self._paddings]
        parts = next((match for match in map(_parts, texts) if match), None)
        if parts is None:
            return "a login that is not under our key"
        return self._judge(parts, hashlib.sha256(block).digest(), now_s)

    def _judge(self, parts: tuple[str, str, int], digest: bytes, now_s: float) -> str:
        user, password, at_s = parts
        right = hmac.compare_digest(hash_of(user, password), self._users.get(user, _NOBODY))
        if not right:
            return f"a wrong login of {clean(user, 40)}"
        if abs(now_s - at_s) > self._skew_s:
            return f"a login of {clean(user, 40)} whose clock is {at_s - now_s:+.0f} s away"
        self._seen = {used: until for used, until in self._seen.items() if until >= now_s}
        if digest in self._seen:
            return f"a login of {clean(user, 40)} for the second time"
        self._seen[digest] = at_s + self._skew_s
        return ""


def _parts(text: bytes | None) -> tuple[str, str, int] | None:
    try:
        match = _TOKEN.fullmatch((text or b"").decode().rstrip("\0"))
    except UnicodeDecodeError:
        return None
    return (match[1], match[2], int(match[3])) if match else None


# --- RSA ---


def _serialization() -> ModuleType:
    try:
        from cryptography.hazmat.primitives import serialization
    except ImportError:
        raise BadSettings("logins need the package cryptography (install cpnet-netmon[hub])") from None
    return serialization


def _padding(name: str) -> AsymmetricPadding:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    if name == "pkcs1":
        return padding.PKCS1v15()
    sha1 = hashes.SHA1()  # noqa: S303 - what iperf3 speaks; OAEP needs no collision resistance of it
    return padding.OAEP(padding.MGF1(sha1), sha1, None)


def public_key(pem: bytes) -> RSAPublicKey:
    """The key in a PEM text; raises `BadSettings`."""
    serialization = _serialization()
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError):
        raise BadSettings("no public key in PEM") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_BITS:
        raise BadSettings(f"no RSA public key of {MIN_BITS} bits or more")
    return key


def private_key(pem: bytes) -> RSAPrivateKey:
    """The key in a PEM text without a passphrase; raises `BadSettings`."""
    serialization = _serialization()
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):  # TypeError: it has a passphrase
        raise BadSettings("no private key in PEM without a passphrase") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_BITS:
        raise BadSettings(f"no RSA private key of {MIN_BITS} bits or more")
    return key


def encrypt(key: RSAPublicKey, text: bytes, padding: str) -> bytes:
    """One block; raises `BadSettings` when the text is too long for the key."""
    try:
        return key.encrypt(text, _padding(padding))
    except ValueError:
        raise BadSettings("user and password are too long for the key") from None


def decrypt(key: RSAPrivateKey, block: bytes, padding: str) -> bytes | None:
    """The text, None when it is none. A wrong PKCS#1 block may also give random bytes (implicit rejection)."""
    try:
        return key.decrypt(block, _padding(padding))
    except ValueError:
        return None
