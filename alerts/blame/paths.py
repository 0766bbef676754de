"""The topology as blame walks it: which checks cross an element, and what lies behind what. Pure."""

from __future__ import annotations

from alerts.base import Topology, inward
from alerts.blame.siblings import hangs_on


class PathIndex:
    """The topology with the indexes blame needs, made once."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.crossing: dict[str, list[str]] = {}
        self.beyond: dict[str, list[str]] = {}  # element → checks with an end behind it, whether they cross it or not
        self.rerouted = set[str]()  # checks with more ways than one
        self._hangs_on: dict[str, str | None] = {}
        self._inward: dict[str, tuple[str, ...]] = {}
        self.path: dict[str, tuple[str, ...]] = {}
        for check in topology.checks():
            path = self.path[check] = self._ordinary(check)
            for element in path:
                self.crossing.setdefault(element, []).append(check)
            for element in {step for end in (path[:1] + path[-1:]) for step in self.inward(end)}:
                self.beyond.setdefault(element, []).append(check)

    def _ordinary(self, check: str) -> tuple[str, ...]:
        """The ordinary way; where there are others nobody knows which one packets took, and the first element stands for
        all that may stand in for it."""
        if len(self.topology.paths(check)) > 1:
            self.rerouted.add(check)
        return self.topology.path(check)

    def hangs_on(self, element: str) -> str | None:
        """The next place toward the hub."""
        if element not in self._hangs_on:
            self._hangs_on[element] = hangs_on(element, self.topology)
        return self._hangs_on[element]

    def inward(self, element: str) -> tuple[str, ...]:
        """The element, its parent, … up to the hub's site."""
        steps = self._inward.get(element)
        if steps is None:
            steps = self._inward[element] = tuple(inward(element, self.topology))
        return steps

    def is_behind(self, element: str, other: str) -> bool:
        """Does the path from the hub to `element` lead through `other` (or end there)?"""
        return other in self.inward(element)
