"""A database that gets a copy of every stored point: its own thread, its own cursor on the hub's segments.

The cursor moves only after the database took the lines, so an outage costs nothing but disk, and what was taken is
not sent twice. Repeats of agents are not in the segments at all.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from netmon.delivery.backoff import Backoff
from netmon.delivery.isolate import Delivered, send
from netmon.delivery.reply import WriteReply, WriteVerdict, judge
from netmon.delivery.set_aside import REFUSED, SetAside
from netmon.files import make_folder, read_state, write_state
from netmon.line import says_something, split, text_of_line
from netmon.process.troubles import Troubles, watched_thread
from netmon.segments.position import Position, position_of
from netmon.segments.segments import Segments
from netmon.store import record

log = logging.getLogger("netmon.hub")
MAX_LINES = 5_000  # of one write
MAX_GATHERED = 16 * MAX_LINES  # while everything is refused more is tried, so that others show whose fault it is
GATHER_S = 0.5  # live points wait so long for company
FIRST_WAIT_S, MAX_WAIT_S = 2.0, 60.0


class Writes(Protocol):
    """What a sink needs of a database."""

    def write(self, lines: bytes) -> WriteReply:
        """One request; the database's answer."""

    def close(self) -> None:
        """Let its connections go."""


class Sink:
    """One database. `run` is the thread's; everything else may be called from anywhere."""

    def __init__(
        self,
        name: str,
        folder: Path,
        segments: Segments,
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
        self._backoff, self._gather = Backoff(FIRST_WAIT_S, MAX_WAIT_S), MAX_LINES

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
        sent = self._send(database, lines)
        if sent is None:
            return False
        if sent.refused and not sent.taken:
            self._gather = min(2 * self._gather, MAX_GATHERED)
            self._wait_for(f"every line is refused: {sent.why}", 0.0)
            return False
        self._gather = MAX_LINES
        self._set_aside(sent.refused, sent.why)
        return True

    def _send(self, database: Writes, lines: Sequence[str]) -> Delivered | None:
        """Until each line is taken, or refused for good. None when told to stop before."""
        return send(lines, MAX_LINES, lambda part, _: self._write(database, lines[part.start : part.end]), self._took)

    def _write(self, database: Writes, lines: Sequence[str]) -> WriteVerdict | None:
        """Until the database says something of these lines; None when told to stop before."""
        while not self._stop.is_set():
            judged = judge(database.write("\n".join(lines).encode("utf-8", "surrogateescape")))
            self.writes += 1
            if judged.is_of_lines:
                return judged
            self._wait_for(judged.why, judged.wait_s)
        return None

    def _wait_for(self, trouble: str, asked_s: float) -> None:
        """It took nothing: tell, and wait longer each time."""
        self.trouble = trouble
        self._troubles.tell(self._part, f"{trouble}: points wait in the segments", severity="warning")
        wait_s = self._backoff.next_s()
        self._stop.wait(asked_s or wait_s)

    def _took(self, many: int) -> None:
        self.sent += many
        self._backoff.reset()
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
        sent = self._send(database, lines)
        if sent is not None:
            self.dropped -= len(lines)
            self._set_aside(sent.refused, sent.why)
            self._aside.sent_again()


def _gone(lost: int) -> str:
    return f", {lost} of them gone, for {REFUSED[1:]} is full (netmon resend)" if lost else ""


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
