"""Plays a scenario to the hub's own evaluation in virtual time: nothing is sent, nobody waits, and a seed is a run."""

from __future__ import annotations

import gc
import random
import resource
import tempfile
from pathlib import Path
from typing import Any

from inventory.model import Site
from netmon.drill import given, network
from netmon.drill.agenda import Agenda
from netmon.drill.agents import VirtualAgent, VirtualUplink
from netmon.drill.checks import virtual_check
from netmon.drill.faults import Effect, Way, Ways, effects_of
from netmon.drill.hubs import VirtualHub, closing
from netmon.drill.names import fits
from netmon.drill.network import PlannedCheck
from netmon.drill.result import DrillResult, DrillTicks
from netmon.drill.scenario import DrillScenario, OddAgent
from netmon.load.inventory import HubTopology
from netmon.point import TAGS
from probes.stats import quantile

SLOW_FROM = 1_000  # where there are more agents, an evaluation's own time passes in virtual time, too
HUB = "hub"


def run(scenario: DrillScenario, seed: int) -> DrillResult:
    """Play it once, from 0 s to its end. Raises `BadInventory` for a network that cannot be."""
    with tempfile.TemporaryDirectory(prefix="netmon-drill-") as folder:
        drill = _Drill(scenario, seed, Path(folder))
        with closing(drill.hubs):
            gc.collect()
            gc.freeze()  # as a hub does when it starts (netmon/hub/main.py)
            try:
                return drill.play()
            finally:
                gc.unfreeze()


def _tags(agent: str, site: Site) -> dict[str, str]:
    """What an agent's lines say of it and of where it stands."""
    commune = site.code if site.kind == "commune" else "-"
    province = site.code if site.kind == "province" else site.province
    return dict(zip(TAGS, (agent, "-", commune, province or "-", site.id, "-"), strict=True))


