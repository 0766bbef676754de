"""One record in a segment file: its bytes, and finding the next good one where some are damaged.

A record is magic, length, crc32 (4 bytes each, big-endian), body. The crc also covers segment number, offset and
length, so a record is valid in its own place only: neither a stale block nor a body that looks like a record passes.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from typing import BinaryIO

MAGIC = b"\xa7NM\x01"
_HEAD = struct.Struct(">4sII")
HEAD_BYTES = _HEAD.size
_PLACE = struct.Struct(">QQI")
CHUNK = 65_536
_PAGE = 4_096  # what a broken disk loses at least


def _crc(number: int, offset: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(_PLACE.pack(number, offset, len(body))))


def packed(number: int, offset: int, body: bytes) -> tuple[bytes, bytes]:
    """The two parts of a record that will stand at this place: head and body."""
    return _HEAD.pack(MAGIC, len(body), _crc(number, offset, body)), body


def write(fd: int, data: bytes, at: int) -> None:
    """All of it at an offset; raises OSError."""
    view = memoryview(data)
    while view:
        done = os.pwrite(fd, view, at)
        view, at = view[done:], at + done


def _read(file: BinaryIO, number: int, offset: int, limit: int) -> bytes | None:
    file.seek(offset)
    head = file.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES:
        return None
    magic, length, crc = _HEAD.unpack(head)
    if magic != MAGIC or offset + HEAD_BYTES + length > limit:
        return None
    body = file.read(length)
    return body if len(body) == length and _crc(number, offset, body) == crc else None


def read(file: BinaryIO, number: int, offset: int, limit: int) -> bytes | None:
    """The body at an offset, None when no good record begins there, or a broken disk does not give it back."""
    try:
        return _read(file, number, offset, limit)
    except OSError as fault:
        if fault.errno != errno.EIO:
            raise
        return None


def resync(file: BinaryIO, number: int, start: int, limit: int) -> int:
    """The offset of the next good record at or after `start`, `limit` when there is none."""
    at = start
    while at < limit:
        try:
            file.seek(at)
            window = file.read(min(CHUNK, limit - at))
        except OSError as fault:
            if fault.errno != errno.EIO:
                raise
            at = (at // _PAGE + 1) * _PAGE
            continue
        hit = window.find(MAGIC)
        if hit >= 0:
            if read(file, number, at + hit, limit) is not None:
                return at + hit
            at += hit + 1
        elif len(window) < len(MAGIC):
            return limit
        else:
            at += len(window) - len(MAGIC) + 1
    return limit
