"""An agent that proves itself unfit accuses nobody, is named itself, and has its vote back when it is well."""

from __future__ import annotations

import pytest

from alerts.base import Assessment, Evidence, Firing, Sample, own_series
from alerts.blame.blame import Votes
from alerts.blame.paths import PathIndex
from alerts.engine.engine import Engine
from alerts.errors import BadRule
from alerts.incidents import Book
from alerts.rules import Rule, When
from netmon.load import rules

T0 = 1_790_000_000_000


def _told(engine: Engine, floor_us: float, at_s: int) -> list[Firing]:
    """The agent's proof and its frontier; what fires then."""
    at_ms = T0 + at_s * 1000
    engine.arrived("c1", at_ms)
    engine.add(Sample("c1", "-", "agent", at_ms, {"rss_bytes": 1, "floor_p50_us": floor_us}))
    engine.add(Sample("c1", "-", "agent", at_ms, {"rss_bytes": 1}))  # the points between two proofs
    engine.frontier("c1", at_ms + 1000)
    return [one for one in engine.assess(at_ms + 1500).firing if one.fault == "self"]


def test_the_shipped_rule_fires_on_a_slow_floor_and_ends_with_a_good_one() -> None:
    engine = Engine(rules.load(None), horizon_s=120)
    assert _told(engine, 12.0, 0) == []
    (one,) = _told(engine, 4000.0, 60)
    assert (one.rule, one.agent, one.check, one.value) == ("agent-unfit", "c1", own_series("c1"), 4000.0)
    assert len(_told(engine, 700.0, 120)) == 1 and _told(engine, 20.0, 180) == []


class _Topology:
    """One agent at a commune, one check to its province."""

    def path(self, check: str) -> tuple[str, ...]:
        return ("commune:1", "link:1", "province:1") if check == "c1-up" else ()

    def paths(self, check: str) -> tuple[tuple[str, ...], ...]:
        return (self.path(check),) if check == "c1-up" else ()

    def alternatives(self, element: str) -> tuple[str, ...]:
        return ()

    def depth(self, element: str) -> int:
        return {"province:1": 0, "link:1": 1, "commune:1": 2}[element]

    def parent(self, element: str) -> str | None:
        return {"commune:1": "link:1", "link:1": "province:1"}.get(element)

    def checks(self) -> tuple[str, ...]:
        return ("c1-up",)

    def site_of(self, agent: str) -> str:
        return "commune:1"

    def symptoms(self, element: str) -> tuple[str, ...]:
        return ()


def _votes(*firings: Firing) -> Votes:
    evidence = Evidence("c1-up", "c1", 1000, T0, None, T0 - 9000, 1, None)
    return Votes(Assessment(T0, firings, frozenset(), {"c1-up": evidence}), PathIndex(_Topology()))  # type: ignore[arg-type]


def test_an_unfit_agents_failing_check_accuses_no_link_and_the_agent_is_named() -> None:
    down = Firing("link-down", "reach", "critical", "c1-up", "c1", T0 - 9000, None)
    slow = Firing("link-latency", "quality", "warning", "c1-up", "c1", T0 - 9000, 200.0)
    unfit = Firing("agent-unfit", "self", "warning", own_series("c1"), "c1", T0 - 60_000, 4000.0)
    assert _votes(down).reach()
    votes = _votes(down, slow, unfit)
    assert (
        votes.reach() == []
        and votes.quality({"c1-up": "ping"}, {"link-latency": frozenset({"ping"})}, frozenset()) == []
    )
    (accusation,) = votes.silence()
    assert (accusation.element, accusation.kind, accusation.fault) == ("agent:c1", "unfit", "self")
    assert accusation.members == {("agent-unfit", own_series("c1"))}


def test_one_slow_proof_takes_the_vote_and_is_told_to_nobody() -> None:
    book = Book(_Topology(), {"link-down": frozenset({"ping"})})  # type: ignore[arg-type]
    down = Firing("link-down", "reach", "critical", "c1-up", "c1", T0 - 9000, None)
    unfit = Firing("agent-unfit", "self", "warning", own_series("c1"), "c1", T0, 4000.0)
    for at_s in range(75):  # the next proof is told up to a flush and a second later
        assert book.step(Assessment(T0 + 1000 * at_s, (down, unfit), frozenset(), {}, ()), {"c1-up": "ping"}) == []


def test_one_incident_of_the_agent_lasts_as_long_as_it_is_unfit() -> None:
    told = list[list[tuple[str, str]]]()
    book = Book(_Topology(), {"link-down": frozenset({"ping"})})  # type: ignore[arg-type]
    down = Firing("link-down", "reach", "critical", "c1-up", "c1", T0 - 9000, None)
    unfit = Firing("agent-unfit", "self", "warning", own_series("c1"), "c1", T0 - 60_000, 4000.0)
    member = ("agent-unfit", own_series("c1"))
    ticks = [((down, unfit), ()), ((unfit,), ()), ((), (member,)), ((unfit,), ()), ((), ())]
    for at, (firing, unknown) in enumerate(ticks):
        found = Assessment(T0 + 100_000 * at, firing, frozenset(unknown), {}, ())
        told.append([(one.what, one.incident.element) for one in book.step(found, {"c1-up": "ping"})])
    assert told == [[], [("opened", "agent:c1")], [], [], [("resolved", "agent:c1")]]


@pytest.mark.parametrize(("kinds", "fault"), [(("ping",), "self"), (("agent",), "reach"), (("agent", "ping"), "self")])
def test_rules_about_agents_themselves_judge_agents_alone(kinds: tuple[str, ...], fault: str) -> None:
    with pytest.raises(BadRule, match="kinds: "):
        Rule(name="x", kinds=kinds, when=When("last(floor_p50_us) > 1000"), fault=fault)
