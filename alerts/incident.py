"""The record of one incident, and what happens to it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal

from alerts.blame.accusation import Accusation, Member
from alerts.blame.naming import worst

Happening = Literal["opened", "changed", "resolved", "reopened"]
OWN = "own"  # fault of an incident about the hub itself: alerts/own_incident.py opens and ends it
DOWN_AFTER_MS = 10_000  # a lossy link that has been mute for so long is called down
CALM_MS = 60_000  # what came back once must be well for so long, after each time more for twice as long …
LONGEST_CALM_MS = 600_000  # … up to this
SPAN_MS = 600_000  # what begins again within this is the same incident anyway
SPAN_BEGINS_MS = 337_291
UNMEASURED = "unmeasured"  # nobody measures any more what accused it


@dataclass(slots=True)
class Incident:
    """One incident. Times are Unix ms; `members` are the (rule, check or agent) that accuse the element."""

    id: str
    element: str
    kind: str
    fault: str
    severity: str
    opened_ms: int
    first_miss_ms: int
    members: set[Member] = field(default_factory=set)
    latest_start_ms: int = 0
    suspects: tuple[str, ...] = ()
    against: int = 0
    clear: int = 0
    resolved_ms: int | None = None
    superseded_by: str = ""
    also_told: tuple[str, ...] = ()  # evidence beside the members: `rule check`, sorted
    acked_by: str = ""
    acked_ms: int | None = None
    ack_note: str = ""
    siblings: tuple[str, ...] = ()  # elements that hang on it and fail together; empty: it fails itself
    share: float | None = None  # 0..1 of the flows through it that fail; None: all
    outvoted: tuple[str, ...] = ()  # agents whose word against it was not believed
    reopened: int = 0  # so often it was over and began again
    ended: str = ""  # why it is over, when not because all is well: `UNMEASURED`

    @property
    def is_open(self) -> bool:
        """Not resolved."""
        return self.resolved_ms is None


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to an incident at a tick."""

    what: Happening
    incident: Incident


def incident_id(element: str, first_miss_ms: int, period_ms: int) -> str:
    """The same on every hub and after every restart. Two hubs see the first miss up to a period apart: what begins within
    the same ten minutes is the same, and these begin at a moment no clock strikes. `period_ms`: longer ones count instead."""
    span_ms = max(SPAN_MS, 10 * period_ms)
    return hashlib.sha256(f"{element}|{(first_miss_ms + SPAN_BEGINS_MS) // span_ms}".encode()).hexdigest()[:12]


def new_id(element: str, first_miss_ms: int, now_ms: int, period_ms: int, known: Collection[str]) -> str:
    """The id of a new incident: the same first miss again after its end is another incident, and another page."""
    id = incident_id(element, first_miss_ms, period_ms)
    return id if id not in known else incident_id(element, now_ms, period_ms)


def reopen(incident: Incident, accusation: Accusation) -> None:
    """It was over a moment ago and begins again: the same incident, in nobody's hands."""
    incident.resolved_ms, incident.superseded_by, incident.ended = None, "", ""
    incident.acked_by, incident.acked_ms, incident.ack_note = "", None, ""
    incident.reopened += 1
    incident.members, incident.latest_start_ms = set(accusation.members), accusation.latest_start_ms
    incident.fault, incident.kind, incident.severity = accusation.fault, accusation.kind, accusation.severity
    incident.siblings, incident.share, incident.suspects = accusation.siblings, accusation.share, accusation.suspects


def latest_ended(element: str, incidents: Iterable[Incident]) -> Incident | None:
    """The incident about an element that ended last, but for what one thing alone is like."""
    ended = [incident for incident in incidents if incident.element == element and not incident.is_open]
    others = [incident for incident in ended if incident.fault not in ("state", OWN)]
    return max(others, key=lambda incident: incident.resolved_ms or 0, default=None)


def same_flows(accusation: Accusation, incidents: Iterable[Incident]) -> Incident | None:
    """The incident of a share of the flows to which all that is accused belongs: when they come back, the seldom probed of
    them do last, and would look like a share of something farther out."""
    if accusation.share is None:
        return None
    alike = (incident for incident in incidents if incident.share is not None)
    return next((incident for incident in alike if accusation.members <= incident.members), None)


def calm_ms(incident: Incident) -> int:
    """For how long it must be well before people are told so: the oftener it came back, the longer."""
    return min(CALM_MS << min(incident.reopened - 1, 8), LONGEST_CALM_MS) if incident.reopened else 0


def is_loss(incident: Incident) -> bool:
    """Does the element lose packets?"""
    return incident.fault == "quality" and incident.kind == "loss"


def is_lasting(accusation: Accusation) -> bool:
    """Does it hold for longer than chance would?"""
    return accusation.reported_ms - accusation.start_ms >= DOWN_AFTER_MS


def update(known: Incident, accusation: Accusation) -> bool:
    """Take a tick's evidence into an open incident; did anything that must be kept change?"""
    before = _told(known)
    if accusation.fault == "reach":  # what its siblings hang on may turn out to be down itself
        known.siblings = tuple(sorted({*known.siblings, *accusation.siblings})) if accusation.siblings else ()
    known.outvoted = tuple(sorted({*known.outvoted, *accusation.outvoted}))
    known.members |= accusation.members
    known.latest_start_ms = max(known.latest_start_ms, accusation.latest_start_ms)
    known.severity = worst((known.severity, accusation.severity))
    known.against, known.clear = len(accusation.members), accusation.clear
    if accusation.fault == known.fault:
        known.suspects = accusation.suspects
    elif accusation.fault == "reach" and is_lasting(accusation):
        known.fault, known.kind, known.suspects = "reach", accusation.kind, accusation.suspects
    known.share = accusation.share if known.share is not None and accusation.share is not None else known.share
    return before != _told(known)


def _told(known: Incident) -> tuple[object, ...]:
    return known.kind, known.severity, known.suspects, len(known.members), known.siblings, known.outvoted
