"""From what is stored to whoever watches: in the order of the segments, and a large record bit by bit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import NamedTuple

from netmon.hub import limits
from netmon.hub.ingest.batch import Batch
from netmon.hub.ingest.writers import NONE
from netmon.line import Line
from netmon.process.troubles import Troubles
from netmon.segments.position import Position
from netmon.store.record import Header


class _Unshown(NamedTuple):
    header: Header
    lines: tuple[Line, ...]
    position: Position
    done: asyncio.Future[None]


class Showing:
    """Lives in the event loop."""

    def __init__(
        self, publish: Callable[[Batch], None], on_shown: Callable[[int, Position], None], troubles: Troubles
    ) -> None:
        """`on_shown`: called with a record's serial and position when all of it is published."""
        self._publish, self._on_shown, self._troubles = publish, on_shown, troubles
        self._unshown: dict[int, _Unshown] = {}
        self._task: asyncio.Task[None] | None = None

    def show(self, serial: int, header: Header, stored: tuple[Line, ...], position: Position) -> None:
        """Publish a stored record: a small one at once, a large one, and what comes behind it, in parts."""
        lines = stored if header.agent else tuple(line for line in stored if line.tags["check"] != NONE)
        if not self._unshown and len(lines) <= limits.STORED_LINES:
            try:
                self._publish(Batch(header, lines, position))
            finally:
                self._on_shown(serial, position)
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unshown[serial] = _Unshown(header, lines, position, done)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._show_rest())

    async def shown(self, serial: int) -> None:
        """Return when a stored record is published."""
        waiting = self._unshown.get(serial)
        if waiting is not None:
            await asyncio.shield(waiting.done)

    async def _show_rest(self) -> None:
        while self._unshown:
            serial, record = next(iter(self._unshown.items()))
            with self._troubles.turn("what follows a stored write"):  # it must not take the writes with it
                for batch in _batches(record.header, record.lines, record.position):
                    self._publish(batch)
                    await asyncio.sleep(0)
            self._on_shown(serial, record.position)
            del self._unshown[serial]
            record.done.set_result(None)


def _batches(header: Header, lines: tuple[Line, ...], position: Position) -> Iterator[Batch]:
    """A record in parts; the frontier comes with the last one, when everything before it is there."""
    early = header if header.frontier_ms is None else header._replace(frontier_ms=0)
    for at in range(0, max(1, len(lines)), limits.STORED_LINES):
        is_last = at + limits.STORED_LINES >= len(lines)
        yield Batch(header if is_last else early, lines[at : at + limits.STORED_LINES], position)
