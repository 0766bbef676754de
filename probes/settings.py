"""How a settings field declares its unit, limits and meaning: the one declaration everything else is made from."""

from __future__ import annotations

from dataclasses import MISSING, field, fields
from typing import Any


def setting(
    meaning: str,
    *,
    default: Any = MISSING,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    key: str = "",
    secret: bool = False,
    filled: bool = False,
) -> Any:
    """A dataclass field with metadata. `unit`: "s" (durations: `5s`), "bps" (`20Mbit`), "B" (`3MB`), "" none.

    `key` is the name in files and `--set` when it differs from the attribute (`every` for `every_s`).
    `low`/`high` are inclusive, in the attribute's own unit. `filled`: a list that means nothing when it is empty.
    """
    meta = {
        "meaning": meaning,
        "unit": unit,
        "low": low,
        "high": high,
        "choices": choices,
        "key": key,
        "secret": secret,
        "filled": filled,
    }
    return field(metadata=meta) if default is MISSING else field(default=default, metadata=meta)


def inherited(base: type[Any], name: str, default: Any) -> Any:
    """The field `name` of `base` once more, with another default: what it means and may be is declared there."""
    return field(default=default, metadata=next(known for known in fields(base) if known.name == name).metadata)
