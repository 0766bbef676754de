"""The lab's webhook receiver: verifies both signatures, as a customer's receiver would, and counts what it accepts.

Written from Standard Webhooks 1.0 and GitHub's `X-Hub-Signature-256`, apart from the code that signs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

MAX_BODY = 1 << 20
TOLERANCE_S = 300.0


@dataclass(frozen=True, slots=True)
class ReceivedPage:
    """One accepted page: wall time of its arrival, its id and body."""

    at_s: float
    id: str
    body: dict[str, Any]

    @property
    def status(self) -> str:
        """`firing` or `resolved`."""
        return str(self.body.get("status", ""))


def secret_key(secret: str) -> bytes:
    """The signing key of a secret: `whsec_` + base64, or the text itself."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    return base64.b64decode(secret[6:])


def fault_of(headers: Mapping[str, str], body: bytes, key: bytes, now_s: float) -> str:
    """What is wrong with a page's signatures, "" when both hold. Names of `headers` are in lower case."""
    name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not name or not stamp.isdigit():
        return "webhook-id or webhook-timestamp is missing"
    if abs(now_s - int(stamp)) > TOLERANCE_S:
        return "webhook-timestamp is more than 5 minutes off"
    wanted = hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
    given = [part[3:] for part in headers.get("webhook-signature", "").split(" ") if part.startswith("v1,")]
    if not any(hmac.compare_digest(wanted, _decoded(text)) for text in given):
        return "webhook-signature does not verify"
    hub = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(hub, headers.get("x-hub-signature-256", "")):
        return "X-Hub-Signature-256 does not verify"
    return ""


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


@dataclass(slots=True)
class Inbox:
    """What arrived. `pages`: accepted, each id once; `refused`: reasons; `repeats`: ids seen again."""

    key: bytes
    notify: Callable[[ReceivedPage], None]
    refuse: Callable[[str], None]
    pages: list[ReceivedPage] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    repeats: int = 0
    _seen: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, headers: Mapping[str, str], raw: bytes) -> int:
        """Judge one request; its HTTP status."""
        now_s = time.time()
        fault = fault_of(headers, raw, self.key, now_s)
        body = None if fault else _json(raw)
        if body is None:
            self.refused.append(fault or "the body is no JSON object")
            self.refuse(self.refused[-1])
            return 401 if fault else 400
        with self._lock:
            name = headers["webhook-id"]
            if name in self._seen:
                self.repeats += 1
                return 200
            self._seen.add(name)
            page = ReceivedPage(now_s, name, body)
            self.pages.append(page)
        self.notify(page)
        return 200


def _json(raw: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


class _Handler(BaseHTTPRequestHandler):
    server: PageReceiver
    timeout = 10

    def do_POST(self) -> None:
        """One page."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY:
            self.send_error(413)
            return
        status = self.server.inbox.take(
            {name.lower(): value for name, value in self.headers.items()}, self.rfile.read(int(length))
        )
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def address_string(self) -> str:
        """A Unix peer has no address."""
        return "hub"

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: events are told by the inbox."""


class PageReceiver(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Listens on a Unix socket: it crosses the namespaces of the lab, and no port of this machine is taken."""

    daemon_threads = True

    def __init__(self, path: Path, inbox: Inbox) -> None:
        self.inbox = inbox
        super().__init__(str(path), _Handler)
        os.chmod(path, 0o600)

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self.serve_forever, args=(0.1,), name="receiver", daemon=True).start()
