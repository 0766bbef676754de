"""What a conversation ahead of the packets gives: a place to send them to, or why there is none."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from probes.base import Outcome


class NotNegotiated(Exception):
    """No session: whose fault, and why in plain words."""

    def __init__(self, outcome: Outcome, why: str) -> None:
        super().__init__(why)
        self.outcome, self.why = outcome, why


class Negotiated(Protocol):
    """A session that was agreed on: test packets go to `to`. `gone` is done when the far end ends it."""

    to: tuple[Any, ...]
    gone: asyncio.Event

    def close(self) -> None:
        """Say that it is over, and hang up."""
