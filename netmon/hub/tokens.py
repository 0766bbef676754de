"""Tokens: 32 random bytes a site, in files only their owner may read; found by digest, so no comparison leaks time."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from pathlib import Path

from netmon.files import write_durably


def ensure_token(path: Path) -> str:
    """The token a file holds, made when there is none."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, (secrets.token_urlsafe(32) + "\n").encode())
    return path.read_text(encoding="ascii").strip()


class Tokens:
    """Token → whom it stands for."""

    def __init__(self, known: Iterable[tuple[str, str]]) -> None:
        """`known`: (token, name) pairs; an empty token stands for nobody."""
        self._names = {_digest(token): name for token, name in known if token}

    def name(self, token: str) -> str | None:
        """Whose token this is, None for nobody's."""
        return self._names.get(_digest(token))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def site_tokens(folder: Path, sites: Iterable[str]) -> Tokens:
    """One token file a site in `folder`, made where missing; sites no longer named lose their right to write."""
    return Tokens((ensure_token(folder / f"{site}.token"), site) for site in sites)
