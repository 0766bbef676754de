"""What happened to incidents, entry by entry, and in whose hands they are. Pure; times are Unix ms.

An entry is never changed. Whoever acts on an incident says which version of it they saw: the number of the last entry that
made it another one. So nobody takes in hand what turned into something else while they looked at it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from alerts.incident import Incident

MAX_ENTRIES = 500  # of one incident; older ones that only say how it came and went make room
GREW = 2  # it grew when so many times as many accuse it as were told last
ANOTHER = ("opened", "changed", "reopened", "resolved", "superseded")  # what makes it another version
HANDS = ("acked", "unacked", "ack-expired", "assigned")  # what people do; never makes room
HAPPENED = (*ANOTHER, *HANDS, "grew", "took-in")


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened to an incident. `number`: 1, 2, … within it; `who`: the person, "" for netmon itself; `facts`:
    what is new, as JSON has it."""

    incident: str
    number: int
    at_ms: int
    what: str
    who: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A task given to somebody, with nothing left open: who, what, until when, who answers for it, what must come out, and
    what they may decide by themselves."""

    to: str
    task: str
    by_ms: int
    responsible: str
    result: str
    authority: str


@dataclass(slots=True)
class _Seen:
    """An incident as its last entry left it."""

    reopened: int
    is_open: bool
    kind: str
    severity: str
    against: int


class Timelines:
    """Of all incidents that are kept. `unkept`: entries the database does not have yet."""

    def __init__(self, entries: Iterable[TimelineEntry], incidents: Collection[Incident]) -> None:
        """`entries`: those kept, in their order; `incidents`: as they were kept with them."""
        self._entries: dict[str, list[TimelineEntry]] = {}
        for entry in entries:
            self._entries.setdefault(entry.incident, []).append(entry)
        self._seen = {incident.id: _seen(incident) for incident in incidents}
        self.unkept: list[TimelineEntry] = []
        self.dropped: list[TimelineEntry] = []  # made room; the database still has them
        for incident in incidents:
            if incident.id not in self._entries:
                self._begin(incident)

    def _begin(self, incident: Incident) -> None:
        """What is known of an incident from before there were timelines."""
        self._add(incident.id, "opened", incident.opened_ms, facts=_facts(incident))
        if incident.acked_ms is not None:
            self._add(incident.id, "acked", incident.acked_ms, incident.acked_by, {"note": incident.ack_note})
        if incident.resolved_ms is not None:
            self._end(incident)

    def of(self, id: str) -> list[TimelineEntry]:
        """Its entries, the oldest first; [] when unknown."""
        return list(self._entries.get(id, ()))

    def version(self, id: str) -> int:
        """The number of the last entry that made it another one; 0 when unknown."""
        return max((entry.number for entry in self._entries.get(id, ()) if entry.what in ANOTHER), default=0)

    def since(self, id: str, version: int) -> list[TimelineEntry]:
        """What made it another one than it was at that version."""
        return [entry for entry in self.of(id) if entry.number > version and entry.what in ANOTHER]

    def assignment(self, id: str) -> Assignment | None:
        """The task that was given last."""
        given = [entry for entry in self._entries.get(id, ()) if entry.what == "assigned"]
        return Assignment(**given[-1].facts) if given else None

    def acked_until_ms(self, incident: Incident) -> int | None:
        """When its ack runs out; None: never, or it is in nobody's hands."""
        if incident.acked_ms is None:
            return None
        acks = [entry for entry in self._entries.get(incident.id, ()) if entry.what == "acked"]
        return acks[-1].facts.get("until_ms") if acks else None

    # --- adding ---

    def observe(self, incident: Incident, now_ms: int) -> list[TimelineEntry]:
        """It may have changed: its new entries."""
        kept = len(self.unkept)
        self._observe(incident, now_ms)
        return [entry for entry in self.unkept[kept:] if entry.incident == incident.id]

    def _observe(self, incident: Incident, now_ms: int) -> None:
        before, now = self._seen.get(incident.id), _seen(incident)
        self._seen[incident.id] = now
        if before is None:
            self._add(incident.id, "opened", incident.opened_ms, facts=_facts(incident))
        elif now.reopened > before.reopened:
            self._add(incident.id, "reopened", now_ms, facts=_facts(incident))
        elif (now.kind, now.severity) != (before.kind, before.severity):
            facts = _facts(incident) | {"was": before.kind, "was_severity": before.severity}
            self._add(incident.id, "changed", now_ms, facts=facts)
        elif now.against >= GREW * max(1, before.against):
            self._add(incident.id, "grew", now_ms, facts=_facts(incident))
        else:
            now.against = before.against
        if not incident.is_open and (before is None or before.is_open or now.reopened > before.reopened):
            self._end(incident)

    def _end(self, incident: Incident) -> None:
        at_ms, cause = incident.resolved_ms or 0, incident.superseded_by
        if not cause:
            self._add(incident.id, "resolved", at_ms, facts={"ended": incident.ended} if incident.ended else {})
            return
        self._add(incident.id, "superseded", at_ms, facts={"by": cause})
        if cause in self._seen:
            facts = {"id": incident.id, "element": incident.element, "kind": incident.kind}
            self._add(cause, "took-in", at_ms, facts=facts)

    def act(self, id: str, what: str, who: str, now_ms: int, facts: dict[str, Any]) -> TimelineEntry:
        """Somebody did something about it."""
        return self._add(id, what, now_ms, who, facts)

    def _add(self, id: str, what: str, at_ms: int, who: str = "", facts: dict[str, Any] | None = None) -> TimelineEntry:
        entries = self._entries.setdefault(id, [])
        entry = TimelineEntry(id, entries[-1].number + 1 if entries else 1, at_ms, what, who, facts or {})
        entries.append(entry)
        self.unkept.append(entry)
        if len(entries) > MAX_ENTRIES:
            expendable = next((entry for entry in entries[1:] if entry.what not in HANDS), entries[1])
            entries.remove(expendable)
            self.dropped.append(expendable)
        return entry

    def kept(self) -> None:
        """The database has them, and is rid of what made room."""
        self.unkept.clear()
        self.dropped.clear()

    def forget(self, ids: Iterable[str]) -> None:
        """These incidents are gone."""
        for id in ids:
            self._entries.pop(id, None)
            self._seen.pop(id, None)


def _seen(incident: Incident) -> _Seen:
    return _Seen(incident.reopened, incident.is_open, incident.kind, incident.severity, incident.against)


def _facts(incident: Incident) -> dict[str, Any]:
    """What it is like."""
    facts = {"element": incident.element, "kind": incident.kind, "severity": incident.severity}
    return {**facts, "against": incident.against, "clear": incident.clear, "reopened": incident.reopened}
