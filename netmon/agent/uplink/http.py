"""One kept-alive HTTP/1.1 connection that POSTs, blocking, in its sender's thread: plain or TLS, a deadline on every wait.

The standard library's client reads headers as mail, which costs each agent a megabyte; the sans-IO reader of the http
probe is here already.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from probes.target import Endpoint, certificate_name, resolver_name
from probes.wire.http import Response

_RECV_BYTES = 16_384


class ClosedEarly(ConnectionError):
    """The far end closed the connection before it said anything."""


class Posted(NamedTuple):
    """The far end's answer; `sent_ns` and `back_ns` (its head is here) by our clock."""

    answer: Response
    sent_ns: int
    back_ns: int


class Connection:
    """Made when it is first used; raises OSError, `WireError` (that is no HTTP) and `ValueError` (a header that cannot be
    sent), after which it must be closed."""

    def __init__(self, host: str, port: int, timeout_s: float, tls: ssl.SSLContext | None) -> None:
        self._host, self._port, self._timeout_s, self._tls = host, port, timeout_s, tls
        self._sock: socket.socket | None = None

    def post(self, path: str, body: bytes, headers: Mapping[str, str], max_bytes: int) -> Posted:
        """Send a body and read the answer, `max_bytes` of its own body."""
        head = self._head(path, {**headers, "Content-Length": str(len(body))})
        sock = self._connected()
        answer, back_ns = Response("POST", max_bytes), 0
        sent_ns, until = time.time_ns(), time.monotonic() + 2 * self._timeout_s
        try:
            sock.sendall(head + body)
            while not answer.done and not answer.capped:
                data = sock.recv(_RECV_BYTES)
                answer.feed(data) if data else _ended(answer)
                back_ns = back_ns or (time.time_ns() if answer.status else 0)
                if time.monotonic() > until:  # each wait has its deadline; one that drips bytes needs another
                    raise TimeoutError("its answer does not end")
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as fault:
            raise ClosedEarly("closed without an answer") from fault
        if answer.capped or "close" in answer.first("connection").lower():
            self.close()
        return Posted(answer, sent_ns, back_ns)

    def _head(self, path: str, headers: Mapping[str, str]) -> bytes:
        fields = {"Host": str(Endpoint(self._host, self._port)), **headers}
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        if not all(line.isascii() and line.isprintable() for line in lines):
            raise ValueError("a header that cannot be sent (is the token one line of plain letters and digits?)")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")

    def _connected(self) -> socket.socket:
        if self._sock is None:
            to: tuple[Any, int] = (resolver_name(self._host), self._port)
            sock = socket.create_connection(to, self._timeout_s)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                name = resolver_name(certificate_name(self._host))
                self._sock = self._tls.wrap_socket(sock, server_hostname=name) if self._tls else sock
            except BaseException:
                sock.close()
                raise
        return self._sock

    def close(self) -> None:
        """Let it go."""
        if self._sock is not None:
            with suppress(OSError):
                self._sock.close()
            self._sock = None


def _ended(answer: Response) -> None:
    if not answer.begun:
        raise ClosedEarly("closed without an answer")
    answer.close()
