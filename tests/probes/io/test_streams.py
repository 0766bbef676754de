"""Every stream of ours sends at once: TLS 1.3 writes twice before the far end speaks, and the second write would
wait for a delayed acknowledgement (40 ms) that is no part of the network's round trip."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from probes.io.stream.connect import dial
from probes.io.stream.driver import StreamDriver


class Silent:
    """A conversation in which nothing is said."""

    done = True

    def receive(self, data: bytes, now: float) -> None:
        """Nothing."""

    def transmit(self, now: float, clock_ns: int) -> bytes:
        return b""

    def wake_at(self) -> float | None:
        return None

    def events(self) -> list[Any]:
        return []


def at_once(sock: socket.socket) -> bool:
    return bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))


def test_a_connection_sends_small_words_at_once() -> None:
    async def dialled(port: int) -> bool:
        made, sock = await dial(socket.AF_INET, ("127.0.0.1", port), 5.0)
        assert made.open and sock is not None
        with sock:
            return at_once(sock)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert asyncio.run(dialled(listening.getsockname()[1]))


def test_a_driven_stream_sends_small_words_at_once_whoever_called() -> None:
    async def driven(sock: socket.socket) -> bool:
        driver = StreamDriver(sock, Silent(), lambda events: None)
        told = at_once(sock) if sock.family == socket.AF_INET else True
        driver.close()
        return told

    with socket.create_server(("127.0.0.1", 0)) as listening:
        caller = socket.create_connection(listening.getsockname())
        called, _ = listening.accept()
        assert asyncio.run(driven(caller)) and asyncio.run(driven(called))
    left, right = socket.socketpair()
    with right:
        assert asyncio.run(driven(left))  # a socket that is no TCP has no such option
