"""Rules at work without a hub: points in, incidents and the pages they would be, at times that are arguments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alerts.base import Sample
from alerts.engine.engine import Engine
from alerts.incidents import Book, Incident
from alerts.rules import Rule
from netmon.config.hub import HubConfig
from netmon.hub.incidents.pages import Pages
from netmon.load.inventory import HubTopology


@dataclass(frozen=True, slots=True)
class ProofPage:
    """A page somebody would have got."""

    at_ms: int
    receiver: str
    status: str
    incident: str


class ProofBench:
    """One hub's evaluation. Points come in the order of time, each second is judged once."""

    def __init__(self, rules: Sequence[Rule], topology: HubTopology, config: HubConfig) -> None:
        """`config`: whose receivers get pages, and how long incidents settle."""
        self.rules, self.topology, self.config = rules, topology, config
        self.pages = list[ProofPage]()
        self.fired = dict[str, set[str]]()  # rule → checks (or agents) for which it fired
        self._engine = Engine(self.rules, in_conference=self.topology.conference_checks)
        self._book = Book(
            self.topology,
            {rule.name: frozenset(rule.kinds) for rule in self.rules},
            settle_ms=int(self.config.settle_s * 1000),
            window_ms=1000 * self._engine.window_s,
        )
        self._pages = Pages(self.config, self.topology, {})
        self._kinds: dict[str, str] = {}
        self._known = frozenset(self.topology.checks())
        self._began = False

    def second(self, samples: Iterable[Sample], agents: Iterable[str], now_ms: int) -> None:
        """All points of a second that ends now; `agents` told all of theirs, with points or without."""
        if not self._began:
            self._began = True
            self._engine.expect(self.topology.agent_names(), now_ms)
        for sample in samples:
            if sample.check == "-" or sample.check in self._known:
                self._engine.add(sample)
                self._kinds[sample.check] = sample.kind
        for agent in agents:
            self._engine.arrived(agent, now_ms)
            self._engine.frontier(agent, now_ms)
        assessment = self._engine.assess(now_ms)
        for firing in assessment.firing:
            self.fired.setdefault(firing.rule, set()).add(firing.agent if firing.check == "-" else firing.check)
        self._book.step(assessment, self._kinds)
        owed = self._pages.missing(self._book.incidents.values(), (), now_ms / 1000)
        self._pages.kept(owed, ())
        self.pages += [ProofPage(now_ms, page.receiver, page.status, page.incident) for page in owed]

    def incidents(self) -> list[Incident]:
        """All there were, oldest first."""
        return sorted(self._book.incidents.values(), key=lambda incident: (incident.opened_ms, incident.element))

    def firing_pages(self) -> list[ProofPage]:
        """Pages that wake somebody."""
        return [page for page in self.pages if page.status == "firing"]

    def rules_of(self, incident: Incident) -> list[str]:
        """Rules that told it."""
        return sorted({rule for rule, _ in incident.members})
