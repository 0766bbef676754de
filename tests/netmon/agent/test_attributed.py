"""A point says when it was not the far host that refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from agenthub import check, config

from netmon.agent.measure.frontier import Frontier
from netmon.agent.measure.runner import Runner, attributed
from netmon.config.agent import CheckConfig
from netmon.fields import registry
from probes.base import Kind, Measurement, Outcome, Target
from probes.wire.icmp.fault import icmp_fault

HOST, ROUTER = "192.0.2.1", "192.0.2.254"


def refused(by: str, code: int) -> Measurement:
    fault = icmp_fault(HOST, by, 3, code)
    assert fault is not None
    return Measurement("ping", HOST, 0, 1.0, fault.outcome, {"sent": 1, "rcvd": 0}, fault.why)


@pytest.mark.parametrize(
    ("by", "code", "by_another"),
    [(ROUTER, 0, True), (ROUTER, 1, True), (ROUTER, 13, True), (ROUTER, 3, False), (HOST, 3, False), (HOST, 10, False)],
)
def test_a_refusal_by_a_router_bears_its_mark(by: str, code: int, by_another: bool) -> None:
    assert ("by_another" in attributed(refused(by, code)).values) == by_another


def test_an_answer_bears_no_mark_and_every_kind_knows_the_field() -> None:
    fine = Measurement("ping", HOST, 0, 1.0, Outcome.OK, {"sent": 1, "rcvd": 1})
    assert attributed(fine) is fine
    assert all("by_another" in {field.name for field in fields} for fields in registry().values())


def test_the_runner_marks_what_it_tells(tmp_path: Path) -> None:
    told: asyncio.Queue[Measurement] = asyncio.Queue()

    async def run(target: Target, settings: object, count: int) -> Measurement:
        return refused(ROUTER, 0)

    def hear(check: CheckConfig, got: Measurement) -> None:
        told.put_nowait(got)

    async def main() -> Measurement:
        one = config(tmp_path, "", check("l", "a", kind="light"))
        running = asyncio.create_task(Runner(one, {"light": Kind("light", object, (), run)}, Frontier(), hear).run())
        got = await asyncio.wait_for(told.get(), 10)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return got

    assert asyncio.run(main()).values["by_another"] == 1
