"""An iperf3 server for one test at a time (TCP, UDP, both directions), made to stand on an open network.

It bounds what it may be asked for, gives every step a deadline, sends only to the address that holds the control
connection, and ends a test with that connection. Who comes while a test runs is told so (ACCESS_DENIED).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from probes.clean import clean
from probes.errors import WireError
from probes.io.bulk import Streams, TcpFlow
from probes.io.bulkudp import UdpFlow, UdpSocket
from probes.io.bytestream import StreamDriver
from probes.wire import iperf3
from probes.wire.iperf3 import COOKIE_BYTES, Params, State
from probes.wire.iperf3talk import Asked, Over, ServerTalk, Start, Stop, Wanted, Warm, whose

_MOST_WAITING = 64  # connections that have not said yet whose they are, or have not heard yet that we are busy
_GREETING_S, _FAREWELL_S, _AGAIN_S = 5.0, 2.0, 1.0
_DENIED = State.ACCESS_DENIED.to_bytes(1, "big", signed=True)
_log = logging.getLogger("netmon.answer.iperf3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a client may ask for. `most_s` also ends a test that goes by amount; `patience_s`: for each of its steps."""

    most_s: int = 60
    most_streams: int = 16
    most_udp_bps: float = 1e9
    most_udp_packets_per_s: float = 100_000
    patience_s: float = 10.0

    def fault(self, asked: Params) -> tuple[int, str] | None:
        """(iperf3's error number, why) when the test asked for is not made here."""
        rate_bps = asked.rate_bps * asked.parallel
        rules = (
            (asked.both_ways, iperf3.UNIMPLEMENTED, "both ways at once"),
            (asked.time_s + asked.omit_s > self.most_s, iperf3.DURATION, f"{asked.time_s} s"),
            (asked.parallel > self.most_streams, iperf3.STREAMS, f"{asked.parallel} streams"),
            (asked.protocol == "udp" and not asked.rate_bps, iperf3.TOTAL_RATE, "UDP without a rate"),
            (asked.protocol == "udp" and rate_bps > self.most_udp_bps, iperf3.TOTAL_RATE, f"UDP at {rate_bps} bit/s"),
            (
                asked.protocol == "udp" and rate_bps / 8 / asked.block_bytes > self.most_udp_packets_per_s,
                iperf3.BLOCK,
                f"UDP packets of {asked.block_bytes} bytes at {rate_bps} bit/s",
            ),
            (asked.wide and asked.block_bytes < iperf3.head_bytes(True), iperf3.BLOCK, "no room for packet numbers"),
        )
        return next(((number, why) for wrong, number, why in rules if wrong), None)


