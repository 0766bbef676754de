"""The round trip to a host while a test fills the way to it, beside the one before: what a room feels of a full link.

By echoes of our own, 20 a second (some 16 kbit/s), beside the test. A host that answers none has no such figures.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from probes import stats
from probes.base import Field, Value
from probes.errors import ProbeError
from probes.io.datagram.driver import Driver
from probes.io.datagram.icmp import open_icmp
from probes.wire.fleet.fleet import Interval
from probes.wire.icmp.echo import Ping

FIELDS = (
    Field("rtt_idle_ms", "ms", "round trip to the host before the test, median of echoes; absent when it answers none", of=("tcp",)),
    Field("rtt_load_ms", "ms", "the same while data was counted: with the queue that the test has filled", of=("tcp",)),
    Field("rpm", "1/min", "responsiveness: round trips a minute while the link is full (60,000 / rtt_load_ms)", of=("tcp",)),
)  # fmt: skip
IDLE_S = 0.3  # echoes before the test
_EVERY_S, _INTERVAL_S, _WAIT_S = 0.05, 0.1, 3.0
_MIN_TRIPS = 3  # round trips a median is told of


class Echoes:
    """What came back: (monotonic s an interval began, its round trips in ms)."""

    def __init__(self) -> None:
        self._told: list[tuple[float, list[float]]] = []

    def hear(self, events: list[Interval]) -> None:
        """Intervals of the session."""
        self._told += [(event.window.began, event.window.rtts_ms) for event in events]

    def median_ms(self, from_s: float, until_s: float) -> float | None:
        """Of the intervals that lie between; None when too few echoes were answered."""
        trips = [trip for at_s, trips in self._told if from_s <= at_s <= until_s - _INTERVAL_S for trip in trips]
        return stats.quantile(sorted(trips), 0.5) if len(trips) >= _MIN_TRIPS else None

    def values(self, began_s: float, took_s: float) -> dict[str, Value]:
        """By field name, of a test whose data was counted from `began_s` on for `took_s`."""
        idle_ms, load_ms = self.median_ms(0.0, began_s), self.median_ms(began_s, began_s + took_s)
        if not began_s or idle_ms is None or not load_ms:
            return {}
        return {"rtt_idle_ms": round(idle_ms, 4), "rtt_load_ms": round(load_ms, 4), "rpm": round(60_000 / load_ms, 1)}


class _Felt(Ping):
    """The kernel stamps a packet as it leaves the device's queue; what it waited there is felt, too."""

    def sent(self, token: Any, at_ns: int) -> None:
        """Our own time of the send stands."""


@asynccontextmanager
async def echoing(family: int, sockaddr: tuple[Any, ...]) -> AsyncIterator[Echoes]:
    """Echoes to the host, the first of them alone; none where ICMP is closed to us."""
    echoes = Echoes()
    try:
        icmp = open_icmp(family)
    except (ProbeError, OSError):
        yield echoes
        return
    v6 = family == socket.AF_INET6
    session = _Felt(ident=icmp.ident, cookie=os.urandom(8), v6=v6, summed=icmp.raw and not v6)
    driver = Driver(session, icmp.packets, echoes.hear)
    try:
        session.add(
            "", (sockaddr[0], 0, *sockaddr[2:]), every_s=_EVERY_S, interval_s=_INTERVAL_S, timeout_s=_WAIT_S,
            first_at=time.monotonic() + _EVERY_S,
        )  # fmt: skip
        driver.kick()
        await asyncio.sleep(IDLE_S)
        yield echoes
    finally:
        driver.close()
