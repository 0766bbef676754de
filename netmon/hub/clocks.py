"""Whose clock is wrong: what the hub makes of the clocks its writers tell. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_STAMP = re.compile(r"\d{1,15}", re.ASCII)
HEADER = "x-netmon-now"


def told_ms(headers: Mapping[str, str]) -> int | None:
    """The writer's own clock as it sent a write (Unix ms), None when it tells none or nonsense."""
    text = headers.get(HEADER, "")
    return int(text) if _STAMP.fullmatch(text) else None
