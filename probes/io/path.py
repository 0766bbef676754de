"""Sockets of a path trace: one per flow, so that each flow keeps its ports, and a listener for whole ICMP errors.

No privilege is needed: the kernel's error queue tells who complains (`IP_RECVERR`), with MPLS labels behind the quote
(`IP_RECVERR_RFC4884`, Linux 5.9). With CAP_NET_RAW the listener shows the quoted headers too, and so the DSCP.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import time
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, cast

from probes.errors import NeedsPrivilege
from probes.io.datagram.driver import Driver
from probes.io.datagram.icmp import open_errors, open_icmp
from probes.io.datagram.socket import PacketSocket, Unreachable, open_udp
from probes.wire.icmp.error import ICMP, ICMP6, UDP
from probes.wire.path.flow import GAP_S, EchoPackets, Flow, Packets, UdpPackets
from probes.wire.path.listener import IcmpHearer, IcmpListener

TOO_BIG_HERE = os.strerror(errno.EMSGSIZE)
# <linux/in.h>, <linux/in6.h>: don't fragment, and not what was learned of the path; extensions of errors
_PROBE, _OPTIONS = 3, {
    socket.AF_INET: ((0, 10, 3), (0, 26, 1)),
    socket.AF_INET6: ((41, 23, 3), (41, 62, 1), (41, 31, 1)),
}  # fmt: skip
_MTU = {socket.AF_INET: (0, 14), socket.AF_INET6: (41, 24)}
_PORTS = 16  # tried one after the other when they are taken
_SUM = 0x1D0F  # checksum of the first flow's echoes; each further flow's is another


class PacketProber:
    """A `Flow` on a socket of its own, that can be asked for packets; what came of them stands in `probes`."""

    def __init__(self, flow: Flow, sock: PacketSocket) -> None:
        self.flow, self.probes = flow, flow.probes
        self._over = asyncio.Event()
        self._driver = _Driver(flow, sock, lambda events: self._over.set())

    @property
    def neighbour(self) -> str:
        """What our own kernel says of the next hop, or ""."""
        return self.flow.neighbour

    async def ask(self, wanted: Iterable[tuple[int, int]], *, stop: bool = True, gap_s: float = GAP_S) -> None:
        """Send a packet for each (hop limit, payload bytes) and wait for all answers; see `Flow.ask`."""
        self._over.clear()
        self.flow.ask(wanted, time.monotonic(), stop=stop, gap_s=gap_s)
        self._driver.kick()
        await self._over.wait()

    def look(self) -> None:
        """Something was heard elsewhere."""
        self._driver.kick()

    def close(self) -> None:
        """Give the descriptor back."""
        self._driver.close()


class _Driver(Driver):
    """Hands errors on with all that the kernel tells of them."""

    def complaint(self, said: Unreachable, now: float) -> None:
        flow = cast(Flow, self.session)
        flow.complaint(said.by, said.data, said.type, said.code, said.info, said.at_ns, said.after, now)


class ErrorListener:
    """The listener on its socket; without the privilege for one it hears nothing."""

    def __init__(self, family: int, address: str) -> None:
        v6 = family == socket.AF_INET6
        self.listener = IcmpListener(v6, socket.inet_pton(family, address.partition("%")[0]))
        self._ways: list[PacketProber] = []
        self._driver: Driver | None = None
        with contextlib.suppress(NeedsPrivilege, OSError):
            self._driver = Driver(self.listener, open_errors(family), lambda events: self._on_heard())

    @property
    def hears(self) -> bool:
        """True when quoted headers can be read."""
        return self._driver is not None

    def listen(self, protocol: int, source: int, flow: IcmpHearer) -> None:
        """Hand errors about packets of this protocol and source port (an echo's identifier) to a flow."""
        self.listener.flows[protocol, source] = flow

    def wake(self, way: PacketProber) -> None:
        """Let this flow look when something was heard."""
        self._ways.append(way)

    def _on_heard(self) -> None:
        for way in self._ways:
            way.look()

    def close(self) -> None:
        """Give the descriptor back."""
        if self._driver:
            self._driver.close()


def open_udp_prober(
    family: int, to: tuple[Any, ...], source_port: int, tos: int, timeout_s: float, listening: ErrorListener
) -> PacketProber:
    """A UDP flow from a source port, or one of the next when that is taken. Raises OSError."""
    sock = _bound(family, source_port)
    packets = UdpPackets(os.urandom(8), family == socket.AF_INET6)
    return _prober(family, to, sock, packets, (UDP, sock.sock.getsockname()[1]), tos, timeout_s, listening)


def open_echo_prober(
    family: int, to: tuple[Any, ...], serial: int, tos: int, timeout_s: float, listening: ErrorListener
) -> PacketProber:
    """An ICMP echo flow, the `serial`th; raises `NeedsPrivilege` or OSError."""
    v6 = family == socket.AF_INET6
    icmp = open_icmp(family)
    packets = EchoPackets(icmp.ident, os.urandom(8), v6, _SUM + 257 * serial, summed=icmp.raw and not v6)
    key = (ICMP6 if v6 else ICMP, icmp.ident)
    return _prober(family, (to[0], 0, *to[2:]), icmp.packets, packets, key, tos, timeout_s, listening)


def _prober(
    family: int,
    to: tuple[Any, ...],
    sock: PacketSocket,
    packets: Packets,
    key: tuple[int, int],
    tos: int,
    timeout_s: float,
    listening: ErrorListener,
) -> PacketProber:
    for option in _OPTIONS[socket.AddressFamily(family)]:
        with contextlib.suppress(OSError):  # an old kernel: no labels, or no sizes beyond what it has learned
            sock.sock.setsockopt(*option)
    flow = Flow(packets, cast(Any, to), v6=family == socket.AF_INET6, tos=tos, timeout_s=timeout_s)
    flow.overheard = listening.hears
    way = PacketProber(flow, sock)
    listening.listen(*key, flow)
    listening.wake(way)
    return way


def _bound(family: int, port: int) -> PacketSocket:
    for tried in range(port, port + _PORTS):
        try:
            return open_udp(family, "", tried)
        except OSError as fault:
            if fault.errno != errno.EADDRINUSE:
                raise
    return open_udp(family, "", 0)


def link_mtu(family: int, to: tuple[Any, ...]) -> int:
    """The MTU this machine has for the way there, as far as it knows; 0 when there is no way."""
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((to[0], 9, *to[2:]))
            return sock.getsockopt(*_MTU[socket.AddressFamily(family)])
        except OSError:
            return 0


async def together(asks: Sequence[Awaitable[None]]) -> None:
    """All of them at the same time."""
    async with asyncio.TaskGroup() as tasks:
        for question in asks:
            tasks.create_task(_awaited(question))


async def _awaited(question: Awaitable[None]) -> None:
    await question
