"""Opening the hub's doors: sockets, and uvicorn on them with a TLS handshake deadline."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from netmon.hub import limits
from netmon.hub.web.protocol import HttpProtocol


class Listener(uvicorn.Server):
    """uvicorn on a socket we opened, with a TLS handshake deadline; signals stay with the hub."""

    def __init__(
        self,
        app: Any,
        protocol: type[HttpProtocol],
        sock: socket.socket | None,
        tls: ssl.SSLContext | None,
        open_again: Callable[[], socket.socket] | None = None,
    ) -> None:
        """`open_again`: a listening socket at the same place, should serving end before it should, or `sock` be None: it
        could not be had yet."""
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
        self._sock, self._tls, self._open_again = sock, tls, open_again
        is_local = sock is None or sock.family == socket.AF_UNIX
        self.place = "on the local socket" if sock is None or is_local else f"on port {sock.getsockname()[1]}"
        self._lives, self._ended = 0, asyncio.Event()
        self.listening = asyncio.Event()

    async def serve_again(self) -> None:
        """Serve until it should end; called again it opens its place anew. Raises OSError when that cannot be had."""
        if self._lives and self._open_again is not None:
            for server in getattr(self, "servers", ()):  # a first life may have ended before there were any
                server.close()
            if self._sock is not None:
                self._sock.close()
            self._sock = None
            self.started = False
        if self._sock is None and self._open_again is not None:
            self._sock = self._open_again()
        self._lives += 1
        await self.serve()
        if self.should_exit:
            self._ended.set()
            await asyncio.Event().wait()  # ended as it should: whoever waits for it cancels

    @property
    def is_open(self) -> bool:
        """Is there a socket?"""
        return self._sock is not None

    async def finish(self, within_s: float = 10.0) -> None:
        """Let requests end, take no new ones."""
        self.should_exit = True
        if not self.started:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._ended.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the hub's own loop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen. uvicorn's own cannot set the handshake deadline, nor keep a Unix socket's mode while it binds."""
        await self.lifespan.startup()
        loop = asyncio.get_running_loop()

        make: Any = self.config.http_protocol_class

        def connection() -> asyncio.Protocol:
            protocol: asyncio.Protocol = make(
                config=self.config, server_state=self.server_state, app_state={}, _loop=loop
            )
            return protocol

        tls: dict[str, Any] = {}
        if self._tls is not None:
            tls = {"ssl": self._tls, "ssl_handshake_timeout": limits.TLS_DEADLINE_S, "ssl_shutdown_timeout": 5.0}
        assert self._sock is not None
        open_server = loop.create_unix_server if self._sock.family == socket.AF_UNIX else loop.create_server
        self.servers = [await open_server(connection, sock=self._sock, backlog=self.config.backlog, **tls)]
        self.started = True
        self.listening.set()


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
