"""A virtual hub: what comes to its door, when it judges, and what its clock makes of others'."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from netmon.drill import given, network
from netmon.drill.agenda import Agenda
from netmon.drill.agents import VirtualUplink, VirtualWrite
from netmon.drill.hubs import VirtualHub
from netmon.drill.scenario import ZERO_S, DrillNetwork
from netmon.hub.ingest.batch import Batch
from netmon.hub.limits import FUTURE_MS
from netmon.line import Line


class Answers(VirtualUplink):
    """An uplink that only remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, bool, float]] = []
        self.agenda = Agenda()

    def answered(self, *, is_taken: bool, pause_s: float = 0.0) -> None:
        self.heard.append((round(self.agenda.now_s, 2), is_taken, pause_s))


class Watched:
    """A hub whose evaluation is watched: `batches` it was given, and `judged_s`, when it judged."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.agenda, self.uplink = Agenda(), Answers()
        self.uplink.agenda = self.agenda
        topology = network.topology(DrillNetwork(communes=(2,)), "core")
        self.hub = VirtualHub("core", topology, given.rules_of(0), folder, self.agenda, is_slow=False)
        self.batches: list[Batch] = []
        self.judged_s: list[float] = []
        monkeypatch.setattr(self.hub.evaluator, "accept", self.batches.append)
        monkeypatch.setattr(
            self.hub.evaluator, "tick", lambda now_s, steady_s: self.judged_s.append(round(now_s - ZERO_S, 2))
        )
        self.hub.start()

    def write_at(self, at_s: float, *, ahead_s: float = 0.0, is_urgent: bool = False, is_history: bool = False) -> None:
        """A write of one point comes."""
        clock_ms = int((ZERO_S + at_s + ahead_s) * 1000)
        line = Line("netmon_ping", {"agent": "c00001", "check": "c00001-core"}, {"sent": 1, "rcvd": 1}, clock_ms - 1000)
        frontier_ms = None if is_history else clock_ms - 500
        write = VirtualWrite("c00001", "c00001", "boot", 1, (line,), frontier_ms, is_urgent, clock_ms)
        self.agenda.add(at_s, self.hub.receive, write, self.uplink)


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """One of two communes' network."""
    made = Watched(tmp_path, monkeypatch)
    yield made
    made.hub.close()


def test_it_judges_once_a_second_and_at_once_what_is_urgent(watched: Watched) -> None:
    watched.write_at(2.3, is_urgent=True)
    watched.write_at(2.32, is_urgent=True)
    watched.write_at(2.6)
    watched.agenda.run(4.0)
    assert watched.judged_s == [1.0, 2.0, 2.3, 2.4, 3.4]


def test_a_write_is_taken_with_its_frontier_and_the_time_it_came(watched: Watched) -> None:
    watched.write_at(2.5)
    watched.agenda.run(3.0)
    (batch,) = watched.batches
    assert batch.header.arrived_ns == pytest.approx((ZERO_S + 2.5) * 1e9, abs=1e3)
    assert batch.header.frontier_ms == int((ZERO_S + 2.0) * 1000)
    assert not batch.header.backfill and watched.uplink.heard == [(2.5, True, 0.0)]


def test_history_is_told_to_be_history(watched: Watched) -> None:
    watched.write_at(2.5, is_history=True)
    watched.agenda.run(3.0)
    assert watched.batches[0].header.backfill and watched.batches[0].header.frontier_ms is None


def test_while_it_stands_still_writes_wait_at_its_door_and_nothing_is_judged(watched: Watched) -> None:
    watched.agenda.add(3.0, watched.hub.stall, 9.0)
    watched.write_at(4.5)
    watched.agenda.run(8.9)
    assert not watched.batches and watched.judged_s[-1] <= 3.0
    watched.agenda.run(10.5)
    assert watched.uplink.heard == [(9.01, True, 0.0)]
    assert watched.batches[0].header.arrived_ns / 1e9 - ZERO_S == pytest.approx(9.01, abs=0.01)
    assert [at_s for at_s in watched.judged_s if at_s > 3.0] == [9.0, 10.0]


@pytest.mark.parametrize(("ahead_s", "is_taken"), [(3.0, True), (-590.0, True), (620.0, False), (-3600.0, False)])
def test_what_comes_with_a_clock_too_far_off_waits_where_it_is(
    watched: Watched, ahead_s: float, is_taken: bool
) -> None:
    watched.write_at(2.5, ahead_s=ahead_s)
    watched.agenda.run(3.0)
    assert watched.uplink.heard == [(2.5, is_taken, 0.0 if is_taken else 5.0)]
    assert len(watched.batches) == is_taken


def test_a_stamp_too_far_ahead_is_no_point(watched: Watched) -> None:
    ahead_ms = int(ZERO_S * 1000) + FUTURE_MS + 60_000
    line = Line("netmon_ping", {"agent": "c00001", "check": "c00001-core"}, {"sent": 1, "rcvd": 1}, ahead_ms)
    write = VirtualWrite("c00001", "c00001", "boot", 1, (line,), ahead_ms, False, int(ZERO_S * 1000) + 2000)
    watched.agenda.add(2.0, watched.hub.receive, write, watched.uplink)
    watched.agenda.run(3.0)
    assert watched.batches[0].lines == ()
    assert watched.batches[0].header.frontier_ms == int((ZERO_S + 2.0) * 1000) + FUTURE_MS


def test_rules_are_repeated_under_other_names() -> None:
    shipped, many = given.rules_of(0), given.rules_of(100)
    assert many[: len(shipped)] == shipped and len(many) == 100 == len({rule.name for rule in many})
