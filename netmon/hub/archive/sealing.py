"""Keeping the disk in order: a snapshot, the sealer's run, then the segments and days nobody needs any more.

A segment goes when it is sealed, copied by every sink, behind the evaluator's start and behind the snapshot: never
before, but for the quota and a full disk.
"""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from netmon.files import make_folder, read_state, write_state
from netmon.process.troubles import Troubles, fault_words
from netmon.segments.position import Position, position_of
from netmon.segments.segments import Segments
from netmon.store import layout
from netmon.store.frames import END, FRAME
from probes.clean import clean

log = logging.getLogger("netmon.hub")
CHILD_LIFE_S = 900


class Sealer:
    """Runs the child; remembers below which segment everything is sealed for good."""

    def __init__(self, segments: Segments, store: Path, troubles: Troubles | None = None) -> None:
        self._troubles = troubles or Troubles()
        with suppress(OSError):  # a disk that takes nothing: sealing tells it, each turn
            make_folder(store)
        self._segments, self.store = segments, store
        self._cursor = store / "sealed.json"
        self.sealed, self._offset = _load(self._cursor)  # all segments with a smaller number, and a part of that one
        self.rows = self.damaged_files = 0

    async def run(self, oldest_ms: int) -> bool:
        """Seal what is durable now; whether it worked. The child's faults are told in the log, never raised."""
        durable = self._segments.durable
        try:
            figures = await asyncio.to_thread(self._child, durable, oldest_ms)
        except (OSError, subprocess.SubprocessError, ValueError) as fault:
            self._troubles.tell(
                "sealing", f"{fault_words(fault)}: points stay in the segments, next try at the next turn"
            )
            return False
        except Exception as fault:  # whatever it was: nothing is pruned that is not sealed
            self._troubles.crashed("sealing", fault)
            return False
        self._troubles.well("sealing")
        self.rows += int(figures.get("rows", 0))
        self._tell_aside(int(figures.get("aside", 0)))
        # The segment that is still written to is sealed again, whole, the next time.
        if durable.segment >= self.sealed:
            self.sealed, self._offset = durable
        place = {"segment": self.sealed, "offset": self._offset}
        await asyncio.to_thread(write_state, self._cursor, place)
        return True

    def _tell_aside(self, many: int) -> None:
        """Sealed files that were damaged lie aside until somebody takes them away."""
        self.damaged_files = many
        if many:
            why = f"{many} sealed files were damaged and are set aside ({self.store}/day=*/*.damaged-*): their points are gone"
            self._troubles.tell("store", f"{why}; bring them back from a backup, or remove them", severity="warning")
        else:
            self._troubles.well("store")

    def _child(self, durable: Position, oldest_ms: int) -> dict[str, int]:
        first = self._segments.first
        start = Position(max(self.sealed, first.segment), 0)
        command = [sys.executable, "-m", "netmon.store.seal", str(self.store), str(oldest_ms)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        late = threading.Timer(CHILD_LIFE_S, child.kill)  # one that reads no more would hold us up for good
        late.start()
        try:
            assert child.stdin is not None
            for position, body in self._segments.read(start):
                if position > durable:
                    break
                child.stdin.write(FRAME.pack(position.segment, len(body)) + body)
            child.stdin.write(FRAME.pack(END, 0))
            out, _ = child.communicate(timeout=CHILD_LIFE_S)
        except BaseException:
            child.kill()
            child.wait()
            raise
        finally:
            late.cancel()
        if child.returncode:
            raise ValueError(f"the sealer ended with {child.returncode}")
        figures: dict[str, int] = json.loads(out)
        return figures

    @property
    def place(self) -> Position:
        """Up to where everything was sealed at least once."""
        return Position(self.sealed, self._offset)

    def begin_again(self, end: Position, *, is_lost: bool) -> None:
        """`place` lies behind the segments' end. `is_lost`: they lost their tail, so a file that was made of the segment
        they end in may hold more than they do, and stays; else the cursor is wrong, and all there is is sealed again."""
        keeps = is_lost and layout.has_segment(self.store, end.segment)
        self.sealed, self._offset = (end.segment + 1 if keeps else 0), 0

    def limit(self) -> Position:
        """Everything before this is sealed for good."""
        return Position(self.sealed, 0)


def prune(segments: Segments, needed: Iterable[Position]) -> Position:
    """Unlink whole segments before every one of `needed`; what was the limit. Run where the segments are written."""
    limit = min(needed)
    segments.drop_before(limit)
    return limit


def retire(store: Path, oldest_ms: int) -> int:
    """Unlink the days that are over the retention; how many."""
    if strays := layout.strays(store):
        log.warning("%s: %s: no days of points: passed over (take them away)", store, clean(", ".join(strays[:5]), 300))
    gone = layout.retire(store, oldest_ms)
    if gone:
        log.info("%d days of points are past the retention and gone", gone)
    return gone


def _load(path: Path) -> tuple[int, int]:
    otherwise = "sealing begins again with the oldest segment"
    known = read_state(path, lambda plain: position_of((plain["segment"], plain.get("offset", 0))), otherwise)
    return (0, 0) if known is None else (known.segment, known.offset)
