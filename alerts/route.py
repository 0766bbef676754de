"""Who gets the pages of an incident. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol


class Receiver(Protocol):
    """What routing needs to know of somebody who gets pages (`netmon.config.hub.ReceiverConfig` is one)."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def severities(self) -> Sequence[str]:
        """Severities it wants."""

    @property
    def owners(self) -> Sequence[str]:
        """Owners whose elements it wants; empty: all."""


def wanted_by(severity: str, owner: str, receivers: Iterable[Receiver]) -> list[str]:
    """Names of the receivers that want a page of this severity about an element of this owner."""
    return [one.name for one in receivers if severity in one.severities and (not one.owners or owner in one.owners)]
