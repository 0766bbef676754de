"""Rules over what was measured: the store's points in the order of time, and the pages they would have been.

The store has no frontiers and no arrivals: an agent with points in a second is heard in it, and has told all up to its end.
What came as backfill after an outage is in the store as well, so an agent that was cut off is not silent here.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from alerts.base import Sample
from netmon.hub.incidents.samples import samples
from netmon.hub.ingest.batch import Batch
from netmon.line import Line
from netmon.point import TAGS
from netmon.proof.bench import ProofBench
from netmon.segments.position import Position
from netmon.store import read
from netmon.store.record import Header

CHUNK_MS = 600_000  # so much of the store is asked for at once
_HEADER = Header("", "", "", 0, 0, None, False, False, 0)
_TAGS = ", ".join(f'"{tag}"' for tag in TAGS)
_QUERY = f"""SELECT epoch_ms(time), name, {_TAGS}, field, value FROM read_parquet(?)
WHERE epoch_ms(time) >= ? AND epoch_ms(time) < ? AND name LIKE 'netmon\\_%' ESCAPE '\\'
ORDER BY time, name, agent, "check", field"""  # noqa: S608 - our own column names


def replay(store: Path, start_ms: int, end_ms: int, bench: ProofBench) -> int:
    """Play start_ms ≤ time < end_ms, second by second; how many points there were."""
    points = 0
    for from_ms in range(start_ms, end_ms, CHUNK_MS):
        until_ms = min(end_ms, from_ms + CHUNK_MS)
        by_second = {second: list(its) for second, its in groupby(_samples(store, from_ms, until_ms), _second)}
        for second in range(from_ms // 1000, -(-until_ms // 1000)):
            its = by_second.get(second, [])
            points += len(its)
            bench.second(its, {sample.agent for sample in its}, 1000 * (second + 1))
    return points


def _second(sample: Sample) -> int:
    return sample.time_ms // 1000


def _samples(store: Path, start_ms: int, end_ms: int) -> Iterator[Sample]:
    rows = read.sealed_rows(store, start_ms, end_ms, _QUERY, [start_ms, end_ms])
    for head, its in groupby(rows, lambda row: row[:-2]):
        yield from samples(Batch(_HEADER, (_line(head, its),), Position(0, 0)))


def _line(head: tuple[Any, ...], rows: Iterator[tuple[Any, ...]]) -> Line:
    time_ms, name, *tags = head
    fields: dict[str, int | float] = {row[-2]: int(row[-1]) if row[-1] == int(row[-1]) else row[-1] for row in rows}
    return Line(name, dict(zip(TAGS, tags, strict=True)), fields, int(time_ms))
