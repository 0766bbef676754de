"""Simulated time: an event loop whose clock jumps to the next timer, and a `time` module that shows it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

START_S = 1_700_000_000.0  # wall clock at the loop's 0


class _Jumping(selectors.SelectSelector):
    """Waits for nobody: the time that would pass, passes."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise AssertionError("nothing will ever happen any more")
        self.now_s += max(0.0, timeout)
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    """The loop; `time()` is simulated."""

    def __init__(self) -> None:
        self.jumping = _Jumping()
        super().__init__(self.jumping)

    def time(self) -> float:
        """Simulated seconds since the loop began."""
        return self.jumping.now_s


class Time:
    """In place of the `time` module of what is tested."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def monotonic(self) -> float:
        """Simulated seconds."""
        return self._loop.time()

    def time(self) -> float:
        """Simulated wall clock."""
        return START_S + self._loop.time()

    def time_ns(self) -> int:
        """Simulated wall clock."""
        return int(self.time() * 1e9)


def run(loop: Loop, main: Coroutine[Any, Any, None], for_s: float) -> None:
    """Run for so many simulated seconds, then cancel."""

    async def limited() -> None:
        task = asyncio.ensure_future(main)
        await asyncio.wait([task], timeout=for_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    try:
        loop.run_until_complete(limited())
    finally:
        loop.close()
