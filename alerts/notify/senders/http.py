"""One attempt to hand a page over by HTTP. Blocks; call it in a thread."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import replace
from urllib.parse import SplitResult, urlsplit

from alerts.errors import BadAddress
from alerts.notify.webhook import Delivery, by_its_clock

MAX_EARLY = 20  # answers before the real one


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, host: str, timeout_s: float) -> None:
        super().__init__(host, timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Response(http.client.HTTPResponse):
    """Passes over answers that come before the real one (RFC 9110 §15.2); the library knows 100 only."""

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(MAX_EARLY):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status < 200 or status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException(f"more than {MAX_EARLY} early answers")


def post(
    url: str,
    raw: bytes,
    headers: Mapping[str, str],
    *,
    timeout_s: float,
    unix_socket: str = "",
    method: str = "POST",
    ca_file: str = "",
) -> Delivery:
    """POST once (or another method), without following redirects, within `timeout_s` altogether; never raises for what the
    far side does. `ca_file`: the certificate that signed its own, instead of the system's. Raises `BadAddress`."""
    try:
        parts = urlsplit(url)
        connection = _connection(parts, timeout_s, unix_socket, ca_file)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not path.isascii() or " " in path:
            return Delivery(0, trouble="the address has blanks or letters beyond ASCII: write them as %20, %C4%91 …")
        with closing(connection):
            return _attempt(connection, method, path, raw, headers, timeout_s)
    except BadAddress:
        raise
    except (OSError, http.client.HTTPException, ValueError) as fault:
        return Delivery(0, trouble=str(fault) or type(fault).__name__)


def _attempt(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    raw: bytes,
    headers: Mapping[str, str],
    timeout_s: float,
) -> Delivery:
    began_s = time.monotonic()
    connection.response_class = _Response
    connection.connect()
    left_s = max(0.0, timeout_s - (time.monotonic() - began_s))
    # A timeout of the socket begins anew with every byte: whoever answers one byte at a time is cut off here.
    cut = threading.Timer(left_s, _cut, (connection.sock,))
    cut.daemon = True
    cut.start()
    try:
        connection.request(method, path, body=raw, headers=dict(headers))
        response = connection.getresponse()
        wanted = by_its_clock(response.getheader("Retry-After", ""), response.getheader("Date", ""))
        answer = Delivery(response.status, retry_after=wanted)
        with suppress(OSError, http.client.HTTPException):  # the status is the answer, whatever becomes of the rest
            answer = replace(answer, body=response.read(65_536))
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


def _connection(parts: SplitResult, timeout_s: float, unix_socket: str, ca_file: str) -> http.client.HTTPConnection:
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadAddress(
            f"{parts.scheme}://{parts.netloc}: a webhook address begins with http:// or https:// and names a host"
        )
    if unix_socket:
        return _UnixConnection(unix_socket, parts.netloc.rpartition("@")[2], timeout_s)
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    import ssl  # 3 MB only those with an https receiver pay

    return http.client.HTTPSConnection(
        parts.hostname, parts.port, timeout=timeout_s, context=ssl.create_default_context(cafile=ca_file or None)
    )
