"""From the records of the hub's segments back to batches; the bytes themselves are `netmon.store.record`'s."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from netmon.hub.ingest.batch import Batch
from netmon.line import Line, decode
from netmon.store.record import Header, encode, split, text_of

if TYPE_CHECKING:
    from netmon.segments import Position

__all__ = ["Header", "Readable", "decode_batch", "encode", "replay", "split", "text_of"]


class Readable(Protocol):
    """What `replay` needs of `netmon.segments.Segments`."""

    def read(self, start: Position) -> Iterator[tuple[Position, bytes]]:
        """Records behind a position, each with the position after it."""


def decode_batch(body: bytes, position: Position) -> Batch:
    """The batch a record holds; raises ValueError for a body that is not one."""
    header, text = split(body)
    lines = tuple(line for line in decode(text) if isinstance(line, Line))
    return Batch(*header, lines=lines, position=position)


def replay(segments: Readable, start: Position) -> Iterator[Batch]:
    """Every batch stored after `start`, in order. Records that are none (a foreign version) are passed over."""
    for position, body in segments.read(start):
        try:
            yield decode_batch(body, position)
        except ValueError:
            continue  # counted where it belongs: `Segments.damaged` for bytes, the sealer's figures for versions
