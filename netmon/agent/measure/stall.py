"""How long our own loop stood still while a check ran: what timed out meanwhile speaks about us, not about the target.

A stopped process, a starved one and a callback that does not come back look the same from here: the beat comes late.
The beat goes only while a run is in flight, so an idle agent is never woken for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from probes.base import Measurement, Outcome

BEAT_S = 0.1
_SHARE, _MIN_S, _MAX_S = 0.25, 0.1, 0.5  # of a run's timeout: less could not have made a good answer late


class StallWatch:
    """The beat of the running loop. Not thread-safe."""

    def __init__(self) -> None:
        self._worst_s: dict[int, float] = {}  # run → its longest standstill so far
        self._serial = 0
        self._due = 0.0
        self._next: asyncio.TimerHandle | None = None

    @contextmanager
    def watching(self) -> Iterator[Callable[[], float]]:
        """While a run is in flight; what is given tells its longest standstill so far (s)."""
        self._serial += 1
        mine = self._serial
        if not self._worst_s:
            self._wait()
        self._worst_s[mine] = 0.0
        try:
            yield lambda: max(self._worst_s[mine], time.monotonic() - self._due)
        finally:
            del self._worst_s[mine]
            if not self._worst_s and self._next is not None:
                self._next.cancel()
                self._next = None

    def _wait(self) -> None:
        self._due = time.monotonic() + BEAT_S
        self._next = asyncio.get_running_loop().call_later(BEAT_S, self._beat)

    def _beat(self) -> None:
        late_s = time.monotonic() - self._due
        for run, worst_s in self._worst_s.items():
            self._worst_s[run] = max(worst_s, late_s)
        self._wait()


def min_stall_s(timeout_s: float) -> float:
    """The standstill from which a result is not believed; `timeout_s` 0: the run has none."""
    return min(_MAX_S, max(_MIN_S, _SHARE * timeout_s)) if timeout_s > 0 else _MAX_S


def discount_stall(measured: Measurement, stood_s: float, timeout_s: float) -> Measurement:
    """What a run may still say when the loop stood still in it: that it failed is our fault (`LOCAL`); that the target
    answered stays true, but how long it took was not measured."""
    if stood_s < min_stall_s(timeout_s) or measured.outcome is Outcome.LOCAL:
        return measured
    why = f"this machine stood still for {stood_s:.1f} s meanwhile"
    if measured.outcome is Outcome.OK:
        kept = {name: value for name, value in measured.values.items() if not name.endswith("_ms")}
        return replace(measured, values=kept, why="; ".join(filter(None, (measured.why, why))))
    return replace(measured, outcome=Outcome.LOCAL, values={}, why=why)
