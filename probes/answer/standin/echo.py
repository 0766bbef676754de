"""The sockets of one media line of a call, from which something goes back for what comes from the caller."""

from __future__ import annotations

import asyncio

from probes.errors import WireError
from probes.io.datagram.socket import PacketSocket
from probes.io.rtp import pair
from probes.wire.session import Address, Arrival


class EchoPair:
    """A pair of ports, RTP and RTCP. Only `peer` is heard. Raises OSError when none is to be had."""

    def __init__(self, family: int, host: str, peer: str) -> None:
        self._media, self._control = pair(family, host)
        self._peer, self._loop = peer, asyncio.get_running_loop()
        for sock in (self._media, self._control):
            self._loop.add_reader(sock.fileno(), self._readable)

    def _readable(self) -> None:
        for sock, take in ((self._media, self._sound), (self._control, self._account)):
            for _ in sock.errors():
                pass  # the caller has closed its port: the call will end
            for arrival in sock.arrivals():
                try:
                    if arrival.source[0] == self._peer:
                        take(arrival)
                except WireError:
                    continue

    def _sound(self, arrival: Arrival) -> None:
        """A packet of media."""

    def _account(self, arrival: Arrival) -> None:
        """A packet of RTCP."""

    def close(self) -> None:
        """Leave the loop and give the ports back."""
        for sock in (self._media, self._control):
            self._loop.remove_reader(sock.fileno())
            sock.close()


def send(sock: PacketSocket, data: bytes, to: Address, tos: int) -> None:
    """Answer with the DSCP it came with."""
    try:
        sock.send(data, to, max(0, tos) & 0xFC)
    except OSError:
        return  # the caller has gone
