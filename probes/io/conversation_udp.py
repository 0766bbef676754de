"""Carries one SIP conversation over UDP (`probes.io.exchange`)."""

from __future__ import annotations

from collections.abc import Callable

from probes import trace
from probes.io import faults
from probes.io.conversation import ConversationEnd, Events, SocketAddress, hand_on
from probes.io.datagram.driver import PacketSession
from probes.io.datagram.socket import PacketSocket, open_udp, own_address
from probes.io.exchange import carry


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

        ended = await carry(open_udp(family), make_here, lambda events: hand_on(on_events, events), on_cancel)
        return ConversationEnd(*ended or ())
    except OSError as fault:
        failed = faults.of_error(fault)
        trace.note("failed", failed.why)
        return ConversationEnd(*failed)
