"""The agent's proof of itself: its own floor, once a minute, against an answer that never leaves this machine.

The packets go through the very sockets, stamps, driver and session the checks use. What they show cannot be the
network's: how true a round trip is at best, what a packet costs, and what this machine drops or sends late.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from netmon.line import Value
from netmon.process.troubles import Troubles, is_short
from probes import stats
from probes.base import Measurement
from probes.clean import clean
from probes.errors import NeedsPrivilege, ProbeError
from probes.io.datagram.driver import Driver
from probes.kinds.shared.packets import PacketKind
from probes.wire.fleet.fleet import Interval
from probes.wire.fleet.track import FleetWindow

log = logging.getLogger("netmon.agent")
PACKETS = 10
SPACING_S = 0.01
SETTLE_S = 3.0  # after the start, when everything happens at once
LATE_MS = 30.0  # three slots of `probes.wire.fleet.fleet`: a packet that leaves later left late
HERE = "127.0.0.1"
_LEAD_S = 0.02  # kernels turn stamps on a little later
_TIMEOUT_S = 1.0
MAX_S = 10.0  # a proof takes a tenth of a second, and a little more than its timeout at most


class Metered(Driver):
    """The checks' driver, with the CPU this thread spends in it."""

    def __init__(self, session: Any, sock: Any, on_events: Callable[[list[Any]], None]) -> None:
        self.cpu_ns = 0
        super().__init__(session, sock, on_events)

    def _readable(self) -> None:
        began_ns = time.thread_time_ns()
        super()._readable()
        self.cpu_ns += time.thread_time_ns() - began_ns

    def _due(self) -> None:
        began_ns = time.thread_time_ns()
        super()._due()
        self.cpu_ns += time.thread_time_ns() - began_ns


@dataclass(frozen=True, slots=True)
class Floor:
    """One proof: what the packets showed, and the CPU they took."""

    window: FleetWindow
    cpu_ns: int

    def values(self) -> dict[str, Value]:
        """Measured values only: without an answer there is no floor."""
        values: dict[str, Value] = {}
        trips = sorted(self.window.rtts_ms)
        if trips:
            values["floor_p50_us"] = round(stats.quantile(trips, 0.50) * 1000.0, 1)
            values["floor_p99_us"] = round(stats.quantile(trips, 0.99) * 1000.0, 1)
        if self.window.sent:
            values["cpu_per_1000_ms"] = round(self.cpu_ns / 1e6 / self.window.sent * 1000.0, 3)
        return values

    @property
    def dropped(self) -> int:
        """Packets lost: on this machine's own loopback nobody else can have lost them."""
        return self.window.ours + self.window.sent - self.window.rcvd


async def floor() -> Floor:
    """One proof: echoes to ourselves; where ICMP is closed to us, STAMP to a reflector of our own. Raises `ProbeError`
    and OSError."""
    from probes.kinds import ping

    try:
        return await _send(ping.RECIPE, 0, ping.PingSettings())
    except NeedsPrivilege:
        return await _stamp_floor()


async def _stamp_floor() -> Floor:
    from probes.answer.stamp.reflector import reflecting
    from probes.kinds import stamp

    with reflecting(HERE) as port:
        return await _send(stamp.RECIPE, port, stamp.StampSettings())


async def _send(recipe: PacketKind, port: int, settings: Any) -> Floor:
    session, sock = recipe.open(socket.AF_INET)
    finished: asyncio.Future[Interval] = asyncio.get_running_loop().create_future()

    def on_events(events: list[Any]) -> None:
        if not finished.done():
            finished.set_result(events[0])

    driver = Metered(session, sock, on_events)
    try:
        track = session.add(
            "", (HERE, port), every_s=SPACING_S, interval_s=math.inf, timeout_s=_TIMEOUT_S,
            first_at=time.monotonic() + _LEAD_S, count=PACKETS,
        )  # fmt: skip
        recipe.fit(session, track, settings)
        driver.kick()
        return Floor((await finished).window, driver.cpu_ns)
    finally:
        driver.close()


class SelfTest:
    """Proves every `every_s`; between two proofs it counts what the checks themselves saw of this machine's faults."""

    def __init__(self, every_s: float, prove: Callable[[], Any] = floor, troubles: Troubles | None = None) -> None:
        self._troubles = troubles or Troubles()
        self._every_s, self._prove = every_s, prove
        self._dropped = self._late = 0
        self._fresh: dict[str, Value] = {}
        self._trouble = ""

    def note(self, measured: Measurement) -> None:
        """A check's measurement came: packets of it that we dropped, or sent late."""
        values = measured.values
        if dropped := values.get("local_drop"):
            self._dropped += int(dropped)
        if values.get("send_late_ms", 0.0) > LATE_MS:
            self._late += 1

    def take(self) -> dict[str, Value]:
        """The values of the newest proof, once."""
        fresh, self._fresh = self._fresh, {}
        return fresh

    async def run(self) -> None:
        """Prove until cancelled."""
        await asyncio.sleep(min(SETTLE_S, self._every_s))
        while True:
            await self.once()
            await asyncio.sleep(self._every_s)

    async def once(self) -> None:
        """One proof; one that cannot be had is told once, and the counts go on."""
        values: dict[str, Value] = {}
        try:
            async with asyncio.timeout(MAX_S):
                floor_now: Floor = await self._prove()
        except (ProbeError, OSError) as fault:  # a proof without an end among them
            if is_short(fault):
                self._troubles.crashed("proof of itself", fault)
            self._failed(clean(str(fault)) or f"not done within {MAX_S:.0f} s")
        except Exception as fault:  # a fault of ours must not end the proofs: nobody waits for this task
            self._troubles.crashed("proof of itself", fault)
            self._failed(f"a fault of netmon, please report it: {clean(repr(fault), 200)}")
        else:
            self._trouble = ""
            self._troubles.well("proof of itself")
            self._dropped += floor_now.dropped
            self._late += floor_now.window.send_late_ms > LATE_MS
            values = floor_now.values()
        self._fresh = values | {"local_drop": self._dropped, "late_sends": self._late}
        self._dropped = self._late = 0

    def _failed(self, why: str) -> None:
        if why != self._trouble:
            log.warning("this agent cannot prove its own floor: %s", why)
        self._trouble = why
