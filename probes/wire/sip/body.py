"""Which part of a message's body describes its media (RFC 3261 §7.4.1, RFC 5621 §3). Pure; never raises."""

from __future__ import annotations

import re

from probes.wire.sip.message import SipMessage, headers, parameter

_TYPE = "application/sdp"
_MAX_PARTS, _MAX_DEPTH = 32, 3
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_TEXT = ("content-type", "text/plain")


def description(message: SipMessage) -> bytes:
    """The session description, b"" when there is none. A body without a type is taken for one (field equipment)."""
    return _within(message, message.body, _MAX_DEPTH)


def _within(head: SipMessage, body: bytes, depth: int) -> bytes:
    """What of a body, or a part of one, describes the session; `head`: its headers."""
    kind = head.first("content-type")
    name = kind.partition(";")[0].strip().lower()
    if not body.strip() or not _is_session(head):
        return b""
    if name in ("", _TYPE):
        return body
    boundary = (parameter(kind, "boundary") or "").strip('"')
    if not name.startswith("multipart/") or not boundary or not depth:
        return b""
    parts = _parts(body, boundary.encode("latin-1", "replace"))
    for part in reversed(parts) if name == "multipart/alternative" else parts:  # the last is the best (RFC 2046 §5.1.4)
        if inner := _within(*_cut(part), depth - 1):
            return inner
    return b""


def _is_session(head: SipMessage) -> bool:
    """RFC 3261 §20.11: a description may be of something else: of early media (RFC 3959), to be shown."""
    return head.first("content-disposition").partition(";")[0].strip().lower() in ("", "session")


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


def _cut(part: bytes) -> tuple[SipMessage, bytes]:
    """A part's headers and its body; a part without headers begins with its blank line, and is text (RFC 2046 §5.1)."""
    match = _HEAD_END.search(part)
    head, body = (part[: match.start()], part[match.end() :]) if match else (part, b"")
    named = headers(head)
    return SipMessage(0, "", "", "", named if dict(named).get("content-type") else (*named, _TEXT)), body
