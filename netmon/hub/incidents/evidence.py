"""What was seen around a broken element when its incident opened and when it ended: who failed, who answered, since when,
how packets went, what interfaces counted. Pictures are small: of thousands of checks those that tell most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from alerts.base import Assessment, Evidence, Topology
from alerts.incidents import Incident

MAX_ACCUSERS, MAX_OTHERS, MAX_ROWS = 40, 20, 10  # of one picture: checks that accuse, that do not, live rows of a kind
TAKEN = ("opened", "reopened", "resolved", "superseded")  # at these entries of a timeline
ROUTES, INTERFACES = "path", "snmp"
Row = dict[str, Any]
Look = Callable[[tuple[str, str]], Row | None]
"""The last row of (agent, check) in the hub's live state."""


class Picture(NamedTuple):
    """What was seen of an incident at one moment. `moment`: the entry it was taken at, or `now`."""

    incident: str
    moment: str
    seen: Row


def _blind(_key: tuple[str, str]) -> Row | None:
    return None


class PictureTaker:
    """Takes pictures. Who touches it holds the board's lock. `unkept`: pictures the database does not have yet."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._index: tuple[dict[str, list[str]], dict[str, list[str]]] | None = (
            None  # crossing, ending; made when asked
        )
        self.assessment: Assessment | None = None  # the last one
        self.look: Look = _blind
        self.unkept: list[Picture] = []

    def take(self, incident: Incident, moment: str, now_ms: int) -> None:
        """A picture that is kept; none while nothing is judged."""
        if self.assessment is not None:
            self.unkept.append(Picture(incident.id, moment, self.picture(incident, now_ms)))

    def picture(self, incident: Incident, now_ms: int) -> Row:
        """What is seen now."""
        accusers = sorted({check for _, check in incident.members})
        crossing, ending = self._checks(incident.element)
        others = [check for check in _spread(crossing, MAX_OTHERS + MAX_ACCUSERS) if check not in set(accusers)]
        matrix = [self._row(check, is_accuser=True) for check in accusers[:MAX_ACCUSERS]]
        matrix += [self._row(check, is_accuser=False) for check in others[:MAX_OTHERS]]
        rows = [row for check in (*accusers, *others, *ending) if (row := self._live(check)) is not None]
        return {
            "at_ms": now_ms,
            "checks": len(set(crossing) | set(accusers)),
            "matrix": matrix,
            "paths": _of_kind(rows, ROUTES),
            "interfaces": _of_kind(rows, INTERFACES),
        }

    def _row(self, check: str, *, is_accuser: bool) -> Row:
        """What one check says. A time is null when there was none in the window."""
        evidence = self._evidence(check)
        if evidence is None:
            return {"check": check, "agent": "", "accuses": is_accuser, "state": "unknown",
                    "miss_ms": None, "ok_ms": None, "newest_ms": None}  # fmt: skip
        state = "failing" if evidence.miss_ms is not None else "answering" if evidence.ok_ms is not None else "unknown"
        return {
            "check": check,
            "agent": evidence.agent,
            "accuses": is_accuser,
            "state": state,
            "miss_ms": evidence.miss_ms,
            "ok_ms": evidence.ok_ms,
            "newest_ms": evidence.newest_ms,
        }

    def _evidence(self, check: str) -> Evidence | None:
        return None if self.assessment is None else self.assessment.evidence.get(check)

    def _live(self, check: str) -> Row | None:
        evidence = self._evidence(check)
        return None if evidence is None else self.look((evidence.agent, check))

    def _checks(self, element: str) -> tuple[Sequence[str], Sequence[str]]:
        """Checks that cross an element, and those that end at it or just before it: devices there know its interface."""
        if self._index is None:
            self._index = self._indexed()
        crossing, ending = self._index
        near = ending.get(self._topology.parent(element) or "", [])
        return crossing.get(element, []), [*ending.get(element, []), *near][: MAX_ACCUSERS * 5]

    def _indexed(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        crossing, ending = dict[str, list[str]](), dict[str, list[str]]()
        for check in self._topology.checks():
            path = self._topology.path(check)
            for element in path:
                crossing.setdefault(element, []).append(check)
            if path:
                ending.setdefault(path[-1], []).append(check)
        return crossing, ending


def _spread(checks: Sequence[str], count: int) -> Sequence[str]:
    """So many of them, from all over the list: neighbours in it are mostly of one agent."""
    return checks[:: max(1, len(checks) // count)]


def _of_kind(rows: Sequence[Row], kind: str) -> list[Row]:
    by_check = {row["check"]: row for row in rows if row["kind"] == kind}
    names = ("check", "agent", "at_ms", "outcome", "values")
    return [{name: row[name] for name in names} for row in islice(by_check.values(), MAX_ROWS)]
