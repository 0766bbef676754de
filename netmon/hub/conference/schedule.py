"""When conferences are rehearsed: at T-24 h, T-60, T-30 and T-10 min, once each, also after the hub was away. Pure.

Times are Unix seconds, given as arguments.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from inventory.model import Conference
from netmon.readiness import stage_name

LIGHT_S = 600.0  # so near the start, rooms may be joining: they are asked, not called
MIN_CALL_S = 60.0  # with less time than this until then, calls are not begun
AT_ONCE = 3  # rehearsals, each a process of 60 MB
Key = tuple[str, int, str]  # conference, start in Unix ms, stage: one put off to another day is rehearsed anew


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """One stage of one conference. It may begin while due_s ≤ now < until_s: until the next stage, or the start."""

    conference: str
    name: str
    starts_s: float
    ends_s: float
    mcus: frozenset[str]
    stage: str
    due_s: float
    until_s: float
    light: bool
    last: bool

    @property
    def key(self) -> Key:
        """What it is known by."""
        return self.conference, round(self.starts_s * 1000), self.stage

    def call_s(self, now_s: float) -> float:
        """How long rooms may be called from now on; 0: they are only asked."""
        left_s = self.starts_s - LIGHT_S - now_s
        return 0.0 if self.light or left_s < MIN_CALL_S else left_s


class Schedule:
    """All stages of all conferences."""

    def __init__(self, conferences: Iterable[Conference], stages: Sequence[float], *, light: bool = False) -> None:
        self._runs: dict[str, tuple[PlannedStage, ...]] = {}
        for conference in conferences:
            self._runs[conference.id] = tuple(_runs(conference, sorted(set(stages), reverse=True), light))

    def due(self, now_s: float, done: Collection[Key]) -> list[PlannedStage]:
        """What is to be made now, what is soonest too late first. A stage that was missed and whose next one has come is
        not made any more."""
        runs_due = [run for runs in self._runs.values() for run in runs if run.due_s <= now_s < run.until_s]
        return sorted((run for run in runs_due if run.key not in done), key=lambda run: (run.until_s, run.conference))

    def next_of(self, conference: str, now_s: float, done: Collection[Key]) -> PlannedStage | None:
        """The stage of a conference that comes next, or is due; None when there is none any more."""
        runs = self._runs.get(conference, ())
        return next((run for run in runs if now_s < run.until_s and run.key not in done), None)

    def wake_s(self, now_s: float) -> float | None:
        """When a stage becomes due next; None: never."""
        return min((run.due_s for runs in self._runs.values() for run in runs if run.due_s > now_s), default=None)


def _runs(conference: Conference, stages: Sequence[float], light: bool) -> Iterable[PlannedStage]:
    starts_s = conference.starts.at_s
    for number, lead_s in enumerate(stages):
        is_last = number + 1 == len(stages)
        yield PlannedStage(
            conference.id,
            conference.name,
            starts_s,
            conference.ends.at_s,
            frozenset(conference.mcus),
            stage_name(lead_s),
            due_s=starts_s - lead_s,
            until_s=starts_s if is_last else starts_s - stages[number + 1],
            light=light,
            last=is_last,
        )


def startable(due: Iterable[PlannedStage], running: Collection[PlannedStage], now_s: float) -> list[PlannedStage]:
    """Which of them may begin now: a few at one time, one of a conference, and never two that call through one MCU, whose
    stream budget they would share."""
    under_way, chosen = list(running), list[PlannedStage]()
    for run in due:
        if len(under_way) >= AT_ONCE:
            break
        same = any(other.conference == run.conference for other in under_way)
        shared = any(run.mcus & other.mcus for other in under_way if other.call_s(now_s))
        if not same and not (shared and run.call_s(now_s)):
            under_way.append(run)
            chosen.append(run)
    return chosen
