"""Places in the segments, and how they stand in JSON."""

from __future__ import annotations

from typing import Any, NamedTuple

MAX_SEGMENT = 1 << 48  # nobody gets there: a larger number is damage


class Position(NamedTuple):
    """A place between two records; (0, 0) is before everything."""

    segment: int
    offset: int


def position_of(plain: Any) -> Position:
    """A position out of JSON. Raises ValueError or TypeError for what is none."""
    segment, offset = plain
    if (
        type(segment) is not int
        or type(offset) is not int
        or not (0 <= segment < MAX_SEGMENT and 0 <= offset < 1 << 63)
    ):
        raise ValueError(f"{str(plain)[:40]} is no place in the segments")
    return Position(segment, offset)
