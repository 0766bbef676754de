"""The one driver: joins a datagram session to a socket in the running loop, with `add_reader` and an exact timer.

A receive is never cancelled, so no packet is lost by us. Before any timer of the session fires everything that has
arrived is taken in: our own lateness never becomes the network's loss.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

from probes.errors import NeedsPrivilege
from probes.io.net import PacketSocket, Stamped
from probes.io.timer import Timer
from probes.wire.session import Session


class PacketSession(Session, Protocol):
    """A session that also wants to hear what its socket says of itself."""

    def unsent(self, token: Any, why: str) -> None:
        """The datagram that carried `token` did not leave this machine."""

    def unreachable(self, to: str, by: str, data: bytes, type: int, code: int, now: float) -> None:
        """ICMP says a packet to `to` cannot be delivered; `data`: what of it is quoted."""

    def overflow(self, total: int) -> None:
        """Our own socket buffer has dropped `total` datagrams so far."""


class Driver:
    """Runs one session on one socket until closed; `on_events` gets what the session tells, in the loop."""

    def __init__(self, session: PacketSession, sock: PacketSocket, on_events: Callable[[list[Any]], None]) -> None:
        self.session, self.sock = session, sock
        self._on_events = on_events
        self._loop = asyncio.get_running_loop()
        if type(self._loop).__module__.startswith("uvloop"):
            raise NeedsPrivilege("uvloop loses packets whose stamps lie on the error queue: use asyncio's own loop")
        self._loop.add_reader(sock.fileno(), self._readable)
        self._timer = Timer(self._loop, self._due)
        self._overflow = 0

    def kick(self) -> None:
        """Look again at what the session wants (after something was added to it)."""
        self._due()

    def close(self) -> None:
        """Stop; the socket is closed too."""
        self._loop.remove_reader(self.sock.fileno())
        self._timer.close()
        self.sock.close()

    def _readable(self) -> None:
        self._take()
        self._settle()

    def _due(self) -> None:
        self._take()
        now, session, sock = time.monotonic(), self.session, self.sock
        for data, to, tos, ttl, token in session.transmit(now, time.time_ns()):
            try:
                sock.send(data, to, tos, ttl, token)
            except OSError as fault:
                session.unsent(token, fault.strerror or str(fault))
        self._settle()

    def _take(self) -> None:
        """What came: send stamps and errors first, then packets."""
        session, sock = self.session, self.sock
        now = time.monotonic()
        for said in sock.errors():
            if type(said) is Stamped:
                session.sent(said.token, said.at_ns)
            else:
                session.unreachable(said.to, said.by, said.data, said.type, said.code, now)  # type: ignore[union-attr]
        receive = session.receive
        for arrival in sock.arrivals():
            receive(arrival, now)
        if sock.overflow != self._overflow:
            self._overflow = sock.overflow
            session.overflow(sock.overflow)

    def _settle(self) -> None:
        events = self.session.events()
        if events:
            self._on_events(events)
        self._timer.at(self.session.wake_at())
