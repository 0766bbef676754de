"""Whole runs of small scenarios: what the hub's own evaluation makes of a virtual network."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alerts.base import LOST, OK
from netmon.drill.agenda import Agenda
from netmon.drill.agents import VirtualAgent, VirtualUplink, VirtualWrite
from netmon.drill.checks import virtual_check
from netmon.drill.faults import Effect, Way
from netmon.drill.load import load
from netmon.drill.network import PlannedCheck
from netmon.drill.result import DrillResult
from netmon.drill.run import run
from netmon.drill.scenario import ZERO_S, DrillConference, DrillScenario

QUIET = """
name: cut-test
about: A test.
network:
  communes: [3, 2]
background: {loss: 0%}
seeds: [1]
until: 60
expect: {}
"""


def scenario(folder: Path, *events: str, **more: Any) -> DrillScenario:
    """A small one, with events as a file has them."""
    path = folder / "cut-test.yaml"
    path.write_text(QUIET + "events:\n" + "".join(f"  - {{{event}}}\n" for event in events) if events else QUIET)
    return replace(load(path), **more)


def told(result: DrillResult) -> list[tuple[str, str, str]]:
    return [(page["status"], page["element"], page["kind"]) for page in result.pages]


# --- one agent ---


class Notes:
    """A hub that takes everything, and remembers."""

    def __init__(self) -> None:
        self.writes: list[VirtualWrite] = []

    def receive(self, write: VirtualWrite, uplink: VirtualUplink) -> None:
        self.writes.append(write)
        uplink.answered(is_taken=True)


def agent_with(way: Way, writes: Way, flush_s: float = 1.0) -> tuple[Agenda, VirtualAgent, Notes]:
    agenda, notes = Agenda(), Notes()
    agent = VirtualAgent("c1", flush_s, agenda, random.Random(5), {"agent": "c1", "check": "-", "site": "c1"})
    planned = PlannedCheck("c1-core", "c1", "ping", "core", 1.0)
    agent.checks.append(virtual_check(planned, {"check": "c1-core"}, way, 5, 0.0))
    agent.uplinks.append(VirtualUplink(agent, notes, writes))
    agent.start()
    return agenda, agent, notes


def cut(start_s: float, end_s: float) -> Way:
    return Way((Effect(0, "cut", "link:x", start_s, end_s),))


def points(writes: list[VirtualWrite]) -> list[tuple[float, int]]:
    lines = (line for write in writes for line in write.lines if line.tags["check"] != "-")
    return [((line.time or 0) / 1000 - ZERO_S, int(line.fields["outcome"])) for line in lines]


def test_every_point_is_told_once_and_in_order() -> None:
    agenda, _, notes = agent_with(Way(), Way())
    agenda.run(30.0)
    times = [at_s for at_s, _ in points(notes.writes)]
    assert len(times) in (29, 30)
    assert all(0.99 < later - earlier < 1.01 for earlier, later in zip(times, times[1:], strict=False))
    numbers = [(write.first, write.first + len(write.lines)) for write in notes.writes]
    assert all(before[1] == after[0] for before, after in zip(numbers, numbers[1:], strict=False))


def test_no_point_comes_behind_a_frontier_that_was_told() -> None:
    agenda, _, notes = agent_with(cut(10.0, 20.0), Way())
    agenda.run(30.0)
    frontier_ms = 0
    for write in notes.writes:
        assert all((line.time or 0) >= frontier_ms for line in write.lines if line.tags["check"] != "-")
        assert write.frontier_ms is not None and write.frontier_ms >= frontier_ms
        frontier_ms = write.frontier_ms


def test_the_third_miss_is_written_at_once() -> None:
    agenda, _, notes = agent_with(cut(10.0, 20.0), Way(), flush_s=10.0)
    agenda.run(20.0)
    urgent = [write for write in notes.writes if write.is_urgent]
    assert len(urgent) == 1
    assert 13.0 <= urgent[0].clock_ms / 1000 - ZERO_S <= 14.1


def test_what_waited_longer_than_ten_seconds_comes_as_history() -> None:
    agenda, _, notes = agent_with(Way(), cut(10.0, 40.0))
    agenda.run(60.0)
    history = [write for write in notes.writes if write.frontier_ms is None]
    old = [at_s for at_s, _ in points(history)]
    assert old and 8.5 < min(old) < 11.0 and 28.0 < max(old) < 31.0
    live = [at_s for at_s, _ in points([write for write in notes.writes if write.frontier_ms is not None])]
    assert len(set(old) | set(live)) == len(old) + len(live) in (59, 60)


def test_a_short_cut_of_writes_costs_nothing() -> None:
    agenda, _, notes = agent_with(Way(), cut(10.0, 15.0))
    agenda.run(30.0)
    assert all(write.frontier_ms is not None for write in notes.writes)
    assert all(outcome == OK for _, outcome in points(notes.writes))


def test_an_agent_that_dies_loses_what_it_had_not_stored_and_one_that_is_stopped_does_not() -> None:
    for way_to_go in ("die", "stop"):
        agenda, agent, notes = agent_with(cut(0.0, 100.0), Way(), flush_s=30.0)
        agenda.add(10.0, getattr(agent, way_to_go))
        agenda.add(20.0, agent.start)
        agenda.run(29.0)
        early = [at_s for at_s, outcome in points(notes.writes) if at_s < 10.0 and outcome == LOST]
        assert len(early) >= 8 if way_to_go == "stop" else len(early) < 7
        assert not [at_s for at_s, _ in points(notes.writes) if 10.0 < at_s < 20.0]


# --- whole runs ---


def test_a_seed_is_a_run(tmp_path: Path) -> None:
    story = scenario(tmp_path, 'at: 20, do: cut, element: "link:p01-c00002", until: 40')
    first, again, other = run(story, 1), run(story, 1), run(story, 2)
    assert first.pages == again.pages and first.incidents == again.incidents
    assert [page["at_s"] for page in first.pages] != [page["at_s"] for page in other.pages]
    assert (
        told(first) == told(other) == [("firing", "link:p01-c00002", "down"), ("resolved", "link:p01-c00002", "down")]
    )
    assert 22.0 < first.pages[0]["at_s"] < 26.0 and first.pages[0]["symptoms"] == 1
    assert first.incidents[0]["id"] == first.pages[0]["id"]
    assert first.incidents[0]["share"] is None and first.incidents[0]["outvoted"] == []
    assert first.ticks["n"] >= 59 and first.rss_mb > 10


def test_nothing_is_told_of_a_network_that_is_well(tmp_path: Path) -> None:
    result = run(scenario(tmp_path), 1)
    assert result.pages == [] and result.incidents == []


def test_a_silence_keeps_pages_back_from_its_moment_on_and_a_window_from_its_own(tmp_path: Path) -> None:
    cut = 'at: 20, do: cut, element: "link:p01-c00002", until: 40'
    for quiet in (
        'at: 10, do: silence, element: "link:p01-c00002", until: 300',
        'at: 15, do: maintenance, element: "link:core-p01", until: 300',
    ):
        result = run(scenario(tmp_path, cut, quiet), 1)
        assert result.pages == [], quiet
        assert [row["element"] for row in result.incidents] == ["link:p01-c00002"]
    late = run(scenario(tmp_path, cut, 'at: 30, do: silence, element: "link:p01-c00002", until: 300'), 1)
    assert told(late)[0] == ("firing", "link:p01-c00002", "down")


def test_every_hub_judges_for_itself(tmp_path: Path) -> None:
    story = scenario(tmp_path, 'at: 20, do: cut, element: "link:p01-c00002", until: 40')
    result = run(replace(story, network=replace(story.network, hub=("core", "p01"))), 1)
    firing = [page for page in result.pages if page["status"] == "firing"]
    assert sorted(page["hub"] for page in firing) == ["core", "p01"]
    assert {page["element"] for page in firing} == {"link:p01-c00002"}


def test_a_hub_that_stands_still_takes_what_waits_at_its_door_and_says_nothing(tmp_path: Path) -> None:
    result = run(scenario(tmp_path, "at: 20, do: stall, element: hub, until: 45"), 1)
    assert result.pages == []
    assert result.ticks["n"] < 45


@pytest.mark.parametrize("by_s", [-3600, 3600])
def test_points_with_a_clock_an_hour_off_wait_and_nobody_is_paged(tmp_path: Path, by_s: int) -> None:
    wrong, right = (f'at: {at}, do: clock, element: "agent:c00002", by: {by}' for at, by in ((15, by_s), (35, -by_s)))
    result = run(scenario(tmp_path, wrong, right), 1)
    assert not [page for page in result.pages if page["element"] == "agent:c00002"]


def test_a_page_s_time_is_the_scenario_s_whatever_the_hub_s_clock_says(tmp_path: Path) -> None:
    cut = 'at: 20, do: cut, element: "link:p01-c00002", until: 40'
    result = run(scenario(tmp_path, cut, "at: 5, do: clock, element: hub, by: 120"), 1)
    firing = [page for page in result.pages if page["element"] == "link:p01-c00002" and page["status"] == "firing"]
    assert len(firing) == 1 and 22.0 < firing[0]["at_s"] < 30.0


def test_what_was_given_is_there_and_costs_no_page(tmp_path: Path) -> None:
    story = scenario(tmp_path, until=10.0)
    result = run(replace(story, given=replace(story.given, resolved_incidents=4, rules=50)), 1)
    assert result.pages == []
    ended = [row["ended_s"] for row in result.incidents]
    assert ended == [-3000.0] * 4 and len({row["element"] for row in result.incidents}) == 4


def test_a_page_speaks_of_the_conferences_an_outage_endangers(tmp_path: Path) -> None:
    story = scenario(tmp_path, 'at: 20, do: cut, element: "mcu:mcu-1", until: 300', until=30.0)
    rooms = ("c00001", "c00002")
    live = DrillConference(id="giao-ban", starts=-600.0, ends=7200.0, mcus=("mcu-1",), rooms=rooms)
    later = replace(live, id="mai", starts=86_400.0, ends=90_000.0)
    result = run(replace(story, network=replace(story.network, conferences=(live, later))), 1)
    assert [page["conferences"] for page in result.pages] == [["giao-ban"]]
