"""Reading the sealed points back: for reports, baselines, and anybody with DuckDB. No server is needed, none is locked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

from netmon.point import TAGS
from netmon.store import layout
from netmon.store.sound import sound

_AT_ONCE = 200


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


def range(store: Path, name: str, field: str, start_ms: int, end_ms: int, **tags: str) -> list[StoredValue]:
    """Values of one field of one measurement (`netmon_ping`, `rtt_p50_ms`), start_ms ≤ time < end_ms, oldest first.

    `tags` narrow it: `range(…, commune="26734", check="c1-uplink")`. Raises ValueError for an unknown tag.
    """
    unknown = set(tags) - set(TAGS)
    if unknown:
        raise ValueError(f"no tag {', '.join(sorted(unknown))} (there are {', '.join(TAGS)})")
    sealed = files(store, start_ms, end_ms)
    if not sealed:
        return []
    wanted = ["name = ?", "field = ?", "epoch_ms(time) >= ?", "epoch_ms(time) < ?", *(f'"{tag}" = ?' for tag in tags)]
    columns = ", ".join(f'"{tag}"' for tag in TAGS)
    text = f"SELECT epoch_ms(time), {columns}, value FROM read_parquet(?) WHERE {' AND '.join(wanted)} ORDER BY time"  # noqa: S608 - our own column names
    connection = duckdb.connect()
    try:
        rows = connection.execute(text, [sealed, name, field, start_ms, end_ms, *tags.values()]).fetchall()
    finally:
        connection.close()
    return [StoredValue(int(row[0]), tuple(row[1:-1]), float(row[-1])) for row in rows]


def series(
    store: Path, name: str, field: str, start_ms: int, end_ms: int
) -> Iterator[tuple[tuple[str, ...], list[float]]]:
    """(tags, values) of each series of one field, start_ms ≤ time < end_ms, in the order of the tags; of points of one time
    one counts."""
    sealed = files(store, start_ms, end_ms)
    if not sealed:
        return
    columns = ", ".join(f'"{tag}"' for tag in TAGS)
    text = f"""SELECT {columns}, list(epoch_ms(time)), list(value) FROM read_parquet(?)
    WHERE name = ? AND field = ? AND epoch_ms(time) >= ? AND epoch_ms(time) < ?
    GROUP BY {columns} ORDER BY {columns}"""  # noqa: S608 - our own column names
    connection = duckdb.connect()
    try:
        rows = connection.execute(text, [sealed, name, field, start_ms, end_ms])
        while some := rows.fetchmany(_AT_ONCE):
            for row in some:
                yield tuple(row[:-2]), list(dict(zip(row[-2], row[-1], strict=True)).values())
    finally:
        connection.close()


def points(
    store: Path, name: str, wanted: Sequence[str], start_ms: int, end_ms: int
) -> Iterator[tuple[tuple[str, ...], list[float | None]]]:
    """(tags, values of the wanted fields, None where it has none) of each point of one measurement, start_ms ≤ time < end_ms,
    in the order of the tags and of time; a point that was stored twice counts once."""
    sealed = files(store, start_ms, end_ms)
    if not sealed:
        return
    columns = ", ".join(f'"{tag}"' for tag in TAGS)
    values = ", ".join(["any_value(value) FILTER (WHERE field = ?)"] * len(wanted))
    text = f"""SELECT {columns}, {values} FROM read_parquet(?)
    WHERE name = ? AND epoch_ms(time) >= ? AND epoch_ms(time) < ?
    GROUP BY {columns}, time ORDER BY {columns}, time"""  # noqa: S608 - our own column names
    connection = duckdb.connect()
    try:
        rows = connection.execute(text, [*wanted, sealed, name, start_ms, end_ms])
        while some := rows.fetchmany(_AT_ONCE):
            for row in some:
                yield tuple(row[: len(TAGS)]), list(row[len(TAGS) :])
    finally:
        connection.close()
