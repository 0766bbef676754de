"""An agent's and a responder's side of the train protocol on a link made of nothing: simulated time, losses by choice."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import Any

from probes.answer.streams.train import TrainLimits, TrainResponder
from probes.wire.session import Arrival, Datagram
from probes.wire.train.sender import TrainSender

AGENT, RESPONDER = ("192.0.2.1", 40_000), ("192.0.2.2", 8621)
DELAY_S = 0.005
Drops = Callable[[str, bytes, float], bool]  # ("there" or "back", the packet, when) → lost


class World:
    """Runs both until the agent has told something. `slot_s`: seconds a packet takes on each way (a queue before it)."""

    def __init__(
        self, *, key: bytes = b"", agent_key: bytes | None = None, limits: TrainLimits | None = None, slot_s: float = 0.0,
        drops: Drops = lambda direction, data, now: False, timeout_s: float = 1.0,
    ) -> None:  # fmt: skip
        self.now, self.slot_s, self.drops = 100.0, slot_s, drops
        self.responder = TrainResponder(key, limits, b"secret", self.clock_ns)
        self.agent = self.another(key if agent_key is None else agent_key, timeout_s)
        self.sent: list[tuple[str, float, bytes]] = []
        self._flying: list[tuple[float, int, str, Arrival]] = []
        self._free_at = {"there": 0.0, "back": 0.0}
        self._serial = count()

    def another(self, key: bytes = b"", timeout_s: float = 1.0, test: int = 77) -> TrainSender:
        """One more agent's session."""
        return TrainSender(RESPONDER, test, key=key, tos=136, timeout_s=timeout_s, clock_ns=self.clock_ns)

    def clock_ns(self) -> int:
        return int(self.now * 1e9)

    def run(
        self, until_s: float = 30.0, agent: TrainSender | None = None, source: tuple[str, int] = AGENT
    ) -> list[Any]:
        """PacketType the agent tells first."""
        agent = agent or self.agent
        end = self.now + until_s
        while self.now < end:
            self._send("there", agent.transmit(self.now, self.clock_ns()), source)
            self._send("back", self.responder.transmit(self.now, self.clock_ns()), RESPONDER)
            told = agent.events()
            if told:
                return told
            self.now = max(self.now + 1e-7, min(end, *self._wakes(agent)))
            while self._flying and self._flying[0][0] <= self.now:
                _, _, direction, arrival = heapq.heappop(self._flying)
                side: Any = self.responder if direction == "there" else agent
                side.receive(arrival, self.now)
        return []

    def _wakes(self, agent: TrainSender) -> list[float]:
        known = [agent.wake_at(), self.responder.wake_at(), self._flying[0][0] if self._flying else None]
        return [one for one in known if one is not None] or [self.now + 0.01]

    def _send(self, direction: str, datagrams: Any, source: tuple[str, int]) -> None:
        for one in datagrams:
            self._fly(direction, one, source)

    def _fly(self, direction: str, one: Datagram, source: tuple[str, int]) -> None:
        self.sent.append((direction, self.now, one.data))
        if self.drops(direction, one.data, self.now):
            return
        leaves = max(self.now, self._free_at[direction]) + self.slot_s
        self._free_at[direction] = leaves
        at = leaves + DELAY_S
        arrival = Arrival(one.data, source, int(at * 1e9) + (0 if direction == "back" else 7_000_000_000))
        heapq.heappush(self._flying, (at, next(self._serial), direction, arrival))
