"""Is a row of the hub's state what was written? A sum over it says so; rows of before there were sums are judged by their
shape. Pure.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from netmon.files import MISFITS

Row = dict[str, Any]
Types = type | tuple[type, ...]


@dataclass(frozen=True, slots=True)
class SqlTable:
    """One table. `create`: how it is made; `summed`: what of a row its sum covers, in this order, and the types that may have;
    `mend`: the row to go on with, None (or one of `MISFITS` raised) for one whose shape is wrong."""

    name: str
    create: str
    summed: Mapping[str, Types]
    mend: Callable[[Row], Row | None] = dict

    def sound(self, row: Row) -> Row | None:
        """The row to go on with; None for one that is damaged."""
        try:
            if row.get("sum") is not None and row["sum"] != sum_of(row[name] for name in self.summed):
                return None
            if not all(isinstance(row[name], types) for name, types in self.summed.items()):
                return None
            return self.mend(row)
        except (*MISFITS, zlib.error):
            return None


def summed(*values: object) -> tuple[object, ...]:
    """Values of a row with their sum behind them."""
    return (*values, sum_of(values))


def sum_of(values: Iterable[object]) -> int:
    """A sum over the values of a row: another one for another value or another type."""
    total = 0
    for value in values:
        kind, raw = _written(value)
        total = zlib.crc32(raw, zlib.crc32(f"{kind}{len(raw)}:".encode(), total))
    return total


def _written(value: object) -> tuple[str, bytes]:
    """A number is the same whether SQLite gives it back whole or with a fraction of nothing."""
    if isinstance(value, bytes):
        return "b", value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "n" if isinstance(value, (int, float)) else "t", str(value).encode("utf-8", "surrogatepass")
