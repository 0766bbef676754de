"""What a far end's answer says of the dialog it opens (RFC 3261 §12.1.2), in a form that can be said again. Pure."""

from __future__ import annotations

import re

from probes.wire import sip
from probes.wire.sip import Message

_MOST_ROUTES, _MOST_TAG = 8, 256
_URI = re.compile(r"<?(sips?:[!-;=?-~]{1,512})>?", re.IGNORECASE | re.ASCII)


def tag(message: Message) -> str:
    """The far end's tag (RFC 3261 §19.3), in a form that can be said again: no controls, no length of its choice."""
    tag = sip.parameter(message.first("to"), "tag") or ""
    return "".join(char for char in tag[:_MOST_TAG] if char.isprintable())


def contact(message: Message, otherwise: str) -> str:
    """The far end's own URI (RFC 3261 §12.1.2), what we asked for when it gives none that can be read."""
    match = _URI.search(message.first("contact")[:1024])
    return match[1] if match else otherwise


def routes(message: Message) -> tuple[str, ...]:
    """Record-Route turned round (RFC 3261 §12.1.2)."""
    named = [one.strip() for value in message.all("record-route") for one in value[:1024].split(",")]
    return tuple(one for one in named[:_MOST_ROUTES] if _URI.match(one) and one.isascii() and one.isprintable())[::-1]
