"""RSA as iperf3 uses it for logins: PKCS#1 v1.5 (up to 3.16) or OAEP with SHA-1 (from 3.17 on). The door to `cryptography`.

The package is imported on first use: an agent that logs in nowhere does not need it.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from probes.errors import BadSettings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

PADDINGS = ("pkcs1", "oaep")
MIN_BITS = 1024


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
