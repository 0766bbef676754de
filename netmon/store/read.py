"""Reading the sealed points back: for reports, baselines, and anybody with DuckDB. No server is needed, none is locked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from netmon.point import TAGS
from netmon.store import layout
from netmon.store.sound import sound

_AT_ONCE = 200
_TAGS = ", ".join(f'"{tag}"' for tag in TAGS)
_SPAN = "epoch_ms(time) >= ? AND epoch_ms(time) < ?"


class StoredValue(NamedTuple):
    """One value. Tags in the order of `netmon.point.TAGS`."""

    time_ms: int
    tags: tuple[str, ...]
    value: float


def files(store: Path, start_ms: int, end_ms: int) -> list[str]:
    """The Parquet files that may hold points of start_ms ≤ time < end_ms; damaged ones are told in the log and left out."""
    first, last = start_ms // layout.DAY_MS, (end_ms - 1) // layout.DAY_MS
    sealed = [file for day, folder in layout.days(store) if first <= day <= last for file in layout.files_of(folder)]
    return [str(file) for file in sound(sealed)]


def sealed_rows(
    store: Path, start_ms: int, end_ms: int, query: str, values: Sequence[object], before: Sequence[object] = ()
) -> Iterator[tuple[Any, ...]]:
    """Rows of a query over the sealed files of a span of time, a few at once. Its parameters: those `before` the files, the
    files, the other `values`."""
    sealed = files(store, start_ms, end_ms)
    if not sealed:
        return
    with closing(duckdb.connect()) as connection:
        rows = connection.execute(query, [*before, sealed, *values])
        while some := rows.fetchmany(_AT_ONCE):
            yield from some


def range(store: Path, name: str, field: str, start_ms: int, end_ms: int, **tags: str) -> list[StoredValue]:
    """Values of one field of one measurement (`netmon_ping`, `rtt_p50_ms`), start_ms ≤ time < end_ms, oldest first.

    `tags` narrow it: `range(…, commune="26734", check="c1-uplink")`. Raises ValueError for an unknown tag.
    """
    unknown = set(tags) - set(TAGS)
    if unknown:
        raise ValueError(f"no tag {', '.join(sorted(unknown))} (there are {', '.join(TAGS)})")
    wanted = ["name = ?", "field = ?", _SPAN, *(f'"{tag}" = ?' for tag in tags)]
    query = f"SELECT epoch_ms(time), {_TAGS}, value FROM read_parquet(?) WHERE {' AND '.join(wanted)} ORDER BY time"  # noqa: S608 - our own column names
    rows = sealed_rows(store, start_ms, end_ms, query, [name, field, start_ms, end_ms, *tags.values()])
    return [StoredValue(int(row[0]), tuple(row[1:-1]), float(row[-1])) for row in rows]


def series(
    store: Path, name: str, field: str, start_ms: int, end_ms: int
) -> Iterator[tuple[tuple[str, ...], list[float]]]:
    """(tags, values) of each series of one field, start_ms ≤ time < end_ms, in the order of the tags; of points of one time
    one counts."""
    query = f"""SELECT {_TAGS}, list(epoch_ms(time)), list(value) FROM read_parquet(?)
    WHERE name = ? AND field = ? AND {_SPAN} GROUP BY {_TAGS} ORDER BY {_TAGS}"""  # noqa: S608 - our own column names
    for row in sealed_rows(store, start_ms, end_ms, query, [name, field, start_ms, end_ms]):
        yield tuple(row[:-2]), list(dict(zip(row[-2], row[-1], strict=True)).values())


def points(
    store: Path, name: str, wanted: Sequence[str], start_ms: int, end_ms: int
) -> Iterator[tuple[tuple[str, ...], list[float | None]]]:
    """(tags, values of the wanted fields, None where it has none) of each point of one measurement, start_ms ≤ time < end_ms,
    in the order of the tags and of time; a point that was stored twice counts once."""
    values = ", ".join(["any_value(value) FILTER (WHERE field = ?)"] * len(wanted))
    query = f"""SELECT {_TAGS}, {values} FROM read_parquet(?)
    WHERE name = ? AND {_SPAN} GROUP BY {_TAGS}, time ORDER BY {_TAGS}, time"""  # noqa: S608 - our own column names
    for row in sealed_rows(store, start_ms, end_ms, query, [name, start_ms, end_ms], before=wanted):
        yield tuple(row[: len(TAGS)]), list(row[len(TAGS) :])
