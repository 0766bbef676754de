"""HTTP/1.1 as a client needs it for one request (RFC 9112): a request out, one answer in, read with caps.

Tolerated: lines ended by LF alone, a missing reason, header lines without a colon (left out), folded lines (RFC 9112 §5.2),
a status no class knows (RFC 9110 §15: as 5xx). Only `WireError` is raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from probes.errors import WireError
from probes.wire.framer import ReceiveBuffer

PORT, TLS_PORT = 80, 443
MAX_HEAD, MAX_HEADERS, MAX_LINE, MAX_INTERIM = 65_536, 256, 4096, 8
_STATUS = re.compile(rb"HTTP/1\.\d[ \t]+(\d\d\d)(?:[ \t][^\n]*)?\Z", re.IGNORECASE)
_LENGTH = re.compile(r"\d{1,18}\Z", re.ASCII)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\Z", re.DOTALL)
_NO_BODY = (204, 304)
_SWITCHED = 101


def encode_request(method: str, path: str, host: str, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """The bytes of a request without a body, on a connection that is closed after it. Raises `ValueError` for texts
    that would break its lines."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
    lines.append("Connection: close")
    if not all(line.isascii() and line.isprintable() for line in lines) or " " in path or " " in host:
        raise ValueError("a request line or header that cannot be sent")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


class Response:
    """Reads one answer, fed in any slicing. `headed`: its head is complete; interim answers (1xx) are skipped.

    `body`: its first `max_body` bytes; `body_bytes`: how many came in all. `capped`: there are more than `max_body`, and
    reading may stop. `done`: nothing more belongs to it. `headers`: (name in small letters, value), in order.
    """

    def __init__(self, method: str, max_body: int) -> None:
        self.status, self.headed = 0, False
        self.headers: tuple[tuple[str, str], ...] = ()
        self.body = bytearray()
        self.body_bytes = 0
        self.done = False
        self._method, self._max = method, max_body
        self._bytes, self._interim = ReceiveBuffer(), 0
        self._left: int | None = None  # of the body or the chunk; None: until the connection is closed
        self._chunked, self._in_trailers, self._trailer_bytes = False, False, 0

    @property
    def capped(self) -> bool:
        """There is more than we keep."""
        return self.body_bytes > self._max

    @property
    def begun(self) -> bool:
        """Something came."""
        return bool(self.headed or self._bytes or self._interim)

    def first(self, name: str) -> str:
        """The first value of a header, "" when there is none."""
        return next((value for header, value in self.headers if header == name), "")

    def feed(self, data: bytes) -> None:
        """Take bytes; raises `WireError` when they are no answer."""
        self._bytes += data
        while not self.done and self._step():
            pass

    def close(self) -> None:
        """The connection was closed; raises `WireError` when the answer is not complete."""
        if self.done:
            return
        if not self.headed or self._chunked or self._left is not None:
            raise WireError(self.body_bytes, "an answer began and never ended")
        self.done = True

    def _step(self) -> bool:
        """One piece further; False: more bytes are needed."""
        if not self.headed:
            return self._head()
        if self._chunked and not self._left:
            return self._chunk_line()
        return self._take_body()

    def _head(self) -> bool:
        head = self._bytes.take_head()
        if head is None:
            self._wait()
            return False
        status, headers = parse_head(head)
        if 100 <= status < 200 and status != _SWITCHED:
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise WireError(0, "interim answers without an end")
            return True
        self.status, self.headed, self.headers = status, True, headers
        self._frame()
        return True

    def _wait(self) -> None:
        """More bytes are needed; what cannot become an answer is refused at once."""
        if len(self._bytes) > MAX_HEAD:
            raise WireError(MAX_HEAD, "a head that is too long")
        start = bytes(self._bytes[:5]).upper()
        if start != b"HTTP/"[: len(start)]:
            raise WireError(0, "not an HTTP status line")
        if line := self._bytes.first_line():
            parse_head(line)

    def _frame(self) -> None:
        """How the body ends (RFC 9112 §6.3)."""
        if self._method == "HEAD" or self.status in _NO_BODY or self.status == _SWITCHED:
            self.done = True
            return
        codings = [part.strip().lower() for value in self._all("transfer-encoding") for part in value.split(",")]
        lengths = {part.strip() for value in self._all("content-length") for part in value.split(",")}
        self._chunked = bool(codings) and codings[-1] == "chunked"
        if self._chunked:
            self._left = 0
        elif lengths and not codings:
            text = lengths.pop()
            if lengths or not _LENGTH.match(text):
                raise WireError(0, "a Content-Length that is none")
            self._left = int(text)
            self.done = not self._left

    def _all(self, name: str) -> list[str]:
        return [value for header, value in self.headers if header == name]

    def _chunk_line(self) -> bool:
        """A chunk's size (after the line end of the one before), or a trailer line (RFC 9112 §7.1)."""
        at = self._bytes.find(b"\n")
        if max(at, len(self._bytes) if at < 0 else 0) > MAX_LINE:
            raise WireError(self.body_bytes, "a chunk's line that is too long")
        if at < 0:
            return False
        line = self._bytes.take(at + 1).rstrip(b"\r\n")
        if self._in_trailers:
            self._trailer_bytes += at + 1
            if self._trailer_bytes > MAX_HEAD:
                raise WireError(self.body_bytes, "trailers that are too long")
            self.done = not line
        elif self._left is None:  # the line end after a chunk's data
            if line:
                raise WireError(self.body_bytes, "a chunk longer than it says")
            self._left = 0
        else:
            self._size(line)
        return True

    def _size(self, line: bytes) -> None:
        match = _CHUNK.match(line)
        if match is None:
            raise WireError(self.body_bytes, "a chunk's size that is none")
        self._left = int(match[1], 16)
        self._in_trailers = not self._left

    def _take_body(self) -> bool:
        if not self._bytes:
            return False
        size = len(self._bytes) if self._left is None else min(self._left, len(self._bytes))
        self.body += self._bytes[: min(size, max(0, self._max - len(self.body)))]
        self.body_bytes += size
        del self._bytes[:size]
        if self._left is not None:
            self._left -= size
            if not self._left:
                self.done = not self._chunked
                self._left = None if self._chunked else 0
        return True


def parse_head(head: bytes) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Status and headers of a head without the blank line that ends it; raises `WireError`."""
    lines = [line.rstrip(b"\r") for line in head.split(b"\n")]
    match = _STATUS.match(lines[0])
    if match is None:
        raise WireError(0, "not an HTTP status line")
    if len(lines) - 1 > MAX_HEADERS:
        raise WireError(0, "too many headers")
    pairs = (_text(line).partition(":") for line in _unfolded(lines[1:]))
    return int(match[1]), tuple((name.strip().lower(), value.strip()) for name, colon, value in pairs if colon)


def _unfolded(lines: list[bytes]) -> list[bytes]:
    """Lines that begin with a blank go on with the one before (RFC 9112 §5.2); ahead of all headers they are none."""
    whole = list[bytes]()
    for line in lines:
        if not line.startswith((b" ", b"\t")):
            whole.append(line)
        elif whole:
            whole[-1] = whole[-1].rstrip() + b" " + line.strip()
    return whole


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")
