"""Where points lie once sealed: one folder a day (UTC), one Parquet file a segment and day.

    STORE/day=2026-11-24/seg-00000000000000000007.parquet

In front of each file's footer stands a digest of the rest (`netmon.store.digest`). A damaged file is set aside as `*.damaged-*`.

Rows are long: one value of one field. A field that comes with a new probe kind needs no new column, and DuckDB,
Spark or pandas read the folders as one table.

| column | type | meaning |
|---|---|---|
| time | TIMESTAMP_MS | start of the interval, UTC |
| name | VARCHAR | measurement (`netmon_ping`) |
| agent check commune province site target | VARCHAR | the tags, `-` where there is none |
| tags | VARCHAR | other tags of foreign writers as `key=value,…` sorted; empty for netmon's own |
| field | VARCHAR | field name, unit included (`rtt_p50_ms`) |
| value | DOUBLE | its number |
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

COLUMNS = ("time", "name", "agent", "check", "commune", "province", "site", "target", "tags", "field", "value")
DAY_MS = 86_400_000
_FOLDER = re.compile(r"day=(\d{4})-(\d{2})-(\d{2})")


def day_folder(store: Path, day: int) -> Path:
    """The folder of a day, counted in days since 1970-01-01 UTC."""
    return store / f"day={datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}"


def file_name(segment: int) -> str:
    """The name of a segment's file, the same in every day's folder."""
    return f"seg-{segment:020d}.parquet"


def files_of(folder: Path) -> list[Path]:
    """The sealed files of a day's folder, in the order of their segments."""
    return [path for path in sorted(folder.glob("seg-*.parquet")) if path.is_file()]


def days(store: Path) -> Iterator[tuple[int, Path]]:
    """(day since 1970, folder), oldest first."""
    for folder in sorted(store.glob("day=*")):
        day = _day(folder.name)
        if day is not None and folder.is_dir():
            yield day, folder


def _day(name: str) -> int | None:
    """Days since 1970 of a folder's name; None for one that is none of ours, or no date."""
    match = _FOLDER.fullmatch(name)
    with contextlib.suppress(ValueError):
        return (date(*map(int, match.groups())) - date(1970, 1, 1)).days if match else None
    return None


def newest_segment(store: Path) -> int:
    """The largest number of a segment that has a file; 0 without one."""
    names = (file.stem.removeprefix("seg-") for file in store.glob("day=*/seg-*.parquet"))
    return max((int(name) for name in names if name.isdecimal() and len(name) == 20), default=0)


def has_segment(store: Path, segment: int) -> bool:
    """Has a segment been sealed, in part or whole?"""
    return any(store.glob(f"day=*/{file_name(segment)}"))


def make_room(store: Path) -> bool:
    """Unlink the oldest day, or of a single day the oldest segment's file; whether there was one."""
    known = list(days(store))
    if len(known) > 1:
        shutil.rmtree(known[0][1])
        return True
    files = files_of(known[0][1]) if known else []
    for file in files[:1]:
        file.unlink()
    return bool(files)


def retire(store: Path, before_ms: int) -> int:
    """Unlink the days that ended before `before_ms`; how many. Raises OSError, once all others are gone."""
    old = [folder for day, folder in days(store) if (day + 1) * DAY_MS <= before_ms]
    faults = list[OSError]()
    for folder in old:
        try:
            shutil.rmtree(folder)
        except OSError as fault:
            faults.append(fault)
    if faults:
        raise faults[0]
    return len(old)


def strays(store: Path) -> list[str]:
    """What looks like a day and is none: it is passed over."""
    known = {folder.name for _, folder in days(store)}
    return sorted(path.name for path in store.glob("day=*") if path.name not in known)
