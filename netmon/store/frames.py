"""How the hub hands records to the sealer: `u64 segment, u32 length, body`, and an end mark."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

FRAME = struct.Struct("<QI")
END = 2**64 - 1


class CutShort(Exception):
    """The stream stopped before the end mark."""


def frames(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """(segment, body) of every record; raises `CutShort` without the end mark."""
    while True:
        head = stream.read(FRAME.size)
        if len(head) < FRAME.size:
            raise CutShort
        segment, length = FRAME.unpack(head)
        if segment == END:
            return
        body = stream.read(length)
        if len(body) < length:
            raise CutShort
        yield segment, body
