"""The sealer, a child process: records on stdin become Parquet files. `python -m netmon.store.seal STORE OLDEST_MS`.

stdin: `u64 segment, u32 length, body` for each record in order (little endian), at the end `u64 2^64-1, u32 0`.
A segment's files are made anew as a whole and renamed into place, so sealing it again, longer, changes nothing else.
Without the end mark the last segment is left as it was. stdout: one JSON object of figures.
"""

from __future__ import annotations

import json
import os
import sys
from array import array
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import duckdb
import numpy as np

from netmon.files import make_folder, private_files
from netmon.line import Line, escaped
from netmon.point import TAGS
from netmon.store import digest, layout
from netmon.store.frames import CutShort, frames
from netmon.store.record import read
from netmon.store.sound import scrub

MEMORY = "256MB"


class SegmentRows:
    """The rows of one segment, columns as arrays, texts by number."""

    def __init__(self) -> None:
        self.time, self.value = array("q"), array("d")
        self.series_of, self.field_of = array("i"), array("i")
        self.series: dict[tuple[str, ...], int] = {}
        self.fields: dict[str, int] = {}

    def add(self, line: Line) -> None:
        """All values of one line."""
        tags = line.tags
        others = ",".join(f"{escaped(key)}={escaped(tags[key])}" for key in sorted(tags) if key not in TAGS)
        key = (line.name, *(tags.get(tag, "-") for tag in TAGS), others)
        series = self.series.setdefault(key, len(self.series))
        for name, value in line.fields.items():
            self.time.append(line.time or 0)
            self.series_of.append(series)
            self.field_of.append(self.fields.setdefault(name, len(self.fields)))
            self.value.append(value)

    def write(self, store: Path, segment: int, oldest_ms: int) -> int:
        """One file for each day there are rows of; how many files."""
        with closing(duckdb.connect(config={"memory_limit": MEMORY, "threads": 1})) as connection:
            return self._write(connection, store, segment, oldest_ms)

    def _write(self, connection: duckdb.DuckDBPyConnection, store: Path, segment: int, oldest_ms: int) -> int:
        times = np.frombuffer(self.time, dtype=np.int64)
        rows = {
            "series": np.frombuffer(self.series_of, dtype=np.int32),
            "fieldno": np.frombuffer(self.field_of, dtype=np.int32),
            "ms": times,
            "value": np.frombuffer(self.value, dtype=np.float64),
        }
        texts = [np.array(column, dtype=object) for column in zip(*self.series, strict=True)]
        names = dict(zip(("name", *TAGS, "tags"), texts, strict=True))
        connection.register("points", rows)
        connection.register("series", {"series": np.arange(len(self.series), dtype=np.int32), **names})
        fields = {
            "fieldno": np.arange(len(self.fields), dtype=np.int32),
            "field": np.array([*self.fields], dtype=object),
        }
        connection.register("fields", fields)
        files = 0
        for day in np.unique(times // layout.DAY_MS).tolist():
            if (day + 1) * layout.DAY_MS > oldest_ms:
                _copy(connection, layout.day_folder(store, day) / layout.file_name(segment), day)
                files += 1
        return files


def _copy(connection: duckdb.DuckDBPyConnection, path: Path, day: int) -> None:
    make_folder(path.parent)
    new = path.with_name(path.name + ".new")
    tags = ", ".join(f'"{tag}"' for tag in TAGS)
    try:
        connection.execute(_sql(new, tags, day))
        new.chmod(0o600)
        digest.sign(new)
        _sync(new)
    except (OSError, ValueError, duckdb.Error):
        new.unlink(missing_ok=True)  # on a full disk half a file helps nobody
        raise
    os.replace(new, path)
    _sync(path.parent)


def _sql(new: Path, tags: str, day: int) -> str:
    return f"""COPY (SELECT CAST(make_timestamp(ms * 1000) AS TIMESTAMP_MS) AS time, name, {tags}, tags, field, value
    FROM points JOIN series USING (series) JOIN fields USING (fieldno)
    WHERE ms >= {day * layout.DAY_MS} AND ms < {(day + 1) * layout.DAY_MS}
    ORDER BY name, agent, "check", field, ms)
    TO '{str(new).replace("'", "''")}' (FORMAT parquet, COMPRESSION zstd)"""  # noqa: S608 - our own numbers and path


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def seal(stream: BinaryIO, store: Path, oldest_ms: int) -> dict[str, int]:
    """Every record of the stream into Parquet; figures: segments, files, rows, unreadable records."""
    done = {"segments": 0, "files": 0, "rows": 0, "unreadable": 0}
    table, current = SegmentRows(), -1
    for segment, body in frames(stream):
        if segment != current:
            _finish(table, store, current, oldest_ms, done)
            table, current = SegmentRows(), segment
        try:
            _, lines = read(body)
        except ValueError:
            done["unreadable"] += 1
            continue
        for line in lines:
            table.add(line)
    _finish(table, store, current, oldest_ms, done)
    return done


def _finish(table: SegmentRows, store: Path, segment: int, oldest_ms: int, done: dict[str, int]) -> None:
    if table.time:
        done["files"] += table.write(store, segment, oldest_ms)
        done["segments"] += 1
        done["rows"] += len(table.time)


def main() -> int:
    """The child's whole life."""
    private_files()
    store, oldest_ms = Path(sys.argv[1]), int(sys.argv[2])
    try:
        done = seal(sys.stdin.buffer, store, oldest_ms)
    except CutShort:
        print("the hub stopped in the middle: the last segment is left for the next time", file=sys.stderr)
        return 1
    print(json.dumps(done | scrub(store)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
