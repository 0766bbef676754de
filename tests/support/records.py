"""What the hub stores, for tests: headers, batches and the bytes of a record, with the fields a test does not care about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from netmon.hub.ingest.batch import Batch
from netmon.line import Line
from netmon.segments.position import Position
from netmon.store import record
from netmon.store.record import Header

FIRST = Position(1, 1)


def header(agent: str = "c1", first: int = 1, last: int = 1, **more: Any) -> Header:
    """A numbered live write of an agent of the site of that name."""
    given = {
        "site": agent,
        "boot": "b",
        "frontier_ms": None,
        "backfill": False,
        "urgent": False,
        "arrived_ns": 0,
        **more,
    }
    return Header(agent=agent, first=first, last=last, **given)


def batch(lines: Iterable[Line], position: Position = FIRST, **more: Any) -> Batch:
    """Some lines of one write."""
    lines = tuple(lines)
    return Batch(header(**{"last": len(lines), **more}), lines, position)


def body(lines: Iterable[str], **more: Any) -> bytes:
    """A record of some lines of text."""
    lines = list(lines)
    return record.encode(header(**{"last": len(lines), **more}), "\n".join(lines).encode(), gzipped=False)
