"""What a check tells of one thing alone: its certificate runs out, it runs on battery. Nothing on the way is accused. Pure.

Many checks that tell the same of the same thing are one accusation; two sorts of trouble of one thing are two.
"""

from __future__ import annotations

from alerts.base import Assessment, Firing
from alerts.blame.accusation import Accusation, accuse
from alerts.blame.naming import kind_of
from alerts.blame.paths import PathIndex

EVIDENCE = ("battery", "interface", "unready")  # kinds that may be the reason, or a part, of an outage checks see

TRIED = ("unready",)  # kinds that lost packets on the way may be the reason of

SWALLOWED = ("interface", "unready")  # of these, what an outage that is seen later takes in


def states(assessment: Assessment, paths: PathIndex) -> list[Accusation]:
    """One accusation for each thing and kind of trouble, in the order of their names."""
    troubles: dict[tuple[str, str], list[Firing]] = {}
    for firing in assessment.firing:
        element = _accused(firing, paths) if firing.fault == "state" else ""
        if element:
            troubles.setdefault((element, kind_of(firing)), []).append(firing)
    return [_accusation(*key, firings, assessment) for key, firings in sorted(troubles.items())]


def _accused(firing: Firing, paths: PathIndex) -> str:
    """The element it is told of, "" when the inventory does not know it."""
    if firing.about == "agent":
        return f"agent:{firing.agent}" if paths.topology.site_of(firing.agent) else ""
    path = paths.path.get(firing.check)
    return path[-1] if path else ""


def _accusation(element: str, kind: str, firings: list[Firing], assessment: Assessment) -> Accusation:
    evidence = [assessment.evidence[firing.check] for firing in firings if firing.check in assessment.evidence]
    reported_ms = max((check.newest_ms or check.frontier_ms for check in evidence), default=assessment.at_ms)
    period_ms = max((max(1, check.period_ms) for check in evidence), default=1000)
    return accuse(element, kind, firings, reported_ms, period_ms=period_ms)
