"""An agent's and a responder's side of the media protocol on a link made of nothing: simulated time, losses by choice."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from probes.answer.streams.media import MediaLimits, MediaResponder
from probes.wire.media.flow import Marks
from probes.wire.media.packet import BACKWARD, FORWARD
from probes.wire.media.sender import AbortRule, MediaSender
from probes.wire.media.shape import MediaShape, Variant
from probes.wire.session import Arrival, Datagram

AGENT, RESPONDER = ("192.0.2.1", 40_000), ("192.0.2.2", 8622)
DELAY_S = 0.005
SHAPE = MediaShape(1_000_000, 3000, Variant.BURST, 7)
MARKS = Marks(136, 184)
Drops = Callable[[str, bytes, float], bool]  # ("there" or "back", the packet, when) → lost


class World:
    """Runs both until the agent has told something. `slot_s`: seconds a packet takes on each way (a queue before it)."""

    def __init__(
        self, *, key: bytes = b"", agent_key: bytes | None = None, limits: MediaLimits | None = None, slot_s: float = 0.0,
        drops: Drops = lambda direction, data, now: False, timeout_s: float = 1.0, shape: MediaShape = SHAPE,
        directions: int = FORWARD | BACKWARD, guard: AbortRule | None = None, tos: Callable[[str, int], int] = lambda direction, tos: tos,
    ) -> None:  # fmt: skip
        self.now, self.slot_s, self.drops, self.tos = 100.0, slot_s, drops, tos
        self.timeout_s, self.shape, self.directions, self.guard = timeout_s, shape, directions, guard or AbortRule()
        self.responder = MediaResponder(key, limits, b"secret", self.clock_ns)
        self.agent = self.another(key if agent_key is None else agent_key)
        self.sent: list[tuple[str, float, bytes]] = []
        self.stalls: Callable[[float], float] = lambda now: now  # when who should send at `now` really does
        self._flying: list[tuple[float, int, str, Arrival]] = []
        self._free_at = {"there": 0.0, "back": 0.0}
        self._serial = count()

    def another(self, key: bytes = b"", session: int = 77) -> MediaSender:
        """One more agent's session."""
        return MediaSender(
            RESPONDER, session, self.shape, self.directions, MARKS, key=key, timeout_s=self.timeout_s, guard=self.guard,
            clock_ns=self.clock_ns,
        )  # fmt: skip

    def clock_ns(self) -> int:
        return int(self.now * 1e9)

    def run(
        self, until_s: float = 30.0, agent: MediaSender | None = None, source: tuple[str, int] = AGENT
    ) -> list[Any]:
        """PacketType the agent tells first."""
        agent = agent or self.agent
        end = self.now + until_s
        while self.now < end:
            self._send("there", agent.transmit(self.now, self.clock_ns()), source, agent)
            self._send("back", self.responder.transmit(self.now, self.clock_ns()), RESPONDER, self.responder)
            told = agent.events()
            if told:
                return told
            self.now = self.stalls(max(self.now + 1e-7, min(end, *self._wakes(agent))))
            while self._flying and self._flying[0][0] <= self.now:
                _, _, direction, arrival = heapq.heappop(self._flying)
                side: Any = self.responder if direction == "there" else agent
                side.receive(arrival, self.now)
        return []

    def _wakes(self, agent: MediaSender) -> Iterator[float]:
        yield self.now + 0.01
        for one in (agent.wake_at(), self.responder.wake_at(), self._flying[0][0] if self._flying else None):
            if one is not None:
                yield one

    def _send(self, direction: str, datagrams: Any, source: tuple[str, int], side: Any) -> None:
        for one in datagrams:
            if one.token is not None:
                side.sent(one.token, self.clock_ns() + (0 if direction == "there" else 7_000_000_000))
            self._fly(direction, one, source)

    def _fly(self, direction: str, one: Datagram, source: tuple[str, int]) -> None:
        self.sent.append((direction, self.now, one.data))
        if self.drops(direction, one.data, self.now):
            return
        leaves = max(self.now, self._free_at[direction]) + self.slot_s
        self._free_at[direction] = leaves
        at = leaves + DELAY_S
        at_ns = int(at * 1e9) + (0 if direction == "back" else 7_000_000_000)  # the responder's clock is 7 s ahead
        arrival = Arrival(one.data, source, at_ns, tos=self.tos(direction, one.tos))
        heapq.heappush(self._flying, (at, next(self._serial), direction, arrival))
