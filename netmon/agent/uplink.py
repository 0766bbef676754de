"""One kept-alive HTTP connection to a destination: TLS with the pinned CA, gzip, a deadline on everything."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from netmon.config.agent import DestinationConfig
from probes.clean import clean

MOST_ANSWER = 65_536


class Reply(NamedTuple):
    """An answer; `status` 0 when there was none, then `text` says why. `sent_ns` and `back_ns` by our clock."""

    status: int
    text: str = ""
    retry_after: str = ""
    clock: str = ""
    sent_ns: int = 0
    back_ns: int = 0


class Uplink:
    """Used by one thread. Tokens and the CA are read at each new connection, so that new ones need no restart."""

    def __init__(self, config: DestinationConfig) -> None:
        self._config = config
        parts = urlsplit(config.url)
        self._host, self._port, self._tls = parts.hostname or "", parts.port, parts.scheme == "https"
        self._base = parts.path.rstrip("/")
        self._path = self._base + _path(config)
        self._connection: http.client.HTTPConnection | None = None
        self._authorization = ""

    def post(self, lines: tuple[str, ...], headers: Mapping[str, str]) -> tuple[Reply, int]:
        """Write lines; the reply and the bytes of the body. Never raises."""
        body = zlib.compress("\n".join(lines).encode(), 1, wbits=31)
        told = {"Content-Type": "text/plain; charset=utf-8", "Content-Encoding": "gzip", **headers}
        reused = self._connection is not None
        reply = self._try(self._path, body, told)
        if reply.status == 0 and reused and reply.text.startswith("closed"):
            reply = self._try(self._path, body, told)  # it was closed while idle: a fresh connection decides
        return reply, len(body)

    def ask(self, path: str, value: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
        """POST JSON to a path of this server, on a connection of its own; the reply, its text whole. Never raises."""
        body, told = json.dumps(value).encode(), {"Content-Type": "application/json", **headers}
        reply = self._try(self._base + path, body, told, MOST_ANSWER)
        self.close()
        return reply

    def _try(self, path: str, body: bytes, headers: Mapping[str, str], most: int = 1000) -> Reply:
        try:
            connection = self._connected()
            told = dict(headers)
            if self._authorization:
                told["Authorization"] = self._authorization
            sent_ns = time.time_ns()
            connection.request("POST", path, body, told)
            response = connection.getresponse()
            back_ns = time.time_ns()
            text = response.read(MOST_ANSWER)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self.close()
            return Reply(0, "closed without an answer")
        except (OSError, http.client.HTTPException, ValueError) as fault:
            self.close()
            return Reply(0, _words(fault))
        if not response.isclosed() or response.will_close or response.status in (401, 403):
            self.close()
        get = response.headers.get
        return Reply(
            response.status,
            clean(text.decode("utf-8", "replace"), most),
            get("Retry-After", ""),
            get("X-Netmon-Clock", ""),
            sent_ns,
            back_ns,
        )

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            self._authorization = _authorization(self._config)
            made = self._make()
            self._connection = made
            made.connect()
            made.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._connection

    def _make(self) -> http.client.HTTPConnection:
        timeout = self._config.timeout_s
        if not self._tls:
            return http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._config.ca_file:
            context.load_verify_locations(self._config.ca_file)
        else:
            context.load_default_certs()
        return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=context)

    def close(self) -> None:
        """Let the connection go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _path(config: DestinationConfig) -> str:
    if config.kind == "influxdb1":
        return f"/write?db={quote(config.database, safe='')}&precision=ms"
    org, bucket = quote(config.org, safe=""), quote(config.bucket, safe="")
    return f"/api/v2/write?org={org}&bucket={bucket}&precision=ms"


def _authorization(config: DestinationConfig) -> str:
    if config.kind == "influxdb1":
        if not config.user:
            return ""
        pair = f"{config.user}:{_secret(config.password_file)}"
        return "Basic " + base64.b64encode(pair.encode()).decode()
    token = _secret(config.token_file)
    return f"Token {token}" if token else ""


def _secret(path: str) -> str:
    return Path(path).read_text(encoding="utf-8").strip() if path else ""


def _words(fault: Exception) -> str:
    if isinstance(fault, TimeoutError):
        return "no answer in time"
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {fault.verify_message} (see ca_file)"
    name = getattr(fault, "filename", None)
    text = getattr(fault, "strerror", None) or str(fault) or type(fault).__name__
    return clean(f"{name}: {text}" if name else text, 300)
