"""The hub's own incident, and the agent's: what a program says of itself."""

from __future__ import annotations

from alerts.base import Sample
from alerts.engine.engine import Engine
from alerts.incidents import Incident
from alerts.own_incident import OwnIncident, Trouble
from netmon.load import rules

T0 = 1_790_000_000_000


def test_the_hubs_own_incident_opens_with_its_trouble_and_ends_with_it() -> None:
    book: dict[str, Incident] = {}
    own = OwnIncident("hub:h", book)
    trouble = Trouble("evaluation", T0, "critical")
    assert own.step([trouble], T0 + 1000) == []
    (change,) = own.step([trouble], T0 + 3000)
    one = change.incident
    assert (change.what, one.element, one.severity, one.fault) == ("opened", "hub:h", "critical", "own")
    assert own.step([trouble], T0 + 4000) == [] and book == {one.id: one}
    (change,) = own.step([trouble, Trouble("sink a", T0, "warning")], T0 + 5000)
    assert change.what == "changed" and one.against == 2
    assert [change.what for change in own.step([], T0 + 6000)] == ["resolved"] and not one.is_open


def test_a_database_that_restarts_wakes_nobody() -> None:
    own = OwnIncident("hub:h", {})
    assert own.step([Trouble("sink a", T0, "warning")], T0 + 59_000) == []
    assert own.step([Trouble("sink a", T0, "warning")], T0 + 60_000) != []


def test_the_hubs_own_incident_goes_on_over_a_restart() -> None:
    book: dict[str, Incident] = {}
    OwnIncident("hub:h", book).step([Trouble("x", T0, "critical")], T0 + 5000)
    assert [change.what for change in OwnIncident("hub:h", book).step([], T0 + 9000)] == ["resolved"]


def test_an_agent_in_trouble_is_an_incident_of_that_agent_alone() -> None:
    engine = Engine(rules.load(None), horizon_s=120)
    fired = []
    for second in range(40):
        at_ms = T0 + second * 1000
        engine.arrived("c1", at_ms)
        engine.add(Sample("c1", "-", "agent", at_ms, {"rss_bytes": 1, "troubles": int(5 <= second < 35)}))
        engine.frontier("c1", at_ms + 1000)
        told = [one for one in engine.assess(at_ms + 1500).firing if one.rule == "agent-trouble"]
        fired.append([(one.fault, one.about, one.agent) for one in told])
    assert fired[20] == [] and fired[30] == [("state", "agent", "c1")] and fired[39] == []
