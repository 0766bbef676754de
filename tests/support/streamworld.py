"""Two sides of a test-stream protocol on a link made of nothing: simulated time, losses by choice."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any, Generic, TypeVar

from probes.wire.session import Arrival, Datagram

AGENT = ("192.0.2.1", 40_000)
DELAY_S = 0.005
AHEAD_NS = 7_000_000_000  # the responder's clock
Agent = TypeVar("Agent", bound=Any)
Responder = TypeVar("Responder", bound=Any)
Drops = Callable[[str, bytes, float], bool]  # ("there" or "back", the packet, when) → lost


class StreamWorld(Generic[Agent, Responder]):
    """Runs `agent` and `responder`, whom a subclass makes, until the agent has told something."""

    agent: Agent
    responder: Responder

    def __init__(
        self,
        to: tuple[str, int],
        *,
        slot_s: float = 0.0,
        drops: Drops = lambda direction, data, now: False,
        tos: Callable[[str, int], int] = lambda direction, tos: tos,
    ) -> None:
        """`to`: the responder's address. `slot_s`: seconds a packet takes on each way (a queue before it)."""
        self.now, self.slot_s, self.drops, self.tos = 100.0, slot_s, drops, tos
        self.sent: list[tuple[str, float, bytes]] = []
        self.stalls: Callable[[float], float] = lambda now: now  # when who should send at `now` really does
        self._to = to
        self._flying: list[tuple[float, int, str, Arrival]] = []
        self._free_at = {"there": 0.0, "back": 0.0}
        self._serial = count()

    def clock_ns(self) -> int:
        return int(self.now * 1e9)

    def run(self, until_s: float = 30.0, agent: Agent | None = None, source: tuple[str, int] = AGENT) -> list[Any]:
        """What the agent tells first."""
        agent = agent or self.agent
        end = self.now + until_s
        while self.now < end:
            self._send("there", agent, agent.transmit(self.now, self.clock_ns()), source)
            self._send("back", self.responder, self.responder.transmit(self.now, self.clock_ns()), self._to)
            events: list[Any] = agent.events()
            if events:
                return events
            self.now = self.stalls(max(self.now + 1e-7, min(end, *self._wakes(agent))))
            while self._flying and self._flying[0][0] <= self.now:
                _, _, direction, arrival = heapq.heappop(self._flying)
                side: Any = self.responder if direction == "there" else agent
                side.receive(arrival, self.now)
        return []

    def _wakes(self, agent: Agent) -> Iterator[float]:
        yield self.now + 0.01
        for wake in (agent.wake_at(), self.responder.wake_at(), self._flying[0][0] if self._flying else None):
            if wake is not None:
                yield wake

    def _send(self, direction: str, side: Any, datagrams: Iterable[Datagram], source: tuple[str, int]) -> None:
        for datagram in datagrams:
            if datagram.token is not None:
                side.sent(datagram.token, self.clock_ns() + (0 if direction == "there" else AHEAD_NS))
            self._fly(direction, datagram, source)

    def _fly(self, direction: str, datagram: Datagram, source: tuple[str, int]) -> None:
        self.sent.append((direction, self.now, datagram.data))
        if self.drops(direction, datagram.data, self.now):
            return
        leaves = max(self.now, self._free_at[direction]) + self.slot_s
        self._free_at[direction] = leaves
        at = leaves + DELAY_S
        at_ns = int(at * 1e9) + (0 if direction == "back" else AHEAD_NS)
        arrival = Arrival(datagram.data, source, at_ns, tos=self.tos(direction, datagram.tos))
        heapq.heappush(self._flying, (at, next(self._serial), direction, arrival))
