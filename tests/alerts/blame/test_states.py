"""What is told of one thing alone, in simulated time through the real engine: a certificate that runs out is one
incident of its service, whoever sees it, and no link is ever named."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import cache

import pytest
from engine_world import PACK, START_MS, Scene
from incident_world import Tree

from alerts.base import LOST, OK, Sample
from alerts.errors import BadRule
from alerts.incidents import Incident
from alerts.rules import Rule, When

EVERY_MS = 60_000
SERVICE = "service:portal"


class Web(Tree):
    """The small network, and a service in its core that every commune looks at."""

    def __init__(self, communes: int = 6) -> None:
        super().__init__(communes)
        self._parent[SERVICE] = "site:core"
        self._ends |= {f"{name}-portal": (name, SERVICE) for name in self.names}
        self._ends |= {
            "c2-port": ("c2", "province:01"),
            "c1-port": ("c1", "commune:c1"),
            "c1-ups": ("c1", "commune:c1"),
        }


def seeing(tree: Tree) -> list[str]:
    return [f"{name}-portal" for name in tree.names]


class Certificate(Scene):
    """Agents that look at the portal each minute on phases of their own, and ping their uplink each second."""

    def __init__(self, seed: int, days: float = 15.0, known: tuple[Incident, ...] = (), rules: tuple[Rule, ...] = PACK):
        super().__init__(Web(), seed, rules=rules, known=known)
        self.days = days  # until it ends, at START_MS
        self.dead: set[str] = set()  # agents that say nothing
        self.blind: set[str] = set()  # agents whose packets vanish
        self.devices: dict[str, dict[str, int]] = {}  # snmp check → what its device says, each 30 s
        self.next_ms = {check: START_MS + self.draw.randrange(EVERY_MS) for check in seeing(self.tree)}

    def left_days(self, at_ms: int) -> float:
        return self.days - (at_ms - START_MS) / 86_400_000

    def speaking(self) -> Iterator[str]:
        return (name for name in self.tree.names if name not in self.dead)

    def samples(self, name: str) -> Iterator[Sample]:
        lost = name in self.blind
        outcome = LOST if lost else OK
        sent = {"sent": 1, "rcvd": 0 if lost else 1, "outcome": outcome}
        yield Sample(name, f"{name}-uplink", "stamp", self.now_ms - 1000, sent)
        for check, said in self.devices.items():
            if check.startswith(name) and self.now_ms // 1000 % 30 == 7:
                yield Sample(name, check, "snmp", self.now_ms - 1000, {"outcome": OK, **said})
        check = f"{name}-portal"
        if self.now_ms - 1000 >= self.next_ms[check]:
            at_ms, self.next_ms[check] = self.next_ms[check], self.next_ms[check] + EVERY_MS
            values: dict[str, float] = {"outcome": outcome}
            if not lost:
                values["cert_days"] = self.left_days(at_ms)
            yield Sample(name, check, "tls", at_ms, values)


@cache
def _expiring() -> Certificate:
    """Two minutes of a certificate that has three days left: one for all who begin there."""
    world = Certificate(2, days=3)
    world.run(120)
    return world


@pytest.fixture
def expiring() -> Certificate:
    return deepcopy(_expiring())


@pytest.mark.parametrize("seed", range(5))
def test_a_certificate_that_runs_out_is_one_incident_of_its_service_and_no_link_is_named(seed: int) -> None:
    world = Certificate(seed, days=14 + 300 / 86_400)  # 14 days are left after five minutes
    world.run(290)
    assert world.book.incidents == {}
    world.run(720)
    assert world.elements() == [(SERVICE, "certificate")]
    incident = next(iter(world.book.incidents.values()))
    assert incident.is_open and incident.severity == "warning"
    assert incident.members == {("certificate-expires", check) for check in seeing(world.tree)}
    assert START_MS + 300_000 <= incident.first_miss_ms <= START_MS + 300_000 + EVERY_MS + 2000
    assert incident.suspects == (SERVICE,)


def test_one_check_is_enough_to_tell_of_a_certificate() -> None:
    world = Certificate(1, days=3)
    world.next_ms = {check: at if check == "c1-portal" else 1 << 62 for check, at in world.next_ms.items()}
    world.run(120)
    assert world.elements() == [(SERVICE, "certificate")]


def test_a_renewed_certificate_ends_its_incident_once_most_have_seen_it(expiring: Certificate) -> None:
    expiring.days = 90
    told = expiring.run(122)
    assert not [one for one in told if one.what == "resolved"]
    told = expiring.run(240)
    assert [one.what for one in told if one.what != "changed"] == ["resolved"]
    assert expiring.elements() == [(SERVICE, "certificate")]


def test_agents_that_fall_silent_do_not_renew_a_certificate(expiring: Certificate) -> None:
    expiring.dead = set(expiring.tree.names)
    expiring.run(600)
    state = next(one for one in expiring.book.incidents.values() if one.element == SERVICE)
    assert state.is_open


def test_an_outage_of_the_service_stands_beside_its_certificate(expiring: Certificate) -> None:
    """What is known of the certificate for weeks neither hides an outage nor ends with it."""
    certificate = next(iter(expiring.book.incidents.values()))
    real, expiring.samples = expiring.samples, lambda name: _refused(real(name))  # type: ignore[method-assign]
    told = expiring.run(420)
    assert (SERVICE, "down") in expiring.elements()
    down = next(one for one in expiring.book.incidents.values() if one.kind == "down")
    assert down.id != certificate.id and down.severity == "critical" and certificate.is_open
    assert [(one.what, one.incident.kind) for one in told if one.what == "opened"] == [("opened", "down")]
    expiring.samples = real  # type: ignore[method-assign]
    expiring.run(600)
    assert not down.is_open and certificate.is_open


def _refused(samples: Iterator[Sample]) -> Iterator[Sample]:
    for one in samples:
        yield one._replace(values={"outcome": 2}) if one.kind == "tls" else one


def test_a_cut_link_while_a_certificate_runs_out_is_its_own_incident(expiring: Certificate) -> None:
    expiring.blind = {"c1"}
    expiring.run(180)
    assert expiring.elements() == [("link:province-c1", "down"), (SERVICE, "certificate")]


def test_a_restart_and_a_second_hub_know_the_same_incident(expiring: Certificate) -> None:
    kept = expiring.only()
    again = Certificate(2, days=3, known=(kept,))
    told = again.run(240)
    assert [one.what for one in told if one.what != "changed"] == []
    assert again.elements() == [(SERVICE, "certificate")] and kept.is_open
    other = Certificate(2, days=3)
    other.run(120)
    assert list(other.book.incidents) == [kept.id]


def test_a_certificate_nobody_looks_at_any_more_is_forgotten(expiring: Certificate) -> None:
    kept = expiring.only()
    kept.members = {("certificate-expires", "no-such-check")}
    again = Certificate(7, days=90, known=(kept,))
    again.run(120)
    assert not kept.is_open


def test_a_rule_about_the_agent_names_the_agent() -> None:
    rule = Rule(name="clock-off", kinds=("tls",), when=When("last(cert_days) < 14d"), fault="quality", about="agent")
    world = Certificate(8, days=3, rules=(rule,))
    world.run(120)
    assert world.elements() == [(f"agent:{name}", "clock-off") for name in world.tree.names]


@pytest.mark.parametrize("port", ["c1-port", "c2-port"])
def test_a_port_that_is_down_where_checks_see_an_outage_is_evidence_and_no_second_incident(port: str) -> None:
    """The commune's own port, or the province's at the other end of the link that is cut."""
    world = Certificate(9, days=90)
    world.devices[port] = {"if_state": 1}
    world.run(60)
    world.blind, world.devices[port] = {"c1"}, {"if_state": 2}
    world.run(150)
    assert world.elements() == [("link:province-c1", "down")]
    outage = next(iter(world.book.incidents.values()))
    assert outage.also_told == (f"interface-down {port}",)
    world.blind, world.devices[port] = set(), {"if_state": 1}
    world.run(240)
    assert not outage.is_open and world.elements() == [("link:province-c1", "down")]


def test_a_port_that_is_down_while_all_checks_are_good_is_a_small_incident_of_its_place() -> None:
    """A spare link: nobody misses it yet."""
    world = Certificate(10, days=90)
    world.devices["c2-port"] = {"if_state": 2}
    world.run(120)
    assert world.elements() == [("province:01", "interface")]
    incident = next(iter(world.book.incidents.values()))
    assert incident.severity == "info"
    world.devices["c2-port"] = {"if_state": 1}
    world.run(200)
    assert not incident.is_open


def test_a_port_that_was_told_before_its_outage_was_seen_is_taken_in_by_it() -> None:
    world = Certificate(13, days=90)
    world.devices["c1-port"] = {"if_state": 2}
    world.run(90)
    port = next(iter(world.book.incidents.values()))
    assert (port.element, port.kind) == ("commune:c1", "interface")
    world.blind = {"c1"}
    world.run(150)
    outage = next(one for one in world.book.open() if one.kind == "down")
    assert world.book.open() == [outage] and port.superseded_by == outage.id
    assert outage.also_told == ("interface-down c1-port",)


def test_a_place_on_battery_is_told_and_hides_neither_its_outage_nor_its_agents_silence() -> None:
    world = Certificate(11, days=90)
    world.devices["c1-ups"] = {"power_source": 5, "on_battery_s": 40}
    world.run(120)
    assert world.elements() == [("commune:c1", "battery")]
    world.dead = {"c1"}
    world.run(190)
    assert world.elements() == [("agent:c1", "silent"), ("commune:c1", "battery")]


def test_an_outage_elsewhere_takes_no_evidence_of_this_place() -> None:
    world = Certificate(12, days=90)
    world.devices["c1-ups"] = {"power_source": 3}
    world.run(60)
    world.blind, world.devices["c1-ups"] = {"c3"}, {"power_source": 5}
    world.run(150)
    assert world.elements() == [("commune:c1", "battery"), ("link:province-c3", "down")]


@pytest.mark.parametrize("fault", ["reach", "silence"])
def test_only_a_rule_of_quality_is_about_one_thing_alone(fault: str) -> None:
    kinds, when = (("tls",), "missed(ok) >= 3") if fault == "reach" else ((), "age(arrival) > 15s")
    with pytest.raises(BadRule, match="about"):
        Rule(name="r", kinds=kinds, when=When(when), fault=fault, about="end")
