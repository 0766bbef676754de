"""What goes on a full disk so that new points have room: the oldest, a little at a time.

A neighbour may take whatever room is made. When some pieces went and still nothing could be stored, the rest stays for a
minute: what is stored is worth more than a fight for room that cannot be won. Nor do points that are only in the segments go
while those are a small part of the disk: whoever fills it, agents keep what is refused (503) and nothing is lost.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from netmon.segments.segments import Segments
from netmon.store import layout

log = logging.getLogger("netmon.hub")
SHARE = 0.25  # of the disk: below it others fill the disk, and writes are refused, for agents keep what is refused
PIECES, SPAN_S = 6, 60.0  # so many may go in vain; then none for that time


class DiskRoom:
    """Called when the disk is full: how many records went unread."""

    def __init__(
        self,
        segments: Segments,
        store: Path,
        now: Callable[[], float] = time.monotonic,
        disk_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).total,
    ) -> None:
        self._segments, self._store, self._now, self._disk_bytes = segments, store, now, disk_bytes
        self._vain, self._last_s, self._durable = 0, 0.0, segments.durable

    def __call__(self) -> int:
        """The oldest sealed day goes before any point that is only in the segments."""
        now_s, durable = self._now(), self._segments.durable
        if durable != self._durable or now_s - self._last_s >= SPAN_S:
            self._vain, self._durable = 0, durable
        if self._vain >= PIECES:
            return 0
        self._vain, self._last_s = self._vain + 1, now_s
        if len(list(layout.days(self._store))) > 1 and layout.make_room(self._store):
            log.error("the disk is full: the oldest sealed day is gone")
            return 0
        is_ours = self._segments.bytes_used >= SHARE * self._disk_bytes(self._store.parent)
        dropped = self._segments.drop_oldest() if is_ours else 0
        if dropped:
            log.error("the disk is full: %d writes of the oldest segment are gone", dropped)
        elif layout.make_room(self._store):
            log.error("the disk is full: the oldest sealed file is gone")
        return dropped
