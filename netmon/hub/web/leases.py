"""Where agents ask for leases: `POST /api/v1/leases` and `POST /api/v1/leases/ID/release`, by a site's write token."""

from __future__ import annotations

import asyncio
import json
import math
import re
from typing import Any

from netmon.hub import limits
from netmon.hub.ingest.ingest import BadWrite, HttpReply, Ingest
from netmon.hub.leases.desk import Full, LeaseDesk, NotYours
from netmon.hub.web.app import Receive, Scope, Send, answer, headers_of, read_body, send_json, token_of
from probes.clean import clean

PATH = "/api/v1/leases"
MAX_TEST_BYTES = 1 << 50
MAX_TEST_S = 86_400.0
_RELEASE = re.compile(re.escape(PATH) + r"/([0-9a-f]{1,32})/release", re.ASCII)
_CHECK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class LeaseEndpoint:
    """An ASGI application. An agent gets leases for its own checks, and ends its own leases."""

    def __init__(self, ingest: Ingest, desk: LeaseDesk, counters: limits.Counters) -> None:
        self._ingest, self._desk, self._counters = ingest, desk, counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = headers_of(scope)
        try:
            agent = headers.get("x-netmon-agent", "")
            self._ingest.writer(token_of(headers), agent)
            if not agent:
                raise self._bad("X-Netmon-Agent is missing: whose test is it?")
            body = self._object(await read_body(headers, receive, limits.MAX_JSON_BYTES))
            await self._answer(scope["path"], agent, body, send)
        except BadWrite as bad:
            await answer(send, bad.reply)
        except NotYours as fault:
            self._counters.refused += 1
            await answer(send, HttpReply(403, "forbidden", str(fault)))
        except Full as fault:
            self._counters.disk_refusals += 1
            await answer(send, HttpReply(503, "unavailable", clean(str(fault)), retry_after_s=limits.RETRY_AFTER_S))

    async def _answer(self, path: str, agent: str, body: dict[str, Any], send: Send) -> None:
        if path == PATH:
            granted, reply = await asyncio.to_thread(self._desk.ask, agent, *self._wanted(body))
            later = () if granted else ((b"retry-after", b"%d" % reply["retry_after_s"]),)
            await send_json(send, 201 if granted else 409, reply, later)
            return
        match = _RELEASE.fullmatch(path)
        try:
            if match is None:
                raise KeyError(path)
            await asyncio.to_thread(self._desk.end, agent, match[1], self._bytes(body, "bytes_used", 0))
        except KeyError:
            await answer(send, HttpReply(404, "not found", "there is no such lease of this agent (any more)"))
        else:
            await answer(send, HttpReply(204))

    def _wanted(self, body: dict[str, Any]) -> tuple[str, int | None, float]:
        """Check, bytes (None: what the path carries) and seconds of a request; raises `BadWrite`."""
        check, seconds = body.get("check"), body.get("seconds")
        if not isinstance(check, str) or not _CHECK.fullmatch(check):
            raise self._bad("check must be the name of a check")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= MAX_TEST_S:
            raise self._bad(f"seconds must be a number from 0 to {MAX_TEST_S:.0f}")
        return check, self._bytes(body, "bytes", 1), float(seconds)

    def _bytes(self, body: dict[str, Any], key: str, min_bytes: int) -> int | None:
        value = body.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not min_bytes <= value <= MAX_TEST_BYTES:
            raise self._bad(f"{key} must be a whole number from {min_bytes} to {MAX_TEST_BYTES}, or null")
        return value

    def _object(self, body: bytes | None) -> dict[str, Any]:
        """The JSON object of a request; raises `BadWrite`."""
        if body is None:
            raise BadWrite(HttpReply(413, "request too large", f"more than {limits.MAX_JSON_BYTES} bytes", close=True))
        try:
            value = json.loads(body.decode(), parse_constant=lambda word: math.nan)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise self._bad("the body is not a JSON object")
        return value

    def _bad(self, why: str) -> BadWrite:
        self._counters.malformed += 1
        return BadWrite(HttpReply(400, "invalid", why))
