"""Segments that were lost, in part or whole, while cursors, sealed files and the snapshot still know places in them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from netmon.hub.archive.sealing import Sealer
from netmon.hub.archive.sink import Sink
from netmon.hub.disk.remembered import heal
from netmon.segments.position import Position
from netmon.segments.segments import Segments
from netmon.store import layout


def _segments(folder: Path) -> Segments:
    return Segments(folder / "segments", segment_bytes=200, quota_bytes=1_000_000)


def _store(segments: Segments, *numbers: int) -> None:
    for number in numbers:
        segments.append(b"%050d" % number)
        segments.commit()


def _read(segments: Segments, start: Position) -> list[int]:
    return [int(body) for _, body in segments.read(start)]


class Readers(NamedTuple):
    sink: Sink
    sealer: Sealer


def _readers(folder: Path, segments: Segments) -> Readers:
    def nobody() -> None:
        raise AssertionError("it is not started here")

    return Readers(Sink("db", folder / "sinks", segments, segments.first, nobody), Sealer(segments, folder / "store"))  # type: ignore[arg-type]


def _remember(folder: Path, place: Position) -> None:
    """As if all up to a place had been copied and sealed."""
    (folder / "sinks").mkdir()
    (folder / "sinks" / "db.json").write_text(json.dumps(list(place)))
    day = layout.day_folder(folder / "store", 20_000)
    day.mkdir(parents=True)
    (day / layout.file_name(place.segment)).touch()
    (folder / "store" / "sealed.json").write_text(json.dumps({"segment": place.segment, "offset": place.offset}))


@pytest.fixture
def end(tmp_path: Path) -> Position:
    """Where everybody stands before the loss."""
    segments = _segments(tmp_path)
    _store(segments, *range(20))
    segments.close()
    _remember(tmp_path, segments.durable)
    return segments.durable


def test_places_that_are_there_are_left_alone(tmp_path: Path, end: Position) -> None:
    segments = _segments(tmp_path)
    readers = _readers(tmp_path, segments)
    assert heal(segments, readers.sealer, [readers.sink], {"hub.db": end}) == ""
    assert readers.sink.position == readers.sealer.place == end


def test_after_the_segments_were_lost_every_new_point_is_read_by_everybody(tmp_path: Path, end: Position) -> None:
    shutil.rmtree(tmp_path / "segments")
    segments = _segments(tmp_path)
    readers = _readers(tmp_path, segments)
    told = heal(segments, readers.sealer, [readers.sink], {"hub.db": end, "snapshot.json": Position(2, 0)})
    assert all(name in told for name in ("hub.db", "sealed.json", "sink db", "snapshot.json", "Parquet file"))
    _store(segments, 100, 101)
    assert segments.first.segment > end.segment  # a sealed file of an old segment is never written over
    for place in (readers.sink.position, readers.sealer.place, end):
        assert _read(segments, place) == [100, 101]


def test_without_any_cursor_a_sealed_file_is_not_written_over(tmp_path: Path, end: Position) -> None:
    for gone in ("segments", "sinks"):
        shutil.rmtree(tmp_path / gone)
    (tmp_path / "store" / "sealed.json").unlink()
    segments = _segments(tmp_path)
    readers = _readers(tmp_path, segments)
    assert heal(segments, readers.sealer, [readers.sink], {})
    _store(segments, 100)
    assert segments.first.segment > end.segment


def test_what_is_left_of_the_segments_is_copied_again_and_new_points_behind_it(tmp_path: Path, end: Position) -> None:
    for path in sorted((tmp_path / "segments").iterdir())[3:]:
        path.unlink()
    segments = _segments(tmp_path)
    left = _read(segments, Position(0, 0))
    readers = _readers(tmp_path, segments)
    assert heal(segments, readers.sealer, [readers.sink], {"hub.db": end})
    _store(segments, 100, 101)
    assert _read(segments, readers.sink.position) == [*left, 100, 101]
    assert _read(segments, end) == [100, 101]
    assert _read(_segments(tmp_path), Position(0, 0)) == [*left, 100, 101]


def test_a_file_that_holds_more_than_is_left_of_its_segment_stays(tmp_path: Path, end: Position) -> None:
    newest = max((tmp_path / "segments").iterdir())
    newest.write_bytes(newest.read_bytes()[:-1])
    segments = _segments(tmp_path)
    readers = _readers(tmp_path, segments)
    assert heal(segments, readers.sealer, [readers.sink], {})
    assert readers.sealer.sealed == end.segment + 1


def test_a_sealing_cursor_that_alone_is_ahead_is_wrong_and_all_is_sealed_again(tmp_path: Path, end: Position) -> None:
    (tmp_path / "store" / "sealed.json").write_text('{"segment": 900}')
    segments = _segments(tmp_path)
    readers = _readers(tmp_path, segments)
    assert "sealed.json" in heal(segments, readers.sealer, [readers.sink], {"hub.db": end})
    assert readers.sealer.place == Position(0, 0) and readers.sink.position == end


@pytest.mark.parametrize("text", ["[1e999, 0]", "[9223372036854775808, 0]", "[-3, 1]", "{}", "[1]", "null", '"ab"'])
def test_a_cursor_with_nonsense_in_it_only_copies_again(tmp_path: Path, end: Position, text: str) -> None:
    (tmp_path / "sinks" / "db.json").write_text(text)
    segments = _segments(tmp_path)
    readers = _readers(tmp_path, segments)
    heal(segments, readers.sealer, [readers.sink], {})
    _store(segments, 100)
    assert _read(segments, readers.sink.position) == [*range(20), 100]
