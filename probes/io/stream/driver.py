"""Joins a byte-stream session to a connected socket in the running loop: nothing is cancelled, all is non-blocking."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

from probes import trace
from probes.wire.session import StreamSession

_RECV_BYTES = 65_536


class StreamDriver:
    """Runs one session until closed. `fault`: the error the connection ended with, when it was one.

    `on_events` is called in the loop and may call the session; `turn` afterwards is not needed there.
    """

    def __init__(self, sock: socket.socket, session: StreamSession, on_events: Callable[[list[Any]], None]) -> None:
        sock.setblocking(False)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # our words never wait for an acknowledgement
        self.sock, self.session = sock, session
        self.fault: OSError | None = None
        self._on_events = on_events
        self._loop = asyncio.get_running_loop()
        self._unsent = b""
        self._timer: asyncio.TimerHandle | None = None
        self._turning = self._closed = False
        self._loop.add_reader(sock.fileno(), self._readable)

    def turn(self) -> None:
        """Let the session say what it wants; again as long as it tells something new."""
        if self._turning or self._closed:
            return
        self._turning = True
        try:
            while True:
                said = self.session.transmit(time.monotonic(), time.time_ns())
                self._write(said)
                events = self.session.events()
                if events:
                    self._on_events(events)
                if not (said or events):
                    break
        finally:
            self._turning = False
        self._sleep()

    def close(self) -> None:
        """Leave the loop and close the connection."""
        self.leave()
        self.sock.close()

    def leave(self) -> None:
        """Leave the loop; the connection stays as it is."""
        if self._closed:
            return
        self._closed = True
        if self._timer:
            self._timer.cancel()
        self._loop.remove_reader(self.sock.fileno())
        self._loop.remove_writer(self.sock.fileno())

    def _sleep(self) -> None:
        if self._timer:
            self._timer.cancel()
        wake = None if self._closed else self.session.wake_at()
        self._timer = None if wake is None else self._loop.call_later(max(0.0, wake - time.monotonic()), self.turn)

    def _readable(self) -> None:
        try:
            data = self.sock.recv(_RECV_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as fault:
            self.fault, data = fault, b""
        trace.note("received", f"{len(data)} bytes" if data else "the end: it has closed")
        if not data:
            self._loop.remove_reader(self.sock.fileno())
        self.session.receive(data, time.monotonic())
        self.turn()

    def _write(self, data: bytes) -> None:
        if data:
            trace.note("sent", f"{len(data)} bytes")
        self._unsent += data
        if self._closed or not self._unsent:
            return
        try:
            self._unsent = self._unsent[self.sock.send(self._unsent) :]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as fault:
            self.fault, self._unsent = self.fault or fault, b""  # reading will tell the session of it
        if self._unsent:
            self._loop.add_writer(self.sock.fileno(), self._write, b"")
        else:
            self._loop.remove_writer(self.sock.fileno())
