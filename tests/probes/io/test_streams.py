"""Every stream of ours sends at once: TLS 1.3 writes twice before the far end speaks, and the second write would
wait for a delayed acknowledgement (40 ms) that is no part of the network's round trip."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from probes.base import Outcome
from probes.io.conversation import ConversationEnd, over_line
from probes.io.exchange import Events
from probes.io.stream.connect import dial
from probes.io.stream.driver import StreamDriver
from probes.io.stream.tls import TlsConnection


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


class Telling(Silent):
    """Tells of what it hears, and says a last word."""

    done = False

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.word = b""

    def receive(self, data: bytes, now: float) -> None:
        self.heard.append(data)
        self.done = not data

    def transmit(self, now: float, clock_ns: int) -> bytes:
        word, self.word = self.word, b""
        return word

    def events(self) -> list[Any]:
        heard, self.heard = self.heard, []
        return heard

    def hang_up(self) -> None:
        self.word = b"bye"


def carried(session: Telling, far_end: Callable[[socket.socket], object], on_events: Events) -> ConversationEnd:
    async def both() -> ConversationEnd:
        left, right = socket.socketpair()
        with left, right:
            far_end(right)
            try:
                return await asyncio.wait_for(over_line(TlsConnection(left), session, on_events, session.hang_up), 5.0)
            finally:
                right.setblocking(False)
                with suppress(BlockingIOError):
                    session.heard.append(right.recv(10))

    return asyncio.run(both())


def test_a_fault_of_whom_a_conversation_tells_is_raised_and_the_last_word_said() -> None:
    def fail(events: list[Any]) -> None:
        raise KeyError(*events)

    session = Telling()
    with pytest.raises(KeyError, match="hello"):
        carried(session, lambda far: far.sendall(b"hello"), fail)
    assert session.heard == [b"bye"]


def test_a_conversation_ends_itself_when_the_far_end_closes() -> None:
    told: list[bytes] = []
    ended = carried(Telling(), lambda far: (far.sendall(b"hello"), far.shutdown(socket.SHUT_WR)), told.extend)
    assert (ended.outcome, b"".join(told)) == (Outcome.OK, b"hello")
