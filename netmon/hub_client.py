"""Ask a hub: over its local Unix socket (its owner needs no token) or over HTTPS with a pinned CA and a read token."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from netmon.addresses import is_clear_text
from netmon.errors import HubRefused, HubUnreachable, MachineError, Problem, UsageError, plain_words
from netmon.files import read_secret
from probes.clean import clean

DEFAULT_SOCKET = "/var/lib/netmon/hub/hub.sock"


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, host: str = "localhost", timeout_s: float = 10.0) -> None:
        super().__init__(host, timeout=timeout_s)
        self.path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


@dataclass(frozen=True, slots=True)
class HubClient:
    """Where a hub is: `where` is a socket path or `https://host:port` (then `token` and `ca_file`)."""

    where: str = DEFAULT_SOCKET
    token: str = ""
    ca_file: str = ""
    timeout_s: float = 10.0

    def get(self, path: str) -> Any:
        """The JSON a path answers with; raises `HubUnreachable`."""
        return self._call("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """POST JSON, the JSON answer (None for 204)."""
        return self._call("POST", path, body)

    def delete(self, path: str) -> Any:
        """DELETE, the JSON answer (None for 204)."""
        return self._call("DELETE", path, None)

    def events(self) -> Iterator[tuple[str, Any]]:
        """The hub's server-sent events `(name, JSON)`, for ever; raises `HubUnreachable` when they end."""
        connection = self._connection(timeout_s=30.0)
        try:
            connection.request("GET", "/api/v1/events", headers=self._headers())
            yield from _events(_good(connection.getresponse(), "/api/v1/events"))
        except (OSError, http.client.HTTPException, ValueError) as fault:
            raise HubUnreachable(f"hub {self.where}: {_words(fault)}") from fault
        finally:
            connection.close()
        raise HubUnreachable(f"hub {self.where}: closed the stream of events")

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        connection = self._connection(self.timeout_s)
        data = None if body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, body=data, headers=self._headers(json_body=body is not None))
            text = _good(connection.getresponse(), path).read()
            return json.loads(text) if text else None
        except (OSError, http.client.HTTPException, ValueError) as fault:
            raise HubUnreachable(f"hub {self.where}: {_words(fault)}") from fault
        finally:
            connection.close()

    def _headers(self, json_body: bool = False) -> dict[str, str]:
        headers = {"Authorization": f"Token {self.token}"} if self.token else {}
        return headers | ({"Content-Type": "application/json"} if json_body else {})

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        url = _web_address(self.where)
        if url is None:
            return UnixConnection(self.where, timeout_s=timeout_s)
        if url.scheme == "http" and self.token and is_clear_text(self.where):
            raise HubUnreachable(f"hub {self.where}: would get the token in the clear (write https://…)")
        if url.scheme == "http":
            return http.client.HTTPConnection(url.hostname or "", url.port, timeout=timeout_s)
        import ssl  # only a remote hub needs it: 3 MB

        try:
            context = ssl.create_default_context(cafile=self.ca_file or None)
        except OSError as fault:  # `ssl.SSLError` is one
            why = plain_words(fault) if not isinstance(fault, ssl.SSLError) else "holds no certificate"
            raise MachineError(f"{self.ca_file}: {why} (--ca takes the hub's ca.pem)") from fault
        return http.client.HTTPSConnection(url.hostname or "", url.port, timeout=timeout_s, context=context)


def _web_address(where: str) -> SplitResult | None:
    """The parts of `https://host:port`, None for a socket's path. Raises `UsageError` for what can be neither."""
    try:
        url = urlsplit(where)
        good = (
            where != ""
            and "\0" not in where
            and (url.scheme not in ("http", "https") or bool(url.hostname) and url.port != 0)
        )
    except ValueError:  # brackets that do not close, a port beyond 65535
        good = False
    if not good:
        what = f"'{clean(where, 80)}' is no hub's address"
        raise UsageError([Problem("command line", "--hub", what, "write https://host:port or the path of its socket")])
    return url if url.scheme in ("http", "https") else None


def element_path(text: str) -> str:
    """An id made safe as one part of a path."""
    return quote(text, safe="")


def token_from(path: str) -> str:
    """The token a file holds, "" without a file."""
    return read_secret(path) if path else ""


def _words(fault: Exception) -> str:
    """What went wrong, and the way out; whether it runs is asked only where nobody answers."""
    if isinstance(fault, FileNotFoundError | ConnectionRefusedError):
        return "nobody answers there (is it running, and is this its socket?)"
    if isinstance(fault, PermissionError):
        return "this user may not open it (run it as root or as the hub's user, or ask by https:// with a token)"
    if isinstance(fault, TimeoutError):
        return "no answer in time"
    if isinstance(fault, socket.gaierror):
        return "its name gives no address"
    if isinstance(fault, OSError) and (said := getattr(fault, "verify_message", "")):
        return f"its certificate is not trusted: {clean(said, 200)} (--ca takes the hub's ca.pem)"
    if isinstance(fault, OSError) and hasattr(fault, "library"):  # `ssl.SSLError`, which is not imported for it
        return "what answers there speaks no TLS (the hub's address begins with http:// on loopback only)"
    if isinstance(fault, http.client.HTTPException | ValueError):
        return "what answers there is no hub"
    return plain_words(fault)


def _good(response: http.client.HTTPResponse, path: str) -> http.client.HTTPResponse:
    if response.status in (200, 201, 202, 204):
        return response
    text = _said(response.read(2000).decode("utf-8", "replace"))
    kind = HubRefused if response.status in (400, 404, 409) else HubUnreachable
    raise kind(f"the hub answered {response.status} to {path}: {text}")


def _said(body: str) -> str:
    """The sentence in a hub's answer: its JSON is for programs."""
    try:
        answer = json.loads(body)
        text = next(str(answer[key]) for key in ("message", "error", "detail") if key in answer)
    except (ValueError, TypeError, StopIteration):
        text = body
    return clean(text, 300)


def _events(lines: Iterator[bytes] | http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    name, data = "message", list[str]()
    for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not line:
            if data:
                yield name, json.loads("\n".join(data))
            name, data = "message", list[str]()
        elif line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].strip())
