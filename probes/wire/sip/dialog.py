"""What a far end's answer says of the dialog it opens (RFC 3261 §12.1.2), and how requests go within it (§12.2.1.1). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from probes.wire.session import Address
from probes.wire.sip import message as sip
from probes.wire.sip.message import SipMessage

_MAX_ROUTES, _MAX_TAG, _MAX_VALUE = 8, 256, 4096
_URI = re.compile(r"sips?:[!-;=?-~]{1,512}\Z", re.IGNORECASE | re.ASCII)
_PLACE = re.compile(
    r"sips?:(?:[^@]*@)?(\[[0-9A-F:.]{2,45}\]|[^:;?\[\]]{1,255})(?::(\d{1,5}))?(?:[;?].*)?\Z", re.IGNORECASE | re.ASCII
)
_ADDRESS = re.compile(r"<[^>]*(?:>|\Z)")
_LOOSE = re.compile(r";lr(?:[=;?]|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Dialog:
    """Where a request within the dialog goes. `uri`: its Request-URI; `routes`: its Route headers; `hop`: host and port the
    next one listens at as its URI says."""

    uri: str
    routes: tuple[str, ...]
    hop: Address


def opened(message: SipMessage, otherwise: str) -> Dialog:
    """The dialog a 2xx opens; `otherwise`: what we asked for, when it gives no Contact that can be read."""
    target, routes = contact(message, otherwise).partition("?")[0], _recorded(message)  # no headers there: §19.1.1
    if not routes:
        return Dialog(target, (), place(target))
    first = uri_of(routes[0])
    if _LOOSE.search(first):
        return Dialog(target, tuple(routes), place(first))
    return Dialog(first, (*routes[1:], f"<{target}>"), place(first))  # a strict router: §12.2.1.1's second case


def tag(message: SipMessage, header: str = "to") -> str:
    """The far end's tag (RFC 3261 §19.3), in a form that can be said again: no controls, no length of its choice."""
    tag = sip.parameter(message.first(header), "tag") or ""
    return "".join(char for char in tag[:_MAX_TAG] if char.isprintable())


def contact(message: SipMessage, otherwise: str = "") -> str:
    """The far end's own URI (RFC 3261 §12.1.2), `otherwise` when it gives none that can be read."""
    first = next(iter(listed(message, "contact")), "")
    return uri_of(first) or otherwise


def uri_of(value: str) -> str:
    """The SIP URI of a name-addr or addr-spec (§20.10), "" when there is none."""
    uri = bracketed(value)
    return uri if _URI.match(uri) else ""


def bracketed(value: str) -> str:
    """What a name-addr's angle brackets hold: what its display name holds is no address.

    Without angle brackets what follows a semicolon belongs to the header, not to the URI.
    """
    bare = sip.unquoted(value)
    start, end = bare.find("<"), bare.find(">", bare.find("<"))
    return (value[start + 1 : max(end, 0)] if start >= 0 else value.partition(";")[0]).strip()


def place(uri: str) -> Address:
    """Host and port of a SIP URI, port 0 when it names none; ("", 0) when it cannot be read."""
    match = _PLACE.match(uri)
    if match is None or int(match[2] or 1) > 65_535:
        return "", 0
    return match[1].strip("[]"), int(match[2] or 0)


def _recorded(message: SipMessage) -> list[str]:
    """Record-Route turned round (RFC 3261 §12.1.2), as it can be said again."""
    routes = [value for value in listed(message, "record-route") if uri_of(value)]
    return [value for value in routes if value.isascii() and value.isprintable()][:_MAX_ROUTES][::-1]


def listed(message: SipMessage, header: str) -> Iterator[str]:
    """The values of a header, its comma lists split: a comma within quotes or brackets is none."""
    for line in message.all(header):
        value = line[:_MAX_VALUE]
        bare, start = _ADDRESS.sub(lambda match: " " * len(match[0]), sip.unquoted(value)), 0
        for match in re.finditer(",", bare):
            yield value[start : match.start()].strip()
            start = match.end()
        yield value[start:].strip()
