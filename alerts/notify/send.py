"""One attempt to hand a page over: the only place of this room that opens a connection. Blocks; call it in a thread."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from urllib.parse import SplitResult, urlsplit

from alerts.errors import BadAddress
from alerts.notify.webhook import Answer


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, host: str, timeout_s: float) -> None:
        super().__init__(host, timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def post(url: str, raw: bytes, headers: Mapping[str, str], *, timeout_s: float, unix_socket: str = "") -> Answer:
    """POST once, without following redirects, within `timeout_s` altogether; never raises for what the far side does.
    Raises `BadAddress`."""
    try:
        parts = urlsplit(url)
        connection = _connection(parts, timeout_s, unix_socket)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with closing(connection):
            return _attempt(connection, path, raw, headers, timeout_s)
    except BadAddress:
        raise
    except (OSError, http.client.HTTPException, ValueError) as fault:
        return Answer(0, trouble=str(fault) or type(fault).__name__)


def _attempt(
    connection: http.client.HTTPConnection, path: str, raw: bytes, headers: Mapping[str, str], timeout_s: float
) -> Answer:
    began_s = time.monotonic()
    connection.connect()
    left_s = max(0.0, timeout_s - (time.monotonic() - began_s))
    # A timeout of the socket begins anew with every byte: whoever answers one byte at a time is cut off here.
    cut = threading.Timer(left_s, _cut, (connection.sock,))
    cut.daemon = True
    cut.start()
    try:
        connection.request("POST", path, body=raw, headers=dict(headers))
        response = connection.getresponse()
        answer = Answer(response.status, retry_after=response.getheader("Retry-After", ""))
        with suppress(OSError, http.client.HTTPException):  # the status is the answer, whatever becomes of the rest
            response.read(65_536)
        return answer
    except (OSError, http.client.HTTPException):
        if time.monotonic() - began_s >= timeout_s:
            raise TimeoutError(f"no whole answer within {timeout_s:g} s") from None
        raise
    finally:
        cut.cancel()


def _cut(sock: socket.socket) -> None:
    with suppress(OSError):  # closed already
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _connection(parts: SplitResult, timeout_s: float, unix_socket: str) -> http.client.HTTPConnection:
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadAddress(f"{parts.geturl()}: a webhook address begins with http:// or https:// and names a host")
    if unix_socket:
        return _UnixConnection(unix_socket, parts.netloc.rpartition("@")[2], timeout_s)
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    import ssl  # 3 MB only those with an https receiver pay

    return http.client.HTTPSConnection(
        parts.hostname, parts.port, timeout=timeout_s, context=ssl.create_default_context()
    )
