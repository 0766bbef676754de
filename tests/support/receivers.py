"""A webhook receiver for tests: it answers what it is told to and remembers every request."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Request:
    """One request as it came; names of `headers` in lower case."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def id(self) -> str:
        """The page's idempotency key."""
        return self.headers.get("webhook-id", "")

    @property
    def body(self) -> dict[str, Any]:
        """The page."""
        return dict(json.loads(self.raw))


Reply = tuple[int, dict[str, str]]


@dataclass
class Receiver:
    """`answer` may be changed at any time: request → (status, headers), or raw bytes, or None for a cut connection."""

    answer: Callable[[Request], Reply | bytes | None]
    requests: list[Request] = field(default_factory=list)
    accepted: list[Request] = field(default_factory=list)
    url: str = ""
    unix_socket: str = ""

    def pages(self) -> list[tuple[str, str]]:
        """(status, id) of accepted pages, in order."""
        return [(one.body["status"], one.id) for one in self.accepted]


def good(request: Request) -> Reply:
    """Take everything."""
    return 200, {}


class _Handler(BaseHTTPRequestHandler):
    server: _Tcp | _Unix
    timeout = 10

    def do_POST(self) -> None:
        receiver = self.server.receiver
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        request = Request(self.path, {name.lower(): value for name, value in self.headers.items()}, raw)
        receiver.requests.append(request)
        reply = receiver.answer(request)
        if isinstance(reply, bytes):
            self.wfile.write(reply)
        elif reply is not None:
            status, headers = reply
            if 200 <= status < 300:
                receiver.accepted.append(request)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()
        self.close_connection = True

    do_GET = do_POST

    def address_string(self) -> str:
        return "somebody"

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads, allow_reuse_address = True, True
    receiver: Receiver


class _Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    receiver: Receiver


@contextmanager
def receiver(
    answer: Callable[[Request], Reply | bytes | None] = good, *, path: Path | None = None, port: int = 0
) -> Iterator[Receiver]:
    """A receiver on loopback, or on a Unix socket."""
    one = Receiver(answer)
    if path is None:
        server: _Tcp | _Unix = _Tcp(("127.0.0.1", port), _Handler)
        one.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}/hook?team=1"
    else:
        server, one.url = _Unix(str(path), _Handler), "http://receiver/hook"
    server.receiver = one
    one.unix_socket = "" if path is None else str(path)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
