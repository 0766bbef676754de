"""The hub's first promise: a write is answered after `fdatasync`, and many writes share one.

Records queue in the event loop; one worker thread appends a whole group and commits it. While a group is on its way
to the disk the next one gathers, so the slower the disk, the larger the groups.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from netmon.process.troubles import Troubles, fault_words
from netmon.segments.position import Position
from netmon.segments.segments import Segments

Result = TypeVar("Result")
log = logging.getLogger("netmon.hub")
PART = "segments"  # the part of the hub that keeps what was written
_FULL = (errno.ENOSPC, errno.EDQUOT)
MAX_QUEUED_BYTES = 64 * 1024 * 1024  # waiting for the disk; more is answered 503
SETTLE_S = 0.005  # of what follows stored writes, at once
TRIES = 16  # on a full disk: something old goes, then again

# Called in the event loop, in the order of the records: the position once durable, None when refused.
Settled = Callable[[Position | None], None]


class DiskRefuses(Exception):
    """The record is not durable and will not be: ask the writer to come again."""


class _Waiting(NamedTuple):
    body: bytes  # b"" for a barrier
    settled: Settled | None
    done: asyncio.Future[None]


class Journal:
    """Group commit onto segments."""

    def __init__(self, segments: Segments, make_room: Callable[[], int], troubles: Troubles | None = None) -> None:
        """`make_room` unlinks what is oldest on a full disk; how many records went unread."""
        self._segments, self._make_room = segments, make_room
        self._troubles = troubles or Troubles()
        self._thread = ThreadPoolExecutor(1, "commit")
        self._thread.submit(int).result()  # one that cannot be had later would store a refused group all the same
        self._queue: list[_Waiting] = []
        self._queued_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self.groups = 0
        self.dropped = 0  # records unlinked because the disk was full

    def store(self, body: bytes, settled: Settled) -> asyncio.Future[None]:
        """Append one record; done once it is durable and settled. Raises, or ends with, `DiskRefuses` (settled with None).

        A call that returns has taken the record over and settles it, whoever still waits; one that raises has not.
        What came out is settled before any later write is looked at, so a claim of sequence numbers is taken back
        before a repeat could lean on it.
        """
        return self._enqueue(body, settled)

    async def barrier(self) -> None:
        """Return when everything queued before is durable. Raises `DiskRefuses` when it will not be."""
        if self._task is not None:
            await self._enqueue(b"", None)

    def _enqueue(self, body: bytes, settled: Settled | None) -> asyncio.Future[None]:
        if self._queued_bytes + len(body) > MAX_QUEUED_BYTES:
            if settled is not None:
                settled(None)
            raise DiskRefuses("the disk is behind")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(body, settled, loop.create_future())
        if self._task is None:
            self._task = loop.create_task(self._drain())  # it begins after this turn of the loop
        self._queue.append(waiting)
        self._queued_bytes += len(body)
        return waiting.done

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            group, self._queue, self._queued_bytes = self._queue, [], 0
            try:
                positions = await loop.run_in_executor(self._thread, self._write, [waiting.body for waiting in group])
            except Exception as fault:  # whatever it was: who wrote is told, and comes again
                self._note(fault)
                # Who queued meanwhile may lean on this group (a repeat of one of its writes): refuse both.
                group, self._queue, self._queued_bytes = group + self._queue, [], 0
                _settle(group, [None] * len(group), DiskRefuses(fault_words(fault)), self._troubles)
            else:
                self._troubles.well(PART)
                self.groups += 1
                await _settle_all(group, positions, self._troubles)
        self._task = None

    def _note(self, fault: Exception) -> None:
        if isinstance(fault, OSError):
            self._troubles.tell(PART, f"{fault_words(fault)}: writes are refused until the disk takes them")
        else:
            self._troubles.crashed(PART, fault)

    def _write(self, bodies: list[bytes]) -> list[Position | None]:
        """In the worker thread: all of the group durable, or OSError and none of it."""
        for attempt in range(TRIES):
            try:
                positions = [self._segments.append(body) if body else None for body in bodies]
                self._segments.commit()
            except OSError as fault:
                if fault.errno not in _FULL or attempt == TRIES - 1:
                    raise
                with self._troubles.turn("making room on the full disk"):  # the next try says whether there is some
                    self.dropped += self._make_room()
            except BaseException:
                self._segments.discard()
                raise
            else:
                return positions
        raise AssertionError("unreachable: the last try returns or raises")

    async def call(self, work: Callable[[], Result]) -> Result:
        """Run `work` in the thread that writes the segments, between two groups."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Wait for what is queued, stop the thread."""
        if self._task is not None:
            await asyncio.wait({self._task})
        self._thread.shutdown()


async def _settle_all(group: list[_Waiting], positions: list[Position | None], troubles: Troubles) -> None:
    """Settle what is durable, in order; the loop has other work in between."""
    until = time.perf_counter() + SETTLE_S
    for waiting, position in zip(group, positions, strict=True):
        _settle([waiting], [position], None, troubles)
        if time.perf_counter() >= until:
            await asyncio.sleep(0)
            until = time.perf_counter() + SETTLE_S


def _settle(
    group: list[_Waiting], positions: list[Position | None], fault: DiskRefuses | None, troubles: Troubles
) -> None:
    for waiting, position in zip(group, positions, strict=True):
        if waiting.settled is not None:
            with troubles.turn("what follows a stored write"):  # it must not take the journal with it
                waiting.settled(position)
        if waiting.done.done():
            continue  # its writer went away
        if fault is None:
            waiting.done.set_result(None)
        else:
            waiting.done.set_exception(fault)
