"""Asks an MCU's management interface: HTTPS with a verified certificate, a deadline, a cap, and no redirect. The one door."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit

from netmon.conference.mcu.base import McuAdapter, McuTrouble
from netmon.conference.mcu.cms import Cms
from netmon.conference.mcu.pexip import Pexip
from netmon.config.hub import McuConfig
from netmon.errors import MachineError
from netmon.files import MAX_SECRET, read_plain
from probes.clean import clean

KINDS: dict[str, Callable[[], McuAdapter]] = {"cms": Cms, "pexip": Pexip}
MAX_BYTES = 4 << 20  # of one document
_SAYING = {
    401: "does not take this user and password",
    403: "does not let this user read it",
    429: "is asked too often",
    503: "is too busy to answer",
}


class McuClient:
    """One connection, kept for a whole look at one MCU, which takes `timeout_s` at most."""

    def __init__(self, config: McuConfig) -> None:
        """Raises `MachineError` when a file it needs cannot be read."""
        self._url = urlsplit(config.url)
        try:
            secret = read_plain(config.password_file, MAX_SECRET).decode("utf-8-sig").rstrip("\r\n")
            self._context = ssl.create_default_context(cafile=config.ca_file or None)
        except (OSError, UnicodeDecodeError) as fault:
            file = getattr(fault, "filename", None) or config.ca_file or config.password_file
            raise MachineError(f"mcu {config.mcu}: {clean(str(file))}: {_words(fault)}") from fault
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        credentials = base64.b64encode(f"{config.user}:{secret}".encode()).decode("ascii")
        self._headers = {
            "Authorization": f"Basic {credentials}",
            "Accept": "application/json, application/xml, text/xml",
        }
        self._timeout_s = config.timeout_s
        self._until_s = time.monotonic() + config.timeout_s
        self._connection: http.client.HTTPSConnection | None = None
        self._alarm = threading.Timer(config.timeout_s, self._cut)
        self._alarm.daemon = True

    def __enter__(self) -> McuClient:
        self._alarm.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, tb: TracebackType | None) -> None:
        self._alarm.cancel()
        self._close()

    def get(self, path: str) -> bytes | None:
        """A path's document; None for 404. Raises `McuTrouble`."""
        if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
            raise McuTrouble("names a page that cannot be asked for")
        kept = self._connection is not None
        try:
            return self._ask(path)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError) as fault:
            self._left_s()
            if not kept:
                raise McuTrouble(f"does not answer: {_words(fault)}") from fault
        return self.get(path)  # a kept connection was closed between two questions: once more over a new one

    def _ask(self, path: str) -> bytes | None:
        try:
            return self._exchange(path)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            self._close()
            raise
        except (OSError, http.client.HTTPException, ValueError) as fault:
            self._close()
            self._left_s()
            raise McuTrouble(f"does not answer: {_words(fault)}") from fault
        except McuTrouble:
            self._close()
            raise

    def _exchange(self, path: str) -> bytes | None:
        connection = self._connection
        if connection is None:
            host, port, left_s = self._url.hostname or "", self._url.port, self._left_s()
            connection = http.client.HTTPSConnection(host, port, timeout=left_s, context=self._context)
        elif connection.sock is not None:
            connection.sock.settimeout(self._left_s())
        self._connection = connection
        connection.request("GET", self._url.path.rstrip("/") + path, headers=self._headers)
        answer = connection.getresponse()
        body = self._body(answer)
        if answer.will_close:
            self._close()
        if answer.status == 404 or (answer.status == 400 and b"DoesNotExist" in body):  # so a CMS says it
            return None
        if answer.status != 200:
            raise McuTrouble(_said(answer.status))
        return body

    def _body(self, answer: http.client.HTTPResponse) -> bytes:
        """All of it, within the cap and the deadline."""
        body = bytearray()
        while piece := answer.read(65536):
            body += piece
            if len(body) > MAX_BYTES:
                raise McuTrouble(f"answered with more than {MAX_BYTES >> 20} MiB")
            self._left_s()
        self._left_s()  # http.client takes headers that were cut off for all of them, with no document behind
        if answer.length:
            raise McuTrouble("broke off in the middle of an answer")
        return bytes(body)

    def _left_s(self) -> float:
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise McuTrouble(f"was not done in {self._timeout_s:g} s (mcus: timeout)")
        return left_s

    def _cut(self) -> None:
        """The deadline: whoever drips an answer byte by byte is cut off (in the alarm's own thread)."""
        connection = self._connection
        sock = connection.sock if connection is not None else None
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _said(status: int) -> str:
    if 300 <= status < 400:
        return f"answered {status}: a redirect is not followed, write the address it leads to"
    return f"answered {status}: {_SAYING[status]}" if status in _SAYING else f"answered {status}"


def _words(fault: BaseException) -> str:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"its certificate is not to be trusted ({clean(fault.verify_message, 100)}); ca_file names who signed it"
    if isinstance(fault, TimeoutError):
        return "no answer in time"
    return clean(str(getattr(fault, "strerror", None) or fault or type(fault).__name__), 200)
