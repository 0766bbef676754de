"""Packet sessions in virtual time: a network of a seed's making, two clocks, and nothing that sleeps."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from probes.wire.fleet.fleet import Fleet, Interval
from probes.wire.fleet.track import FleetWindow
from probes.wire.session import Arrival, Datagram

EPOCH_NS = 1_800_000_000_000_000_000
Path = Callable[[Datagram, float], Iterable[tuple[float, Arrival]]]  # (packet, now) → answers and when they arrive


class Line:
    """Runs one session against `path`. `wall_ns` may be set by a test: a clock step."""

    def __init__(self, session: Fleet, path: Path, *, stamps: bool = True) -> None:
        self.session, self.path, self.stamps = session, path, stamps
        self.now, self.set_ns = 0.0, 0
        self.sent: list[tuple[float, Datagram]] = []
        self.events: list[Any] = []
        self._coming: list[tuple[float, int, Arrival]] = []
        self._serial = count()

    def wall_ns(self, now: float | None = None) -> int:
        """The wall clock at a monotonic moment."""
        return EPOCH_NS + self.set_ns + round((self.now if now is None else now) * 1e9)

    def run(self, until: float) -> Line:
        """Until then, or until the session has nothing to do."""
        while True:
            wake, comes = self.session.wake_at(), self._coming[0][0] if self._coming else None
            moments = [one for one in (wake, comes) if one is not None]
            if not moments or min(moments) > until:
                self.now = max(self.now, until)
                return self
            self.now = max(self.now, min(moments))
            self.take()
            if wake is not None and wake <= self.now:
                self.send()

    def take(self) -> None:
        """What has arrived by now."""
        self.session.clocks(self.now, self.wall_ns())
        while self._coming and self._coming[0][0] <= self.now:
            self.session.receive(heapq.heappop(self._coming)[2], self.now)
        self.events += self.session.events()

    def send(self) -> None:
        """One call of `transmit`, its packets onto the path."""
        for packet in self.session.transmit(self.now, self.wall_ns()):
            self.sent.append((self.now, packet))
            if self.stamps:
                self.session.sent(packet.token, self.wall_ns())
            for when, arrival in self.path(packet, self.now):
                heapq.heappush(self._coming, (when, next(self._serial), arrival))
        self.events += self.session.events()

    def stall(self, seconds: float) -> None:
        """This process does not run for so long; what arrives waits in its socket."""
        self.now += seconds
        self.take()
        self.send()

    def windows(self, id: str = "a") -> list[FleetWindow]:
        """The intervals told so far."""
        return [one.window for one in self.events if isinstance(one, Interval) and one.id == id]
