"""Agents that fall silent together: the hub's own network, a carrier, a wave of restarts. One of them is no news of the
others, many at once are one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alerts.base import Topology, inward
from alerts.blame.accusation import Accusation, accused_together
from alerts.blame.siblings import MANY

MUTE_SHARE = 0.5  # of all agents: then it is the hub that hears nobody
FEWEST = 5


def mute_together(silent: Sequence[Accusation], topology: Topology) -> list[Accusation]:
    """Accusations of silence, those of many agents as one against what all of them are heard through."""
    mute = [accusation for accusation in silent if accusation.kind == "silent"]
    if len(mute) < MANY:
        return list(silent)
    element = _in_common([accusation.element for accusation in mute], topology)
    if element is None:
        return list(silent)
    together = accused_together(element, mute, crowd=0)
    if len(mute) >= max(FEWEST, MUTE_SHARE * len(topology.agent_names())):
        together = replace(together, severity="critical")
    return [together, *(accusation for accusation in silent if accusation.kind != "silent")]


def _in_common(elements: Sequence[str], topology: Topology) -> str | None:
    """The place nearest to some elements that lies on the way of all of them to the hub."""
    shared = set(inward(elements[0], topology))
    for element in elements[1:]:
        shared &= set(inward(element, topology))
    return max((step for step in shared if not step.startswith("agent:")), key=topology.depth, default=None)
