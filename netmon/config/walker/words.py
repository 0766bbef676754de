"""Values and keys put into words: what stands in a file for a value, and what kind of value a key wants."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from netmon.config.walker.shape import Key, item_of, record_of, words_of
from probes.clean import clean

_PLAIN = re.compile(r"[^\W\d][\w./()-]*( [\w./()-]+)*|/[\w./-]+")
_OTHER_MEANING = frozenset(
    ["y", "yes", "n", "no", "true", "false", "on", "off", "null", "none"]
)  # to other readers of YAML
_KINDS = {str: "text", int: "whole number", float: "number"}


class Bare(str):
    """A value in words that stands in a file without quotes (`5s`, `20Mbit`)."""


Said = str | bool | int | float | list["Said"]


def said(value: Any, key: Key) -> Said:
    """A value as people say it, of a list each: with its unit (`Bare`), a number or bool as itself, all else as text."""
    item = item_of(key.type)
    if item is not None:
        return [said(element, key._replace(type=item)) for element in value]
    if key.measure is not None:
        return Bare(key.measure.format(value))
    return value if isinstance(value, bool | int | float) else str(value)


def yaml_of(value: Said) -> str:
    """What was said as a file holds it: quoted where it must be, never a raw control character."""
    if isinstance(value, list):
        return f"[{', '.join(map(yaml_of, value))}]"
    if isinstance(value, Bare):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _decimal(value)
    return quoted(value)


def written(value: Any, key: Key) -> str:
    """A value, or a list of values, as a file holds it."""
    return yaml_of(said(value, key))


def as_item(lines: list[str], indent: str) -> Iterator[str]:
    """The lines of a list's table, four deeper than the list: the dash stands before the first that is no comment."""
    first = next((at for at, line in enumerate(lines) if not is_comment(line)), 0)
    for at, line in enumerate(lines):
        yield f"{indent}  - {line[len(indent) + 4 :]}" if at == first else line


def is_comment(line: str) -> bool:
    """Is it a comment, and nothing else?"""
    return line.lstrip().startswith("#")


def quoted(text: str) -> str:
    """Text as YAML, plain where every reader takes it for text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _OTHER_MEANING and clean(text, len(text)) == text:
        return text
    return "".join(map(_escaped, json.dumps(text, ensure_ascii=False)))


def for_people(text: str) -> str:
    """A name or other display text: harmless on a terminal, and in one normal form (NFC), so that equal names are
    equal."""
    return clean(unicodedata.normalize("NFC", text))


def _escaped(char: str) -> str:
    if clean(char) == char and char.isprintable():
        return char
    number = ord(char)
    return f"\\u{number:04x}" if number < 1 << 16 else f"\\U{number:08x}"


def either(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def kind_of(key: Key) -> str:
    """What kind of value a key wants, in a few words: `duration`, `list of text`, `ping or stamp`."""
    many = "list of " if item_of(key.type) is not None else ""
    record = record_of(key.type)
    if record is not None:
        return f"{many}tables" if many else "table"
    words = words_of(key)
    if words:
        return many + either(words)
    if key.measure is not None:
        return many + key.measure.noun
    if key.is_path:
        return f"{many}path"
    return many + _KINDS.get(item_of(key.type) or key.type, "text")


def limits_of(key: Key) -> str:
    """`1 to 60s`, `10ms or more`, "" without limits."""
    low = None if key.low is None else limit(key.low, key)
    high = None if key.high is None else limit(key.high, key)
    if low is not None and high is not None:
        return f"{low} to {high}"
    if low is not None:
        return f"{low} or more"
    return f"{high} or less" if high is not None else ""


def limit(value: float, key: Key) -> str:
    """A limit of a key in its own unit."""
    return key.measure.format(value) if key.measure else _decimal(value)


def _decimal(value: float) -> str:
    return f"{Decimal(repr(value)).normalize():f}"
