"""One iperf3 test as the client: dials the control connection and the streams, and tells what both ends saw."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from probes.base import Outcome
from probes.io import faults
from probes.io.bulk import udp as bulk_udp
from probes.io.bulk.tcp import Streams, TcpStream
from probes.io.bulk.udp import UdpSocket, UdpStream
from probes.io.datagram.mmsg import PacketRun
from probes.io.stream import connect as tcp
from probes.io.stream.driver import StreamDriver
from probes.wire.iperf3 import messages as iperf3
from probes.wire.iperf3.control import ClientTalk, ControlOver, PeerResults, ResultsWanted, Start, Stop, Warm
from probes.wire.iperf3.messages import Params, Results
from probes.wire.session import Dial

_HOW = {Outcome.REFUSED: "refused", Outcome.LOST: "silence", Outcome.LOCAL: "ours"}
_FAMILY_MSS = {socket.AF_INET: 1460, socket.AF_INET6: 1440}  # of an Ethernet: larger packets would be cut up


@dataclass(slots=True)
class ClientReport:
    """What became of a test. `how`, `why`: see `probes.wire.iperf3.control.ControlOver`; `streams`: our end; `theirs`: the far end's counts."""

    how: str
    why: str = ""
    connect_ms: float | None = None
    params: Params = field(default_factory=Params)
    streams: Streams = field(default_factory=Streams)
    theirs: Results | None = None
    dropped: int = 0  # packets our own socket buffers had no room for
    asked_at: float | None = None  # monotonic: when the server had time for us
    waited_ms: float | None = None  # from the first connect until then


SocketAddress = tuple[Any, ...]
Login = Callable[[], str]
# A busy server is asked again after so long, by chance: seldom, for iperf3 3.12 must look up from its test.
_AGAIN_S = (1.0, 3.0)


async def measure(
    family: int,
    sockaddr: SocketAddress,
    params: Params,
    seconds: float,
    patience_s: float,
    wait_s: float = 0.0,
    login: Login | None = None,
) -> ClientReport:
    """One test; `params.block_bytes` 0: what fits a packet of the path. Never raises for the network.

    A busy server is asked again, or its queue is kept to, for `wait_s`. `login` makes the token when it is asked for.
    """
    began, report = time.monotonic(), None
    while True:
        left_s = max(0.0, began + wait_s - time.monotonic())
        last, report = report, await _Attempt(family, sockaddr, patience_s, left_s, login).once(params, seconds)
        if last and report.how == "refused" and report.connect_ms is None:
            report = last  # iperf3 closes its port for a moment after each test: that is still busy
        again_s = random.uniform(*_AGAIN_S)
        if report.how != "busy" or began + wait_s < time.monotonic() + again_s:
            break
        await asyncio.sleep(again_s)
    if report.asked_at is not None:
        report.waited_ms = (report.asked_at - began) * 1000 - (report.connect_ms or 0.0)
    return report


@dataclass(frozen=True, slots=True)
class _Attempt:
    """Where, how patiently and as whom a test is asked for."""

    family: int
    sockaddr: SocketAddress
    patience_s: float
    wait_s: float
    login: Login | None

    async def once(self, params: Params, seconds: float) -> ClientReport:
        """One try."""
        made, sock = await tcp.dial(self.family, self.sockaddr, self.patience_s)
        if sock is None:
            return ClientReport(_HOW[made.outcome], made.why, params=params)
        try:
            client = _Client(self, sock, _sized(params, sock), seconds)
        except OSError as fault:
            sock.close()
            return ClientReport("ours", f"no socket: {fault.strerror}", made.took_ms, params)
        client.report.connect_ms = made.took_ms
        try:
            await client.ended
        finally:
            client.close()
        return client.report


def _sized(params: Params, sock: socket.socket) -> Params:
    """UDP packets as large as the path's TCP segments, so that none is cut up (1460 bytes at most)."""
    if params.block_bytes:
        return params
    largest = _FAMILY_MSS[socket.AddressFamily(sock.family)]
    segment = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    block = min(largest, segment) if params.protocol == "udp" else 128 * 1024
    return replace(params, block_bytes=block)


