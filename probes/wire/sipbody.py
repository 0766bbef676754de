"""Which part of a message's body describes its media (RFC 3261 §7.4.1, RFC 5621 §3). Pure; never raises."""

from __future__ import annotations

import re

from probes.wire.sip import Message, parameter

_TYPE = "application/sdp"
_MAX_PARTS, _MAX_DEPTH = 32, 3
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_KIND = re.compile(rb"(?im)^content-type[ \t]*:[ \t]*([^\r\n]{1,256})")


def description(message: Message) -> bytes:
    """The session description, b"" when there is none. A body without a type is taken for one (field equipment)."""
    return _within(message.first("content-type"), message.body, _MAX_DEPTH)


def _within(kind: str, body: bytes, depth: int) -> bytes:
    name = kind.partition(";")[0].strip().lower()
    if not body.strip():
        return b""
    if name in ("", _TYPE):
        return body
    boundary = (parameter(kind, "boundary") or "").strip('"')
    if not name.startswith("multipart/") or not boundary or not depth:
        return b""
    for part in _parts(body, boundary.encode("latin-1", "replace")):
        head, _, rest = _cut(part)
        said = _KIND.search(head)
        inner = _within(said[1].decode("latin-1") if said else "text/plain", rest, depth - 1)
        if inner:
            return inner
    return b""


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """What stands between the lines of the boundary (RFC 2046 §5.1.1)."""
    line = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    parts: list[bytes] = []
    start = -1
    for match in line.finditer(body):
        if start >= 0:
            parts.append(body[start : match.start()])
        if match[1] or len(parts) >= _MAX_PARTS:
            return parts
        start = match.end()
    return [*parts, body[start:]] if start >= 0 else parts


def _cut(part: bytes) -> tuple[bytes, bytes, bytes]:
    """Head, blank line, body of a part; a part without headers begins with its blank line."""
    match = _HEAD_END.search(part)
    return (part[: match.start()], match[0], part[match.end() :]) if match else (part, b"", b"")
