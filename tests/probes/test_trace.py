"""What happens in a run is kept for whoever asks, and for nobody else."""

from __future__ import annotations

import asyncio

from probes import trace


def _what(events: list[trace.Event]) -> list[str]:
    return [one.what for one in trace.in_order(events)]


def test_nothing_is_kept_when_nobody_asks() -> None:
    trace.note("sent")
    with trace.recording() as events:
        assert trace.is_on()
    trace.note("received")
    assert events == [] and not trace.is_on()


def test_events_stand_in_the_order_of_their_times_and_not_of_their_noting() -> None:
    with trace.recording() as events:
        trace.note("received", at_ns=30)
        trace.note("sent", at_ns=10)
        trace.note("left", "by the kernel's stamp", at_ns=20)
    assert _what(events) == ["sent", "left", "received"] and events[0].at_ns == 30


def test_readers_timers_and_tasks_of_the_run_note_into_its_list() -> None:
    async def run() -> None:
        asyncio.get_running_loop().call_later(0.01, trace.note, "timer")
        await asyncio.create_task(_noted("task"))
        await asyncio.sleep(0.05)

    async def _noted(what: str) -> None:
        trace.note(what)

    with trace.recording() as events:
        asyncio.run(run())
    assert _what(events) == ["task", "timer"]


def test_two_runs_side_by_side_keep_their_own() -> None:
    async def one(name: str) -> list[str]:
        with trace.recording() as events:
            for _ in range(3):
                trace.note(name)
                await asyncio.sleep(0)
        return _what(events)

    async def both() -> list[list[str]]:
        return await asyncio.gather(one("a"), one("b"))

    assert asyncio.run(both()) == [["a"] * 3, ["b"] * 3]


def test_a_run_of_millions_keeps_the_first_events() -> None:
    with trace.recording() as events:
        for _ in range(trace.MAX_EVENTS + 5):
            trace.note("sent")
    assert len(events) == trace.MAX_EVENTS
