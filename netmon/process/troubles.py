"""What is wrong with the program itself: one board that any thread may write on, and guards that keep its loops going.

A loop that meets what nobody foresaw is told here and goes on. Such a trouble stays on the board for a minute after its
last time, so that whoever looks now and then sees it; one that lasts (a full disk, a database that refuses) stays until
it is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from netmon.errors import plain_words
from probes.clean import clean

log = logging.getLogger("netmon")
LINGER_S = 60.0  # what was not foreseen stays on the board for so long
AGAIN_S = (0.5, 30.0)  # before a loop that ended begins anew: at first, at most
CALM_S = 60.0  # a loop that ran for so long begins anew soon
MAX_WHY = 300
_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ENOSPC)


@dataclass(slots=True)
class _Row:
    why: str
    severity: str
    since_ms: int
    until_s: float = 0.0  # monotonic: shown at least until then
    is_over: bool = False
    logged_s: float = 0.0  # monotonic: its traceback was written then


class Troubles:
    """The board. Every method may be called from any thread, and none of them raises."""

    def __init__(self, linger_s: float = LINGER_S) -> None:
        """`linger_s`: how long what was not foreseen is shown after its last time."""
        self.changed: Callable[[], None] | None = None  # called, from any thread, when `rows()` is another
        self._linger_s = linger_s
        self._lock = threading.Lock()
        self._rows: dict[str, _Row] = {}

    def tell(self, part: str, why: str, *, severity: str = "critical") -> None:
        """A part of the program cannot do its work, until `well`. Told again it costs nothing."""
        if self._put(part, clean(why, MAX_WHY), severity, 0.0):
            log.error("%s: %s", part, why)

    def crashed(self, part: str, fault: BaseException) -> None:
        """A part of the program met what it did not foresee, and goes on."""
        now_s = time.monotonic()
        fresh = self._put(part, fault_words(fault), "critical", now_s + self._linger_s)
        row = self._rows.get(part)
        if row is not None and (fresh or now_s - row.logged_s >= LINGER_S):
            row.logged_s = now_s
            log.error("%s: %s", part, row.why, exc_info=fault)

    def note(self, part: str, why: str) -> None:
        """Something that happened once and is over: told for a while."""
        self._put(part, clean(why, MAX_WHY), "warning", time.monotonic() + self._linger_s)
        log.warning("%s: %s", part, why)
        self._rows[part].is_over = True

    def _put(self, part: str, why: str, severity: str, until_s: float) -> bool:
        """Write a row; is it news?"""
        with self._lock:
            self._forget()
            row = self._rows.get(part)
            if row is None:
                row = self._rows[part] = _Row("", severity, time.time_ns() // 1_000_000)
            fresh = row.is_over or row.why != why
            row.why, row.severity, row.is_over = why, severity, False
            row.until_s = max(row.until_s, until_s)
        if fresh:
            self._notify()
        return fresh

    def well(self, part: str) -> None:
        """A part does its work."""
        row = self._rows.get(part)
        if row is None or row.is_over:
            return
        with self._lock:
            row.is_over = True
            self._forget()
        log.warning("%s: well again", part)
        self._notify()

    def rows(self) -> list[dict[str, Any]]:
        """`part`, `why`, `severity`, `since_ms` of each trouble, the oldest first."""
        with self._lock:
            self._forget()
            rows = sorted(self._rows.items(), key=lambda item: item[1].since_ms)
            return [
                {"part": part, "why": row.why, "severity": row.severity, "since_ms": row.since_ms} for part, row in rows
            ]

    def _forget(self) -> None:
        now_s = time.monotonic()
        for part in [part for part, row in self._rows.items() if row.is_over and row.until_s <= now_s]:
            del self._rows[part]

    def _notify(self) -> None:
        if self.changed is not None:
            with contextlib.suppress(RuntimeError):  # an event loop that is closed: nobody looks any more
                self.changed()

    @contextlib.contextmanager
    def turn(self, part: str) -> Iterator[None]:
        """Around one turn of a loop: what it meets is told, and the next turn comes. A turn without a fault is well."""
        try:
            yield
        except Exception as fault:  # the one guard of turns: told, never passed over
            self.crashed(part, fault)
        except asyncio.CancelledError as fault:
            if is_cancelled():
                raise
            self.crashed(part, fault)
        else:
            self.well(part)


def fault_words(fault: BaseException) -> str:
    """A fault for people: what the system says of it, or that it is a mistake in netmon."""
    named, text = getattr(fault, "filename", None), plain_words(fault)
    if isinstance(fault, ImportError) and fault.name:
        return clean(f"{fault.name} is missing here: install cpnet-netmon[all]", MAX_WHY)
    if isinstance(fault, MemoryError):
        return "out of memory"
    if isinstance(fault, OSError) or type(fault).__module__ == "sqlite3":  # agents need not load it for this
        return clean(f"{named}: {text}", MAX_WHY) if named else text
    return clean(f"a fault of netmon, please report it: {type(fault).__name__}: {text}", MAX_WHY)


def is_short(fault: BaseException) -> bool:
    """Does this machine lack file handles, memory or room? That is nobody's fault but its own."""
    return isinstance(fault, MemoryError) or (isinstance(fault, OSError) and fault.errno in _SHORT)


