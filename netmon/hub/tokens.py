"""Tokens: 32 random bytes a site, in files only their owner may read; found by digest, so no comparison leaks time.

Beside the files lie the tokens' digests: they are all the hub needs to know a token by, so a damaged file costs nobody
the right to write, and a flipped bit can be put right.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from netmon.files import MAX_SECRET, PRIVATE_UMASK, make_folder, read_plain, read_state, write_durably, write_state

log = logging.getLogger("netmon.hub")
DIGESTS = "digests.json"
MAX_TOKEN_BYTES = 1_000
LOOK_S, LOOK_AGAIN_S = 5.0, 1.0  # files are looked at so often; for a token that is nobody's
_WRITTEN = set(map(chr, range(0x21, 0x7F)))  # what a token may consist of


class Unusable(Exception):
    """A token file that cannot be used: why, and what to do."""


def ensure_token(path: Path) -> str:
    """The token a file holds, made when there is none. Raises `Unusable`."""
    try:
        if not path.exists():
            make_folder(path.parent)
            write_durably(path, (secrets.token_urlsafe(32) + "\n").encode())
        mode, token = path.stat().st_mode, read_plain(path, MAX_SECRET).decode("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as fault:
        why = (fault.strerror or str(fault)) if isinstance(fault, OSError) else "it is damaged"
        raise Unusable(f"{path}: {why} (mend it, or remove it and start again for a new token)") from fault
    if mode & PRIVATE_UMASK:
        raise Unusable(
            f"{path}: others may read or write this token (mode {mode & 0o777:o}): it is refused (remove it and start again "
            f"for a new token; if nobody else has seen it: chmod 600 {path})"
        )
    if not token or not set(token) <= _WRITTEN:
        raise Unusable(f"{path}: this is no token (mend it, or remove it and start again for a new one)")
    return token


class Tokens:
    """Token → whom it stands for."""

    def __init__(self, known: Iterable[tuple[str, str]], digests: Iterable[tuple[bytes, str]] = ()) -> None:
        """`known`: (token, name) pairs; an empty token stands for nobody. `digests`: of tokens whose text is not known."""
        self._names = {**dict(digests), **{_digest(token): name for token, name in known if token}}
        self.faults: dict[str, str] = {}  # file → what a person has to mend of it
        self.files: tuple[Path, ...] = ()  # where they were read from

    def name(self, token: str) -> str | None:
        """Whose token this is, None for nobody's."""
        return self._names.get(_digest(token))


class LiveTokens(Tokens):
    """Tokens that follow their files: a new one is good, and an old one no more, within seconds and without a restart."""

    def __init__(self, read: Callable[[], Tokens], on_faults: Callable[[Mapping[str, str]], None]) -> None:
        """`read` reads all files; `on_faults` gets what a person has to mend, file by file, whenever they were read."""
        super().__init__(())
        self._read, self._on_faults = read, on_faults
        self._looked, self._stamps = 0.0, list[tuple[int, ...]]()
        self._take()

    def name(self, token: str) -> str | None:
        """Whose token this is now, None for nobody's."""
        holder = super().name(token)
        if time.monotonic() - self._looked >= (LOOK_S if holder else LOOK_AGAIN_S):
            self._looked = time.monotonic()
            if _stamps(self.files) != self._stamps:
                self._take()
                return super().name(token)
        return holder

    def _take(self) -> None:
        tokens = self._read()
        self._names, self.faults, self.files = tokens._names, tokens.faults, tokens.files
        self._looked, self._stamps = time.monotonic(), _stamps(self.files)
        self._on_faults(self.faults)


def _stamps(files: Iterable[Path]) -> list[tuple[int, ...]]:
    return [_stamp(file) for file in files]


def _stamp(file: Path) -> tuple[int, ...]:
    try:
        known = file.stat()
    except OSError:
        return ()
    return known.st_mtime_ns, known.st_ino, known.st_size, known.st_mode


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def site_tokens(folder: Path, sites: Iterable[str]) -> Tokens:
    """One token file a site in `folder`, made where missing; sites no longer named lose their right to write."""
    return kept_tokens(folder, [(folder / f"{site}.token", site) for site in sites])


def kept_tokens(folder: Path, wanted: Sequence[tuple[Path, str]]) -> Tokens:
    """The tokens of some files, (file, name), with their digests in `folder`. What is wrong with one is told, and costs
    the others nothing."""
    before = read_state(folder / DIGESTS, _digests, "the tokens' digests are made anew from their files") or {}
    known, digests, faults = list[tuple[str, str]](), list[tuple[bytes, str]](), dict[str, str]()
    after = dict[str, str]()
    for path, name in wanted:
        expected = (
            before.get(path.name) if _is_there(path) else None
        )  # a file that was taken away: a new token is wanted
        try:
            _mend(path, expected)
            token = ensure_token(path)
        except Unusable as fault:
            faults[path.name] = str(fault)
            if expected and not _is_open(path):
                digests.append((bytes.fromhex(expected), name))
                after[path.name] = expected
        else:
            known.append((token, name))
            after[path.name] = _digest(token).hex()
    if after != before:
        faults |= _keep(folder, after)
    tokens = Tokens(known, digests)
    tokens.faults, tokens.files = faults, tuple(path for path, _ in wanted)
    return tokens


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # nobody may look: that is told when it is read
        return True


def _is_open(path: Path) -> bool:
    try:
        return path.is_file() and bool(path.stat().st_mode & PRIVATE_UMASK)
    except OSError:
        return False


def _mend(path: Path, expected: str | None) -> None:
    """Put a file right that is one flipped bit away from the token it held; another text in it is somebody's change."""
    try:
        raw = bytearray(read_plain(path, MAX_SECRET)[:MAX_TOKEN_BYTES]) if expected else bytearray()
    except OSError:
        return
    if hashlib.sha256(raw.strip()).hexdigest() == expected:
        return
    for at in range(len(raw) * 8):
        raw[at // 8] ^= 1 << at % 8
        if hashlib.sha256(raw.strip()).hexdigest() == expected:
            log.error("%s: one bit of this token was flipped: it is put right", path)
            _rewrite(path, bytes(raw))
            return
        raw[at // 8] ^= 1 << at % 8


def _rewrite(path: Path, raw: bytes) -> None:
    mode = path.stat().st_mode & 0o777
    try:
        write_durably(path, raw, mode)
    except OSError as fault:
        log.error("%s: %s: the token's digest stands in for it", path, fault.strerror)


def _keep(folder: Path, digests: dict[str, str]) -> dict[str, str]:
    try:
        make_folder(folder)
        write_state(folder / DIGESTS, {"sha256": digests})
    except OSError as fault:
        why = f"{folder / DIGESTS}: {fault.strerror}: a token file that is damaged could not be told from a changed one"
        return {DIGESTS: why}
    return {}


def _digests(plain: Any) -> dict[str, str]:
    digests = {name: digest for name, digest in plain["sha256"].items() if len(bytes.fromhex(digest)) == 32}
    if len(digests) != len(plain["sha256"]):
        raise ValueError("a digest is none")
    return digests
