"""One attempt to hand a page to a syslog server: `udp://`, `tcp://` (octet counting) or `tls://` (RFC 5425). Blocks."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from urllib.parse import urlsplit

from alerts.notify.notice import Destination, Notice
from alerts.notify.syslog import MAX_DATAGRAM, line
from alerts.notify.webhook import Delivery

PORTS = {"udp": 514, "tcp": 514, "tls": 6514}


def send(notice: Notice, to: Destination, at_s: float) -> Delivery:
    """Send it once; never raises for what the far side does. Over UDP nobody knows whether it came."""
    parts = urlsplit(to.url)
    address = parts.hostname or "", parts.port or PORTS[parts.scheme]
    try:
        if parts.scheme == "udp":
            _datagram(address, line(notice, to.facility, to.lang, at_s, longest=MAX_DATAGRAM))
        else:
            raw = line(notice, to.facility, to.lang, at_s)
            _stream(address, b"%d %s" % (len(raw), raw), to, is_tls=parts.scheme == "tls")
    except (OSError, ValueError) as fault:
        return Delivery(0, trouble=str(fault) or type(fault).__name__)
    return Delivery(200)


def _datagram(address: tuple[str, int], raw: bytes) -> None:
    family, kind, protocol, _, where = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as sock:
        sock.connect(where)
        sock.send(raw)


def _stream(address: tuple[str, int], raw: bytes, to: Destination, *, is_tls: bool) -> None:
    """Syslog has no receipt: the server has it when it closes after us, having read to the end."""
    until_s = time.monotonic() + to.timeout_s
    with socket.create_connection(address, to.timeout_s) as sock:
        if not is_tls:
            sock.sendall(raw)
            sock.shutdown(socket.SHUT_WR)
            _await_end(sock, until_s)
            return
        context = ssl.create_default_context(cafile=to.ca_file or None)
        with context.wrap_socket(sock, server_hostname=address[0]) as secure:
            secure.sendall(raw)
            secure.settimeout(max(0.001, until_s - time.monotonic()))
            with suppress(ssl.SSLError):  # it closed without a word of farewell, which many do
                secure.unwrap()


def _await_end(sock: socket.socket, until_s: float) -> None:
    left_s = until_s - time.monotonic()
    while left_s > 0:
        sock.settimeout(left_s)
        if not sock.recv(4096):
            return
        left_s = until_s - time.monotonic()
    raise TimeoutError("the server did not read to the end in time")
