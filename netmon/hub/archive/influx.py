"""The door to `influxdb-client`: ready bytes, one request at a time, its batching mode never.

Its connections are used and its reading of answers is not: that ends in an exception of its own for a page that is not
UTF-8, for a redirect, for a `/ping` that a gateway does not let through.
"""

from __future__ import annotations

import base64
import errno
import re
import socket
import ssl
import time
from typing import Any
from urllib.parse import urlencode

from influxdb_client.client.influxdb_client import InfluxDBClient
from urllib3.exceptions import HTTPError, ProtocolError
from urllib3.exceptions import TimeoutError as TimeoutException

from netmon.config.hub import SinkConfig
from netmon.delivery.reply import WriteReply
from netmon.files import read_token
from netmon.process.troubles import fault_words
from probes.clean import clean

TIMEOUT_MS = 20_000
UNREACHED = 0  # status of an answer that never came
MAX_ANSWER_BYTES = 65_536
_PATHS = {False: "/api/v2/write", True: "/write"}


class InfluxDatabase:
    """One database, written to by the API its version has. Used by one thread."""

    def __init__(self, config: SinkConfig) -> None:
        self._config = config
        self._url = config.url.rstrip("/")
        # The token goes with each request, for it may change.
        self._client: Any = InfluxDBClient(self._url, "-", org=config.org, timeout=TIMEOUT_MS, retries=False)
        self._pool: Any = self._client.api_client.rest_client.pool_manager
        self._v1: bool | None = None  # has it the API of version 1 only? None: not known yet

    def write(self, lines: bytes) -> WriteReply:
        """Write line protocol (stamps in ms); the answer, whatever it is. Secrets are read anew each time."""
        try:
            authorization = self._authorization()
        except OSError as fault:
            return WriteReply(UNREACHED, clean(f"its secret cannot be read: {fault_words(fault)}"))
        except ValueError as fault:
            return WriteReply(UNREACHED, clean(f"its secret cannot be used: {fault}"))
        try:
            answer = self._write(lines, authorization)
        except (HTTPError, OSError) as fault:
            return WriteReply(UNREACHED, _words(fault))
        if answer.status >= 300:
            self._v1 = None  # it may be another server by now: the next write asks again
        return answer

    def _write(self, lines: bytes, authorization: dict[str, str]) -> WriteReply:
        if self._config.kind == "influxdb1":
            return self._post(lines, authorization, v1=True)
        if self._v1 is None:
            ping = self._asked("GET", "/ping", {}, {}, b"")
            self._v1 = is_v1(ping.version)  # whatever else it answers: that is no answer to a write
        answer = self._post(lines, authorization, v1=self._v1)
        if answer.status == 404 and not self._v1 and is_v1(answer.version):
            self._v1 = True
            answer = self._post(lines, authorization, v1=True)
        return answer

    def _post(self, lines: bytes, authorization: dict[str, str], *, v1: bool) -> WriteReply:
        config = self._config
        place = {"db": config.database} if v1 else {"org": config.org, "bucket": config.bucket}
        headers = {"Content-Type": "text/plain; charset=utf-8", **authorization}
        return self._asked("POST", _PATHS[v1], {**place, "precision": "ms"}, headers, lines)

    def _asked(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes) -> WriteReply:
        """One request. Raises `HTTPError` and OSError."""
        url = f"{self._url}{path}" + (f"?{urlencode(query)}" if query else "")
        response = self._pool.request(
            method,
            url,
            body=body,
            headers=headers,
            timeout=TIMEOUT_MS / 1000,
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            text = _body(response).decode("utf-8", "replace")
            names = ("Retry-After", "Location", "X-Influxdb-Version")
            retry_after, location, version = (clean(response.headers.get(name, ""), 200) for name in names)
            return WriteReply(response.status, clean(text, 4000), retry_after, location, version)
        finally:
            response.close() if response.status >= 300 else response.drain_conn()
            response.release_conn()

    def _authorization(self) -> dict[str, str]:
        """Raises OSError and ValueError."""
        config = self._config
        if config.kind == "influxdb1":
            password = read_token(config.password_file) if config.password_file else ""
            pair = base64.b64encode(f"{config.user}:{password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"} if config.user else {}
        token = read_token(config.token_file) if config.token_file else ""
        if not all(33 <= ord(letter) <= 126 for letter in token):
            raise ValueError(f"{config.token_file}: a token is one line of plain letters and digits")
        return {"Authorization": f"Token {token}"} if token else {}

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _body(response: Any) -> bytes:
    """What there is of a body within the limits: nobody holds us up byte by byte."""
    until, parts = time.monotonic() + TIMEOUT_MS / 1000, bytearray()
    while len(parts) < MAX_ANSWER_BYTES and (part := response.read1(MAX_ANSWER_BYTES - len(parts))):
        parts += part
        if time.monotonic() > until:
            raise TimeoutError(errno.ETIMEDOUT, "its answer does not end")
    return bytes(parts)


def _words(fault: BaseException) -> str:
    """What the system said, out of urllib3's wrappings."""
    seen: BaseException | None = fault
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return clean(f"its certificate is not trusted: {seen.verify_message}")
        if isinstance(seen, socket.gaierror):
            return clean(f"its name is not known: {seen.strerror}")
        if isinstance(seen, ssl.SSLError):
            return clean(f"TLS: {(seen.reason or 'it speaks none').replace('_', ' ').lower()}")
        if isinstance(seen, OSError) and seen.strerror:
            return clean(seen.strerror)
        seen = seen.__cause__ or seen.__context__
    if isinstance(fault, TimeoutException | TimeoutError):
        return "no answer in time"
    return "closed without an answer" if isinstance(fault, ProtocolError) else clean(type(fault).__name__)


def is_v1(version: str) -> bool:
    """Does a server of this `X-Influxdb-Version` lack `/api/v2/write` (older than 1.8)? Unknown ones have it."""
    match = re.match(r"v?(\d+)\.(\d+)", version or "")
    return match is not None and (int(match[1]), int(match[2])) < (1, 8)
