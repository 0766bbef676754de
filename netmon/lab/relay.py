"""Out of the lab: what enters a Unix socket leaves as a TCP connection from the machine's own network.

The hub of a lab stands in a namespace without a way out; its webhooks to a given URL pass here, bytes unchanged.
"""

from __future__ import annotations

import os
import select
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from pathlib import Path


class _Passing(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        """Carry one connection both ways until either side closes."""
        try:
            far = socket.create_connection(self.server.to, timeout=10)
        except OSError as fault:
            self.server.fault(str(fault))
            return
        with far:
            self._carry(self.request, far)

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        other = {near: far, far: near}
        while True:
            ready, _, _ = select.select([near, far], [], [], 60)
            if not ready:
                return
            for side in ready:
                data = side.recv(65536)
                if not data:
                    return
                if side is far:
                    self.server.answered(time.time())
                other[side].sendall(data)


class Relay(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """`answered(at_s)` is called when the far side speaks, `fault(text)` when it cannot be reached."""

    daemon_threads = True

    def __init__(
        self, path: Path, to: tuple[str, int], answered: Callable[[float], None], fault: Callable[[str], None]
    ) -> None:
        self.to = to
        self.answered = answered
        self.fault = fault
        super().__init__(str(path), _Passing)
        os.chmod(path, 0o600)

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self.serve_forever, args=(0.1,), name="relay", daemon=True).start()
