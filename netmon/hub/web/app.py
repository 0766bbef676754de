"""The hub as one ASGI application: the write API as InfluxDB answers it, and behind a read token the state API."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from netmon.hub import limits
from netmon.hub.ingest.ingest import BadWrite, HttpReply, Ingest
from netmon.hub.tokens import Tokens
from netmon.process.troubles import Troubles
from probes.clean import clean

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_LEASES = "/api/v1/leases"
_JSON = (b"content-type", b"application/json; charset=utf-8")


class App:
    """One door's application. `local`: the owner's Unix socket, where reading needs no token."""

    def __init__(
        self,
        ingest: Ingest,
        api: Application,
        readers: Tokens,
        counters: limits.Counters,
        version: str,
        *,
        local: bool,
        leases: Application | None = None,
        troubles: Troubles | None = None,
    ) -> None:
        self._ingest, self._api, self._readers, self._counters = ingest, api, readers, counters
        self._local, self._version, self._leases = local, version, leases
        self._troubles = troubles or Troubles()
        self._routes: dict[str, Application] = {
            "/api/v2/write": self._write,
            "/write": self._write,
            "/ping": self._ping,
            "/health": self._health,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every answer carries the hub's clock."""
        if scope["type"] != "http":
            return
        recv_ns = scope.get("netmon.recv_ns") or time.time_ns()

        begun = False

        async def stamped(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                clock = b"%d %d" % (recv_ns, time.time_ns())
                message["headers"] = [*message.get("headers", ()), (b"x-netmon-clock", clock)]
            await send(message)

        try:
            await self._way(scope)(scope, receive, stamped)
        except Exception as fault:  # told; what was asked for may be asked again
            if isinstance(fault, ConnectionError):
                raise  # its asker went away
            self._troubles.crashed(f"answers to {_named(scope)}", fault)
            if not begun:
                await answer(stamped, HttpReply(500, "internal error", "a fault of netmon: try again", close=True))

    def _way(self, scope: Scope) -> Application:
        """Who answers. Agents ask for leases by their write token; people read them by the read token."""
        path = scope["path"]
        if self._leases is not None and path.startswith(_LEASES) and scope["method"] == "POST":
            return self._leases
        return self._routes.get(path, self._state)

    async def _write(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await answer(send, HttpReply(405, "method not allowed", "write with POST"))
            return
        headers = headers_of(scope)
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        try:
            token = token_of(headers) or query.get("p", "")
            claimed = self._ingest.admit(token, headers, query.get("precision") or "ns")
        except BadWrite as bad:
            await answer(send, bad.reply)
            return
        reply = self._ingest.enter(claimed)
        if reply is None:
            try:
                body = await read_body(headers, receive, limits.MAX_BODY_BYTES)
                reply = self._ingest.too_large() if body is None else await self._ingest.write(claimed, body)
            finally:
                self._ingest.leave(claimed)
        await answer(send, reply)

    async def _ping(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (b"x-influxdb-version", f"v2.0-netmon-{self._version}".encode()),
            (b"x-influxdb-build", b"netmon"),
        ]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _health(self, scope: Scope, receive: Receive, send: Send) -> None:
        rows = self._troubles.rows()
        text = {
            "name": "influxdb",
            "message": "netmon hub: " + ("it has troubles" if rows else "ready for queries and writes"),
            "status": "fail" if rows else "pass",
            "checks": [{"name": row["part"], "status": "fail", "message": row["why"]} for row in rows],
            "version": f"v2.0-netmon-{self._version}",
            "commit": "netmon",
        }
        await send_json(send, 503 if rows else 200, text)

    async def _state(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._local and self._readers.name(token_of(headers_of(scope))) is None:
            self._counters.refused += 1
            await answer(send, HttpReply(401, "unauthorized", "a read token is needed (Authorization: Token …)"))
            return
        await self._api(scope, receive, send)


def _named(scope: Scope) -> str:
    """A request's path, without the ids in it: one trouble a door."""
    return clean("/".join(str(scope["path"]).split("/")[:4]), 60)


def headers_of(scope: Scope) -> dict[str, str]:
    """A request's headers, names in lower case."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def token_of(headers: MutableMapping[str, str]) -> str:
    """The token of `Authorization: Token T`, `Bearer T`, or (clients of InfluxDB 1) the password of `Token USER:T` or of
    `Basic`; or "". A token of ours has no colon."""
    scheme, _, value = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() in ("token", "bearer"):
        return value.strip().rpartition(":")[2]
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


async def read_body(headers: MutableMapping[str, str], receive: Receive, max_bytes: int) -> bytes | None:
    """The whole body, None when it is (or says it is) larger than `max_bytes`; b"" when the client went away."""
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length[:18]) > max_bytes:
        return None
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > max_bytes:
            return None
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def answer(send: Send, reply: HttpReply) -> None:
    """Send a write's answer in InfluxDB's shape (`code` and `message`; `error` for clients of InfluxDB 1)."""
    if reply.status == 204:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    extra = [(b"retry-after", b"%d" % reply.retry_after_s)] if reply.retry_after_s else []
    extra += [(b"connection", b"close")] if reply.close else []
    extra += [(b"www-authenticate", b"Token")] if reply.status == 401 else []
    await send_json(
        send, reply.status, {"code": reply.code, "message": reply.message, "error": reply.message}, tuple(extra)
    )


async def send_json(send: Send, status: int, value: Any, extra: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    """One whole JSON answer."""
    body = json.dumps(value, ensure_ascii=False).encode()
    headers = [_JSON, (b"content-length", b"%d" % len(body)), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
