"""Reads bytes one after the other and never past their end: for messages whose parts say how long they are. Pure."""

from __future__ import annotations

from struct import Struct
from typing import Any

from probes.errors import WireError


class ByteCursor:
    """A place `at` in `data`, of which what stands before `end` may be read. `why`: in words what is wrong when there is less than
    is read; it is raised as `WireError`, and the place stays."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data, self.at = data, at
        self.end = len(data) if end is None else end

    @property
    def left(self) -> int:
        """Bytes from here to the end."""
        return self.end - self.at

    def skip(self, count: int, why: str) -> int:
        """Go on by so many bytes; where they begin."""
        if not 0 <= count <= self.end - self.at:
            raise WireError(self.at, why)
        self.at += count
        return self.at - count

    def take(self, count: int, why: str) -> bytes:
        """The next bytes."""
        return self.data[self.skip(count, why) : self.at]

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(max(0, self.left), "")

    def number(self, size: int, why: str) -> int:
        """The next `size` bytes as a number, most significant first."""
        return int.from_bytes(self.take(size, why), "big")

    def unpack(self, layout: Struct, why: str) -> tuple[Any, ...]:
        """The next fields."""
        return layout.unpack_from(self.data, self.skip(layout.size, why))

    def inside(self, count: int, why: str) -> ByteCursor:
        """What the next bytes hold; skipped here."""
        return ByteCursor(self.data, self.skip(count, why), self.at)