class _Client:
    """The session, its streams, and the future that ends with them."""

    def __init__(self, asking: _Attempt, sock: socket.socket, params: Params, seconds: float) -> None:
        self._family, self._sockaddr, self._patience_s = asking.family, asking.sockaddr, asking.patience_s
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self.report = ClientReport("ours", params=params)
        self._sockets: list[UdpSocket] = []
        self._dials: set[asyncio.Task[None]] = set()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        cookie, port = iperf3.cookie(os.urandom(36), ours=True), asking.sockaddr[1]
        now = time.monotonic()
        self._talk = ClientTalk(cookie, params, seconds, asking.patience_s, port, now, asking.wait_s, asking.login)
        self._driver = StreamDriver(sock, self._talk, self._happened)
        self._driver.turn()

    def close(self) -> None:
        """Give everything back."""
        for task in self._dials:
            task.cancel()
        self.report.asked_at = self._talk.asked_at
        self.report.streams.close()
        for sock in self._sockets:
            self.report.dropped += sock.overflow
            sock.close()
        self._driver.close()

    def _happened(self, events: list[Any]) -> None:
        for event in events:
            act = _ACTS.get(type(event))
            if act:
                act(self, event)

    def _start(self, event: Start) -> None:
        self.report.streams.start()

    def _warm(self, event: Warm) -> None:
        self.report.streams.anew()

    def _stop(self, event: Stop) -> None:
        self.report.streams.stop()

    def _wanted(self, event: ResultsWanted) -> None:
        self._talk.give(self.report.streams.results(), time.monotonic())

    def _keep_results(self, event: PeerResults) -> None:
        self.report.theirs = event.results

    def _over(self, event: ControlOver) -> None:
        self.report.how, self.report.why = event.how, event.why
        fault = self._driver.fault
        if event.how == "gone" and fault is not None:
            self.report.how, self.report.why = _ended_by(fault)
        self.report.streams.stop()
        if not self.ended.done():
            self.ended.set_result(None)

    def _dial(self, event: Dial) -> None:
        if event.udp:
            self._dial_udp(event)
        else:
            task = self._loop.create_task(self._dial_tcp(event))
            self._dials.add(task)
            task.add_done_callback(self._dials.discard)

    async def _dial_tcp(self, event: Dial) -> None:
        made, sock = await tcp.dial(self._family, self._sockaddr, self._patience_s)
        if sock is None:
            self._abort(_HOW[made.outcome], f"stream {event.stream + 1}: {made.why}")
            return
        params = self.report.params
        flow = TcpStream(sock, not params.reverse, params.block_bytes, params.rate_bps)
        self.report.streams.flows.append(flow)
        try:
            sock.send(event.hello)  # 37 bytes always fit an empty buffer
        except OSError as fault:
            self._abort(*_ended_by(fault))
            return
        self._joined()

    def _dial_udp(self, event: Dial) -> None:
        params = self.report.params
        try:
            sock = socket.socket(self._family, socket.SOCK_DGRAM)
            sock.connect(self._sockaddr)
            sends = not params.reverse
            flow, rest_s = UdpStream(sock, None, params, sends), bulk_udp.rest_between(params, sends)
            self._sockets.append(UdpSocket(sock, self._hears(flow), self._failed, params.block_bytes, rest_s))
            self.report.streams.flows.append(flow)
            sock.send(event.hello)
        except OSError as fault:
            self._abort(*_ended_by(fault))

    def _hears(self, flow: UdpStream) -> Callable[[PacketRun, Any], None]:
        waiting = True

        def hear(run: PacketRun, source: Any) -> None:
            """The server answers our hello, and may send at once: both may come in one run."""
            nonlocal waiting
            if not waiting:
                flow.take(run)
                return
            for data, at_ns in run.packets():
                if waiting and bytes(data[:5]) in iperf3.UDP_REPLIES:
                    waiting = False
                    self._joined()
                else:
                    flow.take(PacketRun(data, max(1, len(data)), [len(data)], [at_ns]))

        return hear

    def _failed(self, fault: OSError) -> None:
        """An ICMP error of a UDP stream: it ends the test while streams are made; later the control tells more."""
        if not self.report.streams.began:
            self._abort(*_ended_by(fault))

    def _joined(self) -> None:
        self._talk.joined(time.monotonic())
        self._driver.turn()

    def _abort(self, how: str, why: str) -> None:
        self._talk.abort(why, how)
        self._driver.turn()


_ACTS: dict[type[Any], Callable[[_Client, Any], None]] = {
    Dial: _Client._dial,
    Start: _Client._start,
    Warm: _Client._warm,
    Stop: _Client._stop,
    ResultsWanted: _Client._wanted,
    PeerResults: _Client._keep_results,
    ControlOver: _Client._over,
}


def _ended_by(fault: OSError) -> tuple[str, str]:
    """(how, why) of a connection's or a stream's own error."""
    outcome, why = faults.of_error(fault)
    gone = outcome is Outcome.REFUSED and fault.errno != errno.ECONNREFUSED
    return "gone" if gone else _HOW[outcome], why
