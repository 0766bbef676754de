"""Bulk UDP streams: a paced sender that never makes up for its own lateness with a burst, and a stamped receiver."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from probes.io.datagram.mmsg import PacketRun, receiver
from probes.io.datagram.timer import Timer
from probes.wire.iperf3.messages import Params, StreamResult, stream_id
from probes.wire.iperf3.udp import HeadWriter, StreamLedger

_BUFFER = 4 * 1024 * 1024
_PER_WAKE = 256
_REST_S = 0.001  # the sender sleeps at least so long, as iperf3's: at high rates several packets leave together
_MIN_REST_S, _MAX_REST_S, _REST_PACKETS = 0.0005, 0.002, 96  # a receiver's, see `rest_between`
_BEHIND_S, _BEHIND = 0.05, 1000  # what is due longer, or more than so many, is not sent any more
_SOL_UDP, _UDP_SEGMENT = 17, 103  # <linux/udp.h>
BATCH_FROM_BPS = 100e6
_MAX_BATCH, _MAX_BURST_BYTES = 16, 60_000  # more at once overflows iperf3's own receive buffer
_NO_BURSTS = (errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.EOPNOTSUPP)
_FULL = (errno.EAGAIN, errno.ENOBUFS)

OnRun = Callable[[PacketRun, Any], None]  # packets, source


class UdpSocket:
    """A datagram socket read in batches with the kernel's arrival stamps, into packets of `largest` bytes.

    `rest_s`: so many come that looking every so often is cheaper than being woken, and loses nothing; 0: be woken.
    """

    def __init__(
        self,
        sock: socket.socket,
        on_run: OnRun,
        on_fault: Callable[[OSError], None] | None = None,
        largest: int = 2048,
        rest_s: float = 0.0,
    ) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._on_run, self._on_fault = on_run, on_fault
        self._loop = asyncio.get_running_loop()
        self._closed = False
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._receiver = receiver(sock, largest)
        self._timer = Timer(self._loop, self._readable) if rest_s else None
        if self._timer:
            self._timer.every(rest_s)
        else:
            self._loop.add_reader(sock.fileno(), self._readable)

    @property
    def overflow(self) -> int:
        """Packets our own buffer had no room for."""
        return self._receiver.overflow

    def close(self) -> None:
        """Leave the loop and give the descriptor back."""
        if not self._closed:
            self._closed = True
            if self._timer:
                self._timer.close()
            self._loop.remove_reader(self.sock.fileno())
            self.sock.close()

    def _readable(self) -> None:
        read, more = 0, True
        while more and read < _PER_WAKE and not self._closed:
            try:
                runs, more = self._receiver.receive()
            except (BlockingIOError, InterruptedError):
                break
            except OSError as fault:
                if self._on_fault:
                    self._on_fault(fault)
                return
            for run, source in runs:
                read += len(run.lengths)
                self._on_run(run, source)


class Pacer:
    """Sends one packet a slot to `to` (None: whom the socket is connected to). A slot missed by more than 50 ms stays
    empty: `starved` ones by our own lateness, `held` ones because the socket or the device was full.

    From 100 Mbit/s on, packets that are due together go to the kernel as one (UDP_SEGMENT), which halves the CPU.
    """

    def __init__(self, sock: socket.socket, to: Any, block_bytes: int, rate_bps: float, wide: bool) -> None:
        self._sock, self._to = sock, to
        self._batch = _batch(sock, block_bytes) if rate_bps >= BATCH_FROM_BPS else 1
        buffer = bytearray(os.urandom(block_bytes * self._batch))
        self._heads = HeadWriter(buffer, block_bytes, wide)
        self._bursts = [memoryview(buffer)[: many * block_bytes] for many in range(self._batch + 1)]
        self._gap_s = block_bytes * 8 / rate_bps
        self._behind = max(8, min(_BEHIND, int(_BEHIND_S / self._gap_s)))
        self._timer = Timer(asyncio.get_running_loop(), self._due)
        self._began, self._slot, self._full = 0.0, 0, False
        self.sent = self.starved = self.held = 0
        self.fault: OSError | None = None

    def start(self) -> None:
        """The first packet leaves now."""
        self._began = time.monotonic()
        if self._batch > 1:
            self._timer.every(_REST_S)
        self._due()

    def stop(self) -> None:
        """Send no more."""
        self._timer.close()

    def _due(self) -> None:
        now = time.monotonic()
        due = int((now - self._began) / self._gap_s) + 1
        self._skip(due - self._slot - self._behind)
        self._full = False
        while self._slot < due and not self._full and not self.fault:
            self._burst(min(due - self._slot, self._batch))
        if self.fault:
            self._timer.close()
        elif self._batch == 1:
            self._timer.at(max(self._began + self._slot * self._gap_s, now + _REST_S))

    def _skip(self, many: int) -> None:
        if many > 0:
            self._slot += many
            if self._full:
                self.held += many
            else:
                self.starved += many

    def _burst(self, many: int) -> None:
        self._heads.write(many, time.time_ns(), self.sent + 1)
        try:
            self._send(self._bursts[many])
        except OSError as fault:
            self._failed(fault)
            return
        self.sent += many
        self._slot += many

    def _send(self, data: memoryview) -> None:
        if self._to is None:
            self._sock.send(data)
        else:
            self._sock.sendto(data, self._to)

    def _failed(self, fault: OSError) -> None:
        """A full queue is tried again, a device that cannot cut bursts up gets single packets; the rest ends it."""
        if fault.errno in _FULL:
            self._full = True
        elif self._batch > 1 and fault.errno in _NO_BURSTS:
            self._batch = 1
            self._sock.setsockopt(_SOL_UDP, _UDP_SEGMENT, 0)
        else:
            self.fault = fault


def rest_between(asked: Params, sends: bool) -> float:
    """How long a receiver may look away: some hundred packets fit the smallest buffer a kernel gives; 0: not at all."""
    rate_bps = asked.rate_bps * asked.parallel
    if sends or rate_bps < BATCH_FROM_BPS:
        return 0.0
    return min(_MAX_REST_S, max(_MIN_REST_S, _REST_PACKETS * asked.block_bytes * 8 / rate_bps))


def _batch(sock: socket.socket, block_bytes: int) -> int:
    """How many packets the kernel takes at once on this socket."""
    many = min(_MAX_BATCH, _MAX_BURST_BYTES // block_bytes)
    try:
        sock.setsockopt(_SOL_UDP, _UDP_SEGMENT, block_bytes)
    except OSError:  # Linux before 4.18
        return 1
    return max(1, many)


class UdpStream:
    """One UDP stream, to `to` (None: whom the socket is connected to). Its owner hands it its peer's packets (`take`)."""

    def __init__(self, sock: socket.socket, to: Any, asked: Params, sends: bool) -> None:
        self.broken = ""
        self.ledger = StreamLedger(asked.wide)
        self.pacer = Pacer(sock, to, asked.block_bytes, asked.rate_bps, asked.wide) if sends else None
        self._block_bytes = asked.block_bytes
        self._over = False
        self.packets_before = 0  # packets of the warm-up, and those that came before we knew of the start
        self.on_close: Callable[[], None] | None = None

    @property
    def sent_bytes(self) -> int:
        """Payload sent since the count began."""
        return (self.pacer.sent - self.packets_before) * self._block_bytes if self.pacer else 0

    @property
    def rcvd_bytes(self) -> int:
        """Payload received since the count began; repeated packets do not count."""
        return self.ledger.bytes

    def take(self, run: PacketRun) -> None:
        """Packets from our peer."""
        if not (self._over or self.pacer):
            self.ledger.take_run(*run)

    def start(self) -> None:
        """Send, or count, from now on."""
        if self.pacer:
            self.pacer.start()
        else:
            self.anew()

    def anew(self) -> None:
        """The warm-up is over: count from here."""
        self.packets_before = self.pacer.sent if self.pacer else self.ledger.highest
        self.ledger.anew()

    def stop(self) -> None:
        """Send no more, count no more."""
        self._over = True
        if self.pacer:
            self.pacer.stop()
            if self.pacer.fault:
                self.broken = self.pacer.fault.strerror or str(self.pacer.fault)

    def close(self) -> None:
        """Give the socket back, when it is ours."""
        self.stop()
        if self.on_close:
            self.on_close()

    def result(self, place: int, took_s: float) -> StreamResult:
        """What it saw; `packets` holds the warm-up's too, as iperf3 tells it."""
        if self.pacer:
            return StreamResult(stream_id(place), self.sent_bytes, packets=self.pacer.sent, took_s=took_s)
        book = self.ledger
        return StreamResult(
            stream_id(place), book.bytes, None, book.jitter_ns / 1e9, max(0, book.lost), book.highest, took_s
        )
