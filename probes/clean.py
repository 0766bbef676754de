"""Text from others made harmless: what a peer, a name server or a file says never reaches a terminal raw."""

from __future__ import annotations

import unicodedata

# Controls, bidirectional marks and invisible joiners reorder or hide what a person reads (Unicode UAX #9, "Trojan Source").
_HARMFUL = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def clean(text: str | bytes, limit: int = 200) -> str:
    """`text` with control, invisible and unassigned characters replaced by `·`, at most `limit` long; always printable."""
    if isinstance(text, bytes):
        text = text[: 4 * limit].decode("utf-8", "replace")
    if text.isascii() and text.isprintable():
        return text[:limit]
    return "".join([_harmless(char) for char in text[:limit]])


def _harmless(char: str) -> str:
    kind = unicodedata.category(char)
    if kind in _HARMFUL:
        return "·"
    return " " if kind == "Zs" else char
