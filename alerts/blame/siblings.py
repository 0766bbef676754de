"""Many that hang on the same element and fail together are one outage of what they hang on, or of something nobody
measures: power, a carrier, a device model. Pure; times are Unix ms."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from alerts.base import Topology
from alerts.blame.accusation import Accusation, accused_together

MANY = 3  # so many at once are no coincidence
TOGETHER_MS = 30_000  # began within so long
Suspicious = Callable[[str], Collection[str]]  # what hangs on an element and may fail too, though no rule says so yet
Groups = Mapping[
    str, tuple[int, Collection[str]]
]  # open outage of siblings: what they hang on → (latest first miss, they)


def hangs_on(element: str, topology: Topology) -> str | None:
    """The next place toward the hub: what a commune, or the link to it, hangs on."""
    parent = topology.parent(element)
    while parent is not None and parent.startswith("link:"):
        parent = topology.parent(parent)
    return parent


def gather(
    accusations: Iterable[Accusation], parent_of: Callable[[str], str | None], groups: Groups, suspicious: Suspicious
) -> list[Accusation]:
    """The accusations, those of siblings that began together as one against what they hang on."""
    alone, by_parent = list[Accusation](), dict[str, list[Accusation]]()
    for accusation in accusations:
        parent = parent_of(accusation.element)
        if parent is None or accusation.share is not None or accusation.shaky:
            alone.append(accusation)
        else:
            by_parent.setdefault(parent, []).append(accusation)
    for parent, those in by_parent.items():
        pending = set(suspicious(parent)) - {element for accusation in those for element in accusation.suspects}
        alone += _of_parent(parent, those, groups.get(parent), len(pending))
    return alone


def _of_parent(
    parent: str, accusations: Sequence[Accusation], group: tuple[int, Collection[str]] | None, crowd: int
) -> list[Accusation]:
    if group is None:
        latest_ms = max(accusation.start_ms for accusation in accusations)
        together = [accusation for accusation in accusations if latest_ms - accusation.start_ms <= TOGETHER_MS]
        if len(together) < MANY:
            return [replace(accusation, crowd=crowd) for accusation in accusations]
    else:
        latest_ms, members = group
        together = [
            accusation
            for accusation in accusations
            if accusation.element in members or 0 <= accusation.start_ms - latest_ms + TOGETHER_MS <= 2 * TOGETHER_MS
        ]
    others = [accusation for accusation in accusations if accusation not in together]
    return [accused_together(parent, together, crowd=crowd), *others] if together else others
