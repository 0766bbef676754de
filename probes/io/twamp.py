"""A TWAMP-Control conversation on a TCP connection that stays open as long as the test it is for."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from probes.base import Outcome
from probes.io.negotiated import NotNegotiated
from probes.io.stream.connect import dial
from probes.io.stream.driver import StreamDriver
from probes.wire.stamp.twamp_control import Control, SessionEnded, SessionReady, Wish


@dataclass(slots=True)
class TwampSession:
    """A session that was agreed on: test packets go to `to`. `gone` is done when the far end ends it."""

    to: tuple[Any, ...]
    _control: Control
    _driver: StreamDriver
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def close(self) -> None:
        """Say that it is over, and hang up."""
        self._control.stop()
        self._driver.turn()
        self._driver.close()


async def negotiate(
    family: int, sockaddr: tuple[Any, ...], *, port: int, padding: int, timeout_s: float, dscp: int
) -> TwampSession:
    """Agree on one session between our UDP `port` and the far end; raises `NotNegotiated`."""
    made, sock = await dial(family, sockaddr, timeout_s, dscp << 2)
    if sock is None:
        raise NotNegotiated(made.outcome, f"TWAMP-Control: {made.why}")
    wish = Wish(sock.getsockname()[0], sock.getpeername()[0], port, padding, timeout_s, dscp)
    return await _agree(Control(wish, time.monotonic() + timeout_s), sock, sockaddr)


async def _agree(control: Control, sock: socket.socket, sockaddr: tuple[Any, ...]) -> TwampSession:
    said: asyncio.Future[SessionReady | SessionEnded] = asyncio.get_running_loop().create_future()
    gone = asyncio.Event()

    def on_events(events: list[Any]) -> None:
        for event in events:
            if not said.done():
                said.set_result(event)
            elif isinstance(event, SessionEnded):
                gone.set()

    driver = StreamDriver(sock, control, on_events)
    met = False
    try:
        driver.turn()
        event = await said
        met = isinstance(event, SessionReady)
    finally:
        if not met:
            driver.close()
    if isinstance(event, SessionEnded):
        outcome = Outcome.REFUSED if event.refused else Outcome.PROTOCOL if event.broken else Outcome.LOST
        raise NotNegotiated(outcome, f"TWAMP-Control: {event.why}")
    return TwampSession((sockaddr[0], event.port, *sockaddr[2:]), control, driver, gone)
