"""Carries H.323: a question to a gatekeeper by UDP, and a call on a TCP connection that is always ended properly."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from probes.io.datagram.socket import own_address
from probes.io.exchange import exchange_from
from probes.io.stream.driver import StreamDriver
from probes.wire.exchange import Answered, Exchange, Unanswered
from probes.wire.h323.call import CallLeft, H323Call
from probes.wire.session import Address

_DRAIN_BYTES = 65_536


async def ask(family: int, to: Any, make: Callable[[Address], Exchange]) -> Answered | Unanswered:
    """One question; `make` gets the address the answer must come to. Never raises for the network."""
    return await exchange_from(family, lambda sock: make((own_address(family, to), sock.port)))


class CallLine:
    """One call on a connected socket, which becomes ours. `events`: all that was told so far.

    `close` must be called in every case; it hangs up first when that was not done.
    """

    def __init__(self, sock: socket.socket, session: H323Call) -> None:
        self.events: list[Any] = []
        self._session = session
        self._changed = asyncio.Event()
        self._driver = StreamDriver(sock, session, self._on_events)
        self._driver.turn()

    def _on_events(self, events: list[Any]) -> None:
        self.events += events
        self._changed.set()

    @property
    def over(self) -> bool:
        """The call has ended, and its end was told to the far end."""
        return any(isinstance(event, CallLeft) for event in self.events)

    @property
    def broken(self) -> bool:
        """The connection ended with an error (a reset)."""
        return self._driver.fault is not None

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait for `ready` or the call's end."""
        while not (ready() or self.over):
            self._changed.clear()
            await self._changed.wait()

    async def hang_up(self) -> None:
        """End the call and wait shortly for the far end's own word."""
        self._part()
        await self.until(lambda: False)

    def _part(self) -> None:
        self._session.hang_up(time.monotonic())
        self._driver.turn()

    def close(self) -> None:
        """Hang up if need be and close, so that our last word is not lost: unread bytes would make a close a reset."""
        self._part()
        sock = self._driver.sock
        with suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(_DRAIN_BYTES):
                pass
        self._driver.close()
