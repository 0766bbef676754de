"""What a command may assume of the terminal and its locale: the language, and letters that can be written."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Mapping, Sequence

LANGUAGES = ("vi", "en")
_PLAIN = {"đ": "d", "Đ": "D", "●": "*", "✗": "x", "✓": "v", "▲": "!", "▶": ">", "–": "-", "—": "-", "…": "...", "→": "->",
          "×": "x", "≤": "<=", "≥": ">=", "·": ".", "▏": "|", "↑": "^", "↓": "v"}  # fmt: skip
_GLOBAL = {"--lang": True, "--log": True, "--no-color": False}  # option → a value follows


def language(environ: Mapping[str, str]) -> str | None:
    """`vi` or `en` as NETMON_LANG, LC_ALL, LC_MESSAGES or LANG say, in that order; None when none of them does."""
    for name in ("NETMON_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        said = environ.get(name, "")[:2].lower()
        if said in LANGUAGES and environ[name][2:3] in ("", "_", ".", "-", "@"):
            return said
    return None


def global_first(arguments: Sequence[str]) -> list[str]:
    """The words of a command line with the global options before the verb, wherever they were written."""
    first, rest = list[str](), list[str]()
    words = iter(arguments)
    for word in words:
        if word == "--":
            return [*first, *rest, word, *words]
        name, _, value = word.partition("=")
        into = first if name in _GLOBAL else rest
        into.append(word)
        if into is first and _GLOBAL[name] and not value:
            first[-1:] = _with_value(word, next(words, None))
    return first + rest


def _with_value(option: str, following: str | None) -> list[str]:
    """An option and its value; one without any is given the empty one, never the verb."""
    return [option, following] if following is not None else [f"{option.rstrip('=')}="]


def write_anything() -> None:
    """What the terminal's encoding lacks is written in plain letters (Đường → Duong), never a reason to fail."""
    codecs.register_error("netmon.plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="netmon.plain")


def _plain(fault: UnicodeError) -> tuple[str, int]:
    if not isinstance(fault, UnicodeEncodeError):
        raise fault
    return "".join(map(plain_letter, fault.object[fault.start : fault.end])), fault.end


def plain_letter(letter: str) -> str:
    """One letter in ASCII: without its marks, as a sign that stands for it, or `?`."""
    import unicodedata  # most processes write where every letter can be written

    base = _PLAIN.get(letter) or unicodedata.normalize("NFD", letter)
    kept = "".join(part for part in base if part.isascii())
    return kept if kept or unicodedata.combining(letter) else "?"


def can_draw(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal can move its cursor: a live screen needs that."""
    return environ.get("TERM", "") not in ("", "dumb", "unknown")
