"""The key two ends share, read from a file: for kinds whose far side is ours."""

from __future__ import annotations

import codecs
from pathlib import Path

from probes.errors import BadSettings


def key_of(path: str) -> bytes:
    """The key a file holds (surrounding blanks do not count); raises `BadSettings`."""
    if not path:
        return b""
    try:
        key = Path(path).read_bytes().strip()
        written = key.removeprefix(codecs.BOM_UTF8)  # of an editor; a key of random bytes is left as it is
        key = written if written.isascii() else key
    except OSError as fault:
        raise BadSettings(f"key_file {path}: {fault.strerror}") from None
    if len(key) < 8:
        raise BadSettings(f"key_file {path}: a key of {len(key)} bytes is no key (write 16 or more)")
    return key
