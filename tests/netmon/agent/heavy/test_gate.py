"""Agents ask before a heavy check runs: what each answer makes of the run, and what of it people and rules see."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agenthub import NO_LEASES, OK, Answer, FakeHub, Told, check, config, running, serving, until
from ports import free_port

from netmon.agent.measure.frontier import Frontier
from netmon.agent.measure.runner import Runner, sent_bytes
from netmon.config.agent import AgentConfig, HeavyConfig
from netmon.fields import PREFIX, registry
from probes import catalog
from probes.base import Cost, Measurement, Outcome

LINK = "link:core-p01 (Trung tâm – Hà Nội)"
GRANTED = {"id": "ab12", "for_s": 10.0, "bytes": 1000, "links": ["link:l1"], "quiet": []}


def refusal(reason: str, retry_s: float) -> Answer:
    told = {"reason": reason, "link": "link:l1", "retry_after_s": retry_s, "quiet": []}
    return 409, {}, json.dumps(told | {"vi": f"không chạy: {reason}", "en": f"not run: {reason} on {LINK}"})


def gives(path: str, body: dict[str, Any]) -> Answer:
    return OK if path.endswith("/release") else (201, {}, json.dumps(GRANTED))


def heavy(folder: Path, url: str, every_s: float = 0.5, **own: int) -> AgentConfig:
    one = config(folder, url, check("c1-heavy", "far", kind="heavy", every_s=every_s))
    return replace(one, lang="en", heavy=HeavyConfig(**own))


def points(hub: FakeHub) -> list[str]:
    return [line.split(" ")[1] for line in hub.stored.values() if line.startswith("netmon_heavy")]


def test_a_heavy_check_runs_with_a_lease_and_gives_it_back_with_what_it_sent(tmp_path: Path) -> None:
    with serving(FakeHub(lease=gives)) as hub, running(heavy(tmp_path, hub.url), Told()):
        assert until(lambda: len(hub.asked) >= 4 and points(hub))
    assert hub.asked[0] == ("/api/v1/leases", {"check": "c1-heavy", "bytes": 1000, "seconds": 5.0})
    assert hub.asked[1] == ("/api/v1/leases/ab12/release", {"bytes_used": 700})
    assert set(points(hub)) == {"bytes_used=700i,outcome=0i"}


def test_a_check_that_hurts_nobody_asks_nobody(tmp_path: Path) -> None:
    one = config(tmp_path, "", check("c1-a", "a", kind="single"))
    with serving(FakeHub(lease=gives)) as hub:
        one = replace(one, destinations=(replace(one.destinations[0], url=hub.url),))
        with running(one, Told()):
            assert until(lambda: hub.stored)
    assert hub.asked == []


def test_a_run_that_is_refused_is_put_off_and_says_nothing_of_the_target(tmp_path: Path) -> None:
    hub = FakeHub(lease=lambda path, body: refusal("conference", 7200))
    with serving(hub), running(heavy(tmp_path, hub.url), Told()) as agent:
        assert until(lambda: len(points(hub)) >= 4)
        view = agent.view()
    assert set(points(hub)) == {"deferred=1i,outcome=5i"}
    (row,) = view["checks"]
    assert row["why"] == f"not run: conference on {LINK}" and row["misses"] == 0 and row["outcome"] is None
    assert row["at_ms"] > (time.time() - 30) * 1000
    assert view["verdict"]["state"] == "unknown"


def test_while_another_tests_it_waits_for_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netmon.agent.measure.runner.WAIT_SHARE", 10.0)
    answers = iter([refusal("busy", 1)])
    hub = FakeHub(lease=lambda path, body: next(answers, None) or gives(path, body))
    with serving(hub), running(heavy(tmp_path, hub.url, every_s=2.0), Told()):
        assert until(lambda: points(hub), 40)
    assert points(hub)[0] == "bytes_used=700i,outcome=0i"
    assert [path.rpartition("/")[2] for path, _ in hub.asked[:3]] == ["leases", "leases", "release"]


def test_a_turn_that_does_not_come_in_time_is_put_off(tmp_path: Path) -> None:
    hub = FakeHub(lease=lambda path, body: refusal("busy", 1))
    with serving(hub), running(heavy(tmp_path, hub.url, every_s=1.0), Told()):
        assert until(lambda: points(hub))
    assert points(hub)[0] == "deferred=1i,outcome=5i"


def test_a_run_that_outlasts_its_lease_is_ended(tmp_path: Path) -> None:
    short = GRANTED | {"for_s": 3.0}
    hub = FakeHub(lease=lambda path, body: OK if path.endswith("/release") else (201, {}, json.dumps(short)))
    with serving(hub), running(heavy(tmp_path, hub.url), Told(run_s=30.0)):
        assert until(lambda: points(hub))
    assert points(hub)[0] == "outcome=5i"
    assert hub.asked[1] == ("/api/v1/leases/ab12/release", {})  # what it sent is unknown


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((401, {}, '{"code": "unauthorized"}'), "the hub answers 401"),
        ((503, {}, "full"), "the hub answers 503"),
        ((201, {}, "[]"), "makes no sense"),
        ((201, {}, "{" * 5000), "makes no sense"),
        ((201, {}, json.dumps(GRANTED | {"id": "../x"})), "makes no sense"),
        ((201, {}, json.dumps(GRANTED | {"quiet": [[1]]})), "makes no sense"),
        ((201, {}, json.dumps(GRANTED | {"quiet": [[0, float("inf")]]})), "makes no sense"),
        ((201, {}, json.dumps(GRANTED | {"for_s": 10**400})), "makes no sense"),
        ((201, {}, json.dumps(GRANTED | {"for_s": 0.5})), "came too late"),
        ((409, {}, "{}"), "makes no sense"),
        ((409, {}, refusal("\x1b[31m", 9)[2]), "not run: ·[31m"),
    ],
)
def test_no_answer_but_a_lease_lets_it_run(tmp_path: Path, answer: Answer, why: str) -> None:
    hub, told = FakeHub(lease=lambda path, body: answer), Told()
    with serving(hub), running(heavy(tmp_path, hub.url), told) as agent:
        assert until(lambda: points(hub))
        assert why in agent.view()["checks"][0]["why"]
    assert told.most_running == 0 and set(points(hub)) == {"deferred=1i,outcome=5i"}


def _nobody(hub: FakeHub) -> str:
    return f"http://127.0.0.1:{free_port()}"


def _knows_none(hub: FakeHub) -> str:
    hub.lease = lambda path, body: NO_LEASES
    return hub.url


@pytest.mark.parametrize("where", [_nobody, _knows_none])
def test_without_a_hub_to_ask_it_keeps_its_own_budget_over_restarts(
    tmp_path: Path, where: Callable[[FakeHub], str]
) -> None:
    with serving(FakeHub()) as hub:
        one = heavy(tmp_path, where(hub), bytes_per_day=1750)
        with running(one, Told()) as agent:  # 700 of 1000 a run: two, and no third
            state = agent._states["c1-heavy"]
            assert until(lambda: "heavy.bytes_per_day" in state.why)
            assert state.outcome is Outcome.OK and state.misses == 0
        told = Told()
        with running(one, told) as agent:
            assert until(lambda: "heavy.bytes_per_day" in agent._states["c1-heavy"].why)
        assert told.most_running == 0


def test_out_of_reach_of_the_hub_it_keeps_to_the_conferences_it_was_told_of(tmp_path: Path) -> None:
    soon = GRANTED | {"quiet": [[2.0, 3600]]}
    hub = FakeHub(lease=lambda path, body: OK if path.endswith("/release") else (201, {}, json.dumps(soon)))
    with serving(hub):
        one = heavy(tmp_path, hub.url)
        with running(one, Told()):
            assert until(lambda: points(hub))
    told = Told()
    with running(one, told) as agent:  # the hub is gone
        assert until(lambda: "conference" in agent._states["c1-heavy"].why)
    assert told.most_running == 0


@pytest.mark.parametrize(
    ("outcome", "values", "sent"),
    [
        (Outcome.OK, {"bytes_used": 5, "sent": 9}, 5),
        (Outcome.OK, {"sent_bytes": 5, "rcvd_bytes": 7}, 7),
        (Outcome.LOST, {}, None),
        (Outcome.LOCAL, {}, None),
        (Outcome.REFUSED, {}, 0),
        (Outcome.UNRESOLVED, {}, 0),
    ],
)
def test_what_was_sent_is_told_or_taken_for_all(outcome: Outcome, values: dict[str, int], sent: int | None) -> None:
    assert sent_bytes(Measurement("heavy", "t", 1, 1.0, outcome, dict(values))) == sent


def test_heavy_kinds_may_tell_of_runs_put_off_and_no_others() -> None:
    deferrable = {name for name, fields in registry().items() if "deferred" in {one.name for one in fields}}
    assert deferrable == {PREFIX + name for name in catalog.names() if catalog.load(name).cost} != set()


def test_a_fault_of_ours_in_what_a_run_may_cost_puts_it_off_and_ends_no_other_check(tmp_path: Path) -> None:
    def broken(settings: Any) -> Cost:
        raise ZeroDivisionError

    one = check("c1-heavy", "far", kind="heavy", every_s=60)
    kind, told = replace(Told().kinds()["heavy"], cost=broken), list[Measurement]()
    runner = Runner(config(tmp_path, "", one), {"heavy": kind}, Frontier(), lambda _, got: told.append(got))
    asyncio.run(runner._run(kind, one))
    assert [(got.outcome, got.values) for got in told] == [(Outcome.LOCAL, {"deferred": 1})]
