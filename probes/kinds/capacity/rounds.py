"""What the kinds `capacity` and `headroom` share: one test with a responder, round by round, and which end is which outcome."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from probes.io.datagram.driver import Driver
from probes.kinds.shared.packets import address_of
from probes.kinds.shared.test_stream import IPV4, OUTCOMES, Broken, opened, part
from probes.settings import setting
from probes.wire.handshake import SessionFailed
from probes.wire.train.packet import MIN_DATA, PacketStream
from probes.wire.train.sender import RoundDone, TrainSender

DIRECTIONS = {"both": ("fwd", "bwd"), "forward": ("fwd",), "reverse": ("bwd",)}
IN_WORDS = {"fwd": "there", "bwd": "back"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """Settings of both kinds."""

    every_s: float = setting("time between tests", unit="s", key="every", low=60, high=604_800, default=3600.0)
    direction: str = setting("which way packets go", choices=tuple(DIRECTIONS), default="both")
    timeout_s: float = setting(
        "give up when the responder is silent for so long, at each step", unit="s", key="timeout", low=0.2, high=20,
        default=3.0,
    )  # fmt: skip
    key_file: str = setting("file with the key shared with the responder", default="", secret=True)


def payload(family: int, size: int) -> int:
    """UDP payload of a packet as long as an IPv4 one with `size` bytes of it: IPv6's header takes 20 more."""
    return max(MIN_DATA, size + IPV4 - (48 if family == socket.AF_INET6 else IPV4))


class Testing:
    """One test. `round` gives what became of one; it raises `Broken` when the responder is gone or says no."""

    def __init__(self, session: TrainSender, driver: Driver) -> None:
        self.session, self._driver = session, driver
        self.told: asyncio.Future[RoundDone | SessionFailed] = asyncio.get_running_loop().create_future()

    async def round(self, ours: PacketStream, theirs: PacketStream, *, max_rise_ns: int = 0) -> RoundDone:
        """Both streams of a round at once; an empty one is not sent."""
        self.told = asyncio.get_running_loop().create_future()
        self.session.begin(ours, theirs, max_rise_ns=max_rise_ns)
        self._driver.kick()
        got = await self.told
        if isinstance(got, SessionFailed):
            raise Broken(OUTCOMES[got.how], got.why)
        return got


@asynccontextmanager
async def testing(
    family: int, sockaddr: tuple[Any, ...], *, key: bytes, dscp: int, timeout_s: float
) -> AsyncIterator[Testing]:
    """A test with the responder there; it is told when we are done. Raises `Broken` when there is no socket to be had."""
    to = address_of(sockaddr)
    sock = opened(family)
    number = int.from_bytes(os.urandom(8), "big")
    session = TrainSender(to, number, key=key, tos=dscp << 2, timeout_s=timeout_s, clock_ns=time.monotonic_ns)

    def heard(events: list[Any]) -> None:
        if not test.told.done():
            test.told.set_result(events[0])

    driver = Driver(session, sock, heard)
    test = Testing(session, driver)
    try:
        yield test
    finally:
        part(driver, to, session.farewell())
