"""Carries one SIP conversation over UDP on the one driver (`probes.io.datagram.driver`): kernel stamps, exact timers, ICMP errors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from probes import trace
from probes.io import faults
from probes.io.conversation import ConversationEnd, Events, SocketAddress, hand_on
from probes.io.datagram.driver import Driver, PacketSession
from probes.io.datagram.socket import PacketSocket, open_udp, own_address
from probes.wire.sip.carrier import Token, Unreached


class Conversation(PacketSession, Protocol):
    """A session whose end is its own: `done`, or the event `Unreached`."""


class _ConversationDriver(Driver):
    """Ends a future: with how the conversation ended, or with the fault of whom its events are handed on to."""

    def __init__(self, session: Conversation, sock: PacketSocket, on_events: Events) -> None:
        self.ended: asyncio.Future[ConversationEnd] = asyncio.get_running_loop().create_future()
        self._hand_on = on_events
        super().__init__(session, sock, self._told)

    def named(self, token: Any) -> str:
        """See `Driver.named`."""
        return "sent again" if isinstance(token, Token) and token.send else "sent"

    def _told(self, events: list[Any]) -> None:
        hand_on(self._hand_on, events)
        for event in events:
            if isinstance(event, Unreached):
                self._end(ConversationEnd(*event.fault))

    def _end(self, ended: ConversationEnd) -> None:
        if not self.ended.done():
            self.ended.set_result(ended)

    def _guarded(self, step: Callable[[], None]) -> None:
        """What a step raises is raised where the conversation is awaited: in a callback it would be awaited for ever."""
        if self.ended.done():
            return
        try:
            step()
        except Exception as fault:
            if not self.ended.done():
                self.ended.set_exception(fault)

    def _readable(self) -> None:
        self._guarded(super()._readable)

    def _due(self) -> None:
        self._guarded(super()._due)

    def _settle(self) -> None:
        super()._settle()
        if self.session.done:
            self._end(ConversationEnd())

    def last_words(self, ask: Callable[[], None] | None) -> None:
        """What the session says when it is cut short; nobody waits for what becomes of it."""
        if ask is None or self.session.done:
            return
        ask()
        for datagram in self.session.transmit(time.monotonic(), time.time_ns()):
            with suppress(OSError):
                self.sock.send(datagram.data, datagram.to)


async def over_udp(
    family: int,
    to: SocketAddress,
    make: Callable[[str], Conversation],
    on_events: Events,
    on_cancel: Callable[[], None] | None = None,
) -> ConversationEnd:
    """One conversation, from a port of its own. Never raises for the network.

    `make` gets our own `host:port` and makes the session. `on_cancel` is called when this is cut short: cancelled, ended
    by ICMP, or by a fault of `on_events`, which is raised here. What the session then wants to say is said once, without
    waiting for an answer.
    """
    try:
        host = own_address(family, to)
        sock = open_udp(family)
    except OSError as fault:
        return _failed(fault)
    try:
        session = make(f"[{host}]:{sock.port}" if ":" in host else f"{host}:{sock.port}")
    except OSError as fault:
        sock.close()
        return _failed(fault)
    talk = _ConversationDriver(session, sock, on_events)
    try:
        talk.kick()
        return await talk.ended
    except OSError as fault:
        return _failed(fault)
    finally:
        talk.last_words(on_cancel)
        talk.close()


def _failed(fault: OSError) -> ConversationEnd:
    found = faults.of_error(fault)
    trace.note("failed", found.why)
    return ConversationEnd(*found)
