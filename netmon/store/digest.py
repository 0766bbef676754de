"""A digest inside each sealed file, so that a flipped bit is seen wherever the file goes.

Parquet says where everything lies by offsets from the file's start and, for the footer, from its end; DuckDB writes no page
checksums. So the digest stands between the last page and the footer, where no reader looks (apache/parquet-format,
"File Format"): `data, MARK, blake2b-128 of all else, footer, u32 length of the footer, "PAR1"`.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO, Literal

MARK = b"\xa7nmsum1\xa7"
BYTES = 16
_TAIL, _MAGIC, _CHUNK = 8, b"PAR1", 1 << 20
Verdict = Literal["sound", "damaged", "unsigned"]


def sign(path: Path) -> None:
    """Put the digest into a Parquet file just written. Raises OSError, and ValueError for what is none."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        at = _footer(file, size)
        if at is None:
            raise ValueError(f"{path}: not a Parquet file")
        file.seek(at)
        footer = file.read()
        digest = _digest(file, at, at, size)
        file.seek(at)
        file.write(MARK + digest + footer)


def check(path: Path) -> Verdict:
    """`unsigned`: of an earlier version or another's hand. Raises OSError."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        footer = _footer(file, size)
        if footer is None:
            return "damaged"
        at = footer - BYTES - len(MARK)
        file.seek(max(0, at))
        if at < len(_MAGIC) or file.read(len(MARK)) != MARK:
            return "damaged" if _is_signed(file) else "unsigned"
        return "sound" if file.read(BYTES) == _digest(file, at, footer, size) else "damaged"


def _footer(file: BinaryIO, size: int) -> int | None:
    """Where the footer begins; None when the file has no end of one."""
    if size < _TAIL + len(_MAGIC):
        return None
    file.seek(size - _TAIL)
    tail = file.read(_TAIL)
    at = size - _TAIL - int.from_bytes(tail[:4], "little")
    return at if tail[4:] == _MAGIC and at >= len(_MAGIC) else None


def _digest(file: BinaryIO, end: int, again: int, size: int) -> bytes:
    """Over the bytes before `end` and from `again` on."""
    total = hashlib.blake2b(digest_size=BYTES)
    for start, stop in ((0, end), (again, size)):
        file.seek(start)
        while start < stop:
            chunk = file.read(min(_CHUNK, stop - start))
            if not chunk:
                break
            total.update(chunk)
            start += len(chunk)
    return total.digest()


def _is_signed(file: BinaryIO) -> bool:
    """Is there a mark elsewhere? Then the footer's length is not what it was."""
    file.seek(0)
    return MARK in file.read()
