"""What a message says of its own reason, beyond its status: where the room is now, what it demands, what it warns of. Pure.

Texts are the far end's own: whoever shows them cleans them.
"""

from __future__ import annotations

import re

from probes.wire import sip, sipdialog
from probes.wire.sip import Message

_MAX_TEXT = 200
_CAUSE = re.compile(r"\s*([!-:<-~]{1,32})\s*((?:;.*)?)\Z", re.DOTALL)
_WARNING = re.compile(r'\s*(\d{3})\s+\S{1,255}\s+"((?:[^"\\]|\\.)*)"')
_REDIRECTS = (300, 301, 302, 305, 380, 485)  # their Contact is another place (RFC 3261 §21.3, §21.4.23)
_DEMANDS = {420: ("unsupported", "it does not know"), 421: ("require", "it demands")}


def reason(message: Message) -> str:
    """The Reason header in words (RFC 3326): its text, else protocol and cause; "" when there is none."""
    match = _CAUSE.match(message.first("reason")[:1024])
    if match is None:
        return ""
    text = _unquoted(sip.parameter(f"x{match[2]}", "text") or "")
    cause = sip.parameter(f"x{match[2]}", "cause") or ""
    number = f"{match[1]} {cause}".strip() if cause else ""
    return f"{text} ({number})" if text and number else (text or number or match[1])[:_MAX_TEXT]


def warning(message: Message) -> str:
    """The first warning's text (RFC 3261 §20.43), "" when there is none."""
    match = _WARNING.match(message.first("warning")[:1024])
    return f"{_unquoted(match[2])} ({match[1]})"[:_MAX_TEXT] if match else ""


def elsewhere(message: Message) -> str:
    """Where a redirection sends us, "" when it does not say."""
    return sipdialog.contact(message)[:_MAX_TEXT] if message.status in _REDIRECTS else ""


def required(message: Message) -> list[str]:
    """The extensions a message demands (RFC 3261 §20.32), in small letters."""
    words = [word.strip().lower() for value in message.all("require") for word in value[:1024].split(",")]
    return [word for word in words if re.fullmatch(r"[\w.!%*+`'~-]{1,40}", word, re.ASCII)][:8]


def more(message: Message) -> str:
    """All that a final answer or a BYE says of its reason, in words; "" when it says nothing."""
    parts = []
    if place := elsewhere(message):
        parts.append(f"it is at {place} now")
    if message.status in _DEMANDS:
        header, words = _DEMANDS[message.status]
        named = ", ".join(message.all(header))[:_MAX_TEXT]
        parts += [f"{words} {named}"] if named else []
    later = sip.retry_after_s(message)
    parts += [f"again in {later} s"] if later is not None else []
    parts += [text for text in (reason(message), warning(message)) if text]
    return "; ".join(dict.fromkeys(parts))


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text.strip().removeprefix('"').removesuffix('"'))[:_MAX_TEXT]
