"""One attempt to hand a page to a mail server. Blocks; call it in a thread."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
import time
from contextlib import suppress
from urllib.parse import urlsplit

from alerts.notify.mail import message
from alerts.notify.notice import Destination, Notice
from alerts.notify.webhook import Delivery

PORTS = {"smtp": 587, "smtps": 465}


def send(notice: Notice, to: Destination, at_s: float) -> Delivery:
    """Hand it over once; never raises for what the server does. `url`: `smtp://HOST:PORT` or `smtps://…` (TLS from the start)."""
    try:
        refused = _sent(notice, to, at_s)
    except (smtplib.SMTPException, OSError, ValueError) as fault:
        return _meaning(fault)
    whom = "; ".join(f"{address}: {code} {_text(why)}" for address, (code, why) in refused.items())
    return Delivery(250, trouble=f"not taken for {whom}" if whom else "")


def _sent(notice: Notice, to: Destination, at_s: float) -> dict[str, tuple[int, bytes]]:
    began_s = time.monotonic()
    parts = urlsplit(to.url)
    port = parts.port or PORTS[parts.scheme]
    with _connection(parts.scheme, parts.hostname or "", port, to) as server:
        cut = threading.Timer(max(0.0, to.timeout_s - (time.monotonic() - began_s)), _cut, (server.sock,))
        cut.daemon = True
        cut.start()
        try:
            server.ehlo()
            if parts.scheme == "smtp" and to.tls == "starttls":
                server.starttls(context=_context(to))
                server.ehlo()
            if to.user:
                server.login(to.user, to.secret)
            return server.send_message(message(notice, to, at_s), from_addr=to.sender, to_addrs=list(to.to))
        finally:
            cut.cancel()


def _connection(scheme: str, host: str, port: int, to: Destination) -> smtplib.SMTP:
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=to.timeout_s, context=_context(to))
    return smtplib.SMTP(host, port, timeout=to.timeout_s)


def _context(to: Destination) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=to.ca_file or None)


def _cut(sock: socket.socket) -> None:
    with suppress(OSError):  # closed already
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _meaning(fault: Exception) -> Delivery:
    """As statuses of HTTP: what the server will refuse again (422), a login that can be mended (401), what passes (503)."""
    if isinstance(fault, smtplib.SMTPRecipientsRefused):
        code, why = next(iter(fault.recipients.values()))
        return _answered(code, why)
    if isinstance(fault, smtplib.SMTPAuthenticationError):
        return Delivery(401, trouble=f"{fault.smtp_code} {_text(fault.smtp_error)}")
    if isinstance(fault, smtplib.SMTPResponseException) and fault.smtp_code > 0:
        return _answered(fault.smtp_code, fault.smtp_error)
    return Delivery(0, trouble=str(fault) or type(fault).__name__)


def _answered(code: int, why: bytes | str) -> Delivery:
    return Delivery(422 if code >= 500 else 503, trouble=f"{code} {_text(why)}")


def _text(why: bytes | str) -> str:
    return (why.decode("utf-8", "replace") if isinstance(why, bytes) else why)[:200]
