"""The spool: every point gets its number and is on disk before anybody is sent it.

A record is one committed group: head (boot id, first number, frontier, count, flags), then its lines, deflated, then what
was known of the clock (earlier versions pass that over, and write none).
"""

from __future__ import annotations

import errno
import logging
import os
import re
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from netmon.agent.clock.wall import Known, unpack
from netmon.fields import OF_GAP
from netmon.intervals import Intervals
from netmon.segments.position import Position
from netmon.segments.segments import Segments

log = logging.getLogger("netmon.agent")
_HEAD = struct.Struct(">8sQqIB")
_URGENT = 1
_FULL = (errno.ENOSPC, errno.EDQUOT)
MAX_VAIN, VAIN_S = 8, 60.0  # on a full disk so many segments go in vain; then none for that time
MAX_HELD_BYTES = 8 << 20  # in memory while the disk takes nothing
RECORD_LINES = 2_000
_GAP = re.compile(OF_GAP + r",.* count=\d+i,first=(\d+)i,last=(\d+)i ")
Lacking = Callable[[int, int], list[tuple[int, int]]]
RECENT = 64  # groups whose place is remembered, to find the newest at once


class Mark(NamedTuple):
    """A place in the spool: a position and the number of the next point there."""

    position: Position
    seq: int


class PointGroup(NamedTuple):
    """One record read back."""

    boot: str
    first: int
    frontier_ms: int
    urgent: bool
    lines: tuple[str, ...]
    known: Known | None = None  # of the clock that stamped it; None in records of earlier versions


class Recent(NamedTuple):
    """Where a group begins and when it was stored."""

    start: Mark
    at_ms: int


