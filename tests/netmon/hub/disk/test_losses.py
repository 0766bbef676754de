"""Segments that must give way: what is gone for good is counted to the point."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from netmon.hub.disk.losses import LostPoints
from netmon.hub.disk.reclaim import DiskRoom
from netmon.process.troubles import Troubles
from netmon.segments.position import Position
from netmon.segments.segments import Segments
from netmon.store import record

HEADER = record.Header("c1", "c1", "ab", 1, 3, None, False, False, 0)


def _body(points: int) -> bytes:
    text = "\n".join(f"m,check=k v={number}i {number}" for number in range(points))
    return record.encode(HEADER, text.encode(), gzipped=False)


def test_what_was_neither_sealed_nor_copied_is_counted_to_the_point(tmp_path: Path) -> None:
    segments = Segments(tmp_path, segment_bytes=1, quota_bytes=10_000)
    places = []
    for points in (2, 3, 4, 5):
        places.append(segments.append(_body(points)))
        segments.commit()
    sink = SimpleNamespace(name="db", position=places[2], lost=0)
    troubles = Troubles()
    losses = segments.on_drop = LostPoints(SimpleNamespace(place=places[1]), [sink], troubles)
    for dropped, (points, lost) in enumerate([(0, 0), (0, 0), (4, 0), (9, 5)], 1):
        assert segments.drop_oldest() == 1
        assert (losses.points, sink.lost) == (points, lost), dropped
    assert "5 points are gone before they were sealed, 5 before sink db had them" in troubles.rows()[0]["why"]


def test_a_record_of_another_version_counts_for_nothing(tmp_path: Path) -> None:
    sink = SimpleNamespace(name="db", position=Position(0, 0), lost=0)
    losses = LostPoints(SimpleNamespace(place=Position(0, 0)), [sink], Troubles())
    losses([(Position(1, 9), b"what is this")])
    assert (losses.points, sink.lost) == (0, 0)


@pytest.mark.parametrize(("disk_bytes", "goes"), [(400, True), (40_000, False)])
def test_on_a_disk_that_others_fill_writes_are_refused_and_no_acknowledged_point_goes(
    tmp_path: Path, disk_bytes: int, goes: bool
) -> None:
    segments = Segments(tmp_path / "segments", segment_bytes=1, quota_bytes=10_000)
    for points in (2, 3, 4):
        segments.append(_body(points))
        segments.commit()
    assert bool(DiskRoom(segments, tmp_path / "store", disk_bytes=lambda path: disk_bytes)()) is goes
