"""A kind against a stand-in in one loop: the far end listens, it is measured, and it is gone again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from busy import unless_busy

from probes.base import Measurement

MAX_S = 20.0  # no measurement of theirs takes as long: what hangs fails


class Listening(Protocol):
    """What a stand-in's `listen` gives."""

    async def close(self) -> None: ...


FarEnd = TypeVar("FarEnd", bound=Listening)


def against(listening: Awaitable[FarEnd], measure: Callable[[FarEnd], Awaitable[Measurement]]) -> Measurement:
    """What `measure` finds of the far end `listening`; raises `Busy` when this machine was too busy to find anything."""

    async def both() -> Measurement:
        far_end = await listening
        try:
            return await asyncio.wait_for(measure(far_end), MAX_S)
        finally:
            await far_end.close()

    return unless_busy(asyncio.run(both()))
