"""Carries one SIP conversation, over a connection (plain or TLS) or by datagrams."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from probes import trace
from probes.base import Outcome
from probes.io import faults
from probes.io.datagram.driver import PacketSession
from probes.io.datagram.socket import PacketSocket, open_udp, own_address
from probes.io.exchange import ConversationRun, Events, carry
from probes.io.stream.driver import StreamDriver
from probes.io.stream.tls import TlsConnection, broken
from probes.wire.session import StreamSession

_TRACED = {
    "FinalResponse": "answered",
    "NoFinalResponse": "expired",
    "CallRefused": "refused",
    "AckUnheard": "unheard",
    "CallOver": "over",
}


class ConversationEnd(NamedTuple):
    """How the conversation was carried: OK when it ended itself, else whose trouble it is, and why."""

    outcome: Outcome = Outcome.OK
    why: str = ""
    connect_ms: float | None = None
    tls_ms: float | None = None
    cert_days: float | None = None  # until the far end's certificate ends; only when it was checked


SocketAddress = tuple[Any, ...]


class _Line(ConversationRun, StreamDriver):
    """Ends when the session has."""

    def __init__(self, line: TlsConnection, session: StreamSession, on_events: Events) -> None:
        ConversationRun.__init__(self)
        StreamDriver.__init__(self, *line.carried(session), lambda events: _hand_on(on_events, events))

    def turn(self) -> None:
        """See `StreamDriver`."""
        self.guarded(super().turn)
        if self.session.done and not self._turning:
            fault = getattr(self.session, "fault", None) or self.fault  # an alert says more than a broken pipe
            self.end(broken(fault) if fault else None)

    def last_words(self, ask: Callable[[], None] | None) -> None:
        """What the session says when it is cut short; nobody waits for what becomes of it."""
        if ask and not self.session.done:
            ask()
            self._write(self.session.transmit(time.monotonic(), time.time_ns()))


async def over_line(
    line: TlsConnection, session: StreamSession, on_events: Events, on_cancel: Callable[[], None] | None = None
) -> ConversationEnd:
    """One conversation on a connection that stands; whoever opened it closes it. Never raises for the network.

    `on_cancel` is called when this is cut short: cancelled, or by a fault of `on_events`, which is raised here. What the
    session then wants to say is said once, without waiting for an answer.
    """
    driver = _Line(line, session, on_events)
    try:
        driver.turn()
        return ConversationEnd(*await driver.ended or ())
    finally:
        driver.last_words(on_cancel)
        driver.leave()


async def over_udp(
    family: int,
    to: SocketAddress,
    make: Callable[[str], PacketSession],
    on_events: Events,
    on_cancel: Callable[[], None] | None = None,
) -> ConversationEnd:
    """One conversation, from a port of its own. Never raises for the network.

    `make` gets our own `host:port` and makes the session, whose end is its own, or the event `Unreached`. `on_cancel`: see
    `carry`.
    """
    try:
        host = own_address(family, to)

        def make_here(sock: PacketSocket) -> PacketSession:
            return make(f"[{host}]:{sock.port}" if ":" in host else f"{host}:{sock.port}")

        ended = await carry(open_udp(family), make_here, lambda events: _hand_on(on_events, events), on_cancel)
        return ConversationEnd(*ended or ())
    except OSError as fault:
        failed = faults.of_error(fault)
        trace.note("failed", failed.why)
        return ConversationEnd(*failed)


def _hand_on(on_events: Events, events: list[Any]) -> None:
    """What the session says, handed on; in a trace under the name of its type, or in one word."""
    for event in events:
        said = getattr(event, "message", None) or getattr(event, "fault", None)
        name = type(event).__name__
        trace.note(_TRACED.get(name, name.lower()), getattr(said, "reason", "") or getattr(said, "why", ""))
    on_events(events)
