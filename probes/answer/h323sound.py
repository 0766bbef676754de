"""The echo of a called end: each packet of sound goes back as one of its own stream, and RTCP tells what did not come."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

from probes.errors import WireError
from probes.wire import rtcp, rtp
from probes.wire.rtp import Packet, Reception
from probes.wire.session import Address

_RATE_HZ, _SAMPLES = 8000, 160
_SOURCE = 0x6E65_746D
_TRIES = 32  # for a pair of ports of which the first is even (RFC 3550 §11)


class Echo:
    """Two sockets of one call. `rtp`, `rtcp`: where they listen. Answers go to the addresses the call told, only there."""

    def __init__(self, socks: tuple[socket.socket, socket.socket], to_rtp: Address, to_rtcp: Address) -> None:
        self.rtp, self.rtcp = socks[0].getsockname()[:2], socks[1].getsockname()[:2]
        self.reception = Reception(_RATE_HZ)
        self._to_rtp, self._to_rtcp = to_rtp, to_rtcp
        self._sent = 0
        self._socks, self._loop = socks, asyncio.get_running_loop()
        self._loop.add_reader(socks[0], self._sound)
        self._loop.add_reader(socks[1], self._control)

    def _sound(self) -> None:
        for data in _arrived(self._socks[0]):
            try:
                came = rtp.decode(data)
            except WireError:
                continue
            self.reception.receive(came, time.time_ns())
            back = Packet(came.payload_type, self._sent, came.stamp, _SOURCE, came.payload, came.marker)
            self._sent += 1
            _send(self._socks[0], rtp.encode(back), self._to_rtp)

    def _control(self) -> None:
        for data in _arrived(self._socks[1]):
            try:
                parts = rtcp.decode(data)
            except WireError:
                continue
            for part in parts:
                if isinstance(part, rtcp.Report) and part.sent:
                    _send(self._socks[1], self._account(part.sent), self._to_rtcp)

    def _account(self, theirs: rtcp.Sent) -> bytes:
        """Our sender report, with what we received of theirs."""
        fraction, lost, highest, jitter = self.reception.report()
        last_sr = theirs.ntp >> 16 & 0xFFFFFFFF
        source = self.reception.source or 0
        block = rtcp.Block(source, fraction / 256, lost, highest, jitter, last_sr, 0.0)
        sent = rtcp.Sent(rtcp.ntp64(time.time_ns()), self._sent * _SAMPLES, self._sent, self._sent * _SAMPLES)
        return rtcp.encode(rtcp.Report(_SOURCE, sent, (block,)), "standin")

    def close(self) -> None:
        """Leave the loop and give the ports back."""
        for sock in self._socks:
            self._loop.remove_reader(sock)
            sock.close()


def _arrived(sock: socket.socket) -> list[bytes]:
    out: list[bytes] = []
    while len(out) < 64:
        try:
            out.append(sock.recv(2048))
        except OSError:
            break
    return out


def _send(sock: socket.socket, data: bytes, to: Any) -> None:
    try:
        sock.sendto(data, to)
    except OSError:
        return  # it has closed its port: the call will end


async def open_echo(host: str, to_rtp: Address, to_rtcp: Address) -> Echo | None:
    """An echo on two ports of `host`, the first even; None when no such pair is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(_TRIES):
        first, second = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
        try:
            first.bind((host, 0))
            port = first.getsockname()[1]
            if port % 2 == 0:
                second.bind((host, port + 1))
                first.setblocking(False)
                second.setblocking(False)
                return Echo((first, second), to_rtp, to_rtcp)
        except OSError:
            pass
        first.close()
        second.close()
    return None
