"""How a body comes in without holding anybody up: unpacked in parts, read in slices of milliseconds, writers in turn."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from netmon.hub import limits

PART = 16 * 1024  # bytes of plain text at once
_PACKED_PART = 4 * 1024
Writer = tuple[str, str]  # site, and agent ("" for all others who write for it)
SLICE_S = 0.004  # of work, then others have their turn


class BadBody(Exception):
    """A body that is refused whole: HTTP status, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Body:
    """The body of one write. `checked` goes through it once before any of it is used; then `parts` are its plain text."""

    def __init__(self, sent: bytes, *, gzipped: bool) -> None:
        self.sent, self.gzipped = sent, gzipped
        self.size = 0  # of the plain text, bytes
        self.newlines = 0
        self.sum32 = 0  # CRC-32 of the plain text
        self._kept: list[bytes] | None = []  # the text of a small body, so that it is unpacked once

    def checked(self) -> Iterator[None]:
        """To be run to its end, step by step. Raises `BadBody`."""
        for part in self._unpack():
            self.size += len(part)
            self.newlines += part.count(b"\n")
            self.sum32 = zlib.crc32(part, self.sum32)
            if self.size > limits.MAX_INFLATED_BYTES:
                raise BadBody(413, f"more than {limits.MAX_INFLATED_BYTES} bytes after gzip")
            if self.newlines > limits.MAX_LINES:
                raise BadBody(413, f"more than {limits.MAX_LINES} lines in one write")
            if self._kept is not None:
                self._kept.append(part)
                if self.is_large:
                    self._kept = None
            yield

    @property
    def is_large(self) -> bool:
        """Is it too large to be kept as plain text?"""
        return self.size > limits.LARGE_BYTES

    def parts(self) -> Iterator[bytes]:
        """Its plain text, at most `PART` bytes at once."""
        return iter(self._kept) if self._kept is not None else self._unpack()

    def _unpack(self) -> Iterator[bytes]:
        if self.gzipped:
            yield from _inflated(self.sent)
            return
        for at in range(0, len(self.sent), PART):
            yield self.sent[at : at + PART]


def _inflated(sent: bytes) -> Iterator[bytes]:
    """Plain text of gzip of one member or more (RFC 1952 §2.2), in bounded parts and bounded steps."""
    inflater, is_done, members = zlib.decompressobj(31), False, 0
    for at in range(0, len(sent), _PACKED_PART):
        packed, is_more = sent[at : at + _PACKED_PART], False
        while packed or is_more:
            if is_done:
                inflater, is_done = zlib.decompressobj(31), False
            try:
                plain = inflater.decompress(packed, PART)
            except zlib.error as fault:
                raise BadBody(400, f"the body is not gzip: {fault}") from fault
            packed, is_more = inflater.unconsumed_tail, len(plain) == PART and not inflater.eof
            if inflater.eof:
                is_done, packed, members = True, inflater.unused_data, members + 1
                if members > limits.MAX_GZIP_MEMBERS:
                    raise BadBody(413, f"more than {limits.MAX_GZIP_MEMBERS} members in one gzip body")
            yield plain
    if not is_done:
        raise BadBody(400, "the gzip body ends early")


class WriterTurns:
    """One at a time, and writers in turn, however many writes of one of them wait."""

    def __init__(self) -> None:
        self._busy = False
        self._spent_s = 0.0  # of work since others were let in
        self._waiting: OrderedDict[Writer, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, writer: Writer) -> AsyncIterator[None]:
        """Wait for a turn of `writer`; the next one's comes when the block ends."""
        if self._busy:
            await self._wait(writer)
        self._busy = True
        try:
            yield
        finally:
            self._next()

    async def _wait(self, writer: Writer) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(writer, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._next()  # the turn had come: pass it on
            raise

    def _next(self) -> None:
        """Hand the turn to the writer that waits longest; it goes behind the others."""
        while self._waiting:
            writer, queue = next(iter(self._waiting.items()))
            first = queue.popleft()
            if queue:
                self._waiting.move_to_end(writer)
            else:
                del self._waiting[writer]
            if not first.done():
                first.set_result(None)
                return
        self._busy = False

    async def work(self, writer: Writer, steps: Iterator[None]) -> None:
        """Run `steps` to their end, a few milliseconds a turn, and of all turns a few milliseconds a round of the loop."""
        is_over = False
        while not is_over:
            if self._busy:
                await self._wait(writer)
            self._busy = True
            began = time.perf_counter()
            try:
                is_over = _run(steps, began + SLICE_S)
            finally:
                self._spent_s += time.perf_counter() - began
                if self._spent_s < SLICE_S:
                    self._next()
                else:  # whoever is ready in this round of the loop waits for the next one
                    self._spent_s = 0.0
                    asyncio.get_running_loop().call_soon(self._next)


def _run(steps: Iterator[None], until_s: float) -> bool:
    """Run on until a moment of `perf_counter`; whether the end is reached."""
    return all(time.perf_counter() < until_s for _ in steps)


class BodyRoom:
    """How many bytes of bodies one writer may have on their way at once: they are held in memory until they are answered."""

    def __init__(self) -> None:
        self._bytes: dict[Writer, int] = {}

    def enter(self, writer: Writer, size: int) -> bool:
        """Is there room for a body of so many bytes? Then it is in."""
        held = self._bytes.get(writer, 0)
        if held + size > limits.MAX_BYTES_AT_ONCE:
            return False
        self._bytes[writer] = held + size
        return True

    def leave(self, writer: Writer, size: int) -> None:
        """It is answered."""
        self._bytes[writer] -= size
        if self._bytes[writer] <= 0:
            del self._bytes[writer]
