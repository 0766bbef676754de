"""One attempt to hand a page over: the only place of this room that opens a connection. Blocks; call it in a thread."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

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
    """POST once, without following redirects; never raises for what the far side does. Raises `BadAddress`."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection = _connection(url, timeout_s, unix_socket)
        try:
            connection.request("POST", path, body=raw, headers=dict(headers))
            response = connection.getresponse()
            response.read(65_536)
            return Answer(response.status, retry_after=response.getheader("Retry-After", ""))
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as fault:
        if isinstance(fault, BadAddress):
            raise
        return Answer(0, trouble=str(fault) or type(fault).__name__)


def _connection(url: str, timeout_s: float, unix_socket: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadAddress(f"{url}: a webhook address begins with http:// or https:// and names a host")
    if unix_socket:
        return _UnixConnection(unix_socket, parts.netloc.rpartition("@")[2], timeout_s)
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    import ssl  # 3 MB only those with an https receiver pay

    return http.client.HTTPSConnection(
        parts.hostname, parts.port, timeout=timeout_s, context=ssl.create_default_context()
    )
