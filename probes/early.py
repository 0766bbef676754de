"""Whoever measures may be asked to stop early and tell what is known by then: Ctrl-C of `netmon probe` throws nothing away."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

_asked: ContextVar[asyncio.Event | None] = ContextVar("asked", default=None)


def arm() -> asyncio.Event:
    """From now on, in this task and those it starts, setting the event asks to stop early."""
    event = asyncio.Event()
    _asked.set(event)
    return event


def is_asked() -> bool:
    """Whether somebody waits for what is known so far."""
    event = _asked.get()
    return event is not None and event.is_set()


async def first(finished: asyncio.Future[Any]) -> bool:
    """Wait until `finished` is (True), or until what is known so far is asked for (False)."""
    event = _asked.get()
    if event is None:
        await asyncio.wait({finished})
        return True
    asked = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({finished, asked}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
    return finished.done()
