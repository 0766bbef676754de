"""What one destination still lacks: newest first, the backlog behind it, each record once.

The spool is one line of records. A destination has its *live* mark, beyond which nothing was sent yet, and *behind* it
the stretches that were passed over while the link was down. A stale cursor file only repeats: numbers tell repeats.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from netmon.agent.clock.wall import moved
from netmon.agent.uplink.spool import Mark, PointGroup, Spool, read_group
from netmon.files import read_state, write_state
from netmon.segments.position import Position, position_of

log = logging.getLogger("netmon.agent")
BATCH_LINES = 5_000
BATCH_BYTES = 256_000  # of records as stored: a request stays far below the hub's 1 MiB


class Range(NamedTuple):
    """A part of the spool, from `start` up to `end`."""

    start: Mark
    end: Mark


@dataclass(frozen=True, slots=True)
class Upload:
    """Consecutive points of one boot, from one request's worth of records."""

    boot: str
    first: int
    lines: tuple[str, ...]
    frontier_ms: int
    urgent: bool
    backlog: bool
    stored_bytes: int
    end: Mark


class Cursor:
    """One destination's place. Its sender moves it; others read `low` and `waiting`."""

    def __init__(self, path: Path, spool: Spool, *, live_age_ms: int) -> None:
        """`live_age_ms`: what waits longer than that lets newer points go first."""
        self._path, self._spool, self._live_age_ms = path, spool, live_age_ms
        self._lock = threading.Lock()
        self._live, self._behind = _load(path, spool)
        self.shift_ms: Callable[[PointGroup], int] = lambda group: 0  # for what a wrong clock stamped
        self._saved: tuple[Mark, tuple[Range, ...]] | None = None
        self._refused: int | None = None  # the errno of the last try to save

    @property
    def low(self) -> Mark:
        """Everything before this is delivered."""
        with self._lock:
            return self._behind[0].start if self._behind else self._live

    @property
    def waiting(self) -> int:
        """Points not delivered yet."""
        with self._lock:
            behind = sum(part.end.seq - part.start.seq for part in self._behind)
            return behind + max(0, self._spool.end.seq - self._live.seq)

    @property
    def behind(self) -> bool:
        """Whether older points were passed over."""
        return bool(self._behind)

    @property
    def live_seq(self) -> int:
        """The number the next live point has at least."""
        return self._live.seq

    def next_live(self, now_ms: int) -> Upload | None:
        """What is to be sent first. Leaves what waited too long behind."""
        end = self._spool.end
        if self._live.position >= end.position:
            return None
        recent = [group for group in self._spool.recent() if group.start.position >= self._live.position]
        fresh = [group for group in recent if now_ms - group.at_ms <= self._live_age_ms]
        first = fresh[0] if fresh else recent[-1] if recent else None
        start = first.start if first else end  # stored by an earlier run: all of it is old
        if start.position > self._live.position:
            self._pass_over(start)
        return self._batch(Range(self._live, end), BATCH_BYTES, backlog=False)

    def _pass_over(self, start: Mark) -> None:
        with self._lock:
            behind, part = list(self._behind), Range(self._live, start)
            if behind and behind[-1].end.position == part.start.position:
                part = Range(behind.pop().start, start)
            self._behind, self._live = [*behind, part], start

    def next_backlog(self, max_bytes: int) -> Upload | None:
        """The oldest points left behind, about `max_bytes` of them."""
        while self._behind:
            batch = self._batch(self._behind[0], min(max_bytes, BATCH_BYTES), backlog=True)
            if batch is not None:
                return batch
            gone = self._behind[0]
            if gone.start.seq < gone.end.seq:
                self._spool.lost(gone.start.seq, gone.end.seq - 1)
            with self._lock:
                self._behind = self._behind[1:]
        return None

    def _batch(self, part: Range, max_bytes: int, *, backlog: bool) -> Upload | None:
        groups, size, at = list[PointGroup](), 0, part.start
        for after, group, many_bytes in self._groups(part):
            if not groups and group.first > at.seq:
                self._spool.lost(at.seq, group.first - 1)
            elif groups and (group.boot != groups[0].boot or group.first != at.seq):
                break
            lines = sum(len(taken.lines) for taken in groups)
            if groups and (size + many_bytes > max_bytes or lines + len(group.lines) > BATCH_LINES):
                break
            groups.append(group)
            size += many_bytes
            at = Mark(after, group.first + len(group.lines))
        if not groups:
            return None
        return Upload(
            boot=groups[0].boot,
            first=groups[0].first,
            lines=tuple(line for group in groups for line in self._placed(group)),
            frontier_ms=groups[-1].frontier_ms + self.shift_ms(groups[-1]),
            urgent=any(group.urgent for group in groups),
            backlog=backlog,
            stored_bytes=size,
            end=at,
        )

    def _placed(self, group: PointGroup) -> tuple[str, ...]:
        by_ms = self.shift_ms(group)
        return moved(group.lines, by_ms) if by_ms else group.lines

    def _groups(self, part: Range) -> Iterator[tuple[Position, PointGroup, int]]:
        for after, body in self._spool.segments.read(part.start.position):
            if after > part.end.position:
                return
            group = read_group(body)
            if group is not None:
                yield after, group, len(body)

    def done(self, batch: Upload) -> None:
        """A batch was delivered."""
        with self._lock:
            if not batch.backlog:
                self._live = batch.end
                return
            first, rest = self._behind[0], self._behind[1:]
            over = batch.end.position >= first.end.position
            self._behind = rest if over else [Range(batch.end, first.end), *rest]

    def lacks(self, first: int, last: int) -> list[tuple[int, int]]:
        """Which of some numbers are not delivered yet, in order."""
        with self._lock:
            parts = [*((part.start.seq, part.end.seq - 1) for part in self._behind), (self._live.seq, last)]
        cut = ((max(first, low), min(last, high)) for low, high in parts)
        return [(low, high) for low, high in cut if low <= high]

    def save(self) -> None:
        """Keep the place over restarts, but not one beyond gaps that are still to be told. A disk that refuses is told and costs repeats only."""
        with self._lock:
            now = (self._live, tuple(self._behind))
        if now == self._saved or self._spool.owes:
            return
        plain = {"live": _plain(now[0]), "behind": [[_plain(part.start), _plain(part.end)] for part in now[1]]}
        try:
            write_state(self._path, plain)
        except OSError as fault:
            if fault.errno != self._refused:  # told once, not each second
                log.warning("%s: %s: after a restart some points will be sent again", self._path, fault.strerror)
            self._refused = fault.errno
        else:
            self._saved, self._refused = now, None


def _plain(mark: Mark) -> list[int]:
    return [*mark.position, mark.seq]


def _mark(words: Any) -> Mark:
    segment, offset, seq = words
    return Mark(position_of((segment, offset)), position_of((seq, 0)).segment)


def _places(plain: Any) -> tuple[Mark, list[Range]]:
    return _mark(plain["live"]), [Range(_mark(start), _mark(end)) for start, end in plain["behind"]]


def _load(path: Path, spool: Spool) -> tuple[Mark, list[Range]]:
    """The saved place; without a good one the destination gets all there is."""
    known = read_state(path, _places, "everything in the spool is sent again")
    if known is None:
        return spool.start, []
    live, behind = known
    if spool.heal(max((live, *(part.end for part in behind)), key=lambda mark: mark.position)):
        log.error("%s: the end of the spool was lost; what was not delivered of it will be told as a gap", path)
    return live, behind
