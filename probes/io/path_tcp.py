"""A TCP flow of a path trace: connects from one port with rising hop limits, one after the other.

One connection of a flow can exist at a time, because all have the same ports; a SYN-ACK and a reset both mean the target.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Iterable
from typing import Any

from probes import trace
from probes.base import Outcome
from probes.io import faults
from probes.io.datagram.socket import PacketSocket, Unreachable
from probes.io.path import ErrorListener, PacketProber
from probes.io.stream.connect import established, open_ms
from probes.wire.icmp.error import MIN_QUOTE, TCP, Quote, labels_at, meaning
from probes.wire.path.flow import GAP_S, SILENT_RUN, HopReply, Probe, at_target, hop_reply

_LEVELS = {socket.AF_INET: (0, 2, 1), socket.AF_INET6: (41, 16, 67)}  # level, hop limit, traffic class
_RFC4884 = {socket.AF_INET: (0, 26, 1), socket.AF_INET6: (41, 31, 1)}
_NO_LINGER = struct.pack("ii", 1, 0)  # a reset instead of FIN: the port is free at once
_TRIES = 20  # ports tried when one is taken


class TcpProber:
    """The same as `probes.io.path.PacketProber`."""

    def __init__(
        self, family: int, to: tuple[Any, ...], source_port: int, tos: int, timeout_s: float, listening: ErrorListener
    ) -> None:
        self.probes: list[Probe] = []
        self.neighbour = ""
        self._family, self._to, self._tos, self._timeout_s = socket.AddressFamily(family), to, tos, timeout_s
        self._port = _free(family, source_port)
        self._skipped = 40 if family == socket.AF_INET6 else 20
        self._now: Probe | None = None
        listening.listen(TCP, self._port, self)

    async def ask(self, wanted: Iterable[tuple[int, int]], *, stop: bool = True, gap_s: float = GAP_S) -> None:
        """See `Way`; payload bytes are not for a SYN."""
        quiet = 0
        for ttl, _ in wanted:
            probe = Probe(ttl, len(self.probes))
            self.probes.append(probe)
            await self._connect(probe)
            self._now = None
            quiet = 0 if probe.answer else quiet + 1
            ends = probe.answer and probe.answer.ends
            if probe.unsent or (stop and (ends or quiet >= SILENT_RUN)):
                return

    def close(self) -> None:
        """Nothing is open between two asks."""

    def heard(self, quote: Quote, by: str, at_ns: int, now: float) -> None:
        """An ICMP error as the listener hears it: about the one SYN that is out."""
        if self._now:
            self._answer(self._now, hop_reply(quote, by, self._to[0]), at_ns)

    async def _connect(self, probe: Probe) -> None:
        with socket.socket(self._family, socket.SOCK_STREAM) as sock:
            packets = PacketSocket(sock, answers=True)
            level, hops, traffic_class = _LEVELS[self._family]
            sock.setsockopt(level, hops, probe.ttl)
            sock.setsockopt(level, traffic_class, self._tos)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            _try(sock, *_RFC4884[self._family])
            await self._syn(probe, sock, packets)

    async def _syn(self, probe: Probe, sock: socket.socket, packets: PacketSocket) -> None:
        try:
            sock.bind(("", self._port))
            self._now, probe.left_ns = probe, time.time_ns()
            trace.note("sent", f"SYN to {self._to[0]}, hop limit {probe.ttl}")
            async with asyncio.timeout(self._timeout_s):
                await established(sock, self._to)
            took_ms = (time.time_ns() - probe.left_ns) / 1e6
            self._answer(probe, HopReply(str(self._to[0]), None), probe.left_ns + round(open_ms(sock, took_ms) * 1e6))
        except TimeoutError:
            trace.note("given up", f"hop limit {probe.ttl}: nothing came back in time")
        except OSError as fault:
            self._failed(probe, fault, packets)

    def _failed(self, probe: Probe, fault: OSError, packets: PacketSocket) -> None:
        said = [error for error in packets.errors() if isinstance(error, Unreachable)]
        if said:
            self._complaint(probe, said[0])
            return
        outcome = faults.of_error(fault).outcome
        if outcome is Outcome.REFUSED:
            reset = HopReply(str(self._to[0]), None)  # nobody stamps one: no time is better than ours
            self._answer(probe, reset, 0)
        elif outcome is Outcome.LOCAL:
            probe.left_ns, probe.unsent = 0, fault.strerror or str(fault)

    def _complaint(self, probe: Probe, said: Unreachable) -> None:
        if not said.by:
            fault = faults.icmp_fault(str(self._to[0]), "", said.type, said.code)
            self.neighbour = fault.why if fault else self.neighbour
            if fault and fault.outcome is Outcome.LOCAL:
                probe.left_ns, probe.unsent = 0, fault.why
            return
        what = meaning(said.type, said.code, self._family == socket.AF_INET6)
        extension = labels_at(said.data, said.after or MIN_QUOTE - self._skipped, sure=said.after > 0)
        answer = HopReply(said.by, what, said.type, said.code, 0, None, extension)
        self._answer(probe, at_target(answer, self._to[0]), said.at_ns)

    def _answer(self, probe: Probe, answer: HopReply, at_ns: int) -> None:
        if probe.answer is None:
            rtt_ms = round((at_ns - probe.left_ns) / 1e6, 4) if at_ns > probe.left_ns else None
            probe.answer = answer._replace(rtt_ms=rtt_ms)
            trace.note("answered", f"hop limit {probe.ttl}: {answer.by}", at_ns)
        elif probe.answer.by == answer.by:
            probe.answer = probe.answer._replace(labels=probe.answer.labels or answer.labels)


def _free(family: int, port: int) -> int:
    """A port that can be bound, at `port` or soon after; else 0, any."""
    for tried in range(port, port + _TRIES):
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("", tried))
            except OSError:
                continue
        return tried
    return 0


def _try(sock: socket.socket, level: int, option: int, value: int) -> None:
    try:
        sock.setsockopt(level, option, value)
    except OSError:
        return


Prober = PacketProber | TcpProber
