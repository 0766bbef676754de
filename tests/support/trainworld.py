"""The train protocol's two sides in a simulated world."""

from __future__ import annotations

from typing import Any

from streamworld import AGENT, StreamWorld

from probes.answer.streams.train import TrainLimits, TrainResponder
from probes.wire.train.sender import TrainSender

__all__ = ["AGENT", "RESPONDER", "TrainWorld"]
RESPONDER = ("192.0.2.2", 8621)


class TrainWorld(StreamWorld[TrainSender, TrainResponder]):
    """`link`: what a `StreamWorld` is told of its link."""

    def __init__(
        self, *, key: bytes = b"", agent_key: bytes | None = None, limits: TrainLimits | None = None, timeout_s: float = 1.0,
        **link: Any,
    ) -> None:  # fmt: skip
        super().__init__(RESPONDER, **link)
        self.responder = TrainResponder(key, limits, b"secret", self.clock_ns)
        self.agent = self.another(key if agent_key is None else agent_key, timeout_s)

    def another(self, key: bytes = b"", timeout_s: float = 1.0, test: int = 77) -> TrainSender:
        """One more agent's session."""
        return TrainSender(RESPONDER, test, key=key, tos=136, timeout_s=timeout_s, clock_ns=self.clock_ns)
