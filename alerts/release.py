"""For how long people are not told yet, because somebody may still know better. Pure; times are ms.

Evidence-released hold (reference/alerting.md §2): an element is told at once when a success sent after the first miss has
proven what it hangs on; else when nobody is left who could prove it, or when time is up.
"""

from __future__ import annotations

from alerts.base import Assessment
from alerts.blame.accusation import Accusation
from alerts.blame.testimony import BURST_MS, CONTESTED_MS

MUTE_MS = 50_000  # an agent that is restarted, or whose machine is, is back by then
FLOWS_MS = 3_000  # what looks like a share of the flows must look so for this long
CROWD_MS = 4_000  # others that hang on the same have so long to say whether they fail, too
SLOW_MS = 3_000  # with slow probes the first of many that fail together may seem alone for so long
REROUTE_MS = 8_000  # packets that have another way take it by then
UNFIT_MS = 90_000  # two proofs of itself: an agent makes one each minute, and tells it with its next flush


def is_due(accusation: Accusation, held_ms: int, settle_ms: int, *, is_root: bool) -> bool:
    """May it be told? `held_ms`: for so long it is accused by now; `is_root`: it is the hub's own place."""
    if accusation.fault != "reach":
        return held_ms >= _others_wait_ms(accusation, settle_ms)
    if accusation.share is not None:
        return held_ms >= FLOWS_MS
    if accusation.rerouted and accusation.reported_ms - accusation.start_ms < REROUTE_MS:
        return False
    if held_ms < _neighbours_wait_ms(accusation):
        return False
    if accusation.siblings or (accusation.proven and not accusation.waiting):
        return True
    if not accusation.waiting:
        return held_ms >= settle_ms
    return held_ms >= (CONTESTED_MS if is_root else settle_ms + 2 * accusation.period_ms)


def _neighbours_wait_ms(accusation: Accusation) -> int:
    """So long what hangs on the same is waited for; where probes are slow, a little in any case."""
    if accusation.storm:
        return accusation.period_ms + CROWD_MS
    if accusation.crowd:
        return CROWD_MS
    return 0 if accusation.siblings or accusation.period_ms < BURST_MS else SLOW_MS


def _others_wait_ms(accusation: Accusation, settle_ms: int) -> int:
    """Of bad quality, of agents that are mute or unfit."""
    if accusation.fault == "self":
        return UNFIT_MS
    if accusation.fault == "quality":
        return CONTESTED_MS if accusation.waiting else settle_ms
    return settle_ms if accusation.severity == "critical" else MUTE_MS


def hearing_ms(period_ms: int) -> int:
    """After the hub was away: until everybody with such a period has spoken once more, and was heard."""
    return period_ms + min(period_ms, CONTESTED_MS)


def newest_ms(assessment: Assessment, check: str) -> int:
    """When a check was measured last."""
    evidence = assessment.evidence.get(check)
    return assessment.at_ms if evidence is None or evidence.newest_ms is None else evidence.newest_ms
