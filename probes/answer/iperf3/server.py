"""An iperf3 server for one test at a time (TCP, UDP, both directions), made to stand on an open network.

It bounds what it may be asked for, gives every step a deadline, sends only to the address that holds the control
connection, and ends a test with that connection. Who comes while a test runs waits its turn; for whom there is no room
hears that we are busy (ACCESS_DENIED).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from probes.answer.guard import Guard
from probes.answer.iperf3.limits import ServerLimits
from probes.answer.iperf3.queue import Queue, Waiting, farewell
from probes.clean import clean
from probes.errors import WireError
from probes.io.bulk import udp as bulk_udp
from probes.io.bulk.tcp import Streams, TcpStream
from probes.io.bulk.udp import UdpSocket, UdpStream
from probes.io.datagram.mmsg import PacketRun
from probes.io.stream.driver import StreamDriver
from probes.wire.iperf3 import messages as iperf3
from probes.wire.iperf3.control import Asked, ControlOver, ResultsWanted, ServerTalk, Start, Stop, Warm, cookie_at
from probes.wire.iperf3.login import Login
from probes.wire.iperf3.messages import COOKIE_BYTES, Params

_MAX_WAITING = 64  # connections that have not said yet whose they are, or have not heard yet that we are busy
_GREETING_S, _AGAIN_S = 5.0, 1.0
_ANY_PORT = 65_535  # a TCP peer has proven its address: whatever port it has is good
_log = logging.getLogger("netmon.answer.iperf3")


class Server:
    """The listening socket, whoever has just come, the queue, and the one test. `door`: who may start tests, None: anybody.

    `counts`: tests by how they ended, and connections not served by why.
    """

    def __init__(self, sock: socket.socket, limits: ServerLimits, door: Login | None = None) -> None:
        sock.setblocking(False)
        self.limits, self.counts = limits, Counter[str]()
        self.port = int(sock.getsockname()[1])
        self._sock, self._door = sock, door
        self._guard = Guard(limits.policy, 0)
        self._loop = asyncio.get_running_loop()
        self._waiting: set[Waiting] = set()
        self._queue = Queue(limits.max_queued, limits.max_queued_each, limits.turn_s, self._deny)
        self._test: _Test | None = None
        self._closed = False
        self._listen()

    def close(self) -> None:
        """Stop listening; the test that runs ends."""
        self._closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
        for waiting in tuple(self._waiting):
            waiting.close()
        self._queue.close()
        if self._test:
            self._test.close()

    def _listen(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._sock.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            sock, source = self._sock.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError as fault:  # no descriptors left: the connection stays in the queue, so do not spin
            _log.warning("cannot accept: %s", fault.strerror)
            self._loop.remove_reader(self._sock.fileno())
            self._loop.call_later(_AGAIN_S, self._listen)
            return
        why = self._unwelcome(source[0])
        if why:
            self.counts[why] += 1
            sock.close()
            return
        self._waiting.add(Waiting(sock, COOKIE_BYTES, _GREETING_S, self._greeted, self._waiting.discard))

    def _unwelcome(self, host: str) -> str:
        """Why a connection from there is closed at once, "" when it is not."""
        if len(self._waiting) >= _MAX_WAITING:
            return "too many"
        return self._guard.stranger(host, _ANY_PORT) or self._guard.overdrawn(host, time.monotonic())

    def _greeted(self, sock: socket.socket, greeting: bytes) -> None:
        """A connection has said whose it is: a new test's, the running one's, or nobody's."""
        try:
            cookie = cookie_at(greeting)
        except WireError:
            cookie = None
        source = _source(sock)
        if cookie is None or not source:
            self.counts["no cookie" if source else "left at once"] += 1
            sock.close()
        elif self._test is None and not len(self._queue):
            self._begin(sock, source, cookie)
        elif not (self._test and self._test.join(sock, cookie)) and not self._queue.join(sock, source, cookie):
            self._deny(sock)

    def _begin(self, sock: socket.socket, source: str, cookie: bytes) -> None:
        self._test = _Test(sock, source, cookie, self.limits, self._door, self._ended)

    def _deny(self, sock: socket.socket) -> None:
        self.counts["busy"] += 1
        waiting = farewell(sock, self._waiting.discard)
        if waiting:
            self._waiting.add(waiting)

    def _ended(self, how: str, why: str) -> None:
        self._test = None
        self.counts[how] += 1
        _log.info("test ended: %s%s", how, f" ({clean(why)})" if why else "")
        self._loop.call_soon(self._next)

    def _next(self) -> None:
        """Whose turn it is, unless the server stops; those who have left since do not count."""
        while self._test is None and not self._closed:
            first = self._queue.next()
            if first is None:
                return
            sock, cookie = first
            source = _source(sock)
            if source:
                self._begin(sock, source, cookie)
            else:
                sock.close()


