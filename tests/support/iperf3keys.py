"""An RSA key pair and a list of users for iperf3 logins, made anew for a run of tests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

USER, PASSWORD = "mai", "bí mật 7"
WORD = "letmein7"  # of the second user: iperf3 reads passwords without blanks only


@dataclass(frozen=True)
class Keys:
    """Files a server and a client need."""

    private: Path
    public: Path
    users: Path
    password: Path


def make(folder: Path) -> Keys:
    """Write them there."""
    key = rsa.generate_private_key(65537, 2048)
    pem = serialization.Encoding.PEM
    found = Keys(*(folder / name for name in ("private.pem", "public.pem", "users", "password")))
    found.private.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    )
    found.public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    lines = [f"{user},{hashlib.sha256(f'{{{user}}}{word}'.encode()).hexdigest()}" for user, word in ((USER, PASSWORD), ("tu", WORD))]  # fmt: skip
    found.users.write_text("# who may test\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
    found.password.write_text(WORD + "\n", encoding="utf-8")
    return found
