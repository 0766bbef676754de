"""An agent put together: what is measured becomes lines, is stored in groups, and wakes the senders."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netmon.agent.clock.hub import HubClock
from netmon.agent.clock.kernel import is_synchronised
from netmon.agent.clock.wall import Known, Wall, shift_ms
from netmon.agent.health import interfaces, status
from netmon.agent.health.self_test import SelfTest
from netmon.agent.health.usage import Cpu, rss_bytes
from netmon.agent.health.verdict import LinkVerdict, judge, with_clock
from netmon.agent.measure.check_state import states_of
from netmon.agent.measure.frontier import Frontier
from netmon.agent.measure.runner import Runner
from netmon.agent.uplink.client import Uplink
from netmon.agent.uplink.cursor import Cursor
from netmon.agent.uplink.lines import LineMaker
from netmon.agent.uplink.sender import Sender
from netmon.agent.uplink.spool import PointGroup, Spool
from netmon.config.agent import AgentConfig, DestinationConfig
from netmon.delivery.set_aside import SetAside
from netmon.intervals import Intervals
from netmon.line import Value
from netmon.process import systemd
from netmon.process.troubles import Troubles, fault_words, watched
from probes.base import Kind, Measurement

if TYPE_CHECKING:
    from netmon.agent.measure.traps import Traps
    from netmon.agent.uplink.last_resort import LastResort

log = logging.getLogger("netmon.agent")
URGENT_GAP_S = 0.1  # urgent flushes are at least so far apart
SELF_GAP_S = 0.95
MAX_HELD = 50_000  # lines kept in memory while the disk takes nothing
LIVE_AGE_S = 10.0  # what waited no longer is still judged by the hub
MAX_WAIT_S = 30.0
MAX_ASIDE_BYTES = 1_000_000  # of points a destination refuses for good
SPOOL = "spool"  # the part that keeps points on disk
TROUBLED_S = 60.0  # after the last trouble its end is told for so long


class RunningAgent:
    """One agent. Lives in the event loop; the disk has a thread, and so has each destination."""

    def __init__(self, config: AgentConfig, kinds: Mapping[str, Kind]) -> None:
        """Opens the spool; raises `SpoolError`."""
        self.config, self.troubles = config, Troubles()
        self._lines = LineMaker(config, kinds)
        self._wall = Wall()
        self._clock, self.frontier = HubClock(self._wall), Frontier()
        folder = Path(config.state_dir) / "spool"
        self.spool = Spool(folder, segment_bytes=config.spool.segment_bytes, quota_bytes=config.spool.quota_bytes)
        self.senders = [self._sender(destination, folder) for destination in config.destinations]
        self.spool.begin_at(max((sender.cursor.live_seq for sender in self.senders), default=1))
        self.spool.needed = lambda: min((sender.cursor.low for sender in self.senders), default=self.spool.end)
        self.spool.lacking = self._lacking
        self.runner = Runner(config, kinds, self.frontier, self.on_measured, self.troubles)
        self.self_test = SelfTest(config.proof_every_s, troubles=self.troubles)
        self.last_resort = self._telling() if config.last_resort.url else None
        self.traps = self._listening() if config.traps.listen else None
        self._states = states_of(config.checks)
        self._waiting: deque[str] = deque(maxlen=MAX_HELD)
        self._hurried = set[str]()  # checks whose next measurement does not wait for the flush
        self._overflow = 0
        self._urgent = asyncio.Event()
        self._disk = ThreadPoolExecutor(1, "disk")
        self._cpu, self._self_at, self._flush_late_ms = Cpu(), 0.0, 0.0
        self._started_ms = _now_ms()
        self._disk_trouble = ""
        self._troubled_s = -TROUBLED_S
        self._set_ns, self._known = self._wall.set_ns(), self._wall.known(None)
        self._earlier = deque[
            tuple[list[str], Known, int]
        ]()  # lines of before the clock was set: what was known, frontier
        self._frontier_ms = self._started_ms

    def _sender(self, destination: DestinationConfig, folder: Path) -> Sender:
        flush_s = self.config.flush_every_s
        name, live_age_ms = destination.name, int(max(LIVE_AGE_S, 3 * flush_s) * 1000)
        cursor = Cursor(folder / f"{name}.cursor", self.spool, live_age_ms=live_age_ms)
        cursor.shift_ms = self._shift_ms
        return Sender(
            name,
            self.config.agent if destination.kind == "hub" else "",
            cursor,
            SetAside(folder, name, MAX_ASIDE_BYTES),
            Uplink(destination),
            self._clock,
            backlog_bps=self.config.spool.backlog_bps,
            max_wait_s=min(MAX_WAIT_S, max(2 * flush_s, 2.0)),
            troubles=self.troubles,
        )

    # --- from measurements to the spool ---

    def on_measured(self, check: Any, measured: Measurement) -> None:
        """A measurement came."""
        self._part_at_step()
        placed_ms = self._wall.place_ms(measured.at_ns // 1_000_000)
        if placed_ms != measured.at_ns // 1_000_000:  # the clock was set since it began
            measured = replace(measured, at_ns=placed_ms * 1_000_000)
        self._hold(self._lines.of(check, measured))
        self.self_test.note(measured)
        if self._states[check.check].note(measured) or check.check in self._hurried:
            self._hurried.discard(check.check)
            self._urgent.set()

    def _listening(self) -> Traps:
        from netmon.agent.measure.traps import Traps  # most agents hear no traps

        return Traps(self.config.traps, self.config.checks, self._on_trap, self._wake, self.troubles)

    def _telling(self) -> LastResort:
        from netmon.agent.uplink.last_resort import LastResort  # most agents have none

        named = zip(self.config.destinations, self.senders, strict=True)
        hubs = [sender.condition for destination, sender in named if destination.kind == "hub"]
        return LastResort(self.config, hubs)

    def _wake(self, check: str) -> None:
        """A device has something to tell: ask it, and tell what it says at once."""
        self._hurried.add(check)
        self.runner.wake(check)

    def _on_trap(self, fields: dict[str, Value], at_ms: int) -> None:
        """A trap came."""
        self._part_at_step()
        self._hold(self._lines.of_trap(fields, at_ms))

    def _lacking(self, first: int, last: int) -> list[tuple[int, int]]:
        """Which of some numbers any destination does not have yet."""
        return list(Intervals(part for sender in self.senders for part in sender.cursor.lacks(first, last)))

    def _shift_ms(self, group: PointGroup) -> int:
        """By how much stamps of a record must be moved, for the clock was set right since."""
        return shift_ms(group.known, self._wall.known(self._clock.offset_ms), group.frontier_ms)

    def _part_at_step(self) -> None:
        """What was told before the clock was set is stored apart, with what was known of the clock then."""
        set_ns = self._wall.set_ns()
        if set_ns != self._set_ns:
            log.warning("this machine's clock was set by %.3f s", (set_ns - self._set_ns) / 1e9)
            self._set_ns = set_ns
            if self._waiting:
                self._earlier.append((list(self._waiting), self._known, self._frontier_ms))
                self._waiting.clear()
            self._known = self._wall.known(self._clock.offset_ms)

    def _hold(self, line: str) -> None:
        self._overflow += len(self._waiting) == MAX_HELD
        self._waiting.append(line)

    async def flush_for_ever(self) -> None:
        """Flush each `flush_every`, and at once on the third miss in a row of any check."""
        due = time.monotonic()
        while True:
            due = max(due + self.config.flush_every_s, time.monotonic())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, due - time.monotonic())):
                    await self._urgent.wait()
                due = time.monotonic()
            self._flush_late_ms = max(self._flush_late_ms, (time.monotonic() - due) * 1000)
            began = time.monotonic()
            await self.flush()
            if self._urgent.is_set():
                await asyncio.sleep(max(0.0, URGENT_GAP_S - (time.monotonic() - began)))

    async def flush(self) -> None:
        """Store what was told since the last time and wake the senders."""
        self._part_at_step()
        self._known = self._wall.known(self._clock.offset_ms)
        now_ms, urgent = _now_ms(), self._urgent.is_set()
        self._urgent.clear()
        frontier_ms = self._frontier_ms = self.frontier.at(now_ms)
        for first, last in self.spool.take_lost():
            log.error("points %d to %d are gone before they could be sent", first, last)
            self._hold(self._lines.of_gap(first, last, now_ms))
        if time.monotonic() - self._self_at >= SELF_GAP_S:
            self._self_at = time.monotonic()
            with self.troubles.turn("its own figures"):  # they must not hold up the others'
                self._hold(self._lines.of_self(self._own_values(), now_ms))
        lines = list(self._waiting)
        self._waiting.clear()
        if not lines:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._disk, self._store, lines, frontier_ms, self._known, urgent
            )
        except OSError as fault:
            self._refused(lines, fault)
        except Exception as fault:  # whatever it was: what was measured waits
            self._refused(lines, fault)
            self.troubles.crashed(SPOOL, fault)
        else:
            self._disk_trouble = self.spool.trouble
            if self._disk_trouble:
                why = f"the disk takes no points ({self._disk_trouble}): they are kept in memory and sent from there"
                self.troubles.tell(SPOOL, why)
            else:
                self.troubles.well(SPOOL)
            for sender in self.senders:
                sender.wake()

    def _store(self, lines: list[str], frontier_ms: int, known: Known, urgent: bool) -> None:
        even_ms = time.monotonic_ns() // 1_000_000
        while self._earlier:
            earlier, then, until_ms = self._earlier[0]
            self.spool.store(earlier, frontier_ms=until_ms, now_ms=even_ms, urgent=False, known=then)
            self._earlier.popleft()
        self.spool.store(lines, frontier_ms=frontier_ms, now_ms=even_ms, urgent=urgent, known=known)
        if not self.spool.trouble:
            self.spool.lost_told()
        with self.troubles.turn("spool: trimming"):  # what was stored is stored
            self.spool.trim()

    def _refused(self, lines: list[str], fault: Exception) -> None:
        """The disk takes nothing: keep the newest in memory until it does."""
        self._disk_trouble = fault_words(fault)
        self.troubles.tell(SPOOL, f"it takes no points ({self._disk_trouble}): they wait in memory")
        newer = list(self._waiting)
        self._overflow += max(0, len(lines) + len(newer) - MAX_HELD)
        self._waiting.clear()
        self._waiting.extend(lines + newer)

    def _own_values(self) -> dict[str, Value]:
        late_ms = max(self.runner.take_late_ms(), self._flush_late_ms)
        self._flush_late_ms = 0.0
        values: dict[str, Value] = {
            "spool_points": self._points_waiting(),
            "spool_bytes": self.spool.segments.bytes_used,
            "dropped": self.dropped,
            "rss_bytes": rss_bytes(),
            "cpu_share": self._cpu.share(),
            "late_ms": round(late_ms, 3),
            **self.self_test.take(),
        }
        troubles = len(self.troubles.rows())
        if troubles:
            self._troubled_s = time.monotonic()
        if time.monotonic() - self._troubled_s < TROUBLED_S:
            values["troubles"] = troubles
        offset_ms = self._clock.offset_ms
        return values if offset_ms is None else values | {"clock_offset_ms": offset_ms}

    def _points_waiting(self) -> int:
        return max((sender.cursor.waiting for sender in self.senders), default=0)

    @property
    def dropped(self) -> int:
        """Points that are gone unsent in this run."""
        return self.spool.dropped + self._overflow

    # --- for people ---

    def _verdict(self) -> LinkVerdict:
        verdict = judge(self._states.values(), interfaces.best())
        return with_clock(verdict, self._clock.offset_ms, is_synchronised(), _now_ms())

    def view(self) -> dict[str, Any]:
        """What `netmon status` shows."""
        return {
            **status.of_place(self.config, self._started_ms, _now_ms()),
            **status.of_checks(self._states.values(), self._verdict()),
            "spool": {
                "points": self._points_waiting(),
                "bytes": self.spool.segments.bytes_used,
                "dropped": self.dropped,
                "trouble": self._disk_trouble,
            },
            "destinations": [status.of_sender(sender) for sender in self.senders],
            "clock_offset_ms": self._clock.offset_ms,
            "troubles": self.troubles.rows(),
        }

    # --- life ---

    def parts(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What runs for ever: one that ends is told and begun anew."""
        yield watched(self.troubles, "checks", self.runner.run)
        yield watched(self.troubles, "flush", self.flush_for_ever)
        yield watched(self.troubles, "proof of itself", self.self_test.run)
        yield watched(self.troubles, "systemd", systemd.watchdog_for_ever)
        if self.last_resort is not None:
            yield watched(self.troubles, "last resort", self.last_resort.run)
        if self.traps is not None:
            yield watched(self.troubles, "traps", self.traps.run)

    def start(self) -> None:
        """Start the senders. The disk's thread begins now: one that cannot be had later would store a group twice."""
        self._disk.submit(int).result()
        for sender in self.senders:
            sender.start()

    async def stop(self, within_s: float) -> None:
        """Store what is left, give the senders a moment for what is live, keep their places."""
        self._self_at = 0.0
        await self.flush()
        for sender in self.senders:
            sender.finish(within_s)
        await asyncio.get_running_loop().run_in_executor(self._disk, self._join, within_s)
        self._disk.shutdown()
        if self.spool.segments.held_bytes and self._points_waiting():
            log.error("the disk took no points: those that wait are only in memory and end with this process")
        self.spool.segments.close()

    def _join(self, within_s: float) -> None:
        until = time.monotonic() + within_s + 1.0
        for sender in self.senders:
            sender.join(max(0.0, until - time.monotonic()))
            sender.cursor.save()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
