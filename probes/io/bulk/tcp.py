"""Bulk TCP streams, and what all streams of one test have in common. Only bytes taken in by a receiver are a rate."""

from __future__ import annotations

import asyncio
import os
import socket
import time

from probes.io.bulk.udp import UdpStream
from probes.wire.iperf3.messages import Results, StreamResult, stream_id

_SO_MAX_PACING_RATE, _TCP_NOTSENT_LOWAT, _TOTAL_RETRANS_AT = 47, 25, 100
_UNSENT_BYTES = 256 * 1024  # what waits in our own buffer still crosses the link after the test: keep it small
_PER_WAKE = 8  # reads or writes before the loop may do something else
_RECV_BYTES = 256 * 1024
_MAX_BLOCK_BYTES = 128 * 1024
_LET_GO_S = 0.05
_STEP_S, _MIN_BYTES = 0.005, 1448  # a paced stream is written in steps of so much time, of so much at least


class TcpStream:
    """A TCP stream; it sends or it receives. `broken` says why it ended by itself, "" when it did not. `rate_bps` 0: as fast as it goes; else we write no faster, and the kernel spaces the segments."""

    def __init__(self, sock: socket.socket, sends: bool, block_bytes: int, rate_bps: float = 0.0) -> None:
        sock.setblocking(False)
        self.sock, self.sends = sock, sends
        self.broken = ""
        self.sent_bytes = self.rcvd_bytes = 0
        self._loop = asyncio.get_running_loop()
        block_bytes = min(block_bytes, _MAX_BLOCK_BYTES)
        if sends and rate_bps:
            block_bytes = min(block_bytes, max(_MIN_BYTES, int(rate_bps / 8 * _STEP_S)))
        self._block = memoryview(os.urandom(block_bytes) if sends else bytearray(_RECV_BYTES))
        self._rate_bps, self._free_at = rate_bps, 0.0  # monotonic: when the next block may be written
        self._timer: asyncio.TimerHandle | None = None
        self._counts = self._closed = False
        self._retransmits_before = 0
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        if sends and rate_bps:
            sock.setsockopt(socket.SOL_SOCKET, _SO_MAX_PACING_RATE, min(int(rate_bps / 8), 2**32 - 2))

    def start(self) -> None:
        """Send, or count, from now on."""
        self._counts = True
        if self.sends:
            self._free_at = time.monotonic()
            self._loop.add_writer(self.sock.fileno(), self._writable)
        else:
            self._loop.add_reader(self.sock.fileno(), self._readable)

    def anew(self) -> None:
        """The warm-up is over: count from here."""
        self.sent_bytes = self.rcvd_bytes = 0
        self._retransmits_before = self._retransmits()

    def stop(self) -> None:
        """Send no more, count no more; what still comes is read and dropped."""
        self._counts = False
        if self._timer:
            self._timer.cancel()
        if not self._closed:
            self._loop.remove_writer(self.sock.fileno())

    def hang_up(self) -> None:
        """A sender's end of the stream, after what is on its way; a receiver does nothing."""
        if self.sends and not self._closed:
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError as fault:  # the far end was faster
                self._broke(fault.strerror or str(fault))

    def close(self) -> None:
        """Give the socket back."""
        if not self._closed:
            self._closed = True
            self._leave()
            self.sock.close()

    def result(self, place: int, took_s: float) -> StreamResult:
        """What it saw."""
        if not self.sends:
            return StreamResult(stream_id(place), self.rcvd_bytes, took_s=took_s)
        retransmits = self._retransmits() - self._retransmits_before
        return StreamResult(stream_id(place), self.sent_bytes, max(0, retransmits), took_s=took_s)

    def _retransmits(self) -> int:
        """Segments sent again so far (tcpi_total_retrans of <linux/tcp.h>)."""
        try:
            info = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
        except OSError:
            return self._retransmits_before
        return int.from_bytes(info[_TOTAL_RETRANS_AT : _TOTAL_RETRANS_AT + 4], "little")

    def _writable(self) -> None:
        try:
            for _ in range(_PER_WAKE):
                if self._rate_bps and self._early():
                    return
                sent = self.sock.send(self._block)
                self.sent_bytes += sent
                if self._rate_bps:
                    self._free_at += sent * 8 / self._rate_bps
        except (BlockingIOError, InterruptedError):
            return
        except OSError as fault:
            self._broke(fault.strerror or str(fault))

    def _early(self) -> bool:
        """Is the next block not due yet? Then we are called again when it is. Lateness of more than 50 ms is let go."""
        now = time.monotonic()
        self._free_at = max(self._free_at, now - _LET_GO_S)
        if self._free_at <= now:
            return False
        self._loop.remove_writer(self.sock.fileno())
        self._timer = self._loop.call_later(self._free_at - now, self._again)
        return True

    def _again(self) -> None:
        if self._counts and not self._closed:
            self._loop.add_writer(self.sock.fileno(), self._writable)

    def _readable(self) -> None:
        try:
            for _ in range(_PER_WAKE):
                got = self.sock.recv_into(self._block)
                if not got:
                    self._broke("closed by the far end")
                    return
                if self._counts:
                    self.rcvd_bytes += got
        except (BlockingIOError, InterruptedError):
            return
        except OSError as fault:
            self._broke(fault.strerror or str(fault))

    def _broke(self, why: str) -> None:
        if self._counts:
            self.broken = why
        self._leave()

    def _leave(self) -> None:
        self._loop.remove_reader(self.sock.fileno())
        self._loop.remove_writer(self.sock.fileno())


class Lag:
    """How late the loop runs our own timers: what a starved machine measures says nothing of the network."""

    _EVERY_S, _FORGIVEN_S = 0.1, 0.02

    def __init__(self) -> None:
        self.late_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def start(self) -> None:
        """Watch from now on."""
        self._due = self._loop.time() + self._EVERY_S
        self._timer = self._loop.call_at(self._due, self._fired)

    def stop(self) -> None:
        """Watch no more."""
        if self._timer:
            self._timer.cancel()

    def _fired(self) -> None:
        late_s = self._loop.time() - self._due
        self.late_s += late_s if late_s > self._FORGIVEN_S else 0.0
        self.start()


class Streams:
    """The streams of one test, started, cleared and stopped together. `took_s`: what was counted lasted so long."""

    def __init__(self) -> None:
        self.flows: list[TcpStream | UdpStream] = []
        self.lag = Lag()
        self.took_s = 0.0
        self.began = 0.0  # monotonic; 0: not yet
        self.total_sent_bytes = 0  # the warm-up too: what the link had to carry for us

    def start(self) -> None:
        """All streams, now."""
        self.began = time.monotonic()
        self.lag.start()
        for flow in self.flows:
            flow.start()

    def anew(self) -> None:
        """The warm-up is over."""
        self.total_sent_bytes += sum(flow.sent_bytes for flow in self.flows)
        self.began = time.monotonic()
        for flow in self.flows:
            flow.anew()

    def stop(self) -> None:
        """Count no more."""
        if self.began and not self.took_s:
            self.took_s = time.monotonic() - self.began
            self.total_sent_bytes += sum(flow.sent_bytes for flow in self.flows)
        self.lag.stop()
        for flow in self.flows:
            flow.stop()

    def close(self) -> None:
        """Stop, and give all sockets back."""
        self.stop()
        for flow in self.flows:
            flow.close()

    def results(self) -> Results:
        """What our end saw."""
        streams = tuple(flow.result(place, self.took_s) for place, flow in enumerate(self.flows))
        return Results(streams, any(stream.retransmits is not None for stream in streams))
