"""A database that gets a copy of every stored point: its own thread, its own cursor on the hub's segments.

The cursor moves only after the database took the lines, so an outage costs nothing but disk, and what was taken is
not sent twice. Repeats of agents are not in the segments at all.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from netmon.files import make_folder, read_state, write_state
from netmon.hub import record
from netmon.line import says_something, split, text_of_line
from netmon.policy import Act, verdict
from netmon.segments import position_of

if TYPE_CHECKING:
    from netmon.hub.influx import Answer
    from netmon.segments import Position

log = logging.getLogger("netmon.hub")
MAX_LINES = 5_000  # of one write
GATHER_S = 0.5  # live points wait so long for company
MAX_SET_ASIDE_BYTES = 1024 * 1024


class Writes(Protocol):
    """What a sink needs of a database."""

    def write(self, lines: bytes) -> Answer:
        """One request; the database's answer."""

    def close(self) -> None:
        """Let its connections go."""


class Sink:
    """One database. `run` is the thread's; everything else may be called from anywhere."""

    def __init__(
        self,
        name: str,
        folder: Path,
        segments: record.Readable,
        start: Position,
        open_database: Callable[[], Writes],
    ) -> None:
        """`start`: where to begin when there is no cursor in `folder` yet; `open_database` is called in the thread."""
        make_folder(folder)
        self.name = name
        self._cursor = folder / f"{name}.json"
        self._aside = folder / f"{name}.refused.lp"
        self._segments, self._open = segments, open_database
        self.position = _load(self._cursor, start)
        self._stop, self._wake = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sink {name}", daemon=True)
        self.sent = self.dropped = self.writes = 0
        self.trouble = ""

    def start(self) -> None:
        """Begin to copy."""
        self._thread.start()

    def wake(self) -> None:
        """There are new records."""
        self._wake.set()

    def stop(self, wait_s: float = 5.0) -> None:
        """Stop after the request on its way."""
        self._stop.set()
        self._wake.set()
        self._thread.join(wait_s)

    def row(self) -> dict[str, Any]:
        """How it stands, for the state API."""
        return {
            "name": self.name,
            "sent": self.sent,
            "dropped": self.dropped,
            "trouble": self.trouble,
            "position": list(self.position),
        }

    def _run(self) -> None:
        try:
            database = self._open()
        except (OSError, ValueError, ImportError) as fault:
            self.trouble = f"cannot start: {fault}"
            log.error("sink %s: %s", self.name, self.trouble)
            return
        try:
            while not self._stop.is_set():
                if not self._copy(database):
                    self._wake.wait(5.0)
                    self._wake.clear()
                    self._stop.wait(GATHER_S)
        finally:
            database.close()

    def _copy(self, database: Writes) -> bool:
        """Send what is there; False when nothing was."""
        any_there = False
        for position, lines in self._gathered():
            any_there = True
            if not self._deliver(database, lines):
                return True  # stopping
            self.position = position
            _save(self._cursor, position)
        return any_there

    def _gathered(self) -> Iterator[tuple[Position, list[str]]]:
        """Records gathered into writes of at most about `MAX_LINES` lines."""
        lines: list[str] = []
        last = None
        for position, body in self._segments.read(self.position):
            lines += _lines_of(body)
            last = position
            if len(lines) >= MAX_LINES:
                yield position, lines
                lines, last = [], None
        if last is not None:
            yield last, lines

    def _deliver(self, database: Writes, lines: list[str]) -> bool:
        """Until every line is stored, dropped by the database, or set aside. False when told to stop before."""
        waiting = [lines[at : at + MAX_LINES] for at in range(0, len(lines), MAX_LINES)][::-1]
        failures = 0
        while waiting:
            if self._stop.is_set():
                return False
            part = waiting.pop()
            if not part:
                continue
            answer = database.write("\n".join(part).encode())
            self.writes += 1
            judged = verdict(answer.status, answer.text, answer.retry_after)
            if judged.act in (Act.DONE, Act.PARTIAL):
                failures = 0
                self._took(len(part), judged.dropped, answer.text)
            elif judged.act is Act.HALVE:
                middle = len(part) // 2
                if middle:
                    waiting += [part[middle:], part[:middle]]
                else:
                    self._set_aside(part[0], answer.text)
            else:
                failures += 1
                waiting.append(part)
                self._told(f"{answer.status or 'no answer'}: {answer.text[:200]}")
                self._stop.wait(judged.wait_s or random.uniform(0.5, 1.0) * min(60.0, 2.0 ** min(failures, 6)))
        return True

    def _took(self, many: int, dropped: int, text: str) -> None:
        self.sent += many - min(many, dropped)
        if dropped:
            self.dropped += dropped
            log.warning("sink %s: %d lines dropped: %s", self.name, dropped, text[:300])
        if self.trouble:
            log.warning("sink %s: takes writes again", self.name)
            self.trouble = ""

    def _told(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.error("sink %s: %s: points wait in the segments", self.name, trouble)
        self.trouble = trouble

    def _set_aside(self, line: str, why: str) -> None:
        """A line the database will never take: into a file for people, up to 1 MiB."""
        self.dropped += 1
        log.warning("sink %s: one line refused for good: %s", self.name, why[:300])
        if not self._aside.exists() or self._aside.stat().st_size < MAX_SET_ASIDE_BYTES:
            with self._aside.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


def _lines_of(body: bytes) -> list[str]:
    try:
        _, text = record.split(body)
    except ValueError as fault:
        log.error("a record of the segments is passed over: %s", fault)
        return []
    lines = (line for _, line in split(text.encode()) if line is not None)
    return [text_of_line(line) for line in lines if says_something(line)]


def _load(path: Path, start: Position) -> Position:
    known = read_state(path, _position, "copying begins again; the database overwrites what it has")
    return start if known is None else known


def _position(plain: Any) -> Position:
    return position_of(plain["position"] if isinstance(plain, dict) else plain)  # a list: earlier versions'


def _save(path: Path, position: Position) -> None:
    """No fsync: a kill keeps it, and a power cut only makes the database overwrite what it has."""
    write_state(path, {"position": list(position)}, sync=False)
