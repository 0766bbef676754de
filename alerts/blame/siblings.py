"""Many that hang on the same element and fail together are one outage of what they hang on, or of something nobody
measures: power, a carrier, a device model. Pure; times are Unix ms."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from alerts.base import Topology
from alerts.blame.accusation import Accusation, accused_together, failing_elements

MANY = 3  # so many at once are no coincidence
TOGETHER_MS = 30_000  # began within so long
STORM = 4  # at so many places at once: neighbours of what fails may be about to say so, and are waited for
SPRAWL = 10  # so many that fail at so many places are one outage of what these places hang on
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
    return _of_places(alone, parent_of, groups)


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


def _of_places(
    accusations: Iterable[Accusation], parent_of: Callable[[str], str | None], groups: Groups
) -> list[Accusation]:
    """The accusations; what fails at many places at once, alone or with its siblings, as one against what these places hang
    on."""
    others, by_top = list[Accusation](), dict[str, dict[str, list[Accusation]]]()
    for accusation in accusations:
        place = accusation.element if accusation.siblings else parent_of(accusation.element)
        top = parent_of(place) if place is not None else None
        if place is None or top is None or not _may_sprawl(accusation):
            others.append(accusation)
        else:
            by_top.setdefault(top, {}).setdefault(place, []).append(accusation)
    for top, places in by_top.items():
        others += _of_top(top, places, groups.get(top), parent_of)
    return others


def _may_sprawl(accusation: Accusation) -> bool:
    """Is it a place, or the link to one, or several of them?"""
    is_place = bool(accusation.siblings) or accusation.element.startswith(("link:", "commune:"))
    return is_place and accusation.share is None and not accusation.shaky


def _of_top(
    top: str,
    places: Mapping[str, Sequence[Accusation]],
    group: tuple[int, Collection[str]] | None,
    parent_of: Callable[[str], str | None],
) -> list[Accusation]:
    those = list(chain.from_iterable(places.values()))
    if group is not None:
        together, left = _split(those, lambda accusation: _is_of_sprawl(accusation, top, *group, parent_of))
    else:
        latest_ms = max(accusation.start_ms for accusation in those)
        together, left = _split(those, lambda accusation: latest_ms - accusation.start_ms <= TOGETHER_MS)
        fresh = [there for there in places.values() if max(map(_start_ms, there)) >= latest_ms - TOGETHER_MS]
        if len(fresh) < STORM:
            return those
        if sum(len(failing_elements(accusation)) for accusation in together) < SPRAWL:
            return [replace(accusation, storm=True) for accusation in together] + left
    crowd = max((accusation.crowd for accusation in together), default=0)
    return [accused_together(top, together, crowd=crowd), *left] if together else left


def _start_ms(accusation: Accusation) -> int:
    return accusation.start_ms


def _split(
    accusations: Iterable[Accusation], is_in: Callable[[Accusation], bool]
) -> tuple[list[Accusation], list[Accusation]]:
    parts: dict[bool, list[Accusation]] = {True: [], False: []}
    for accusation in accusations:
        parts[is_in(accusation)].append(accusation)
    return parts[True], parts[False]


def _is_of_sprawl(
    accusation: Accusation,
    top: str,
    latest_ms: int,
    members: Collection[str],
    parent_of: Callable[[str], str | None],
) -> bool:
    """Does it belong to an open outage of many places: was it told with it or, while that spreads, does it begin too?"""
    if not set(failing_elements(accusation)).isdisjoint(members):
        return True
    is_wide = any(parent_of(member) != top for member in members)
    return is_wide and abs(accusation.start_ms - latest_ms) <= TOGETHER_MS
