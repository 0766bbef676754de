"""The real engine with the pack netmon ships, in simulated time: the small network of `incident_world`, and single
agents whose points are written by hand."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from incident_world import Fault, Tree, World, kind

from alerts.base import OK, Assessment, Firing, Sample
from alerts.engine.engine import Engine
from alerts.incidents import Book, Change, Incident
from alerts.rules import Rule, When
from netmon.load import rules as rules_file

PACK = rules_file.load(None)
KINDS = {rule.name: frozenset(rule.kinds) for rule in PACK}
START_MS = 1_700_000_000_000


class Scene:
    """Agents that tell the real engine what they measured, and the book of incidents over it, in simulated time."""

    def __init__(
        self,
        tree: Tree,
        seed: int,
        *,
        rules: tuple[Rule, ...] = PACK,
        known: tuple[Incident, ...] = (),
        step_ms: int = 1000,
    ) -> None:
        """`step_ms`: agents write, and the hub judges, so often."""
        self.tree, self.draw, self.step_ms = tree, random.Random(seed), step_ms
        self.engine = Engine(rules)
        self.book = Book(tree, {rule.name: frozenset(rule.kinds) for rule in rules}, settle_ms=1000, known=known)
        self.kinds: dict[str, str] = {}
        self.now_ms = START_MS

    def speaking(self) -> Iterator[str]:
        """Agents whose writes come in now."""
        raise NotImplementedError

    def samples(self, agent: str) -> Iterator[Sample]:
        """What an agent tells now."""
        raise NotImplementedError

    def run(self, until_s: int) -> list[Change]:
        """Step by step; all that changed."""
        changes = list[Change]()
        while self.now_ms < START_MS + until_s * 1000:
            self.now_ms += self.step_ms
            for agent in self.speaking():
                self.engine.arrived(agent, self.now_ms)
                for sample in self.samples(agent):
                    self.kinds[sample.check] = sample.kind
                    self.engine.add(sample)
                self.engine.frontier(agent, self.now_ms - 500)
            changes += self.book.step(self.engine.assess(self.now_ms), self.kinds)
        return changes

    def elements(self) -> list[tuple[str, str]]:
        """Element and kind of every incident there was."""
        return sorted((incident.element, incident.kind) for incident in self.book.incidents.values())

    def still(self) -> list[tuple[str, str]]:
        """The same of those that are open."""
        return sorted((incident.element, incident.kind) for incident in self.book.open())

    def only(self) -> Incident:
        """The one incident there was."""
        (incident,) = self.book.incidents.values()
        return incident


def opened(changes: Iterable[Change]) -> list[tuple[str, str]]:
    """Element and kind of what began."""
    return [(change.incident.element, change.incident.kind) for change in changes if change.what == "opened"]


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
