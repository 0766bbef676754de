"""What happens in a run, event by event, for whoever asks how it went (`netmon probe --explain`).

Nobody asks in an agent: then nothing is kept, and a note costs one look. The list travels in a context variable, so it
reaches the tasks, readers and timers of this run and of no other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

MAX_EVENTS = 5_000  # events kept of one run: throughput has millions


class Event(NamedTuple):
    """One event. `at_ns`: wall clock, by the kernel where it gave a stamp. `detail` may hold a peer's words: clean it."""

    at_ns: int
    what: str
    detail: str = ""


_events: ContextVar[list[Event] | None] = ContextVar("netmon_events", default=None)


@contextmanager
def recording() -> Iterator[list[Event]]:
    """Keep what is noted inside; the list grows while it runs, in the order of noting."""
    events: list[Event] = []
    token = _events.set(events)
    try:
        yield events
    finally:
        _events.reset(token)


def is_on() -> bool:
    """Whether anybody wants to know."""
    return _events.get() is not None


def note(what: str, detail: str = "", at_ns: int = 0) -> None:
    """An event of this run; `at_ns` 0: it happened just now."""
    events = _events.get()
    if events is not None and len(events) < MAX_EVENTS:
        events.append(Event(at_ns or time.time_ns(), what, detail))


def in_order(events: list[Event]) -> list[Event]:
    """By time: kernel stamps are read after the fact."""
    return sorted(events, key=lambda event: event.at_ns)
