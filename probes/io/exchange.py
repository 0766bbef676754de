"""Carries one conversation by datagrams on a socket of its own, so from a port nobody can know beforehand, on the one driver
(`probes.io.datagram.driver`): kernel stamps, exact timers, ICMP errors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from probes import trace
from probes.base import Outcome
from probes.io import faults
from probes.io.datagram.driver import Driver, PacketSession
from probes.io.datagram.socket import PacketSocket, open_udp
from probes.io.faults import Fault
from probes.wire.exchange import Answered, Exchange, Unanswered, Unreached

Events = Callable[[list[Any]], None]


class ConversationRun:
    """What carries a conversation to its end. `ended`: with the fault that ended it (None: its own end), or with that of
    whom its events are handed on to."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[Fault | None] = asyncio.get_running_loop().create_future()

    def end(self, fault: Fault | None) -> None:
        """It ended, if it did not before."""
        if not self.ended.done():
            self.ended.set_result(fault)

    def guarded(self, step: Callable[[], None]) -> None:
        """What a step raises is raised where the conversation is awaited: in a callback it would be awaited for ever."""
        if self.ended.done():
            return
        try:
            step()
        except Exception as fault:
            if not self.ended.done():
                self.ended.set_exception(fault)


class _ConversationDriver(ConversationRun, Driver):
    """A token is, or holds as `send`, the number of a send."""

    def __init__(self, session: PacketSession, sock: PacketSocket, on_events: Events) -> None:
        ConversationRun.__init__(self)
        self._hand_on = on_events
        Driver.__init__(self, session, sock, self._take_events)

    def named(self, token: Any) -> str:
        """See `Driver.named`."""
        return "sent again" if getattr(token, "send", token) else "sent"

    def _take_events(self, events: list[Any]) -> None:
        self._hand_on(events)
        for event in events:
            if isinstance(event, Unreached):
                self.end(event.fault)

    def _readable(self) -> None:
        self.guarded(super()._readable)

    def _due(self) -> None:
        self.guarded(super()._due)

    def _settle(self) -> None:
        super()._settle()
        if self.session.done:
            self.end(None)

    def last_words(self, ask: Callable[[], None] | None) -> None:
        """What the session says when it is cut short; nobody waits for what becomes of it."""
        if ask is None or self.session.done:
            return
        ask()
        for datagram in self.session.transmit(time.monotonic(), time.time_ns()):
            with suppress(OSError):
                self.sock.send(datagram.data, datagram.to)


async def carry(
    sock: PacketSocket,
    make: Callable[[PacketSocket], PacketSession],
    on_events: Events,
    on_cancel: Callable[[], None] | None = None,
) -> Fault | None:
    """One conversation: the ICMP error that ended it, None when it ended itself. OSError: this machine has no way.

    The socket is closed then. `make` gets it and makes the session. `on_cancel` is called when this is cut short: cancelled, ended by ICMP, or
    by a fault of `on_events`, which is raised here. What the session then wants to say is said once, without waiting for an
    answer.
    """
    try:
        driver = _ConversationDriver(make(sock), sock, on_events)
    except OSError:
        sock.close()
        raise
    try:
        driver.kick()
        return await driver.ended
    finally:
        driver.last_words(on_cancel)
        driver.close()


async def exchange(family: int, session: Exchange) -> Answered | Unanswered:
    """How it ended; never raises for the network."""
    return await exchange_from(family, lambda sock: session)


async def exchange_from(family: int, make: Callable[[PacketSocket], Exchange]) -> Answered | Unanswered:
    """The same for a session that must know its socket; OSError of `make` says that this machine has no way."""
    try:
        sock = open_udp(family)
    except OSError as fault:
        return Unanswered(Outcome.LOCAL, f"no socket: {fault.strerror}")
    ends: list[Answered | Unanswered] = []

    def on_events(events: list[Any]) -> None:
        ends.extend(events)
        trace.note(*_words(events[0]))

    try:
        await carry(sock, make, on_events)
    except OSError as fault:
        return Unanswered(*faults.of_error(fault))
    return ends[0]


def _words(event: Answered | Unanswered) -> tuple[str, str]:
    if isinstance(event, Answered):
        return "answered", f"send {event.number + 1} of {event.sends}, {event.rtt_ms:.3f} ms"
    return "not answered", event.why
