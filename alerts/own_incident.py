"""The hub's own incident: open while the hub tells of a trouble of itself. Pure; times are arguments.

It stands in the book of all incidents, but no evidence opens or ends it: it is there even when nothing can be judged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from alerts.blame.naming import worst
from alerts.incident import OWN, Change, Incident, new_id

RULE = "hub-trouble"
HELD_MS = {
    "critical": 3_000,
    "warning": 60_000,
}  # so long a trouble lasts before people are told: a database may restart


class Trouble(NamedTuple):
    """One thing that is wrong with the hub itself: which part, since when (Unix ms), how grave."""

    part: str
    since_ms: int
    severity: str


class OwnIncident:
    """At most one incident at a time, about `element`. `incidents`: the book's, by id."""

    def __init__(self, element: str, incidents: dict[str, Incident]) -> None:
        self._element, self._incidents = element, incidents
        still = [incident for incident in incidents.values() if incident.is_open and incident.fault == OWN]
        self._open = still[0] if still else None

    def step(self, troubles: Iterable[Trouble], now_ms: int) -> list[Change]:
        """What changed, with all that is wrong now."""
        current, incident = list(troubles), self._open
        if incident is None:
            is_held = any(now_ms - trouble.since_ms >= HELD_MS.get(trouble.severity, 0) for trouble in current)
            return [Change("opened", self._begin(current, now_ms))] if is_held else []
        if not current:
            incident.resolved_ms, self._open = now_ms, None
            return [Change("resolved", incident)]
        members = {(RULE, trouble.part) for trouble in current}
        if members == incident.members:
            return []
        incident.members, incident.against = members, len(members)
        return [Change("changed", incident)]

    def _begin(self, troubles: list[Trouble], now_ms: int) -> Incident:
        first_ms = min(trouble.since_ms for trouble in troubles)
        incident = Incident(
            id=new_id(self._element, first_ms, now_ms, 1000, self._incidents),
            element=self._element,
            kind="trouble",
            fault=OWN,
            severity=worst(trouble.severity for trouble in troubles),
            opened_ms=now_ms,
            first_miss_ms=first_ms,
            members={(RULE, trouble.part) for trouble in troubles},
            latest_start_ms=first_ms,
            suspects=(self._element,),
            against=len(troubles),
        )
        self._incidents[incident.id] = self._open = incident
        return incident
