"""When heavy tests of this agent ran: they share its link with its light checks, whose points of that time say so."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from netmon.fields import HEAVY
from probes.base import Measurement

_AFTER_NS = 500_000_000  # a queue that a test has filled is empty again so long after it
_KEPT = 64  # tests remembered: a light check tells of its interval soon after it


class Disturbances:
    """The event loop's own. `clock_ns`: wall clock, as the times of measurements are."""

    def __init__(self, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._clock_ns = clock_ns
        self._running: dict[object, int] = {}  # a run → when it began
        self._over: deque[tuple[int, int]] = deque(maxlen=_KEPT)

    @contextmanager
    def running(self) -> Iterator[None]:
        """A heavy test runs as long as this."""
        run = object()
        self._running[run] = self._clock_ns()
        try:
            yield
        finally:
            self._over.append((self._running.pop(run), self._clock_ns() + _AFTER_NS))

    def mark(self, measured: Measurement) -> Measurement:
        """A light check's measurement, with the mark when a heavy test ran in its interval."""
        if not (self._running or self._over):
            return measured
        from_ns, until_ns = measured.at_ns, measured.at_ns + round(measured.took_ms * 1e6)
        began = any(began_ns <= until_ns for began_ns in self._running.values())
        if began or any(began_ns <= until_ns and from_ns <= over_ns for began_ns, over_ns in self._over):
            return replace(measured, values={**measured.values, HEAVY.name: 1})
        return measured
