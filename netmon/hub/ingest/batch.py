"""One accepted write: what the hub stores in one record of its segments and hands to evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netmon.line import Line
from netmon.segments.position import Position
from netmon.segments.segments import Segments
from netmon.store import record
from netmon.store.record import Header


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines of one write that were accepted: clean, allowed to their sender and seen for the first time.

    Rejected lines count as seen, so `lines` may be fewer than the header's range. A line's `time` is Unix ms and always set;
    its tags are all of `netmon.point.TAGS`, then any others. `position`: in the hub's segments, after this record.
    """

    header: Header
    lines: tuple[Line, ...]
    position: Position


def replay(segments: Segments, start: Position) -> Iterator[Batch]:
    """Every batch stored after `start`, in order. Records that are none (a foreign version) are passed over."""
    for position, body in segments.read(start):
        try:
            yield Batch(*record.read(body), position)
        except ValueError:
            continue  # counted where it belongs: `Segments.damaged` for bytes, the sealer's figures for versions