class Spool:
    """One thread stores, others read. Numbers go on over restarts, each under a boot id of its own: a copy of the folder,
    a backup put back or a torn end can give out a number twice, but never under the same id."""

    def __init__(self, folder: Path, *, segment_bytes: int, quota_bytes: int) -> None:
        """Raises `SpoolError` when the folder cannot be used."""
        self.segments = Segments(folder / "segments", segment_bytes=segment_bytes, quota_bytes=quota_bytes)
        self._quota = quota_bytes
        last = self._last()
        self._boot = new_boot()
        self._lock = threading.Lock()
        self._end = Mark(self.segments.durable, 1 if last is None else last.first + len(last.lines))
        self._recent: deque[Recent] = deque(maxlen=RECENT)
        self._told = Intervals()
        self._lost, self._telling = list[tuple[int, int]](), list[tuple[int, int]]()
        self._vain, self._vain_s = 0, 0.0
        self.trouble = ""  # why points are only in memory
        self.stored = 0  # points, in this run
        self.dropped = 0  # points that were never sent and are gone
        self.needed: Callable[[], Mark] = lambda: self.end  # where the slowest destination stands
        self.lacking: Lacking = lambda first, last: []  # which of some numbers a destination does not have yet

    def _last(self) -> PointGroup | None:
        for number in range(self.segments.durable.segment, self.segments.first.segment - 1, -1):
            newest = None
            for after, body in self.segments.read(Position(number, 0)):
                if after.segment == number:
                    newest = read_group(body) or newest
            if newest:
                return newest
        return None

    @property
    def end(self) -> Mark:
        """After the newest point."""
        with self._lock:
            return self._end

    @property
    def start(self) -> Mark:
        """Before the oldest point."""
        first = self.segments.first
        return Mark(first, self._first_seq())

    def begin_at(self, seq: int) -> None:
        """Never give out a number below `seq`: somebody has seen them."""
        with self._lock:
            self._end = self._end._replace(seq=max(self._end.seq, seq))

    def heal(self, mark: Mark) -> bool:
        """A destination remembers a place: does it lie behind the end? Then what stood there is lost, and neither its
        place nor its number is given out again."""
        lost = self.segments.begin_after(mark.position)
        with self._lock:
            self._end = Mark(max(self._end.position, mark.position), max(self._end.seq, mark.seq))
        return lost

    def recent(self) -> list[Recent]:
        """The newest groups of this run, oldest first."""
        with self._lock:
            return list(self._recent)

    def store(
        self, lines: Sequence[str], *, frontier_ms: int, now_ms: int, urgent: bool, known: Known | None = None
    ) -> None:
        """Make a group durable. On a full disk the oldest goes; when that does not help, or the disk takes nothing at
        all, the group is kept in memory and sent from there (`trouble` says why), the oldest going first. `now_ms` by a
        clock that is never set."""
        while True:
            try:
                self._store(lines, frontier_ms, now_ms, urgent, known)
            except OSError as fault:
                # A disk that is full beside one segment of ours is full of somebody else's.
                alone = self.segments.first.segment == self.segments.durable.segment
                if fault.errno in _FULL and not alone and self._may_drop() and self._drop():
                    continue
                self._store(lines, frontier_ms, now_ms, urgent, known, held=True)
                self._drop_held()
                self.trouble = fault.strerror or str(fault)
            else:
                self._vain, self.trouble = 0, ""
            return

    def _may_drop(self) -> bool:
        """A neighbour may take whatever room is made: what waits to be sent is worth more than a fight for room."""
        now_s = time.monotonic()
        if self._vain >= MAX_VAIN and now_s - self._vain_s < VAIN_S:
            return False
        self._vain = 1 if self._vain >= MAX_VAIN else self._vain + 1
        self._vain_s = now_s
        return True

    def _drop_held(self) -> None:
        self._gone([group for body in self.segments.drop_held(MAX_HELD_BYTES) if (group := read_group(body))])

    def _store(
        self,
        lines: Sequence[str],
        frontier_ms: int,
        now_ms: int,
        urgent: bool,
        known: Known | None,
        *,
        held: bool = False,
    ) -> None:
        seq = self.end.seq
        bodies = []
        for at in range(0, len(lines), RECORD_LINES):
            part = lines[at : at + RECORD_LINES]
            packed = _HEAD.pack(bytes.fromhex(self._boot), seq + at, frontier_ms, len(part), _URGENT * urgent)
            bodies.append(packed + zlib.compress("\n".join(part).encode(), 1) + (known.pack() if known else b""))
        size = sum(map(len, bodies))
        while self.segments.bytes_used + size > self._quota and self._drop():
            log.error("the spool is full: the oldest segment is gone, %d points dropped so far", self.dropped)
        starts, marks = self.end, []
        for number, body in enumerate(bodies):
            after = self.segments.append(body, held=held)
            marks.append(starts)
            starts = Mark(after, min(seq + (number + 1) * RECORD_LINES, seq + len(lines)))
        if held:
            self.segments.hold()
        else:
            self.segments.commit()
        with self._lock:
            self._end = starts
            self._recent += [Recent(mark, now_ms) for mark in marks]
        self.stored += len(lines)

    def _drop(self) -> int:
        """The oldest segment goes; what of it somebody still lacked is counted and will be told, to the point. Gaps that
        were told there and reached nobody are told again."""
        oldest = self.segments.first.segment
        records = takewhile(lambda record: record[0].segment == oldest, self.segments.read(Position(oldest, 0)))
        groups = [group for _, body in records if (group := read_group(body))]
        dropped = self.segments.drop_oldest()
        if dropped:
            self._gone(groups)
        return dropped

    def _gone(self, groups: Iterable[PointGroup]) -> None:
        for group in groups:
            for first, last in self.lacking(group.first, group.first + len(group.lines) - 1):
                self.dropped += last - first + 1
                for line in group.lines[first - group.first : last - group.first + 1]:
                    self._tell_again(line)
                self.lost(first, last)

    def _tell_again(self, line: str) -> None:
        gap = _GAP.match(line)
        if gap:
            with self._lock:
                self._told.discard(int(gap[1]), int(gap[2]))
            self.lost(int(gap[1]), int(gap[2]))

    def _first_seq(self) -> int:
        for _, body in self.segments.read(Position(0, 0)):
            if group := read_group(body):
                return group.first
        return self.end.seq

    def trim(self) -> None:
        """Unlink what every destination has. In the storing thread."""
        self.segments.drop_before(self.needed().position)

    def lost(self, first: int, last: int) -> None:
        """Points that are gone before everybody had them: each is told once, as a part of a gap."""
        with self._lock:
            self._lost += self._told.missing(first, last)
            self._told.add(first, last)

    def take_lost(self) -> list[tuple[int, int]]:
        """The gaps not yet told. Until `lost_told` no cursor is kept that has passed over them."""
        with self._lock:
            lost, self._lost = self._lost, []
            self._telling += lost
        return lost

    def lost_told(self) -> None:
        """What was taken is on disk, as points."""
        with self._lock:
            self._telling.clear()

    @property
    def owes(self) -> bool:
        """Are there gaps that nobody would tell were this process to end now?"""
        with self._lock:
            return bool(self._lost or self._telling)


def read_group(body: bytes) -> PointGroup | None:
    """A record's group, None when it is none (another version's)."""
    try:
        boot, first, frontier_ms, many, flags = _HEAD.unpack_from(body)
        inflater = zlib.decompressobj()
        lines = inflater.decompress(body[_HEAD.size :]).decode().split("\n")
    except (struct.error, zlib.error, UnicodeDecodeError) as fault:
        log.error("a record of the spool cannot be read and is passed over: %s", fault)
        return None
    if len(lines) != many:
        log.error("a record of the spool has %d lines instead of %d and is passed over", len(lines), many)
        return None
    return PointGroup(boot.hex(), first, frontier_ms, bool(flags & _URGENT), tuple(lines), unpack(inflater.unused_data))


def new_boot() -> str:
    """The id under which one process's numbers are unique."""
    return os.urandom(8).hex()
