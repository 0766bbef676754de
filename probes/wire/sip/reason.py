"""What a message says of its own reason, beyond its status: where the room is now, what it demands, what it warns of. Pure.

Texts are the far end's own: whoever shows them cleans them.
"""

from __future__ import annotations

import re
from itertools import islice

from probes import causes
from probes.wire.sip import dialog as sip_dialog
from probes.wire.sip import digest as sip_digest
from probes.wire.sip import message as sip
from probes.wire.sip.message import SipMessage

_MAX_TEXT, _MAX_ALL, _MAX_VALUES = 200, 480, 3
_CAUSE = re.compile(r"\s*([!-:<-~]{1,32})\s*((?:;.*)?)\Z", re.DOTALL)
_WARNING = re.compile(r'\s*(\d{3})\s+\S{1,255}\s+"((?:[^"\\]|\\.)*)"')
_COMMENT = re.compile(r"\s*\d+\s*\(((?:[^()\\]|\\.)*)\)")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}:[!#-;=?-~]{1,200}\Z", re.ASCII)
# Whose Contact is another place (RFC 3261 §21.3, §21.4.23), and in which words.
_REDIRECTS = {
    300: "it is at {} now", 301: "it is at {} now", 302: "it is at {} now",
    305: "it is to be called by way of {}", 380: "{} may do instead", 485: "it may be {}",
}  # fmt: skip
# What a status says in a header of its own (RFC 3261 §21.4, RFC 4028 §6, RFC 3329 §2).
_DEMANDS = {
    405: ("allow", "it takes only"),
    415: ("accept", "it takes only"),
    420: ("unsupported", "it does not know"),
    421: ("require", "it demands"),
    422: ("min-se", "its sessions are refreshed, at the soonest after (s)"),
    423: ("min-expires", "its least time is (s)"),
    494: ("security-server", "it demands"),
}
_ASKS = {401: "www-authenticate", 407: "proxy-authenticate"}


def reason(message: SipMessage) -> str:
    """The Reason header in words (RFC 3326): of each its text, else what its cause means; "" when there is none."""
    values = islice(sip_dialog.listed(message, "reason"), _MAX_VALUES)
    return "; ".join(said for value in values if (said := _reason(value[:1024])))


def _reason(value: str) -> str:
    match = _CAUSE.match(value)
    if match is None:
        return ""
    protocol, cause = match[1], sip.parameter(f"x{match[2]}", "cause") or ""
    text = _unquoted(sip.parameter(f"x{match[2]}", "text") or "") or _meaning(protocol, cause)
    number = f"{protocol} {cause}".strip() if cause else ""
    return f"{text} ({number})" if text and number else (text or number or protocol)[:_MAX_TEXT]


def _meaning(protocol: str, cause: str) -> str:
    """Of a Q.850 cause (ITU-T Q.850 §2.2.7.2), "" for others."""
    is_known = protocol.upper() == "Q.850" and re.fullmatch(r"\d{1,3}", cause, re.ASCII)
    return causes.CAUSES.get(int(cause), ("",))[0] if is_known else ""


def warning(message: SipMessage) -> str:
    """The warnings' texts (RFC 3261 §20.43), "" when there is none."""
    matches = (_WARNING.match(value[:1024]) for value in sip_dialog.listed(message, "warning"))
    return "; ".join(
        f"{_plain(match[2])[:_MAX_TEXT]} ({match[1]})" for match in islice(filter(None, matches), _MAX_VALUES)
    )


def elsewhere(message: SipMessage) -> list[str]:
    """Where a redirection sends us, the place it prefers first (q); nothing when it does not say. Any URI may stand there."""
    if message.status not in _REDIRECTS:
        return []
    values = [value for value in islice(sip_dialog.listed(message, "contact"), 32) if _uri(value)]
    values.sort(key=lambda value: -_preference(value))
    return list(dict.fromkeys(_uri(value) for value in values))[:_MAX_VALUES]


def _uri(value: str) -> str:
    uri = sip_dialog.bracketed(value)
    return uri if _URI.match(uri) else ""


def _preference(value: str) -> float:
    """RFC 3261 §20.10: 1 when it does not say."""
    q = sip.parameter(value, "q") or "1"
    return float(q) if re.fullmatch(r"[01](\.\d{0,3})?", q, re.ASCII) else 1.0


def required(message: SipMessage) -> list[str]:
    """The extensions a message demands (RFC 3261 §20.32), in small letters."""
    words = [word.strip().lower() for value in message.all("require") for word in value[:1024].split(",")]
    return [word for word in words if re.fullmatch(r"[\w.!%*+`'~-]{1,40}", word, re.ASCII)][:8]


def more(message: SipMessage) -> str:
    """All that a final answer or a BYE says of its reason, in words; "" when it says nothing."""
    parts = []
    if places := elsewhere(message):
        parts.append(_REDIRECTS[message.status].format(" or ".join(places)))
    if message.status in _DEMANDS:
        header, words = _DEMANDS[message.status]
        named = ", ".join(filter(None, message.all(header)))[:_MAX_TEXT]
        parts += [f"{words} {named}"] if named else []
    parts += [text for text in (_unknown(message), _later(message), reason(message), warning(message)) if text]
    return "; ".join(dict.fromkeys(parts))[:_MAX_ALL]


def _later(message: SipMessage) -> str:
    """When to come again, and why then (RFC 3261 §20.33)."""
    after_s, comment = sip.retry_after_s(message), _COMMENT.match(message.first("retry-after")[:1024])
    if after_s is None:
        return ""
    return f"again in {after_s} s" + (f" ({_plain(comment[1])[:_MAX_TEXT]})" if comment else "")


def _unknown(message: SipMessage) -> str:
    """How it asks for a password when that is none of the ways we know."""
    header = _ASKS.get(message.status)
    if header is None or sip_digest.challenges(message.all(header)):
        return ""
    named = "; ".join(sip_digest.schemes(message.all(header)))[:_MAX_TEXT]
    return f"it asks in a way that we do not know: {named}" if named else "it does not say how it wants to be told"


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _unquoted(text: str) -> str:
    text = text.strip()
    is_quoted = len(text) >= 2 and text[0] == text[-1] == '"'
    return _plain(text[1:-1] if is_quoted else text.strip('"'))[:_MAX_TEXT]
