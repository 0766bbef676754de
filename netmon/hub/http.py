"""The hub's HTTP doors: uvicorn's protocol with the deadlines and size limits it lacks.

uvicorn 0.54 waits for headers and bodies without end and takes a header of any size. Here a connection has one
deadline at any time: for the TLS handshake, for the headers, for the body, or (uvicorn's own) for being idle.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from netmon.hub import limits


class HeadTooLarge(Exception):
    """Request line and headers are over the cap."""


class Door(HttpToolsProtocol):
    """One connection."""

    counters: limits.Counters  # set on the subclass `door()` makes
    max_connections = limits.MAX_CONNECTIONS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._in_head = False
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
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
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
        self._in_head = False
        self._arm(limits.BODY_DEADLINE_S)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is whole: the answer takes the time it takes."""
        self._disarm()
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


def door(counters: limits.Counters, max_connections: int) -> type[Door]:
    """The protocol class of one hub, with its counters."""
    return type("HubDoor", (Door,), {"counters": counters, "max_connections": max_connections})


class Listener(uvicorn.Server):
    """uvicorn on a socket we opened, with a TLS handshake deadline; signals stay with the hub."""

    def __init__(self, app: Any, protocol: type[Door], sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        config = uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(limits.KEEP_ALIVE_S),
            timeout_graceful_shutdown=5,
            backlog=2048,
        )
        super().__init__(config)
        self._sock, self._tls = sock, tls

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:  # type: ignore[override]
        """Leave signals to the hub's own loop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen. uvicorn's own cannot set the handshake deadline, nor keep a Unix socket's mode while it binds."""
        await self.lifespan.startup()
        loop = asyncio.get_running_loop()

        def connection() -> asyncio.Protocol:
            return self.config.http_protocol_class(  # type: ignore[call-arg, return-value]
                config=self.config, server_state=self.server_state, app_state={}, _loop=loop
            )

        tls: dict[str, Any] = {}
        if self._tls is not None:
            tls = {"ssl": self._tls, "ssl_handshake_timeout": limits.TLS_DEADLINE_S, "ssl_shutdown_timeout": 5.0}
        open_server = loop.create_unix_server if self._sock.family == socket.AF_UNIX else loop.create_server
        self.servers = [await open_server(connection, sock=self._sock, backlog=self.config.backlog, **tls)]  # type: ignore[operator]
        self.started = True


def tcp_socket(host: str, port: int) -> socket.socket:
    """A listening TCP socket (`host` an address or name); raises OSError."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and host == "::":
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        sock.listen(2048)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def unix_socket(path: Path) -> socket.socket:
    """A listening Unix socket that only its owner may open, from its first moment on; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        sock.bind(str(path))
        sock.listen(64)
    except OSError:
        sock.close()
        raise
    finally:
        os.umask(before)
    sock.setblocking(False)
    return sock
