"""Carries one `probes.wire.exchange.Exchange` on a socket of its own, so from a port nobody can know beforehand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from probes import trace
from probes.base import Outcome
from probes.io import faults
from probes.io.datagram.driver import Driver
from probes.io.datagram.socket import PacketSocket, open_udp
from probes.wire.exchange import Answered, Exchange, Unanswered


class _ExchangeDriver(Driver):
    """Its tokens are numbers of sends."""

    def named(self, token: Any) -> str:
        """See `Driver.named`."""
        return "sent again" if token else "sent"


async def exchange(family: int, session: Exchange) -> Answered | Unanswered:
    """How it ended; never raises for the network."""
    return await exchange_from(family, lambda sock: session)


async def exchange_from(family: int, make: Callable[[PacketSocket], Exchange]) -> Answered | Unanswered:
    """The same for a session that must know its socket; OSError of `make` says that this machine has no way."""
    try:
        sock = open_udp(family)
    except OSError as fault:
        return Unanswered(Outcome.LOCAL, f"no socket: {fault.strerror}")
    ended: asyncio.Future[Answered | Unanswered] = asyncio.get_running_loop().create_future()

    def on_events(events: list[Any]) -> None:
        if not ended.done():
            ended.set_result(events[0])
            trace.note(*_words(events[0]))

    try:
        session = make(sock)
    except OSError as fault:
        sock.close()
        return Unanswered(*faults.of_error(fault))
    driver = _ExchangeDriver(session, sock, on_events)
    try:
        driver.kick()
        return await ended
    finally:
        driver.close()


def _words(event: Answered | Unanswered) -> tuple[str, str]:
    if isinstance(event, Answered):
        return "answered", f"send {event.number + 1} of {event.sends}, {event.rtt_ms:.3f} ms"
    return "not answered", event.why