class _Test:
    """One test from its cookie to its end."""

    def __init__(
        self,
        sock: socket.socket,
        source: str,
        cookie: bytes,
        limits: ServerLimits,
        door: Login | None,
        on_end: Callable[[str, str], None],
    ) -> None:
        self._cookie, self._limits, self._door, self._on_end = cookie, limits, door, on_end
        self._here, self._peer = sock.getsockname(), source
        self._params: Params | None = None
        self._streams = Streams()
        self._udp: UdpSocket | None = None
        self._by_source: dict[Any, UdpStream] = {}
        self._over = False
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._talk = ServerTalk(limits.patience_s, time.monotonic())
        self._driver = StreamDriver(sock, self._talk, self._happened)
        self._driver.turn()

    def close(self) -> None:
        """End it, whatever it does."""
        self._talk.abort("the server stops")
        self._driver.turn()

    def join(self, sock: socket.socket, cookie: bytes) -> bool:
        """A data connection of this test, when it is one that is awaited; False: it is not ours."""
        params = self._params
        if cookie != self._cookie or params is None or params.protocol != "tcp" or self._complete:
            return False
        self._streams.flows.append(TcpStream(sock, params.reverse, params.block_bytes, params.rate_bps))
        self._begin_when_complete()
        return True

    @property
    def _complete(self) -> bool:
        return self._params is not None and len(self._streams.flows) >= self._params.parallel

    def _begin_when_complete(self) -> None:
        if self._complete:
            self._talk.ready(time.monotonic())
            self._driver.turn()

    def _happened(self, events: list[Any]) -> None:
        for event in events:
            act = _ACTS.get(type(event))
            if act:
                act(self, event)

    def _asked(self, event: Asked) -> None:
        fault = self._stranger(event.params) or self._limits.fault(event.params)
        if not fault and event.params.protocol == "udp":
            fault = self._open_udp(event.params)
        if fault:
            self._talk.refuse(*fault)
            return
        self._params = event.params
        _log.info("%s asks for %s", clean(self._peer), _in_words(event.params))
        self._talk.accept(time.monotonic(), event.params.omit_s + (event.params.time_s or self._limits.max_s))

    def _stranger(self, asked: Params) -> tuple[int, str] | None:
        """Where there is a door, nobody learns our limits before it."""
        why = self._door.fault(asked.login, time.time()) if self._door else ""
        return (iperf3.LOGIN, why) if why else None

    def _open_udp(self, asked: Params) -> tuple[int, str] | None:
        """At the address and port the client knows; an error to refuse with when that cannot be had."""
        sock = socket.socket(self._driver.sock.family, socket.SOCK_DGRAM)
        try:
            sock.bind(self._here)
        except OSError as fault:
            sock.close()
            return iperf3.UNIMPLEMENTED, f"no UDP here: {fault.strerror}"
        rest_s = bulk_udp.rest_between(asked, asked.reverse)
        self._udp = UdpSocket(sock, self._heard, largest=asked.block_bytes, rest_s=rest_s)
        return None

    def _heard(self, run: PacketRun, source: Any) -> None:
        flow = self._by_source.get(source)
        if self._streams.began or source[0] != self._peer:
            if flow:
                flow.take(run)
        elif any(bytes(data) in iperf3.UDP_HELLOS for data, _ in run.packets() if len(data) == 4):
            self._hello(source, flow)

    def _hello(self, source: Any, flow: UdpStream | None) -> None:
        """A new UDP stream, or one that did not hear our answer."""
        params, udp = self._params, self._udp
        if params is None or udp is None or (flow is None and self._complete):
            return
        sock = udp.sock
        if flow is None:
            flow = UdpStream(sock, source, params, params.reverse)
            self._by_source[source] = flow
            self._streams.flows.append(flow)
        try:
            sock.sendto(iperf3.UDP_REPLY, source)
        except OSError as fault:
            _log.info("stream not answered: %s", fault.strerror)
        self._begin_when_complete()

    def _start(self, event: Start) -> None:
        self._streams.start()

    def _warm(self, event: Warm) -> None:
        self._streams.anew()

    def _stop(self, event: Stop) -> None:
        """A client that receives reads whole blocks and hears our next word only after the end of the stream."""
        self._streams.stop()
        for flow in self._streams.flows:
            if isinstance(flow, TcpStream):
                flow.hang_up()

    def _wanted(self, event: ResultsWanted) -> None:
        self._talk.give(self._streams.results(), time.monotonic())

    def _ended(self, event: ControlOver) -> None:
        if self._over:
            return
        self._over = True
        self._streams.close()
        if self._udp:
            self._udp.close()
        self._driver.close()
        self._on_end(event.how, event.why)


_ACTS: dict[type[Any], Callable[[_Test, Any], None]] = {
    Asked: _Test._asked,
    Start: _Test._start,
    Warm: _Test._warm,
    Stop: _Test._stop,
    ResultsWanted: _Test._wanted,
    ControlOver: _Test._ended,
}


def _source(sock: socket.socket) -> str:
    """Whose connection it is, "" when it is over already."""
    try:
        return str(sock.getpeername()[0])
    except OSError:
        return ""


def _in_words(asked: Params) -> str:
    way = "to it" if asked.reverse else "from it"
    lasts, rate = f"{asked.time_s} s" if asked.time_s else "by amount", f"{asked.rate_bps} bit/s each"
    return f"{asked.protocol} {way}, {asked.parallel} streams, {lasts}, {rate if asked.rate_bps else 'unpaced'}"


def listen(host: str, port: int, limits: ServerLimits | None = None, door: Login | None = None) -> Server:
    """A server that listens (port 0: any); raises OSError when the address cannot be had. Call it in a running loop."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.create_server((host, port), family=family, backlog=64)
    return Server(sock, limits or ServerLimits(), door)


async def serve(host: str, port: int, limits: ServerLimits | None = None, door: Login | None = None) -> None:
    """Answer until cancelled."""
    server = listen(host, port, limits, door)
    _log.info("throughput tests on %s port %d", clean(host) or "all addresses", server.port)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        server.close()
        counts = ", ".join(f"{why} {many}" for why, many in sorted(server.counts.items()))
        _log.info("throughput tests: %s", counts or "none")
