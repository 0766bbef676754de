"""The durable queue on disk, for the agent's spool and the hub's one copy: segment files, group commit, no index.

A bad record (`netmon.segments.record`) costs itself alone: the reader looks for the next one. A position, once told
durable, never means another record, over restarts too.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from netmon.errors import SpoolError
from netmon.files import DISK_REFUSES, make_folder
from netmon.segments import record
from netmon.segments.position import MAX_SEGMENT, Position

_SUFFIX = ".seg"
_FULL = (errno.ENOSPC, errno.EDQUOT)
HELD_SEGMENT_BYTES = 512 << 10
MIN_SEGMENTS = 4  # of a quota: what goes is at most about a quarter of it


class Segments:
    """One thread appends, commits and drops; any thread reads what is durable."""

    def __init__(self, folder: Path, *, segment_bytes: int, quota_bytes: int) -> None:
        """Open what is there: a torn tail is cut, a bad record passed over. Raises `SpoolError` only when the
        folder is none this user may work in; on a disk that takes nothing what is there can be read, see `hold`."""
        self._folder = folder
        self._segment_bytes = max(1, min(segment_bytes, quota_bytes // MIN_SEGMENTS))
        self._quota_bytes = quota_bytes
        self._lock = threading.Lock()
        self._bad: set[Position] = set()
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._fd = -1
        self.dropped = 0  # records that were unlinked to make room
        self.on_drop: Callable[[list[tuple[Position, bytes]]], None] = lambda records: None  # before they go
        self.cut_bytes = 0  # of a torn tail, when this was opened
        self._held: dict[int, bytes] = {}  # segments that are only in memory
        self._sizes: dict[int, int] = {}  # segment number → durable bytes, ascending
        try:
            make_folder(folder)
            self._sizes = _sizes(folder)
        except OSError as fault:
            if fault.errno not in DISK_REFUSES:
                raise SpoolError(f"{folder}: {fault.strerror or fault} (the folder must be writable)") from fault
        self._active = max(self._sizes, default=1)  # where the next group goes; its file may not exist yet
        self._cut_tail()

    # --- what stands ---

    @property
    def first(self) -> Position:
        """Before the oldest record there is."""
        with self._lock:
            return Position(next(iter(self._sizes), self._active), 0)

    @property
    def durable(self) -> Position:
        """After the newest record that survives a power cut."""
        with self._lock:
            return self._durable()

    @property
    def end(self) -> Position:
        """After the newest record appended, durable or not."""
        with self._lock:
            if not self._pending:
                return self._durable()
            return Position(self._active, self._sizes.get(self._active, 0) + self._pending_bytes)

    @property
    def bytes_used(self) -> int:
        """What the segments hold on disk."""
        with self._lock:
            return sum(self._sizes.values())

    @property
    def damaged(self) -> int:
        """Places met so far where a record is unreadable."""
        return len(self._bad)

    def _durable(self) -> Position:
        last = next(reversed(self._sizes), None)
        return Position(self._active, 0) if last is None else Position(last, self._sizes[last])

    # --- writing ---

    def append(self, body: bytes, *, held: bool = False) -> Position:
        """Queue a record for the next commit (`held`: for the next `hold`); the position after it."""
        with self._lock:
            size = self._sizes.get(self._active, 0)
            max_bytes = min(self._segment_bytes, HELD_SEGMENT_BYTES) if held else self._segment_bytes
            on_disk = held and self._active not in self._held
            if not self._pending and size and (on_disk or size + record.HEAD_BYTES + len(body) > max_bytes):
                self._turn()
                size = 0
            self._pending.append(body)
            self._pending_bytes += record.HEAD_BYTES + len(body)
            return Position(self._active, size + self._pending_bytes)

    def commit(self) -> None:
        """Make everything appended durable. On OSError nothing of the group is kept: append it again or let it go."""
        if not self._pending:
            return
        while self.bytes_used + self._pending_bytes > self._quota_bytes and len(self._sizes) > 1:
            self.drop_oldest()
        fresh = self._active not in self._sizes
        try:
            self._write_held()
            self._open_active()
            start = self._sizes[self._active]
            record.write(self._fd, self._group(start), start)
            os.fdatasync(self._fd)
            if fresh:
                self._sync_folder()
        except BaseException as fault:
            self._discard(keep_file=isinstance(fault, OSError) and fault.errno in _FULL)
            raise
        with self._lock:
            self._sizes[self._active] = start + self._pending_bytes
            self._pending, self._pending_bytes = [], 0

    def discard(self) -> None:
        """Forget what was appended since the last commit."""
        with self._lock:
            self._pending, self._pending_bytes = [], 0

    def hold(self) -> None:
        """Keep what was appended in memory, read like what is durable: for a disk that takes nothing. The next commit
        that succeeds brings it to the disk first."""
        with self._lock:
            if self._pending:
                start = self._sizes.setdefault(self._active, 0)
                self._held[self._active] = self._held.get(self._active, b"") + self._group(start)
                self._sizes[self._active] = start + self._pending_bytes
                self._pending, self._pending_bytes = [], 0

    def drop_held(self, max_bytes: int) -> list[bytes]:
        """Let the oldest of what is only in memory go until `max_bytes` are left; the records that went."""
        gone = list[bytes]()
        while len(self._held) > 1 and self.held_bytes > max_bytes:
            number = min(self._held)
            gone += [body for _, body in self._scan(number, 0, self._sizes[number]) if body is not None]
            with self._lock:
                self._forget(number)
        self.dropped += len(gone)
        return gone

    @property
    def held_bytes(self) -> int:
        """What is only in memory."""
        return sum(map(len, list(self._held.values())))

    def _write_held(self) -> None:
        for number, data in sorted(self._held.items()):
            fd = os.open(self._path(number), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                record.write(fd, data, 0)
                os.fdatasync(fd)
            finally:
                os.close(fd)
            self._sync_folder()
            with self._lock:
                self._held.pop(number, None)

    def _group(self, start: int) -> bytes:
        parts, at = list[bytes](), start
        for body in self._pending:
            parts += record.packed(self._active, at, body)
            at += record.HEAD_BYTES + len(body)
        return b"".join(parts)

    def _open_active(self) -> None:
        if self._fd < 0:
            self._fd = os.open(self._path(self._active), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with self._lock:
                self._sizes.setdefault(self._active, 0)

    def _discard(self, *, keep_file: bool) -> None:
        """Forget the group. A file that failed otherwise than by being full is not trusted with another one."""
        with self._lock:
            self._pending, self._pending_bytes = [], 0
            if self._fd < 0:
                return
            try:
                os.ftruncate(self._fd, self._sizes[self._active])
            except OSError:
                keep_file = False
            if not keep_file:
                self._turn()

    def _turn(self) -> None:
        """The next group begins a new segment."""
        self._close_file()
        if self._active in self._sizes:
            self._active += 1

    def _close_file(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def close(self) -> None:
        """Let the file go; what was not committed is lost."""
        with self._lock:
            self._close_file()

    def begin_after(self, position: Position) -> bool:
        """Somebody was told that `position` is durable. Is it behind the end, so that what stood there is lost? Then the
        next record begins a segment that nobody was ever told of: no cursor can pass over it."""
        with self._lock:
            if position <= self._durable():
                return False
            if self._active <= position.segment:
                self._close_file()
                self._active = position.segment + 1
            return True

    # --- making room ---

    def drop_before(self, position: Position) -> None:
        """Unlink the segments that lie wholly before a position. The newest stays: it carries the numbering."""
        with self._lock:
            gone = [number for number in list(self._sizes)[:-1] if number < position.segment]
            for number in gone:
                self._forget(number)
        for number in gone:
            self._unlink(number)

    def drop_oldest(self) -> int:
        """Give the oldest segment's room back; how many records went with it, 0 when nothing can go."""
        with self._lock:
            number = next(iter(self._sizes), None)
            if number is None or number in self._held:
                return 0  # memory makes no room on the disk
            alone = len(self._sizes) == 1
            if alone and (self._pending or not self._sizes[number]):
                return 0
            limit = self._sizes[number]
        gone = [(Position(number, at), body) for at, body in self._scan(number, 0, limit) if body is not None]
        self.on_drop(gone)
        with self._lock:
            self._forget(number)
        if alone:
            self._empty(number)
        else:
            self._unlink(number)
        self.dropped += len(gone)
        return len(gone)

    def _empty(self, number: int) -> None:
        """The only segment starts over under the next number; no new file, for there may be no room for one."""
        old, new = self._path(number), self._path(number + 1)
        os.truncate(old, 0)
        os.rename(old, new)
        with self._lock:
            self._active = number + 1
            self._sizes[number + 1] = 0

    def _forget(self, number: int) -> None:
        del self._sizes[number]
        self._held.pop(number, None)
        self._bad = {place for place in self._bad if place.segment != number}

    def _unlink(self, number: int) -> None:
        with contextlib.suppress(OSError):  # where the disk refuses it is met again at the next start
            self._path(number).unlink()

    # --- reading ---

    def read(self, start: Position) -> Iterator[tuple[Position, bytes]]:
        """Every durable record after `start` with the position after it; ends at the durable end of the moment."""
        number, offset = start
        while True:
            with self._lock:
                number, offset, limit = self._from(number, offset)
            if number < 0:
                return
            for at, body in self._scan(number, offset, limit):
                if number not in self._sizes:
                    break  # dropped while being read
                offset = at
                if body is not None:
                    yield Position(number, at), body

    def _from(self, number: int, offset: int) -> tuple[int, int, int]:
        """The next stretch to read: segment (-1 when there is none), offset, limit."""
        if self._sizes.get(number, 0) > offset:
            return number, offset, self._sizes[number]
        for later, size in self._sizes.items():
            if later > number and size:
                return later, 0, size
        return -1, 0, 0

    def _scan(self, number: int, offset: int, limit: int) -> Iterator[tuple[int, bytes | None]]:
        """(offset after, body) of the records in a stretch; None instead of a body for a bad place."""
        try:
            file = self._reader(number)
        except FileNotFoundError:
            yield limit, None  # dropped meanwhile, or taken away by hand
            return
        except PermissionError:
            with self._lock:
                self._bad.add(Position(number, offset))
            yield limit, None  # somebody else's file now: what others hold is read all the same
            return
        with file:
            while offset < limit:
                body = record.read(file, number, offset, limit)
                if body is None:
                    if number in self._sizes:
                        with self._lock:
                            self._bad.add(Position(number, offset))
                    offset = record.resync(file, number, offset + 1, limit)
                else:
                    offset += record.HEAD_BYTES + len(body)
                yield offset, body

    def _reader(self, number: int) -> BinaryIO:
        held = self._held.get(number)
        return self._path(number).open("rb", buffering=record.CHUNK) if held is None else io.BytesIO(held)

    def _cut_tail(self) -> None:
        """What follows the last good record of the newest segment was never whole: cut it, and begin a new segment,
        so that no position handed out before can mean another record."""
        if self._active not in self._sizes:
            return
        size = self._sizes[self._active]
        good = 0
        for at, body in self._scan(self._active, 0, size):
            good = at if body is not None else good
        self._bad = {place for place in self._bad if place.offset < good}
        if good < size:
            with contextlib.suppress(OSError):  # a read-only disk, or not ours to read: it is cut at a later start
                self._reader(self._active).close()
                os.truncate(self._path(self._active), good)
            self._sizes[self._active] = good
            self.cut_bytes = size - good
            self._turn()

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:020d}{_SUFFIX}"

    def _sync_folder(self) -> None:
        fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _sizes(folder: Path) -> dict[int, int]:
    sizes = {}
    for path in folder.iterdir():
        if path.suffix == _SUFFIX and path.stem.isdecimal() and path.is_file() and int(path.stem) < MAX_SEGMENT:
            sizes[int(path.stem)] = path.stat().st_size
    return dict(sorted(sizes.items()))
