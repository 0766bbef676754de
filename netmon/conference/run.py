"""Climbs the ladders of all rooms at once: first what only asks, then calls and streams, never more than the budget."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from netmon.conference.plan import Seat
from probes import catalog
from probes.base import Measurement, Outcome, Target
from probes.clean import clean
from probes.errors import BadSettings, BadTarget, ProbeError
from probes.kinds.room.settings import RoomSettings

log = logging.getLogger("netmon.conference")
_AT_ONCE = 32  # ladders that only ask
_FEWER = 3  # a second try has a third of the streams
_LATE = "no time was left for it"
_STAGGER_S = 0.02  # between the first steps of two rooms


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """How rooms are tried. `settings`: those of the kind `room` that are the same for all; `streams`: calls and streams that run
    at the MCU's side at one time; `spared`: rooms that are only asked; `until_s`: no climb begins after this (monotonic)."""

    settings: RoomSettings = RoomSettings()
    streams: int = 12
    call: bool = True
    quality: bool = True
    spared: Collection[str] = ()
    until_s: float = math.inf


@dataclass(frozen=True, slots=True)
class NoAddress:
    """A room that nobody can call: its line in the inventory has no address, or one that is none. `why` says which."""

    why: str


Result = Measurement | NoAddress
OnResult = Callable[[Seat, Result], None]


class RoomRun:
    """One run over all seats. `live`: rooms in use at the moment, asked before each call; `busiest`: the most streams that
    ran at one time; `spared`: rooms that came into use before their turn."""

    def __init__(
        self, seats: Sequence[Seat], plan: RunPlan, on_result: OnResult, live: Callable[[], Collection[str]] = frozenset
    ) -> None:
        self._seats, self._plan, self._on_result, self._live = seats, plan, on_result, live
        self.spared: set[str] = set()
        self._streams = 0
        self._unsure: list[Seat] = []
        self.busiest = 0
        self.results: dict[str, Result] = {}

    async def run(self) -> dict[str, Result]:
        """Every seat's measurement by its room, or why there is none. Never raises for a room."""
        asking, streaming = asyncio.Semaphore(_AT_ONCE), asyncio.Semaphore(max(1, self._plan.streams))
        async with asyncio.TaskGroup() as tasks:
            for number, seat in enumerate(self._seats):
                tasks.create_task(self._one(seat, number * _STAGGER_S, asking, streaming))
        await self._again()
        for seat in self._unsure:
            self._on_result(seat, self.results[seat.room])
        return self.results

    async def _again(self) -> None:
        """Where this machine was too busy to say anything: once more, with fewer at one time."""
        fewer = asyncio.Semaphore(max(1, self._plan.streams // _FEWER))
        async with asyncio.TaskGroup() as tasks:
            for number, seat in enumerate(self._unsure):
                tasks.create_task(self._once_more(seat, number * _STAGGER_S, fewer))

    async def _once_more(self, seat: Seat, after_s: float, fewer: asyncio.Semaphore) -> None:
        await asyncio.sleep(after_s)
        self.results[seat.room] = await self._streaming(seat, fewer) or self.results[seat.room]

    async def _one(self, seat: Seat, after_s: float, asking: asyncio.Semaphore, streaming: asyncio.Semaphore) -> None:
        if not seat.target:
            self._done(seat, NoAddress("no address in the inventory"))
            return
        await asyncio.sleep(after_s)
        async with asking:
            try:
                got = await self._climb(seat, heavy=False)
            except BadTarget as fault:
                self._done(
                    seat, NoAddress(f"{clean(seat.target, 80)!r} in the inventory is no address: {clean(str(fault))}")
                )
                return
        if got.outcome is Outcome.OK and self._is_heavy(seat):
            got = await self._streaming(seat, streaming) or got
            if got.outcome is Outcome.LOCAL:
                self.results[seat.room] = got
                self._unsure.append(seat)
                return
        self._done(seat, got)

    async def _streaming(self, seat: Seat, slots: asyncio.Semaphore) -> Measurement | None:
        """The whole ladder; None when the room came into use while it waited for its turn."""
        async with slots:
            if seat.room in self._live():
                self.spared.add(seat.room)
                return None
            self._streams += 1
            self.busiest = max(self.busiest, self._streams)
            try:
                return await self._climb(seat, heavy=True)
            finally:
                self._streams -= 1

    def _is_heavy(self, seat: Seat) -> bool:
        plan = self._plan
        is_heavy = (plan.call and "@" in seat.target) or (plan.quality and bool(seat.responder))
        return is_heavy and seat.room not in plan.spared

    def _done(self, seat: Seat, got: Result) -> None:
        self.results[seat.room] = got
        self._on_result(seat, got)

    async def _climb(self, seat: Seat, *, heavy: bool) -> Measurement:
        """The ladder, or a fault of ours as one. Raises `BadTarget` for an address of a room that is none."""
        plan, kind = self._plan, catalog.load("room")
        at_ns = time.time_ns()
        if time.monotonic() >= plan.until_s:
            return Measurement("room", seat.target, at_ns, 0.0, Outcome.LOCAL, {}, _LATE)
        try:
            settings = replace(
                plan.settings,
                alias=seat.alias,
                call=heavy and plan.call and "@" in seat.target,
                responder=seat.responder if heavy and plan.quality else "",
            )
            return await kind.run(Target(seat.target), settings, 1)
        except BadTarget as fault:
            if not heavy:  # its own address is read first
                raise
            why = f"responder: {clean(str(fault))}"
        except (BadSettings, ProbeError, OSError) as fault:
            why = clean(str(fault))
        except Exception as fault:  # a fault of ours in one room's ladder must not stop the others
            log.exception("%s failed: this is a fault of netmon, please report it", seat.room)
            why = clean(repr(fault))
        return Measurement("room", seat.target, at_ns, 0.0, Outcome.LOCAL, {}, why)
