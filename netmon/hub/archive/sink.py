"""A database that gets a copy of every stored point: its own thread, its own cursor on the hub's segments.

The cursor moves only after the database took the lines, so an outage costs nothing but disk, and what was taken is
not sent twice. Repeats of agents are not in the segments at all.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from netmon import set_aside as setaside
from netmon.delivery import Act, said, verdict
from netmon.files import make_folder, read_state, write_state
from netmon.hub.ingest import record
from netmon.isolate import Isolation
from netmon.line import says_something, split, text_of_line
from netmon.process.troubles import Troubles, watched_thread
from netmon.segments import position_of
from netmon.set_aside import SetAside

if TYPE_CHECKING:
    from netmon.hub.archive.influx import Answer
    from netmon.segments import Position

log = logging.getLogger("netmon.hub")
MAX_LINES = 5_000  # of one write
MAX_GATHERED = 16 * MAX_LINES  # while everything is refused more is tried, so that others show whose fault it is
GATHER_S = 0.5  # live points wait so long for company
MOST_WAIT_S = 60.0


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
        troubles: Troubles | None = None,
    ) -> None:
        """`start`: where to begin when there is no cursor in `folder` yet; `open_database` is called in the thread."""
        with suppress(OSError):  # a disk that takes nothing: copying needs none but for its place
            make_folder(folder)
        self.name, self._part = name, f"sink {name}"
        self._cursor = folder / f"{name}.json"
        self._aside = SetAside(folder, name)
        self._segments, self._open = segments, open_database
        self._troubles = troubles or Troubles()
        self.position = _load(self._cursor, start)
        self._stop, self._wake = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sink {name}", daemon=True)
        self.sent = self.dropped = self.writes = 0
        self.lost = 0  # points that were gone before they could be copied
        self.trouble = ""
        self._failures, self._gather = 0, MAX_LINES

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
        """How it stands, for the state API. `dropped`: lines it refused for good, those set aside included; `lost`: lines
        that were gone before it could have them."""
        return {
            "name": self.name,
            "sent": self.sent,
            "dropped": self.dropped,
            "lost": self.lost,
            "set_aside": self._aside.count,
            "trouble": self.trouble,
            "position": list(self.position),
        }

    def _run(self) -> None:
        watched_thread(self._troubles, f"{self._part}: copying", self._copy_for_ever, self._stop)

    def _copy_for_ever(self) -> None:
        database = self._open()
        try:
            while not self._stop.is_set():
                if not self._copy(database):
                    self._send_again(database)
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
                return True  # stopping, or to be tried anew with more
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
            if len(lines) >= self._gather:
                yield position, lines
                lines, last = [], None
        if last is not None:
            yield last, lines

    def _deliver(self, database: Writes, lines: list[str]) -> bool:
        """Until every line is stored or set aside. False when told to stop before, or when all are refused alike: then
        nothing is known against any of them, and they wait."""
        refused, any_taken, why = list[str](), False, ""
        for at in range(0, len(lines), MAX_LINES):
            part = lines[at : at + MAX_LINES]
            isolation = Isolation(len(part))
            words = self._isolate(database, part, isolation)
            if words is None:
                return False
            why, any_taken = words or why, any_taken or isolation.any_taken
            refused += part if isolation.is_alike else [part[number] for number in sorted(isolation.refused)]
        if refused and not any_taken:
            self._gather = min(2 * self._gather, MAX_GATHERED)
            self._wait_for(f"every line is refused: {why}", 0.0)
            return False
        self._gather = MAX_LINES
        self._set_aside(refused, why)
        return True

    def _isolate(self, database: Writes, lines: Sequence[str], isolation: Isolation) -> str | None:
        """Send until all is taken, or alone and refused; what was said of those. None when told to stop before."""
        why = ""
        while (part := isolation.next()) is not None:
            if self._stop.is_set():
                return None
            answer = database.write("\n".join(lines[part.start : part.end]).encode("utf-8", "surrogateescape"))
            self.writes += 1
            judged = verdict(answer.status, answer.text, answer.retry_after)
            if judged.act in (Act.KEEP, Act.REFUSED):
                self._wait_for(said(answer.status, answer.text, answer.location), judged.wait_s)
                continue
            before = isolation.taken
            isolation.note(judged)
            self._took(isolation.taken - before)
            why = why if judged.act is Act.DONE else said(answer.status, answer.text)
        return why

    def _wait_for(self, trouble: str, asked_s: float) -> None:
        """It took nothing: tell, and wait longer each time."""
        self.trouble = trouble
        self._troubles.tell(self._part, f"{trouble}: points wait in the segments", severity="warning")
        self._failures += 1
        self._stop.wait(asked_s or random.uniform(0.5, 1.0) * min(MOST_WAIT_S, 2.0 ** min(self._failures, 6)))

    def _took(self, many: int) -> None:
        if not many:
            return
        self.sent += many
        self._failures = 0
        if self.trouble:
            log.warning("sink %s: takes writes again", self.name)
            self.trouble = ""
        self._troubles.well(self._part)

    def _set_aside(self, lines: Sequence[str], why: str) -> None:
        """Lines the database will never take: into a file, until somebody has them sent again."""
        if not lines:
            return
        lost = self._aside.add(lines)
        self.dropped += len(lines)
        part = f"{self._part}: lines set aside"
        self._troubles.note(part, f"{len(lines)} lines refused{_gone(lost)}: {why}")

    def _send_again(self, database: Writes) -> None:
        """Lines that were set aside and that somebody asked to be sent again: one try at a time."""
        lines = self._aside.again()
        if not lines:
            return
        refused, why = list[str](), ""
        for at in range(0, len(lines), MAX_LINES):
            part = lines[at : at + MAX_LINES]
            isolation = Isolation(len(part))
            words = self._isolate(database, part, isolation)
            if words is None:
                return
            why = words or why
            refused += part if isolation.is_alike else [part[number] for number in sorted(isolation.refused)]
        self.dropped -= len(lines)
        self._set_aside(refused, why)
        self._aside.sent_again()


def _gone(lost: int) -> str:
    return f", {lost} of them gone, for {setaside.REFUSED[1:]} is full (netmon resend)" if lost else ""


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
