"""The path is looked at while it breaks: at once, not again within a minute, and beside its schedule."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import simulated
from agenthub import Told, check, config

from netmon.agent.measure import schedule
from netmon.agent.measure.frontier import Frontier
from netmon.agent.measure.runner import Runner
from netmon.agent.measure.triggers import Triggers, host_of
from netmon.config.agent import CheckConfig
from probes.base import Kind, Measurement, Outcome, Target

OK, LOST, LOCAL = Outcome.OK, Outcome.LOST, Outcome.LOCAL
PATH = check("path", "mcu.example:5060", kind="path", every_s=300)


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("10.1.1.1", "10.1.1.1"),
        ("Mcu.Example:5060", "mcu.example"),
        ("[2001:db8::1]:862", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("https://portal.example:8443/login?to=a@b", "portal.example"),
        ("sip:room1@mcu.example:5061;transport=tls", "mcu.example"),
        ("room1@mcu.example", "mcu.example"),
        ("", ""),
        ("a b", ""),
    ],
)
def test_the_host_of_any_kind_of_target_is_known(target: str, host: str) -> None:
    assert host_of(target) == host


def test_a_path_follows_the_checks_of_its_own_host_or_those_it_names() -> None:
    sip, web = check("sip", "sip:room@mcu.example"), check("web", "http://portal.example/")
    other = replace(PATH, check="other", target="10.9.9.9", run_when=("web",))
    hurry = Triggers([sip, web, PATH, other, check("host", "", kind="host")])
    for name in ("sip", "web", "host", "path"):
        assert hurry.note(name, OK, 0.0) == []
    assert hurry.note("sip", LOST, 1.0) == ["path"]
    assert hurry.note("web", LOST, 1.0) == ["other"]
    assert hurry.note("host", LOST, 1.0) == [] == hurry.note("path", LOST, 1.0)


def test_only_the_first_failure_after_a_success_hurries_and_once_a_minute_at_most() -> None:
    hurry = Triggers([check("sip", "mcu.example"), PATH])
    told = [(0, LOST), (1, OK), (2, LOCAL), (3, LOST), (4, LOST), (5, OK), (6, LOST), (62, OK), (63, Outcome.REFUSED)]
    assert [at for at, outcome in told if hurry.note("sip", outcome, float(at))] == [3, 63]


def test_our_own_fault_neither_hurries_nor_makes_anybody_good_or_bad() -> None:
    hurry = Triggers([check("sip", "mcu.example"), PATH])
    told = [(0, OK), (1, LOCAL), (2, LOCAL), (3, LOST)]
    assert [at for at, outcome in told if hurry.note("sip", outcome, float(at))] == [3]


def _times(
    monkeypatch: pytest.MonkeyPatch, folder: Path, checks: list[CheckConfig], takes_s: float, for_s: float
) -> list[float]:
    """When the path check ran: the other one is good at first, and fails from second 100 on."""
    loop, ran = simulated.Loop(), list[float]()
    for module in ("runner", "stall"):
        monkeypatch.setattr(f"netmon.agent.measure.{module}.time", simulated.Time(loop))

    async def single(target: Target, settings: object, count: int) -> Measurement:
        outcome = OK if loop.time() < 100 else LOST
        return Measurement("single", target.text, int(loop.time() * 1e9), 1.0, outcome)

    async def path(target: Target, settings: object, count: int) -> Measurement:
        ran.append(loop.time())
        await asyncio.sleep(takes_s)
        return Measurement("path", target.text, int(loop.time() * 1e9), 1.0, OK)

    fields = Told().kinds()["single"].fields
    kinds = {name: Kind(name, object, fields, run) for name, run in (("single", single), ("path", path))}
    runner = Runner(config(folder, "http://hub", *checks), kinds, Frontier(), lambda check, measured: None)
    simulated.run(loop, runner.run(), for_s)
    return ran


def test_the_path_runs_when_the_check_fails_and_its_schedule_goes_on_as_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sip = check("sip", "mcu.example", kind="single", every_s=10)
    ran = _times(monkeypatch, tmp_path, [sip, PATH], 1.0, 1000.0)
    phase = schedule.phase_s("c1", "path", 300.0)
    planned = [at for at in ran if abs((simulated.START_S + at - phase + 1) % 300 - 1) < 0.1]
    hurried = [at for at in ran if at not in planned]
    assert len(planned) >= 3 and len(hurried) == 1 and 100 <= hurried[0] < 110.1


def test_a_path_in_flight_is_not_run_a_second_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sip = check("sip", "mcu.example", kind="single", every_s=10)
    ran = _times(monkeypatch, tmp_path, [sip, replace(PATH, every_s=50)], 45.0, 400.0)
    assert len(ran) >= 6 and all(later - one >= 45.0 for one, later in zip(ran, ran[1:], strict=False))


def test_a_turn_that_a_run_out_of_turn_overran_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sip = check("sip", "mcu.example", kind="single", every_s=10)
    ran = _times(monkeypatch, tmp_path, [sip, replace(PATH, every_s=80)], 30.0, 600.0)
    phase = schedule.phase_s("c1", "path", 80.0)
    late_s = [(simulated.START_S + at - phase + 1) % 80 - 1 for at in ran]
    assert sum(abs(one) > 0.1 for one in late_s) == 1 and len(ran) >= 6  # the hurried run alone is out of turn
