"""Text from others made harmless: what a peer, a name server or a file says never reaches a terminal raw."""

from __future__ import annotations

import unicodedata

# Bidirectional controls and invisible joiners reorder or hide what a person reads (Unicode UAX #9, "Trojan Source").
_HIDDEN = frozenset(
    "\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)


def clean(text: str | bytes, limit: int = 200) -> str:
    """`text` with control, bidirectional and unassigned characters replaced by `·`, at most `limit` long."""
    if isinstance(text, bytes):
        text = text[: 4 * limit].decode("utf-8", "replace")
    if text.isascii() and text.isprintable():
        return text[:limit]
    return "".join([_harmless(char) for char in text[:limit]])


def _harmless(char: str) -> str:
    if char in _HIDDEN or unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp"):
        return "·"
    return char
