"""InfluxDB line protocol: the one form in which measurements travel and are stored (no NaN, ms stamps, fixed tags).

Source: InfluxDB 2 line protocol reference; how lines are read: `netmon.line`. Tags are always all present, in `TAGS` order, `-` where there is none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from netmon.line import MAX_LINE, Line, LineError, Value, decode, decode_head, escaped, escaped_name

__all__ = [
    "MAX_LINE",
    "TAGS",
    "Line",
    "LineError",
    "Point",
    "Value",
    "decode",
    "decode_head",
    "encode",
    "fields_text",
    "head",
]

TAGS = ("agent", "check", "commune", "province", "site", "target")


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


def head(name: str, tags: tuple[str, ...]) -> str:
    """The part of a line before the fields: `netmon_ping,agent=…,target=…`. Cache it: it is the series."""
    if len(tags) != len(TAGS):
        raise ValueError(f"a point needs {len(TAGS)} tags in the order {', '.join(TAGS)}, got {len(tags)}")
    pairs = (f"{key}={escaped(value or '-')}" for key, value in zip(TAGS, tags, strict=True))
    return ",".join([escaped_name(name), *pairs])


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
