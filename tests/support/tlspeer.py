"""A TLS server in a thread, for tests: it shakes hands, then does what it is told with each connection."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from ports import free_port

Behave = Callable[[socket.socket], None]


def hang_up(peer: socket.socket) -> None:
    """Wait for the other side's end."""
    with suppress(OSError):
        while peer.recv(65_536):
            pass


def context(pem: str, *, most: ssl.TLSVersion | None = None, client_ca: str = "") -> ssl.SSLContext:
    """A server's context from a file with key and chain."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pem)
    if most:
        made.maximum_version = most
    if client_ca:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(client_ca)
    return made


@contextmanager
def serving(behave: Behave = hang_up, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[int]:
    """The port of a server that serves one connection after the other."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family, backlog=32) as listening:
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                peer, _ = listening.accept()
                peer.settimeout(10)
                with suppress(OSError), peer:
                    if tls is None:
                        behave(peer)
                        continue
                    with tls.wrap_socket(peer, server_side=True) as secured:
                        behave(secured)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            over.set()
            with suppress(OSError):
                socket.create_connection((host, listening.getsockname()[1]), 1).close()
            thread.join(15)


@contextmanager
def openssl_server(*words: str) -> Iterator[int]:
    """The port of a real `openssl s_server`."""
    port = free_port()
    command = ["openssl", "s_server", "-quiet", "-accept", f"127.0.0.1:{port}", *words]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 15
        while not _answers(port):
            assert server.poll() is None and time.monotonic() < until
            time.sleep(0.05)
        yield port
    finally:
        server.kill()
        server.communicate()


def _answers(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False
