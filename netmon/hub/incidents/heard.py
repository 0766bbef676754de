"""Points that were judged though the disk did not take them: they come again, and must not be judged twice. Pure.

A full or read-only disk makes writers wait, but not pages. What is heard of a write that is answered 503 goes to live
state and rules at once; its lines are remembered by series and time until they are stored, or too old to matter.
"""

from __future__ import annotations

from dataclasses import replace

from netmon.hub.ingest.batch import Batch
from netmon.line import Line

KEEP_MS = 300_000  # of the newest point: longer than any rule looks back on what comes live
MAX_LINES = 200_000


class Heard:
    """Lives in the event loop."""

    def __init__(self, keep_ms: int = KEEP_MS, max_lines: int = MAX_LINES) -> None:
        self._keep_ms, self._max = keep_ms, max_lines
        self._lines: dict[int, int] = {}  # line → its time, in the order they were heard

    def refused(self, batch: Batch) -> Batch | None:
        """A batch that is not stored: what of it was not heard before, None for nothing."""
        if batch.header.backfill:
            return None
        new = tuple(line for line in batch.lines if _key(line) not in self._lines)
        self._lines.update((_key(line), line.time or 0) for line in new)
        self._forget(max((line.time or 0 for line in new), default=0))
        return replace(batch, lines=new) if new else None

    def stored(self, batch: Batch) -> Batch:
        """A batch that is stored: the same without the lines that were heard."""
        if not self._lines:
            return batch
        return replace(batch, lines=tuple(line for line in batch.lines if self._lines.pop(_key(line), None) is None))

    def _forget(self, newest_ms: int) -> None:
        while self._lines:
            key, at_ms = next(iter(self._lines.items()))
            if at_ms >= newest_ms - self._keep_ms and len(self._lines) <= self._max:
                return
            del self._lines[key]


def _key(line: Line) -> int:
    return hash((line.name, line.time, *line.tags.items(), *line.fields))
