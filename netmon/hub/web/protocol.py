"""The hub's HTTP doors: uvicorn's protocol with the deadlines and size limits it lacks.

uvicorn 0.54 waits for headers and bodies without end and takes a header of any size. Here a connection has one
deadline at any time: for the TLS handshake, for the headers, for the body, or (uvicorn's own) for being idle.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from netmon.hub import limits


class HeadTooLarge(Exception):
    """Request line and headers are over the cap."""


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    counters: limits.Counters  # set on the subclass `http_protocol()` makes
    max_connections = limits.MAX_CONNECTIONS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._in_head = self._in_body = False
        self._head_bytes = 0  # fed since the head began, its chunk's rest included
        self._parsed_bytes = 0  # of the head itself, as far as the parser has told

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock; over the cap the connection ends at once."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self.counters.overload += 1
            transport.abort()
            return
        self._arm(limits.HEAD_DEADLINE_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what is not a whole head by the deadline or the cap ends the connection."""
        if self.transport.is_closing():
            return
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._begin_head()  # bytes before a request line (blank lines) start the clock too
        in_body = self._in_body
        super().data_received(data)
        # What ends another request's body is not of this head; whoever sends many requests at once is not told apart.
        if self._in_head and not in_body:
            self._head_bytes += len(data)
        if self._in_head and self._head_bytes > limits.MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse_head()

    def on_message_begin(self) -> None:
        """A request line begins."""
        super().on_message_begin()
        self._in_head = False
        self._begin_head()
        self.scope["netmon.recv_ns"] = time.time_ns()  # type: ignore[typeddict-unknown-key]

    def on_url(self, url: bytes) -> None:
        """Part of the request line."""
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._grow(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: now the body's deadline runs."""
        self._in_head, self._in_body = False, True
        self._arm(limits.BODY_DEADLINE_S)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is whole: the answer takes the time it takes."""
        self._disarm()
        self._in_body = False
        if self.cycle.response_complete:  # answered before its end came, so uvicorn's idle clock is gone by now
            self._arm(limits.KEEP_ALIVE_S)
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Bytes that are no HTTP, or a head over the cap (431)."""
        self.counters.malformed += 1
        if self.transport.is_closing():
            return
        if self._parsed_bytes > limits.MAX_HEAD_BYTES:
            self._write_refusal(b"431 Request Header Fields Too Large")
        else:
            self._write_refusal(b"400 Bad Request")

    def _refuse_head(self) -> None:
        self.counters.malformed += 1
        self._write_refusal(b"431 Request Header Fields Too Large")

    def _write_refusal(self, status: bytes) -> None:
        now = time.time_ns()
        clock = b"x-netmon-clock: %d %d\r\n" % (now, now)
        self.transport.write(
            b"HTTP/1.1 " + status + b"\r\n" + clock + b"content-length: 0\r\nconnection: close\r\n\r\n"
        )
        self.transport.close()

    def _begin_head(self) -> None:
        if not self._in_head:
            self._in_head, self._head_bytes, self._parsed_bytes = True, 0, 0
            self._arm(limits.HEAD_DEADLINE_S)

    def _grow(self, many: int) -> None:
        self._parsed_bytes += many
        if self._parsed_bytes > limits.MAX_HEAD_BYTES:
            raise HeadTooLarge  # ends the parser, which answers through `send_400_response`

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(seconds, self._expired)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expired(self) -> None:
        self.counters.expired += 1
        self.transport.abort()


def http_protocol(counters: limits.Counters, max_connections: int) -> type[HttpProtocol]:
    """The protocol class of one hub, with its counters."""
    return type("HubDoor", (HttpProtocol,), {"counters": counters, "max_connections": max_connections})
