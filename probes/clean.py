"""Text from others made harmless: what a peer, a name server or a file says never reaches a terminal raw."""

from __future__ import annotations

# Unicode's spaces (Zs). What else `isprintable` refuses (Cc, Cf, Cs, Co, Cn, Zl, Zp: controls, bidirectional marks, invisible
# joiners) reorders or hides what a person reads (Unicode UAX #9, "Trojan Source").
_SPACES = frozenset("\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000")


def clean(text: str | bytes, limit: int = 200) -> str:
    """`text` with control, invisible and unassigned characters replaced by `·`, at most `limit` long; always printable."""
    if isinstance(text, bytes):
        text = text[: 4 * limit].decode("utf-8", "replace")
    if text.isascii() and text.isprintable():
        return text[:limit]
    return "".join([_harmless(char) for char in text[:limit]])


def _harmless(char: str) -> str:
    if char.isprintable():
        return char
    return " " if char in _SPACES else "·"
