"""What a check tells of one thing alone: its certificate runs out, it runs on battery. Nothing on the way is accused. Pure.

Many checks that tell the same of the same thing are one verdict; two sorts of trouble of one thing are two.
"""

from __future__ import annotations

from alerts.base import Assessment, Firing
from alerts.blame.blame import Accusation
from alerts.blame.naming import kind_of, worst
from alerts.blame.paths import PathIndex

EVIDENCE = ("battery", "interface", "unready")  # kinds that may be the reason, or a part, of an outage checks see

TRIED = ("unready",)  # kinds that lost packets on the way may be the reason of

SWALLOWED = ("interface", "unready")  # of these, what an outage that is seen later takes in


def states(assessment: Assessment, paths: PathIndex) -> list[Accusation]:
    """One verdict for each thing and kind of trouble, in the order of their names."""
    told: dict[tuple[str, str], list[Firing]] = {}
    for firing in assessment.firing:
        element = _whose(firing, paths) if firing.fault == "state" else ""
        if element:
            told.setdefault((element, kind_of(firing)), []).append(firing)
    return [_accusation(*key, firings, assessment) for key, firings in sorted(told.items())]


def _whose(firing: Firing, paths: PathIndex) -> str:
    """The element it is told of, "" when the inventory does not know it."""
    if firing.about == "agent":
        return f"agent:{firing.agent}" if paths.topology.site_of(firing.agent) else ""
    path = paths.path.get(firing.check)
    return path[-1] if path else ""


def _accusation(element: str, kind: str, firings: list[Firing], assessment: Assessment) -> Accusation:
    evidence = [assessment.evidence[one.check] for one in firings if one.check in assessment.evidence]
    since = [one.since_ms for one in firings]
    return Accusation(
        element=element,
        fault="state",
        kind=kind,
        severity=worst(one.severity for one in firings),
        members=frozenset((one.rule, one.check) for one in firings),
        start_ms=min(since),
        reported_ms=max((one.newest_ms or one.frontier_ms for one in evidence), default=assessment.at_ms),
        latest_start_ms=max(since),
        period_ms=max((max(1, one.period_ms) for one in evidence), default=1000),
        suspects=(element,),
        clear=0,
        proven=True,
        shaky=False,
        waiting=False,
    )
