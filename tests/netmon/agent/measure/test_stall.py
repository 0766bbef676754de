"""A run that failed while our own loop stood still says nothing about its target."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from agenthub import Told, check, config

from netmon.agent.heavy.permit import Permit
from netmon.agent.measure.frontier import Frontier
from netmon.agent.measure.runner import Runner
from netmon.agent.measure.stall import StallWatch, discount_stall, min_stall_s
from probes.base import Measurement, Outcome, Target


def _measured(outcome: Outcome) -> Measurement:
    values: dict[str, int | float] = {"sent": 1, "rcvd": int(outcome is Outcome.OK), "connect_ms": 900.0}
    return Measurement("tcp", "t", 1, 1.0, outcome, values, "" if outcome is Outcome.OK else "nothing came")


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.REFUSED, Outcome.PROTOCOL, Outcome.UNRESOLVED])
def test_what_failed_while_we_stood_still_is_our_own_fault_and_measured_nothing(outcome: Outcome) -> None:
    told = discount_stall(_measured(outcome), 3.0, 2.0)
    assert (told.outcome, told.values) == (Outcome.LOCAL, {}) and "stood still for 3.0 s" in told.why
    assert discount_stall(_measured(outcome), 0.1, 2.0) == _measured(outcome)


def test_a_target_that_answered_stays_answered_without_a_time() -> None:
    told = discount_stall(_measured(Outcome.OK), 3.0, 2.0)
    assert (told.outcome, told.values) == (Outcome.OK, {"sent": 1, "rcvd": 1})


def test_how_long_we_may_stand_still_follows_the_timeout() -> None:
    assert [min_stall_s(one) for one in (0.0, 0.05, 1.0, 60.0)] == [0.5, 0.1, 0.25, 0.5]


def _stood(run: Callable[[], Awaitable[None]]) -> float:
    async def main() -> float:
        with StallWatch().watching() as stood_s:
            await run()
            return stood_s()

    return asyncio.run(main())


def test_a_loop_that_is_burnt_is_seen_whenever_it_happens() -> None:
    async def burnt_early() -> None:
        time.sleep(0.7)
        await asyncio.sleep(0.3)

    async def burnt_at_the_end() -> None:
        await asyncio.sleep(0.15)
        time.sleep(0.7)

    async def calm() -> None:
        await asyncio.sleep(0.2)

    assert 0.5 < _stood(burnt_early) < 3 and 0.5 < _stood(burnt_at_the_end) < 3 and _stood(calm) < 0.5


def test_an_idle_loop_has_no_beat() -> None:
    async def main() -> tuple[bool, bool]:
        beat = StallWatch()
        with beat.watching(), beat.watching():
            going = beat._next is not None
        return going, beat._next is None

    assert asyncio.run(main()) == (True, True)


class _Slow:
    """In place of the gate: while it is asked, the loop stands still."""

    async def ask(self, check: str, cost: object) -> Permit:
        await asyncio.sleep(0.15)
        time.sleep(0.8)
        return Permit(5.0, lambda used: None)


def test_a_standstill_before_a_heavy_run_began_says_nothing_of_its_result(tmp_path: Path) -> None:
    async def run(target: Target, settings: object, count: int) -> Measurement:
        return _measured(Outcome.LOST)

    one = check("heavy", "far", kind="heavy", every_s=60)
    kind = replace(Told().kinds()["heavy"], run=run)
    told = list[Measurement]()
    runner = Runner(config(tmp_path, "http://hub", one), {"heavy": kind}, Frontier(), lambda _, got: told.append(got))
    runner._gate = _Slow()  # type: ignore[assignment]
    asyncio.run(runner._run(kind, one))
    assert [got.outcome for got in told] == [Outcome.LOST]
