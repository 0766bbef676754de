"""A small HTTPS server that answers as an MCU's management interface does, or as badly as a test wants."""

from __future__ import annotations

import base64
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import certs

from netmon.config.hub import McuConfig

Answer = bytes | tuple[int, dict[str, str], bytes] | Callable[[BaseHTTPRequestHandler], None]
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "mcu"
PARTICIPANT = "/api/admin/status/v1/participant/"
CMS_PAGES = {
    "/api/v1/calls?offset=0&limit=20": "cms-calls.xml",
    "/api/v1/callLegs?offset=0&limit=20": "cms-legs-0.xml",
    "/api/v1/callLegs?offset=2&limit=20": "cms-legs-2.xml",
    "/api/v1/callLegs/aaaa0001": "cms-leg-1.xml",
    "/api/v1/callLegs/aaaa0002": "cms-leg-2.xml",
}
PEXIP_PAGES = {
    f"{PARTICIPANT}?limit=100": "pexip-participants-0.json",
    f"{PARTICIPANT}?limit=100&offset=2": "pexip-participants-2.json",
    f"{PARTICIPANT}00000000-0000-0000-0000-000000000001/media_stream/": "pexip-streams-1.json",
    f"{PARTICIPANT}00000000-0000-0000-0000-000000000002/media_stream/": "pexip-streams-2.json",
}
USER, PASSWORD = "reader", "mật khẩu:1"


@dataclass
class McuServer:
    """`pages`: path → what it answers; `asked`: paths in order; `connections`: how many there were."""

    url: str
    folder: Path
    pages: dict[str, Answer]
    asked: list[str] = field(default_factory=list)
    connections: int = 0

    def config(self, kind: str = "cms", **more: Any) -> McuConfig:
        """How to ask it."""
        files = {"password_file": str(self.folder / "secret"), "ca_file": str(self.folder / "ca.pem")}
        return McuConfig(
            **{"mcu": "m1", "kind": kind, "url": self.url, "user": USER, "timeout_s": 10.0, **files, **more}
        )


@contextmanager
def serving(folder: Path, pages: Mapping[str, Answer], *, keep: bool = True) -> Iterator[McuServer]:
    """Serve until the block is left. `keep`: connections are kept between questions."""
    root = certs.authority()
    root.pem(folder / "ca.pem")
    (folder / "secret").write_text(PASSWORD + "\n", encoding="utf-8")
    right = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    told: McuServer

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1" if keep else "HTTP/1.0"

        def setup(self) -> None:
            told.connections += 1
            super().setup()

        def do_GET(self) -> None:
            told.asked.append(self.path)
            if self.headers.get("Authorization") != right:
                self._send(401, {"WWW-Authenticate": "Basic"}, b"no")
                return
            page = told.pages.get(self.path, (404, {}, b"not here"))
            if callable(page):
                page(self)
            elif isinstance(page, bytes):
                self._send(200, {}, page)
            else:
                self._send(*page)

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on stderr."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients that break off are what tests want."""

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(root.server(folder / "server.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    told = McuServer(f"https://127.0.0.1:{server.server_address[1]}", folder, dict(pages))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def dripping(every_s: float) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer of a byte at a time, headers too."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(every_s)

    return answer
