"""InfluxDB line protocol: the one form in which measurements travel and are stored (no NaN, ms stamps, fixed tags).

Source: InfluxDB 2 line protocol reference. Tags are always all present, in `TAGS` order, `-` where there is none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

TAGS = ("agent", "check", "commune", "province", "site", "target")
MAX_LINE = 64 * 1024
Value = int | float


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement as stored. `tags`: values in `TAGS` order; `time_ms`: Unix ms, start of the interval."""

    name: str
    tags: tuple[str, ...]
    fields: Mapping[str, Value]
    time_ms: int

    def tag(self, key: str) -> str:
        """The value of one tag."""
        return self.tags[TAGS.index(key)]


class LineError(ValueError):
    """A line that is not line protocol, with the reason; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


_TAG_ESCAPES = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": " ", "\r": " ", "\\": "/"})


def head(name: str, tags: tuple[str, ...]) -> str:
    """The part of a line before the fields: `netmon_ping,agent=…,target=…`. Cache it: it is the series."""
    if len(tags) != len(TAGS):
        raise ValueError(f"a point needs {len(TAGS)} tags in the order {', '.join(TAGS)}, got {len(tags)}")
    pairs = (f"{key}={(value or '-').translate(_TAG_ESCAPES)}" for key, value in zip(TAGS, tags, strict=True))
    return ",".join([name.translate(_TAG_ESCAPES), *pairs])


def encode(point: Point) -> str:
    """One line without its newline. Raises ValueError when a field is NaN or infinite or there is no field."""
    return f"{head(point.name, point.tags)} {fields_text(point.fields)} {point.time_ms}"


def fields_text(fields: Mapping[str, Value]) -> str:
    """`sent=1i,rtt_min_ms=0.25`: integers with `i`, floats always with a dot or exponent."""
    if not fields:
        raise ValueError("a point needs at least one field")
    return ",".join([f"{key}={_number(key, value)}" for key, value in fields.items()])


def _number(key: str, value: Value) -> str:
    if type(value) is not float:
        return f"{int(value)}i"
    if not math.isfinite(value):
        raise ValueError(f"field {key} is {value}: what was not measured must be left out")
    return repr(value)


# --- decoding -----------------------------------------------------------------------------------------------------

_HEAD = re.compile(r"(?:\\.|[^ \\])+")
_PAIR = re.compile(r"((?:\\.|[^,= \\])+)=((?:\\.|[^,= \\])+)")
_FIELD = re.compile(r'((?:\\.|[^,= \\])+)=("(?:\\.|[^"\\])*"|[^, ]+)')
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\Z")
_INTEGER = re.compile(r"[-+]?\d{1,20}[iu]\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UNESCAPE = re.compile(r"\\([,= \"\\])")


@dataclass(frozen=True, slots=True)
class Line:
    """One decoded line of anybody's line protocol: free tags, numbers only (texts and booleans are dropped)."""

    name: str
    tags: dict[str, str]
    fields: dict[str, Value]
    time: int | None


def decode(body: str) -> Iterator[Line | LineError]:
    """Every non-empty line of a body, good or as the `LineError` it is; never raises. Quote-aware: a newline
    inside a quoted string does not start a line."""
    for number, text in _lines(body):
        try:
            yield _decode_line(text)
        except ValueError as fault:
            yield LineError(number, str(fault))


def _lines(body: str) -> Iterator[tuple[int, str]]:
    plain: Iterator[tuple[int, str]] = _quoted_lines(body) if '"' in body else enumerate(body.split("\n"), 1)
    for number, text in plain:
        text = text.strip(" \r")
        if text and not text.startswith("#"):
            yield number, text


def _quoted_lines(body: str) -> Iterator[tuple[int, str]]:
    number, start, quoted, escaped = 1, 0, False, False
    for at, char in enumerate(body):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == "\n":
            if not quoted:
                yield number, body[start:at]
                start = at + 1
            number += 1
    yield number, body[start:]


def _decode_line(text: str) -> Line:
    if len(text) > MAX_LINE:
        raise ValueError(f"longer than {MAX_LINE} characters")
    found = _HEAD.match(text)
    if found is None:
        raise ValueError("no measurement name")
    name, tags = decode_head(found.group())
    fields, rest = _decode_fields(text[found.end() :].lstrip(" "))
    if rest and not re.fullmatch(r"-?\d{1,19}", rest):
        raise ValueError(f"bad timestamp {rest[:32]!r}")
    return Line(name, tags, fields, int(rest) if rest else None)


def decode_head(text: str) -> tuple[str, dict[str, str]]:
    """`name,tag=value,…` → name and tags; raises ValueError."""
    if _CONTROL.search(text):
        raise ValueError("control character in measurement or tag")
    name, *pairs = re.split(r"(?<!\\),", text)
    tags: dict[str, str] = {}
    for pair in pairs:
        match = _PAIR.fullmatch(pair)
        if match is None:
            raise ValueError(f"bad tag {pair[:64]!r}")
        tags[_plain(match[1])] = _plain(match[2])
    return _plain(name), tags


def _decode_fields(text: str) -> tuple[dict[str, Value], str]:
    fields: dict[str, Value] = {}
    at = 0
    while True:
        match = _FIELD.match(text, at)
        if match is None:
            raise ValueError(f"bad field at {text[at : at + 32]!r}")
        value = _value(match[2])
        if value is not None:
            fields[_plain(match[1])] = value
        at = match.end()
        if text[at : at + 1] != ",":
            break
        at += 1
    if text[at : at + 1] not in ("", " "):
        raise ValueError(f"bad field at {text[at : at + 32]!r}")
    return fields, text[at:].strip(" ")


def _value(text: str) -> Value | None:
    """A number, or None for texts and booleans (valid, but nothing netmon stores)."""
    if _INTEGER.match(text):
        return int(text[:-1])
    if _NUMBER.match(text):
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(f"{text[:32]!r} is not a finite number")
        return number
    if text.startswith('"') or text in ("t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE"):
        return None
    raise ValueError(f"bad value {text[:32]!r}")


def _plain(text: str) -> str:
    return _UNESCAPE.sub(r"\1", text) if "\\" in text else text
