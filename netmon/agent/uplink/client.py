"""One kept-alive HTTP connection to a destination: TLS with the pinned CA, gzip, a deadline on everything."""

from __future__ import annotations

import base64
import json
import ssl
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from netmon.agent.uplink.http import ClosedEarly, Connection
from netmon.config.agent import DestinationConfig
from netmon.delivery.reply import WriteReply
from netmon.files import read_token
from netmon.process.troubles import is_short
from probes.clean import clean
from probes.errors import WireError

MAX_ANSWER, MAX_SENTENCE = 65_536, 1_000  # characters of an answer that are kept: all of it, or what people read


class Uplink:
    """Used by one thread. Tokens and the CA are read at each new connection, so that new ones need no restart."""

    def __init__(self, config: DestinationConfig) -> None:
        self._config = config
        parts = urlsplit(config.url)
        self._tls = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port or (443 if self._tls else 80)
        self._base = parts.path.rstrip("/")
        self._path = self._base + _path(config)
        self._connection: Connection | None = None
        self._authorization = ""

    def post(self, lines: tuple[str, ...], headers: Mapping[str, str]) -> tuple[WriteReply, int]:
        """Write lines; the reply and the bytes of the body. Never raises."""
        body = zlib.compress("\n".join(lines).encode(), 1, wbits=31)
        fields = {"Content-Type": "text/plain; charset=utf-8", "Content-Encoding": "gzip", **headers}
        reused = self._connection is not None
        reply = self._try(self._path, body, fields)
        if reply.status == 0 and reused and reply.text.startswith("closed"):
            reply = self._try(self._path, body, fields)  # it was closed while idle: a fresh connection decides
        return reply, len(body)

    def ask(self, path: str, value: Mapping[str, Any], headers: Mapping[str, str]) -> WriteReply:
        """POST JSON to a path of this server, on a connection of its own; the reply, its text whole. Never raises."""
        body, fields = json.dumps(value).encode(), {"Content-Type": "application/json", **headers}
        reply = self._try(self._base + path, body, fields, MAX_ANSWER)
        self.close()
        return reply

    def _try(self, path: str, body: bytes, headers: Mapping[str, str], max_text: int = MAX_SENTENCE) -> WriteReply:
        try:
            connection = self._connected()
        except (OSError, ValueError) as fault:  # a token or CA that cannot be read
            return WriteReply(0, _words(fault), is_mistake=not is_short(fault))
        try:
            secret = {"Authorization": self._authorization} if self._authorization else {}
            answer, sent_ns, back_ns = connection.post(path, body, {**headers, **secret}, MAX_ANSWER)
        except ClosedEarly as fault:
            self.close()
            return WriteReply(0, str(fault))
        except (OSError, WireError, ValueError) as fault:
            self.close()
            return WriteReply(0, _words(fault), is_mistake=isinstance(fault, ssl.SSLCertVerificationError | ValueError))
        if answer.status in (401, 403):
            self.close()
        text = clean(bytes(answer.body).decode("utf-8", "replace"), max_text)
        retry_after, location = answer.first("retry-after"), clean(answer.first("location"), 200)
        clock = answer.first("x-netmon-clock")
        return WriteReply(answer.status, text, retry_after, location, clock=clock, sent_ns=sent_ns, back_ns=back_ns)

    def _connected(self) -> Connection:
        if self._connection is None:
            self._authorization = _authorization(self._config)
            self._connection = Connection(self._host, self._port, self._config.timeout_s, self._context())
        return self._connection

    def _context(self) -> ssl.SSLContext | None:
        if not self._tls:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._config.ca_file:
            context.load_verify_locations(self._config.ca_file)
        else:
            context.load_default_certs()
        return context

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
    return read_token(path) if path else ""


def _words(fault: Exception) -> str:
    if isinstance(fault, TimeoutError):
        return "no answer in time"
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {fault.verify_message} (see ca_file)"
    if isinstance(fault, WireError):
        return f"what answers is no HTTP: {clean(fault.reason)}"
    name = getattr(fault, "filename", None)
    text = getattr(fault, "strerror", None) or str(fault) or type(fault).__name__
    return clean(f"{name}: {text}" if name else text, 300)
