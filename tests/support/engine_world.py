"""The real engine with the pack netmon ships, in simulated time: the small network of `incident_world`, and single
agents whose points are written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from incident_world import Fault, World, kind

from alerts.base import LOST, OK, Assessment, Firing, Sample
from alerts.engine.engine import Engine
from alerts.rules import Rule, When
from netmon.load import rules as rules_file

PACK = rules_file.load(None)
KINDS = {rule.name: frozenset(rule.kinds) for rule in PACK}
START_MS = 1_700_000_000_000


class RealWorld(World):
    """`incident_world.World` judged by the engine; `plain` is what its own plain engine said at the same moment."""

    def __init__(
        self, communes: int = 6, seed: int = 1, faults: tuple[Fault, ...] = (), dead: dict[str, int] | None = None
    ) -> None:
        super().__init__(communes, seed, faults, dead)
        self.engine = Engine(PACK)
        self.plain: Assessment | None = None

    def _report(self, agent: str) -> None:
        waiting, before = list(self.waiting[agent]), self.arrived[agent]
        super()._report(agent)
        if self.arrived[agent] == before:
            return
        frontier = self.frontier[agent]
        self.engine.arrived(agent, self.now_ms)
        for at_ms, check, outcome in waiting:
            if frontier - 5000 <= at_ms < frontier:
                self.engine.add(Sample(agent, check, kind(check), at_ms, values(outcome)))
        self.engine.frontier(agent, frontier)

    def assess(self) -> Assessment:
        self.plain = super().assess()
        return self.engine.assess(self.now_ms)


def values(outcome: int, sent: int = 1, rcvd: int | None = None, **more: float) -> dict[str, int | float]:
    """What a packet check says of an interval."""
    back = (sent if outcome == OK else 0) if rcvd is None else rcvd
    return {"sent": sent, "rcvd": back, "outcome": outcome, **more}


def rule(when: str, clear: str = "", **more: object) -> Rule:
    """A rule about pings."""
    given: dict[str, object] = {"name": "r", "kinds": ("ping",), "fault": "quality", **more}
    return Rule(when=When(when), clear=When(clear), **given)  # type: ignore[arg-type]


@dataclass
class Agent:
    """One agent of an engine. Times are ms since `START_MS`."""

    engine: Engine
    name: str = "a"
    told: list[tuple[str, int, object]] = field(default_factory=list)  # for another engine to be told again

    def say(self, at_ms: int, what: Mapping[str, int | float], check: str = "k", kind: str = "ping") -> None:
        """One point."""
        self._do("add", 0, Sample(self.name, check, kind, START_MS + at_ms, what, {"province": "01"}))

    def flush(self, frontier_ms: int, now_ms: int | None = None) -> None:
        """Everything before a moment is told; it arrives a second later unless said otherwise."""
        now_ms = frontier_ms + 1000 if now_ms is None else now_ms
        self._do("arrived", START_MS + now_ms, None)
        self._do("frontier", START_MS + frontier_ms, None)

    def _do(self, what: str, at_ms: int, sample: object) -> None:
        self.told.append((what, at_ms, sample))
        repeat(self.engine, self.name, what, at_ms, sample)

    def tick(self, now_ms: int) -> Assessment:
        """What the engine says at a moment."""
        return self.engine.assess(START_MS + now_ms)


def repeat(engine: Engine, name: str, what: str, at_ms: int, sample: object) -> None:
    """Tell an engine one of an agent's sayings."""
    if what == "add":
        assert isinstance(sample, Sample)
        engine.add(sample)
    else:
        getattr(engine, what)(name, at_ms)


def fired(assessment: Assessment) -> list[tuple[str, str]]:
    """(rule, check or agent) of all that fires."""
    return sorted((one.rule, one.check if one.check != "-" else one.agent) for one in assessment.firing)


def only(assessment: Assessment) -> Firing:
    """The one thing that fires."""
    assert len(assessment.firing) == 1, assessment.firing
    return assessment.firing[0]


__all__ = ["KINDS", "LOST", "OK", "PACK", "START_MS", "Agent", "Fault", "RealWorld", "fired", "only", "rule", "values"]