def is_cancelled() -> bool:
    """Was the task that runs now really asked to end? A future that somebody else cancelled raises the same."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


class Restarts:
    """When what should never end begins anew: soon, and later each time when it lives for a short while only."""

    def __init__(self, again_s: tuple[float, float] = AGAIN_S) -> None:
        """`again_s`: the first wait and the longest."""
        self._first_s, self._max_s = again_s
        self._next_s, self._began_s = self._first_s, 0.0

    def begin(self) -> None:
        """It begins."""
        self._began_s = time.monotonic()

    def wait_s(self) -> float:
        """It ended: the wait."""
        wait_s = self._first_s if time.monotonic() - self._began_s > CALM_S else self._next_s
        self._next_s = min(2 * wait_s, self._max_s)
        return wait_s


async def watched(
    troubles: Troubles,
    part: str,
    work: Callable[[], Awaitable[object]],
    again_s: tuple[float, float] = AGAIN_S,
) -> None:
    """Do work that should never end; told and begun anew when it raises or returns. Ends by cancellation alone."""
    restarts = Restarts(again_s)
    while True:
        restarts.begin()
        try:
            await work()
            troubles.crashed(part, RuntimeError("it ended"))
        except asyncio.CancelledError as fault:
            if is_cancelled():
                raise
            troubles.crashed(part, fault)
        except Exception as fault:
            troubles.crashed(part, fault)
        await asyncio.sleep(restarts.wait_s())
        troubles.well(part)  # it begins anew; the board remembers it for a minute


def watched_thread(
    troubles: Troubles,
    part: str,
    work: Callable[[], object],
    stop: threading.Event,
    again_s: tuple[float, float] = AGAIN_S,
) -> None:
    """The body of a thread whose work should not end before `stop`: told and begun anew when it does."""
    restarts = Restarts(again_s)
    while not stop.is_set():
        restarts.begin()
        try:
            work()
            if not stop.is_set():
                troubles.crashed(part, RuntimeError("it ended"))
        except BaseException as fault:  # nothing may end a thread in silence
            troubles.crashed(part, fault)
        if stop.is_set():
            return
        stop.wait(restarts.wait_s())
        troubles.well(part)


def catch_the_rest(troubles: Troubles, loop: asyncio.AbstractEventLoop) -> None:
    """What no guard above sees: callbacks of the event loop, tasks nobody waits for, threads that end by an exception."""

    def in_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        fault = context.get("exception")
        if fault is None or (isinstance(fault, OSError) and not is_short(fault)):
            log.debug("%s", context.get("message", ""), exc_info=fault)  # a peer that went away
        else:
            troubles.crashed("event loop", fault)

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            troubles.crashed(f"thread {args.thread.name if args.thread else ''}", args.exc_value)

    loop.set_exception_handler(in_loop)
    threading.excepthook = in_thread
