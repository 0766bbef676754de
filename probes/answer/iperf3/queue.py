"""Connections an iperf3 server does not serve yet: those that have not said whose they are, and those that wait their turn.

A client that has shown its cookie waits in silence for as long as it must: iperf3 puts no limit on its server's first
word, so a queue needs nothing of it. Our own clients are told that they stand in one, for they do limit it.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable

from probes.wire.iperf3 import messages as iperf3
from probes.wire.iperf3.messages import ControlState

_QUEUED = ControlState.IPERF_START.to_bytes(1, "big", signed=True)
_DENIED = ControlState.ACCESS_DENIED.to_bytes(1, "big", signed=True)
_FAREWELL_S, _FAREWELL_BYTES = 2.0, 65_536


class Waiting:
    """A connection that is read up to `wanted` bytes, for `patience_s` at most; `then` gets it with what it said.

    `gone` is called when it leaves, however it does; `late` instead of closing it when its time is over.
    """

    def __init__(
        self,
        sock: socket.socket,
        wanted: int,
        patience_s: float,
        then: Callable[[socket.socket, bytes], None],
        gone: Callable[[Waiting], None],
        late: Callable[[socket.socket], None] | None = None,
    ) -> None:
        sock.setblocking(False)
        self._sock, self._wanted, self._then, self._gone, self._late = sock, wanted, then, gone, late
        self._said = b""
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(patience_s, self._expired)
        self._loop.add_reader(sock.fileno(), self._readable)

    def close(self) -> None:
        """Give up on it."""
        self.leave().close()

    def leave(self) -> socket.socket:
        """Wait no more; the connection is the caller's."""
        self._timer.cancel()
        self._loop.remove_reader(self._sock.fileno())
        self._gone(self)
        return self._sock

    def _expired(self) -> None:
        sock = self.leave()
        if self._late:
            self._late(sock)
        else:
            sock.close()

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
            self._then(self.leave(), self._said)


def farewell(sock: socket.socket, gone: Callable[[Waiting], None]) -> Waiting | None:
    """Say that we are busy, and stay until it was read: closing at once would make it a reset."""
    try:
        sock.send(_DENIED)
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        sock.close()
        return None
    return Waiting(sock, _FAREWELL_BYTES, _FAREWELL_S, lambda sock, _: sock.close(), gone)


class Queue:
    """Clients whose turn comes later, in the order they came. Who speaks out of turn or leaves loses its place."""

    def __init__(self, maximum: int, max_each: int, turn_s: float, deny: Callable[[socket.socket], None]) -> None:
        self._max, self._max_each, self._turn_s, self._deny = maximum, max_each, turn_s, deny
        self._places: deque[tuple[Waiting, str, bytes]] = deque()

    def __len__(self) -> int:
        return len(self._places)

    def join(self, sock: socket.socket, source: str, cookie: bytes) -> bool:
        """A place at the end, when there is one for this source."""
        from_there = sum(held == source for _, held, _ in self._places)
        if len(self._places) >= self._max or from_there >= self._max_each:
            return False
        if iperf3.is_ours(cookie):
            try:
                sock.send(_QUEUED)
            except OSError:
                return False
        waiting = Waiting(sock, 1, self._turn_s, lambda sock, _: sock.close(), self._gone, self._deny)
        self._places.append((waiting, source, cookie))
        return True

    def next(self) -> tuple[socket.socket, bytes] | None:
        """(connection, cookie) of who is first; its place is given up."""
        if not self._places:
            return None
        waiting, _, cookie = self._places[0]
        return waiting.leave(), cookie

    def close(self) -> None:
        """Send everybody away."""
        while self._places:
            self._places[0][0].close()

    def _gone(self, waiting: Waiting) -> None:
        self._places = deque(place for place in self._places if place[0] is not waiting)
