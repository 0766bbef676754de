"""Rehearses the inventory's conferences when their time comes, keeps what came out with its pages, and shows it.

A result and its pages are one transaction: a hub that is killed in between makes the run anew and owes the same pages.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from inventory.model import Conference
from inventory.topology import Network
from netmon import readiness
from netmon.config.hub import HubConfig
from netmon.hub.conference import child, page
from netmon.hub.conference.child import RehearsalFailed
from netmon.hub.conference.schedule import Key, PlannedStage, Schedule, startable
from netmon.hub.conference.tables import ConferenceTables, KeptStage
from netmon.process.troubles import Troubles
from netmon.readiness import RunResult
from probes.clean import clean

log = logging.getLogger("netmon.hub")
Row = dict[str, Any]
AFTER = "after"  # the stage that keeps what happened
SETTLED_S = 60.0  # the last incident of a conference may be told so long after its end
KNOWN_S = 20 * 3600.0  # and is known for a day
LOOK_S = 5.0  # between two looks at the clock, which may be set
AGAIN_S = 10.0
TRIES = 2
KEEPING = "rehearsals: keeping"
CLEAR_S = 200.0  # a heavy test that runs already is waited for, so long at most
SPARE_S = 30.0  # and no longer than this before it is too late


class Links(Protocol):
    """What rehearsals need of the lease desk."""

    def hold(self, conference: str, until_s: float) -> float:
        """Keep its links free of heavy tests; how long those that run there run on, at most."""

    def let_go(self, conference: str) -> None:
        """No more."""


class Rehearsals:
    """`run()` rehearses until cancelled; the views may be asked from any thread."""

    def __init__(
        self,
        config: HubConfig,
        network: Network,
        tables: ConferenceTables,
        links: Links,
        on_owed: Callable[[], None],
        incidents: Callable[[], Iterable[Mapping[str, Any]]] = tuple,
        clock_s: Callable[[], float] = time.time,
        troubles: Troubles | None = None,
    ) -> None:
        self._troubles = troubles or Troubles()
        self._config, self._network, self._tables, self._links = config, network, tables, links
        self._on_owed, self._incidents, self._clock_s = on_owed, incidents, clock_s
        terms = config.conferences
        conferences = network.inventory.conferences if terms.enabled else ()
        self._schedule = Schedule(conferences, terms.stages, light=terms.light)
        self._lock = threading.Lock()
        self._stages: dict[Key, KeptStage] = {
            (stage.conference, stage.starts_ms, stage.stage): stage for stage in tables.stages()
        }
        self._given_up = set[Key]()
        self._running: dict[PlannedStage, asyncio.Task[None]] = {}
        self._ended: asyncio.Event | None = None
        self._touch: dict[str, dict[str, list[str]]] = {}

    # --- running ---

    async def run(self) -> None:
        """Look, start what is due, wait."""
        self._ended = asyncio.Event()
        try:
            while True:
                self._ended.clear()
                with self._troubles.turn("rehearsals"):  # a hub that cannot rehearse is worth more than no hub
                    await self._look(self._clock_s())
                now_s = self._clock_s()
                wake_s = self._schedule.wake_s(now_s)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S if wake_s is None else min(LOOK_S, max(0.05, wake_s - now_s))):
                        await self._ended.wait()
        finally:
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, now_s: float) -> None:
        """What is over is remembered, what is due begins."""
        await self._remember(now_s)
        for run in startable(self._schedule.due(now_s, self._done()), list(self._running), now_s):
            self._running[run] = asyncio.create_task(self._one(run), name=f"rehearsal of {run.conference}")

    def _done(self) -> set[Key]:
        """Stages that are not made any more; a thread may be keeping another one just now."""
        with self._lock:
            return self._stages.keys() | self._given_up

    async def _remember(self, now_s: float) -> None:
        """Keep the incidents that touched conferences which are over: a day later the hub knows them no more."""
        for conference in self._network.inventory.conferences:
            ends_s, key = conference.ends.at_s, (conference.id, round(conference.starts.at_s * 1000), AFTER)
            if ends_s + SETTLED_S <= now_s < ends_s + KNOWN_S and key not in self._stages:
                touching = self._touching(conference, (row for row in self._incidents() if _overlaps(row, conference)))
                stage = KeptStage(*key, round(now_s * 1000), round(ends_s * 1000), {})
                result = {"stage": AFTER, "at_ms": stage.at_ms, "rooms": [], "incidents": touching}
                raw = json.dumps(result, ensure_ascii=False).encode("utf-8", "replace")
                try:
                    await asyncio.to_thread(self._tables.keep, stage, raw, (), now_ms=stage.at_ms)
                except sqlite3.Error as fault:
                    log.error("incidents of conference %s cannot be kept yet: %s", conference.id, fault)
                    continue
                with self._lock:
                    self._stages[key] = stage

    async def _one(self, run: PlannedStage) -> None:
        log.info("conference %s is rehearsed (%s)", run.conference, run.stage)
        try:
            await self._rehearse_and_keep(run)
        except Exception as fault:  # a hub that cannot rehearse one conference is worth more than no hub
            self._troubles.crashed(f"rehearsal of {run.conference}", fault)
            self._given_up.add(run.key)
        finally:
            self._links.let_go(run.conference)
            self._running.pop(run, None)
            if self._ended is not None:
                self._ended.set()

    async def _rehearse_and_keep(self, run: PlannedStage) -> None:
        result = await self._result(run)
        while True:
            try:
                await asyncio.to_thread(self.settle, run, result, self._clock_s())
                self._troubles.well(KEEPING)
                return
            except sqlite3.Error as fault:
                self._troubles.tell(
                    KEEPING, f"a rehearsal cannot be kept ({fault}): no page goes out until the disk takes it"
                )
                await asyncio.sleep(LOOK_S)

    async def _result(self, run: PlannedStage) -> RunResult:
        """What the run told; without rooms and with `failed` when it told nothing."""
        why = ""
        for number in range(TRIES):
            if number:
                await asyncio.sleep(AGAIN_S)
                if self._clock_s() >= run.until_s:
                    break
            try:
                return await self._try(run)
            except RehearsalFailed as fault:
                why = str(fault)
                log.error("conference %s, %s: %s", run.conference, run.stage, why)
                if not fault.again:
                    break
            except Exception as fault:  # a conference nobody could rehearse is told, whosever fault it is
                self._troubles.crashed(f"rehearsal of {run.conference}", fault)
                why = f"a fault of netmon: {clean(repr(fault), 200)}"
        return {
            "failed": why,
            "rooms": [],
            "causes": [],
            "summary": readiness.counted(()),
            "light": not run.call_s(self._clock_s()),
        }

    async def _try(self, run: PlannedStage) -> RunResult:
        terms = self._config.conferences
        conference = self._network.conference(run.conference)
        assert conference is not None
        limit_s = child.longest_s(len(conference.rooms), terms)
        await self._clear(run, limit_s, wait=run.call_s(self._clock_s()) > 0)
        may_call_s = run.call_s(self._clock_s())
        limit_s = min(limit_s, may_call_s) if may_call_s else limit_s
        lang, light = self._config.lang, not may_call_s
        words = child.command(self._config.inventory, run.conference, terms, lang, light=light, limit_s=limit_s)
        return {**await child.run(words, limit_s), "light": light, "stage": run.stage}

    async def _clear(self, run: PlannedStage, limit_s: float, *, wait: bool) -> None:
        """Keep its links free from now on, and wait for heavy tests that run there: they would spoil what is measured."""
        now_s = self._clock_s()
        end_s = min(now_s + CLEAR_S, run.until_s - SPARE_S)
        while await asyncio.to_thread(self._links.hold, run.conference, now_s + CLEAR_S + limit_s):
            if not wait or self._clock_s() >= end_s:
                return
            await asyncio.sleep(1.0)

    # --- keeping ---

    def settle(self, run: PlannedStage, result: RunResult, now_s: float) -> None:
        """Keep a result and owe its pages, at once or not at all. Waits for the disk; raises `sqlite3.Error`."""
        id, starts_ms, stage = run.key
        known = self._of(id, starts_ms)
        earlier = next((kept for kept in reversed(known) if not kept.brief["failed"]), None)
        before = None if earlier is None else json.loads(self._tables.result(earlier))
        if not result.get("failed"):
            result = readiness.carried(before, result)
        at_ms = round(now_s * 1000)
        about = page.page_object(run, result, before, self._owner(id), at_ms)
        pages = []
        is_first = not known or bool(known[-1].brief["failed"])  # of those that could be made: that page must end
        if page.is_worth_it(about, first=is_first, last=run.last):
            key = f"conference:{id}:{starts_ms}:{stage}"
            config = self._config
            pages = page.pages(about, result, before, config.receivers, config.name, config.lang, key)
        brief = {key: about[key] for key in ("summary", "failed", "light", "vi", "en")}
        brief |= {f"{key}_count": about["delta"][f"{key}_count"] for key in ("worse", "better", "still")}
        kept_stage = KeptStage(id, starts_ms, stage, at_ms, round(run.ends_s * 1000), brief)
        whole = {**result, "stage": stage, "at_ms": at_ms, "delta": about["delta"]}
        self._tables.keep(
            kept_stage, json.dumps(whole, ensure_ascii=False).encode("utf-8", "replace"), pages, now_ms=at_ms
        )
        with self._lock:
            self._stages[run.key] = kept_stage
        log.info("%s", about["en"])
        self._on_owed()

    def _owner(self, conference: str) -> str:
        """Who answers for its first MCU."""
        known = self._network.conference(conference)
        return self._network.about(f"mcu:{known.mcus[0]}").owner if known and known.mcus else ""

    # --- showing ---

    def rows(self) -> list[Row]:
        """All conferences: those that go on, those to come, those that are over."""
        now_s = self._clock_s()
        order = {"live": 0, "upcoming": 1, "over": 2}
        rows = [self._row(conference, now_s) for conference in self._network.inventory.conferences]
        return sorted(rows, key=lambda row: (order[row["state"]], row["starts_ms"], row["id"]))

    def _row(self, conference: Conference, now_s: float) -> Row:
        starts_s, ends_s = conference.starts.at_s, conference.ends.at_s
        state = "upcoming" if now_s < starts_s else "live" if now_s < ends_s else "over"
        coming = self._schedule.next_of(conference.id, now_s, self._done())
        stages = [self._stage(stage) for stage in self._of(conference.id, round(conference.starts.at_s * 1000))]
        running = next((run.stage for run in list(self._running) if run.conference == conference.id), "")
        return {
            "id": conference.id,
            "name": conference.name,
            "starts_ms": round(starts_s * 1000),
            "ends_ms": round(ends_s * 1000),
            "state": state,
            "rooms": len(conference.rooms),
            "mcus": list(conference.mcus),
            "running": running,
            "last": stages[-1] if stages else None,
            "next": None if coming is None else {"stage": coming.stage, "at_ms": round(coming.due_s * 1000)},
        }

    def _of(self, id: str, starts_ms: int) -> list[KeptStage]:
        """Rehearsals of one conference, the oldest first."""
        with self._lock:
            stages = list(self._stages.items())
        kept = [stage for key, stage in stages if key[:2] == (id, starts_ms) and key[2] != AFTER]
        return sorted(kept, key=lambda stage: stage.at_ms)

    def _stage(self, stage: KeptStage) -> Row:
        return {"stage": stage.stage, "at_ms": stage.at_ms, **stage.brief}

    def live(self, id: str, incidents: Iterable[Mapping[str, Any]]) -> Row:
        """One conference with its stages, and the open incidents that touch its rooms. `KeyError` when unknown."""
        conference = self._network.conference(id)
        if conference is None:
            raise KeyError(id)
        stages = [self._stage(stage) for stage in self._of(conference.id, round(conference.starts.at_s * 1000))]
        touching = self._touching(conference, (row for row in incidents if row["state"] == "open"))
        return self._row(conference, self._clock_s()) | {"stages": stages, "incidents": touching}

    def whole(self, id: str) -> list[tuple[str, bytes]]:
        """Each stage and the JSON of its whole result, the oldest first, at last (a minute after its end) `after`, the
        incidents that touched it. Waits for the disk. `KeyError` when unknown."""
        conference = self._network.conference(id)
        if conference is None:
            raise KeyError(id)
        return self._tables.results(id, round(conference.starts.at_s * 1000))

    def _touching(self, conference: Conference, incidents: Iterable[Mapping[str, Any]]) -> list[Row]:
        behind, touching = self._behind(conference.id), []
        for row in incidents:
            rooms = behind.get(row["element"], [])
            if rooms:
                touching.append(dict(row) | {"rooms": rooms})
        return sorted(touching, key=lambda row: -len(row["rooms"]))

    def _behind(self, id: str) -> dict[str, list[str]]:
        """Element → rooms of a conference whose way to their MCU crosses it."""
        if id not in self._touch:
            behind: dict[str, list[str]] = {}
            for way in self._network.routes(id):
                if way.room.startswith("room:"):
                    for element in self._network.between(way.room, way.mcu):
                        behind.setdefault(element, []).append(way.room.removeprefix("room:"))
            self._touch[id] = behind
        return self._touch[id]


def _overlaps(row: Mapping[str, Any], conference: Conference) -> bool:
    resolved_ms = row["resolved_ms"]
    is_over = resolved_ms is not None and resolved_ms <= conference.starts.at_s * 1000
    return row["first_miss_ms"] < conference.ends.at_s * 1000 and not is_over
