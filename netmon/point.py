"""The lines netmon itself writes: fixed tags, ms stamps, no NaN. How lines are written and read: `netmon.line`.

Source: InfluxDB 2 line protocol reference. Tags are always all present, in `TAGS` order, `-` where there is none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from netmon.line import Value, head_text

TAGS = ("agent", "check", "commune", "province", "site", "target")


def head(name: str, tags: tuple[str, ...]) -> str:
    """The part of a line before the fields: `netmon_ping,agent=…,target=…`. Cache it: it is the series."""
    if len(tags) != len(TAGS):
        raise ValueError(f"a point needs {len(TAGS)} tags in the order {', '.join(TAGS)}, got {len(tags)}")
    return head_text(name, {key: value or "-" for key, value in zip(TAGS, tags, strict=True)})


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
