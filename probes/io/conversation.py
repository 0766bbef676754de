"""Carries one SIP conversation, over a connection (plain or TLS) or by datagrams."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from probes import trace
from probes.base import Outcome
from probes.io import faults
from probes.io.datagram.driver import PacketSession
from probes.io.datagram.socket import PacketSocket, open_udp, own_address
from probes.io.exchange import Events, carry
from probes.io.stream.tls import TlsConnection, broken
from probes.wire.session import StreamSession

_TRACED = {
    "FinalResponse": "answered",
    "NoFinalResponse": "expired",
    "CallRefused": "refused",
    "AckUnheard": "unheard",
    "CallOver": "over",
}
_ALERT_S = 0.1  # what the far end said before it hung up is read, if it is there


class ConversationEnd(NamedTuple):
    """How the conversation was carried: OK when it ended itself, else whose trouble it is, and why."""

    outcome: Outcome = Outcome.OK
    why: str = ""
    connect_ms: float | None = None
    tls_ms: float | None = None
    cert_days: float | None = None  # until the far end's certificate ends; only when it was checked


SocketAddress = tuple[Any, ...]


async def over_line(
    line: TlsConnection, session: StreamSession, on_events: Events, on_cancel: Callable[[], None] | None = None
) -> ConversationEnd:
    """One conversation on a connection that stands; whoever opened it closes it. Never raises for the network.

    `on_cancel` is called when this is cut short: cancelled, broken, or by a fault of `on_events`, which is raised here.
    What the session then wants to say is said once, without waiting for an answer.
    """
    try:
        await _pump(line, session, on_events)
    except OSError as fault:
        return ConversationEnd(*broken(fault))
    finally:
        if on_cancel and not session.done:
            on_cancel()
            line.say(session.transmit(time.monotonic(), time.time_ns()))
    return ConversationEnd()


async def _pump(line: TlsConnection, session: StreamSession, on_events: Events) -> None:
    """Until the session is done. One read is pending for the whole time; timers never cancel it."""
    pending: asyncio.Future[bytes] = asyncio.ensure_future(line.read())
    try:
        while True:
            if data := session.transmit(time.monotonic(), time.time_ns()):
                await _written(line, data, pending)
            _hand_on(on_events, session.events())
            if session.done:
                return
            wake = session.wake_at()
            await asyncio.wait([pending], timeout=None if wake is None else max(0.0, wake - time.monotonic()))
            if pending.done():
                data = pending.result()
                session.receive(data, time.monotonic())
                pending = asyncio.ensure_future(line.read()) if data else asyncio.get_running_loop().create_future()
    finally:
        if not pending.cancel() and not pending.cancelled():
            pending.exception()  # taken: nobody else asks for it


async def _written(line: TlsConnection, data: bytes, pending: asyncio.Future[bytes]) -> None:
    try:
        await line.write(data)
    except OSError:
        await asyncio.wait([pending], timeout=_ALERT_S)
        if pending.done():
            pending.result()  # an alert says more than a broken pipe
        raise


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
