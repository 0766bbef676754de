"""From stored batches to incidents and pages: feeds the engine, lets blame decide each second, keeps what it decided.

A decision, its pages and the place where replay begins are one transaction. After a restart the last window is
replayed silently and what rules remembered is taken over, so that a restart changes nothing: the same outage is the same
incident, and nobody is paged twice or told that it is over.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from alerts.base import Topology
from alerts.engine.engine import Engine, no_conference
from alerts.incidents import Book, Change
from alerts.own_incident import OwnIncident, Trouble
from alerts.rules import Rule
from netmon.config.hub import HubConfig
from netmon.hub.incidents import rules_memory as memory
from netmon.hub.incidents.board import IncidentBoard
from netmon.hub.incidents.pages import Endangered, nothing_endangered
from netmon.hub.incidents.samples import samples
from netmon.hub.incidents.tables import IncidentTables
from netmon.hub.incidents.turns import Jump, ListenedTime
from netmon.hub.ingest.batch import Batch
from netmon.process.troubles import Troubles
from netmon.segments.position import Position

log = logging.getLogger("netmon.hub")
HORIZON_S = 120
KEEP_S = HORIZON_S + 30  # of batches that a restart must be able to read again
TICK_S = 1.0
MIN_TICK_S = 0.1  # between two ticks, however urgent
SAVE_S = 30.0  # position and memory are kept so often …
SAVE_SHARE = 0.005  # … and cost no more of the time than this
KEEPING = "incidents"  # the part of the hub that keeps them
REPLAYED_S = 10  # a pause between two writes that are read back counts for so long at most
REMEMBERING, LEARNING = "rules' memory", "rules' history"


class Evaluator:
    """See netmon/hub/hub.py for who calls what. `on_owed`: called when a tick owed pages or changed what people see."""

    def __init__(
        self,
        config: HubConfig,
        topology: Topology,
        rules: Sequence[Rule],
        tables: IncidentTables,
        folder: Path,
        troubles: Troubles | None = None,
        in_conference: Callable[[int], Container[str]] = no_conference,
        endangered: Endangered = nothing_endangered,
    ) -> None:
        """`tables`: what was kept; `folder`: of what rules remember; `in_conference`: see `Engine`; `endangered`: see `Pages`."""
        self._troubles = troubles or Troubles()
        self.on_owed: Callable[[], None] | None = None
        self._topology, self._rules, self._folder = topology, tuple(rules), folder
        self._listed = frozenset(topology.checks())
        room = len(self._listed) + len(topology.agent_names())
        self._engine = Engine(self._rules, horizon_s=HORIZON_S, in_conference=in_conference, room=room)
        self._book = Book(
            topology,
            {rule.name: frozenset(rule.kinds) for rule in self._rules},
            settle_ms=int(config.settle_s * 1000),
            window_ms=1000 * self._engine.window_s,
            known=tables.incidents(),
        )
        self.board = IncidentBoard(config, topology, self._book, tables, endangered)
        self._own = OwnIncident(f"hub:{config.name}", self._book.incidents)
        self._turns = ListenedTime()
        self._memory = memory.load(self._folder)  # until it is taken over
        self._recall_history()
        if self._memory is None:
            for incident in self._book.open():
                for _, agent in incident.members if incident.fault == "silence" else ():
                    self._engine.arrived(
                        agent, incident.first_miss_ms
                    )  # replay has nothing of an agent that is long dead
        self._kinds: dict[str, str] = {}
        self._queue: deque[Batch] = deque()
        self._heard = set[str]()  # agents whose writes were not taken since the last turn
        self._positions: deque[tuple[float, Position]] = deque()  # (listened so long at its arrival, position after it)
        self._start = self._saved = tables.position() if self._memory is None else self._memory.start
        self._fed = self._judged = self._start  # up to which batches were taken in, and what memory is of
        self._save_at_s = SAVE_S
        self._accepted_values = self._fed_values = 0  # each is counted by one thread
        self._replayed_s = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._awake: asyncio.Event | None = None
        self._ticks, self._tick_ms = 0, 0.0

    # --- start ---

    def start_position(self) -> Position:
        """Where replay begins."""
        return self._saved

    def replay(self, batch: Batch) -> None:
        """Take an old batch in, silently; conditions that last are followed as they were."""
        if self._memory is not None and batch.position > self._memory.judged:
            self._recall(self._memory)
        second = batch.header.arrived_ns // 1_000_000_000
        self._turns.listened_s += min(max(0, second - self._replayed_s), REPLAYED_S) if self._replayed_s else 0
        self._feed(batch, batch.header.arrived_ns // 1_000_000)
        if second != self._replayed_s:  # a clock that was set back is none of the rules' business
            self._replayed_s = second
            self._engine.assess(second * 1000)

    def caught_up(self, now_s: float) -> None:
        """From now on it decides."""
        if self._memory is not None:
            self._recall(self._memory)
        elif self._replayed_s:
            for incident in self._book.open():
                self._engine.believe(incident.members, incident.first_miss_ms)
        if self._replayed_s:
            self._turns.begin(self._replayed_s)
        self._turn(now_s)
        for incident in self._book.open():
            for rule, agent in incident.members if incident.fault == "silence" and self._replayed_s else ():
                self._engine.stays_silent(rule, agent, incident.first_miss_ms, int(now_s * 1000))
        self._engine.expect(self._topology.agent_names(), int(now_s * 1000))
        self._save_at_s = self._turns.listened_s + SAVE_S
        with self.board.lock:
            self.board.show(now_s)

    def _recall(self, remembered: memory.Remembered) -> None:
        """What was remembered holds up to here; what follows is judged as it was."""
        self._memory = None
        self._engine.assess(int(remembered.at_s * 1000))
        self._replayed_s = int(remembered.at_s)
        try:
            self._engine.recall(remembered.engine, lambda agent: bool(self._topology.site_of(agent)))
            self._book.recall(remembered.book)
        except (KeyError, ValueError, TypeError, IndexError) as fault:
            self._troubles.tell(REMEMBERING, f"it is damaged ({fault}): rules remember what the last minutes say")

    def _recall_history(self) -> None:
        """What was learnt over weeks. A history that is damaged is learnt anew."""
        history = memory.load_history(self._folder)
        if history is not None:
            try:
                self._engine.long_term.recall(history.words["checks"], history.arrays)
            except (KeyError, ValueError, TypeError, AttributeError) as fault:
                self._troubles.tell(LEARNING, f"it is damaged ({fault}): what is usual is learnt anew")

    def _keep_history(self) -> None:
        """Once an hour, when rules ask for weeks."""
        if not self._engine.long_term.is_due:
            return
        self._engine.long_term.is_due = False
        try:
            memory.save_history(self._folder, self._engine.long_memory())
        except OSError as fault:
            self._troubles.tell(LEARNING, f"it cannot be written ({fault}): a restart forgets the last hours")
        else:
            self._troubles.well(LEARNING)

    def _turn(self, now_s: float, steady_s: float | None = None) -> None:
        """Time passed. What was not the network's is nobody's silence."""
        jump = self._turns.turn(now_s, steady_s)
        if jump is not None:
            self._jumped(jump, int(now_s * 1000))

    def _jumped(self, jump: Jump, now_ms: int) -> None:
        if jump.is_pause:
            log.warning("the hub did not listen, or its clock was set (%.1f s): silence counts from now", jump.seconds)
        ms = int(jump.seconds * 1000)
        self._engine.jumped(ms, now_ms, is_pause=jump.is_pause, is_step=jump.is_step)
        with self.board.lock:
            self._book.jumped(ms, now_ms, is_pause=jump.is_pause)
            if jump.is_step:
                self.board.move_silences(jump.seconds)

    # --- what comes in ---

    def accept(self, batch: Batch) -> None:
        """Take a stored batch; judged at the next tick, at once when urgent. From any thread; cheap."""
        self._accepted_values += _values(batch)
        self._queue.append(batch)
        if batch.header.urgent:
            self._wake()

    def heard(self, agent: str) -> None:
        """An agent wrote what was not taken: it is not silent. From any thread; cheap."""
        self._heard.add(agent)

    def unjudged(self) -> int:
        """How many values wait for the next tick."""
        return self._accepted_values - self._fed_values

    def _wake(self) -> None:
        loop, awake = self._loop, self._awake
        if loop is not None and awake is not None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(awake.set)

    def _feed(self, batch: Batch, now_ms: int) -> None:
        self._positions.append((self._turns.listened_s, batch.position))
        self._fed = batch.position
        if batch.header.agent:
            self._engine.arrived(batch.header.agent, min(now_ms, batch.header.arrived_ns // 1_000_000))
        if batch.header.agent and batch.header.ahead_ms is not None:
            self._engine.clock(batch.header.agent, batch.header.ahead_ms)
        if batch.header.backfill:
            return
        newest: dict[str, int] = {}
        for sample in samples(batch):
            newest[sample.agent] = max(newest.get(sample.agent, 0), sample.time_ms)
            if sample.check == "-":
                self._engine.add(sample)
            elif sample.check in self._listed:  # nobody speaks for what the inventory does not know
                self._engine.add(sample)
                self._kinds[sample.check] = sample.kind
        if batch.header.frontier_ms is not None:
            self._engine.frontier(batch.header.agent, batch.header.frontier_ms)
            return
        for agent, at_ms in newest.items():  # a writer that says no frontier: complete up to its newest point
            self._engine.frontier(agent, at_ms)

    # --- the loop ---

    async def run(self) -> None:
        """Decide once a second, until cancelled."""
        self._loop, self._awake = asyncio.get_running_loop(), asyncio.Event()
        pool = ThreadPoolExecutor(1, "evaluate")
        try:
            while True:
                began_s = self._loop.time()
                await self._loop.run_in_executor(pool, self._guarded_tick)
                left_s = max(MIN_TICK_S, TICK_S - (self._loop.time() - began_s))
                await asyncio.sleep(MIN_TICK_S)
                with suppress(TimeoutError):
                    async with asyncio.timeout(left_s - MIN_TICK_S):
                        await self._awake.wait()
                self._awake.clear()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _guarded_tick(self) -> None:
        """A hub that stores but cannot judge one tick is worth more than no hub."""
        try:
            self.tick(time.time(), time.monotonic())
        except sqlite3.Error as fault:
            self._troubles.tell(
                KEEPING, f"incidents cannot be kept ({fault}): no page goes out until the disk takes them"
            )
        except Exception as fault:  # as in `_judge`
            self._troubles.crashed(KEEPING, fault)
        else:
            self._troubles.well(KEEPING)

    def tick(self, now_s: float, steady_s: float | None = None) -> None:
        """One turn: judge, keep, show. `steady_s`: a clock nobody sets, where there is one. Raises `sqlite3.Error`; then
        the next turn keeps it."""
        began = time.perf_counter()
        now_ms = int(now_s * 1000)
        self._turn(now_s, steady_s)
        board, is_new = self.board, False
        with board.lock:
            for change in [*self._judge(now_ms), *self._of_hub(now_ms)]:
                incident = change.incident
                board.unkept[incident.id] = incident
                if change.what != "changed":
                    log.warning("incident %s %s: %s %s", incident.id, change.what, incident.element, incident.kind)
            rows_before = board.rows
            try:
                board.tables.database.tend()
                is_new = self._keep(now_s)
            finally:  # what cannot be kept is shown all the same
                self._ticks += 1
                self._tick_ms = round((time.perf_counter() - began) * 1000, 3)
                board.show(now_s)
                if is_new or rows_before != board.rows:
                    board.notify()
        if is_new and self.on_owed is not None:
            self.on_owed()

    def _judge(self, now_ms: int) -> list[Change]:
        """What became of incidents. A turn that fails is told, and the hub's own incident opens all the same."""
        with self._troubles.turn("evaluation"):
            heard, self._heard = self._heard, set()
            for agent in list(heard):
                self._engine.arrived(agent, now_ms)
            while self._queue:
                with self._troubles.turn("evaluation of a write"):  # the others are judged
                    batch = self._queue.popleft()
                    self._fed_values += _values(batch)
                    self._feed(batch, now_ms)
            assessment = self._engine.assess(now_ms)
            self.board.pages.firing, self.board.witnesses.assessment = assessment.firing, assessment
            return self._book.step(assessment, self._kinds)
        return []

    def _of_hub(self, now_ms: int) -> list[Change]:
        """What became of the hub's own incident."""
        rows = self._troubles.rows()
        self.board.pages.note = "; ".join(f"{row['part']}: {row['why']}" for row in rows)
        return self._own.step((Trouble(row["part"], row["since_ms"], row["severity"]) for row in rows), now_ms)

    def _keep(self, now_s: float) -> bool:
        """Keep what changed, and now and then what rules remember; is there anything new for people?"""
        position = self._position()
        is_due = self._fed > self._judged and self._turns.listened_s >= self._save_at_s
        is_new = self.board.keep(now_s, position, is_due=is_due)
        if is_due:
            self._remember(position, now_s)
        self._keep_history()
        return is_new

    def _position(self) -> Position:
        """Behind the last batch that no window needs any more."""
        while self._positions and self._positions[0][0] <= self._turns.listened_s - KEEP_S:
            self._start = max(self._start, self._positions.popleft()[1])
        return self._start

    def _remember(self, position: Position, now_s: float) -> None:
        """Keep what rules know, up to what is judged now; an older memory is as true, and costs a longer replay."""
        began_s = time.monotonic()
        remembered = memory.Remembered(position, self._fed, now_s, self._engine.memory(), self._book.memory())
        try:
            memory.save(self._folder, remembered)
        except OSError as fault:
            self._troubles.tell(REMEMBERING, f"it cannot be written ({fault}): the next start takes longer")
        else:
            self._saved, self._judged = position, self._fed
            self._troubles.well(REMEMBERING)
        self._save_at_s = self._turns.listened_s + max(SAVE_S, (time.monotonic() - began_s) / SAVE_SHARE)

    def view(self, now_s: float) -> dict[str, Any]:
        """What people see, and the evaluator's own figures. Waits for nobody: the event loop asks."""
        own = {"rules": len(self._rules), "ticks": self._ticks, "tick_ms": self._tick_ms}
        return self.board.view(now_s) | own


def _values(batch: Batch) -> int:
    return sum(len(line.fields) for line in batch.lines)
