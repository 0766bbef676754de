"""Tables of Markdown for the pages made from declarations."""

from __future__ import annotations

from collections.abc import Iterable

from netmon.config.walker.shape import Key, record_of
from netmon.config.walker.words import written


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; no text can end its cell."""
    first = tuple(heads)
    lines = [_line(first), f"|{'---|' * len(first)}", *(_line(map(_cell, row)) for row in rows)]
    return "\n".join(lines) + "\n"


def default_of(key: Key) -> str:
    """A key's default as a file would hold it, as code; words where there is none."""
    if key.needed:
        return "must be written"
    if not key.stated:
        return "not set"
    if record_of(key.type) is not None:
        return "none" if isinstance(key.default, tuple) else "see below"
    text = written(key.default, key)
    return "empty" if text in ('""', "[]") else f"`{text}`"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
