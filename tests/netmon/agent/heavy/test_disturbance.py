"""Light checks say when a heavy test of their own agent ran in their interval."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

from agenthub import check, config

from netmon.agent.heavy.disturbance import Disturbances
from netmon.agent.heavy.permit import Permit
from netmon.agent.measure.frontier import Frontier
from netmon.agent.measure.runner import Runner
from netmon.config.agent import CheckConfig
from netmon.fields import registry
from probes.base import Cost, Kind, Measurement, Outcome, Target

S = 1_000_000_000


def measured(at_s: float, took_s: float = 1.0) -> Measurement:
    return Measurement("ping", "t", round(at_s * S), took_s * 1000, Outcome.OK, {"sent": 1})


def test_only_intervals_that_meet_a_heavy_test_are_marked() -> None:
    now = [100.0]
    heavy = Disturbances(lambda: round(now[0] * S))
    assert heavy.mark(measured(99.0)).values == {"sent": 1}
    with heavy.running():
        now[0] = 103.0
        assert heavy.mark(measured(102.0)).values == {"sent": 1, "heavy": 1}
        assert heavy.mark(measured(98.0)).values == {"sent": 1}  # over before it began
        now[0] = 105.0
    told = {at_s: "heavy" in heavy.mark(measured(at_s)).values for at_s in (98.9, 99.1, 104.0, 105.4, 105.6, 200.0)}
    assert told == {98.9: False, 99.1: True, 104.0: True, 105.4: True, 105.6: False, 200.0: False}


def test_a_test_that_breaks_off_is_over_and_two_at_once_are_both_told() -> None:
    now = [10.0]
    heavy = Disturbances(lambda: round(now[0] * S))
    with heavy.running():
        try:
            with heavy.running():
                raise ValueError("broken")
        except ValueError:
            now[0] = 20.0
        assert "heavy" in heavy.mark(measured(20.0)).values
    now[0] = 30.0
    assert "heavy" not in heavy.mark(measured(29.0)).values


def test_every_light_kind_may_say_so_and_no_heavy_one() -> None:
    says = {name: "heavy" in {one.name for one in fields} for name, fields in registry().items()}
    assert says["netmon_ping"] and says["netmon_http"] and not says["netmon_capacity"] and not says["netmon_throughput"]


def test_the_runner_marks_light_runs_beside_a_heavy_one_and_not_the_heavy_one(tmp_path: Path) -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    async def heavy(target: Target, settings: object, count: int) -> Measurement:
        begun.set()
        await over.wait()
        return Measurement("heavy", "t", 0, 1.0, Outcome.OK, {"bytes_used": 1})

    async def light(target: Target, settings: object, count: int) -> Measurement:
        await begun.wait()
        return replace(measured(0.0), kind="light", at_ns=time.time_ns())

    kinds = {
        "light": Kind("light", object, (), light),
        "heavy": Kind("heavy", object, (), heavy, cost=lambda settings: Cost(1, 5.0)),
    }
    told: dict[str, Measurement] = {}
    one = config(tmp_path, "", check("l", "a", kind="light"), check("h", "a", kind="heavy"))

    class Gate:
        async def ask(self, name: str, cost: Cost) -> Permit:
            return Permit(5.0, lambda used: None)

    async def main() -> None:
        def hear(config: CheckConfig, got: Measurement) -> None:
            told.setdefault(config.check, got)
            if config.check == "l":
                over.set()

        runner = Runner(one, kinds, Frontier(), hear)
        runner._gate = Gate()  # type: ignore[assignment]
        running = asyncio.create_task(runner.run())
        async with asyncio.timeout(10):
            while len(told) < 2:
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())
    assert told["l"].values["heavy"] == 1 and "heavy" not in told["h"].values
