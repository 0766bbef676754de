"""Where elements belong, for receivers that ask for a carrier, a province, or what is behind an element. Kept once asked."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.base import Topology, inward
from alerts.route import Recipient, Scope

_PROVINCE = "province:"


class Scopes:
    """Scopes of elements. Provinces are looked for only when a receiver asks for some."""

    def __init__(self, topology: Topology, receivers: Iterable[Recipient]) -> None:
        self._topology = topology
        self._known: dict[str, Scope] = {}
        self._hang_on: dict[str, set[str]] = {}  # element → codes of the provinces that are behind it
        if any(receiver.provinces for receiver in receivers):
            self._look_for_provinces()

    def _look_for_provinces(self) -> None:
        seen = set[str]()
        for check in self._topology.checks():
            for element in self._topology.path(check):
                for step in inward(element, self._topology):
                    if step in seen:
                        break
                    seen.add(step)
        for province in seen:
            if province.startswith(_PROVINCE):
                for step in inward(province, self._topology):
                    self._hang_on.setdefault(step, set()).add(province.removeprefix(_PROVINCE))

    def of(self, element: str) -> Scope:
        """The scope of an element."""
        scope = self._known.get(element)
        if scope is None:
            info, steps = self._topology.info(element), tuple(inward(element, self._topology))
            within = {step.removeprefix(_PROVINCE) for step in steps if step.startswith(_PROVINCE)}
            provinces = frozenset(within | self._hang_on.get(element, set()))
            scope = self._known[element] = Scope(info.owner, info.carrier, steps, provinces)
        return scope
