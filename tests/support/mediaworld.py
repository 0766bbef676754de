"""The media protocol's two sides in a simulated world."""

from __future__ import annotations

from typing import Any

from streamworld import AGENT, StreamWorld

from probes.answer.streams.media import MediaLimits, MediaResponder
from probes.wire.media.flow import Marks
from probes.wire.media.packet import BACKWARD, FORWARD
from probes.wire.media.sender import AbortRule, MediaSender
from probes.wire.media.shape import MediaShape, Variant

__all__ = ["AGENT", "MARKS", "RESPONDER", "SHAPE", "MediaWorld"]
RESPONDER = ("192.0.2.2", 8622)
SHAPE = MediaShape(1_000_000, 3000, Variant.BURST, 7)
MARKS = Marks(136, 184)


class MediaWorld(StreamWorld[MediaSender, MediaResponder]):
    """`link`: what a `StreamWorld` is told of its link."""

    def __init__(
        self, *, key: bytes = b"", agent_key: bytes | None = None, limits: MediaLimits | None = None, timeout_s: float = 1.0,
        shape: MediaShape = SHAPE, directions: int = FORWARD | BACKWARD, guard: AbortRule | None = None, **link: Any,
    ) -> None:  # fmt: skip
        super().__init__(RESPONDER, **link)
        self.timeout_s, self.shape, self.directions, self.guard = timeout_s, shape, directions, guard or AbortRule()
        self.responder = MediaResponder(key, limits, b"secret", self.clock_ns)
        self.agent = self.another(key if agent_key is None else agent_key)

    def another(self, key: bytes = b"", session: int = 77) -> MediaSender:
        """One more agent's session."""
        return MediaSender(
            RESPONDER, session, self.shape, self.directions, MARKS, key=key, timeout_s=self.timeout_s, guard=self.guard,
            clock_ns=self.clock_ns,
        )  # fmt: skip