class _Drill:
    """One run, put together."""

    def __init__(self, scenario: DrillScenario, seed: int, folder: Path) -> None:
        self._scenario, self._chance, self._agenda = scenario, random.Random(f"{seed}|chance"), Agenda()
        topologies = {site: network.topology(scenario.network, site) for site in scenario.network.hub}
        self._topology = next(iter(topologies.values()))  # the ways of checks are the same in all
        hub_elements = {f"{HUB}:{site}": site for site in topologies}
        elements = (*network.elements(self._topology.inventory), *hub_elements, HUB)
        self._effects = effects_of(scenario.events, elements, seed)
        self._ways = Ways(self._effects, _twins(self._topology), scenario.network.reroute, seed)
        self.agents = self._make_agents()
        rules = given.rules_of(scenario.given.rules)
        self.hubs = [self._hub(site, topology, rules, folder / site) for site, topology in topologies.items()]
        for effect in self._effects:
            self._plan(effect)

    # --- agents ---

    def _make_agents(self) -> dict[str, VirtualAgent]:
        scenario, inventory = self._scenario, self._topology.inventory
        sites = {site.id: site for site in inventory.sites}
        agents = {
            row.agent: VirtualAgent(
                row.agent, scenario.agents.flush, self._agenda, self._chance, _tags(row.agent, sites[row.site])
            )
            for row in inventory.agents
        }
        for planned in network.checks(scenario.network):
            self._add_check(agents[planned.agent], planned)
        for odd in scenario.agents.odd:
            for agent in agents.values():
                if fits(agent.name, (odd.agent,)):
                    _make_odd(agent, odd)
        return agents

    def _add_check(self, agent: VirtualAgent, planned: PlannedCheck) -> None:
        path = self._topology.path(planned.check)
        way = self._ways.of_check(planned.check, planned.kind, (f"agent:{agent.name}", *path))
        tags = agent.tags | {"check": planned.check}
        agent.checks.append(virtual_check(planned, tags, way, len(path), self._scenario.background.loss))

    # --- hubs ---

    def _hub(self, site: str, topology: HubTopology, rules: tuple[Any, ...], folder: Path) -> VirtualHub:
        folder.mkdir()
        if self._scenario.given.resolved_incidents:
            given.keep_resolved(folder, site, topology, self._scenario.given.resolved_incidents)
        hub = VirtualHub(site, topology, rules, folder, self._agenda, is_slow=len(self.agents) > SLOW_FROM)
        for agent in self.agents.values():
            agent.uplinks.append(VirtualUplink(agent, hub, self._way_of_writes(agent, topology)))
        return hub

    def _way_of_writes(self, agent: VirtualAgent, topology: HubTopology) -> Way:
        """An agent beside the hub is always heard."""
        element, inventory = topology.site_of(agent.name), topology.inventory
        if agent.site == inventory.hub_site:
            return Way()
        return self._ways.of_writes((f"agent:{agent.name}", *topology.inward(element)))

    # --- what happens beside packets ---

    def _plan(self, effect: Effect) -> None:
        """Put what an effect does to agents, hubs and people on the agenda."""
        plans = {
            "power": self._plan_power,
            "restart": self._plan_restart,
            "clock": self._plan_clock,
            "stall": self._plan_stall,
            "silence": self._plan_silence,
            "maintenance": self._plan_silence,
        }
        if effect.do in plans:
            plans[effect.do](effect)

    def _plan_power(self, effect: Effect) -> None:
        """Agents die with their site or machine, and a hub stands still with its own."""
        for agent in self._agents_at(effect.element):
            self._agenda.add(effect.start_s, agent.die)
            self._agenda.add(effect.end_s + effect.boot_s, agent.start)
        for hub in self.hubs:
            if effect.element in (HUB, f"{HUB}:{hub.name}", hub.topology.elements[0]):
                self._agenda.add(effect.start_s, hub.stall, effect.end_s)

    def _plan_restart(self, effect: Effect) -> None:
        for agent in self._agents_at(effect.element):
            self._agenda.add(effect.start_s, agent.stop)
            self._agenda.add(effect.start_s + effect.away_s, agent.start)

    def _plan_clock(self, effect: Effect) -> None:
        for clock in (*self._agents_at(effect.element), *self._hubs_of(effect.element)):
            self._agenda.add(effect.start_s, _set_clock, clock, effect.by_s)

    def _plan_stall(self, effect: Effect) -> None:
        for hub in self._hubs_of(effect.element):
            self._agenda.add(effect.start_s, hub.stall, effect.end_s)

    def _plan_silence(self, effect: Effect) -> None:
        for hub in self.hubs:
            element = f"{HUB}:{hub.name}" if effect.element == HUB else effect.element
            if effect.do == "silence":
                self._agenda.add(effect.start_s, hub.silence, element, effect.end_s)
            else:
                self._agenda.add(effect.known_s, hub.plan, element, effect.start_s, effect.end_s)

    def _agents_at(self, element: str) -> list[VirtualAgent]:
        """The agent an element is, or those in the site it is."""
        return [
            agent
            for agent in self.agents.values()
            if element in (f"agent:{agent.name}", self._topology.site_of(agent.name))
        ]

    def _hubs_of(self, element: str) -> list[VirtualHub]:
        return [hub for hub in self.hubs if element in (HUB, f"{HUB}:{hub.name}")]

    # --- playing ---

    def play(self) -> DrillResult:
        """From 0 s to the end."""
        for agent in self.agents.values():
            agent.start()
        for hub in self.hubs:
            hub.start()
        self._agenda.run(self._scenario.until)
        pages = sorted((page for hub in self.hubs for page in hub.pages), key=lambda page: page["at_s"])
        incidents = [row for hub in self.hubs for row in hub.incidents()]
        ticks = max((_figures(hub.ticks_ms) for hub in self.hubs), key=lambda figures: figures["p99_ms"])
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        return DrillResult(pages, incidents, ticks, round(peak_mb, 1))


def _make_odd(agent: VirtualAgent, odd: OddAgent) -> None:
    agent.ahead_s += odd.clock
    for check in agent.checks:
        if odd.says and fits(check.series.tags["check"], odd.checks):
            check.says = odd.says


def _set_clock(clock: VirtualAgent | VirtualHub, by_s: float) -> None:
    clock.ahead_s += by_s


def _twins(topology: HubTopology) -> list[tuple[str, str]]:
    """Links, each with the one that stands in for it."""
    return [(f"link:{link.backup_of}", f"link:{link.id}") for link in topology.inventory.links if link.backup_of]


def _figures(ticks_ms: list[float]) -> DrillTicks:
    ordered = sorted(ticks_ms) or [0.0]
    p50_ms, p99_ms = (round(quantile(ordered, share), 1) for share in (0.5, 0.99))
    return {"n": len(ticks_ms), "p50_ms": p50_ms, "p99_ms": p99_ms, "max_ms": round(ordered[-1], 1)}