class Server:
    """The listening socket, whoever has just come, and the one test. `counts`: tests by how they ended, and refusals."""

    def __init__(self, sock: socket.socket, limits: Limits) -> None:
        sock.setblocking(False)
        self.limits, self.counts = limits, Counter[str]()
        self.port = int(sock.getsockname()[1])
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._waiting: set[_Waiting] = set()
        self._test: _Test | None = None
        self._closed = False
        self._listen()

    def close(self) -> None:
        """Stop listening; the test that runs ends."""
        self._closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
        for one in tuple(self._waiting):
            one.close()
        if self._test:
            self._test.close()

    def _listen(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._sock.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            sock, _ = self._sock.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError as fault:  # no descriptors left: the connection stays in the queue, so do not spin
            _log.warning("cannot accept: %s", fault.strerror)
            self._loop.remove_reader(self._sock.fileno())
            self._loop.call_later(_AGAIN_S, self._listen)
            return
        if len(self._waiting) >= _MOST_WAITING:
            self.counts["too many"] += 1
            sock.close()
            return
        self._wait(_Waiting(sock, COOKIE_BYTES, _GREETING_S, self._greeted, self._waiting.discard))

    def _wait(self, one: _Waiting) -> None:
        self._waiting.add(one)

    def _greeted(self, sock: socket.socket, greeting: bytes) -> None:
        """A connection has said whose it is: a new test's, the running one's, or nobody's."""
        try:
            cookie = whose(greeting)
        except WireError:
            cookie = None
        if cookie is None:
            self.counts["no cookie"] += 1
            sock.close()
        elif self._test is None:
            self._test = _Test(sock, cookie, self.limits, self._ended)
        elif not self._test.join(sock, cookie):
            self._deny(sock)

    def _deny(self, sock: socket.socket) -> None:
        """Say that we are busy, and stay until it was read: closing at once would make it a reset."""
        self.counts["busy"] += 1
        try:
            sock.send(_DENIED)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            sock.close()
            return
        self._wait(_Waiting(sock, 65_536, _FAREWELL_S, lambda sock, _: sock.close(), self._waiting.discard))

    def _ended(self, how: str, why: str) -> None:
        self._test = None
        self.counts[how] += 1
        _log.info("test ended: %s%s", how, f" ({clean(why)})" if why else "")


class _Waiting:
    """A connection that is read up to `wanted` bytes, for `patience_s` at most; `then` gets it with what it said."""

    def __init__(
        self,
        sock: socket.socket,
        wanted: int,
        patience_s: float,
        then: Callable[[socket.socket, bytes], None],
        gone: Callable[[_Waiting], None],
    ) -> None:
        sock.setblocking(False)
        self._sock, self._wanted, self._then, self._gone = sock, wanted, then, gone
        self._said = b""
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(patience_s, self.close)
        self._loop.add_reader(sock.fileno(), self._readable)

    def close(self) -> None:
        """Give up on it."""
        self._leave()
        self._sock.close()

    def _leave(self) -> None:
        self._timer.cancel()
        self._loop.remove_reader(self._sock.fileno())
        self._gone(self)

    def _readable(self) -> None:
        try:
            got = self._sock.recv(self._wanted - len(self._said))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            got = b""
        self._said += got
        if not got:
            self.close()
        elif len(self._said) >= self._wanted:
            self._leave()
            self._then(self._sock, self._said)


class _Test:
    """One test from its cookie to its end."""

    def __init__(self, sock: socket.socket, cookie: bytes, limits: Limits, on_end: Callable[[str, str], None]) -> None:
        self._cookie, self._limits, self._on_end = cookie, limits, on_end
        self._here, self._peer = sock.getsockname(), sock.getpeername()[0] if _connected(sock) else ""
        self._params: Params | None = None
        self._streams = Streams()
        self._udp: UdpSocket | None = None
        self._by_source: dict[Any, UdpFlow] = {}
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
        self._streams.flows.append(TcpFlow(sock, params.reverse, params.block_bytes, params.rate_bps))
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
        found = self._limits.fault(event.params)
        if not found and event.params.protocol == "udp":
            found = self._open_udp()
        if found:
            self._talk.refuse(*found)
            return
        self._params = event.params
        _log.info("%s asks for %s", clean(self._peer), _in_words(event.params))
        self._talk.accept(time.monotonic(), event.params.omit_s + (event.params.time_s or self._limits.most_s))

    def _open_udp(self) -> tuple[int, str] | None:
        """At the address and port the client knows; an error to refuse with when that cannot be had."""
        sock = socket.socket(self._driver.sock.family, socket.SOCK_DGRAM)
        try:
            sock.bind(self._here)
        except OSError as fault:
            sock.close()
            return iperf3.UNIMPLEMENTED, f"no UDP here: {fault.strerror}"
        self._udp = UdpSocket(sock, self._heard)
        return None

    def _heard(self, data: memoryview, at_ns: int, source: Any) -> None:
        flow = self._by_source.get(source)
        hello = len(data) == 4 and bytes(data) in iperf3.UDP_HELLOS
        if flow and not hello:
            flow.take(data, at_ns)
        elif hello and source[0] == self._peer and not self._streams.began:
            self._hello(source, flow)

    def _hello(self, source: Any, flow: UdpFlow | None) -> None:
        """A new UDP stream, or one that did not hear our answer."""
        params, udp = self._params, self._udp
        if params is None or udp is None or (flow is None and self._complete):
            return
        sock = udp.sock
        if flow is None:
            flow = UdpFlow(sock, source, params, params.reverse)
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
            if isinstance(flow, TcpFlow):
                flow.hang_up()

    def _wanted(self, event: Wanted) -> None:
        self._talk.give(self._streams.results(), time.monotonic())

    def _ended(self, event: Over) -> None:
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
    Wanted: _Test._wanted,
    Over: _Test._ended,
}


def _connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def _in_words(asked: Params) -> str:
    way = "to it" if asked.reverse else "from it"
    lasts, rate = f"{asked.time_s} s" if asked.time_s else "by amount", f"{asked.rate_bps} bit/s each"
    return f"{asked.protocol} {way}, {asked.parallel} streams, {lasts}, {rate if asked.rate_bps else 'unpaced'}"


def listen(host: str, port: int, limits: Limits | None = None) -> Server:
    """A server that listens (port 0: any); raises OSError when the address cannot be had. Call it in a running loop."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.create_server((host, port), family=family, backlog=64)
    return Server(sock, limits or Limits())


async def serve(host: str, port: int) -> None:
    """Answer until cancelled."""
    server = listen(host, port)
    _log.info("throughput tests on %s port %d", clean(host) or "all addresses", server.port)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        server.close()
        told = ", ".join(f"{why} {many}" for why, many in sorted(server.counts.items()))
        _log.info("throughput tests: %s", told or "none")
