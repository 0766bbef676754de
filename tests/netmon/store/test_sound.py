"""Once segments are pruned Parquet is the only copy: what flips in it is seen, and costs its own file alone."""

from __future__ import annotations

import io
from pathlib import Path

import duckdb
import pytest
from hubs import line

from netmon.store import digest, figures, layout, read, record, seal, sound
from netmon.store.frames import END, FRAME

DAY = layout.DAY_MS
AT = 20_000 * DAY


def _seal(store: Path, segment: int, first: int, count: int = 20) -> Path:
    lines = [line("c1", number, AT + number) for number in range(first, first + count)]
    header = record.Header("c1", "c1", "b", first, first + count - 1, None, False, False, 0)
    body = record.encode(header, "\n".join(lines).encode(), gzipped=False)
    seal.seal(io.BytesIO(FRAME.pack(segment, len(body)) + body + FRAME.pack(END, 0)), store, 0)
    return layout.day_folder(store, 20_000) / layout.file_name(segment)


def _sent(store: Path) -> list[float]:
    return [sample.value for sample in read.range(store, "netmon_ping", "sent", AT, AT + DAY)]


def _unsigned(path: Path) -> None:
    """As an earlier version wrote it."""
    raw = path.read_bytes()
    at = raw.rindex(digest.MARK)
    path.write_bytes(raw[:at] + raw[at + len(digest.MARK) + digest.BYTES :])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    _seal(tmp_path, 1, 1)
    _seal(tmp_path, 2, 101)
    return tmp_path


def test_any_flipped_bit_of_a_sealed_file_is_seen(store: Path) -> None:
    path = layout.day_folder(store, 20_000) / layout.file_name(2)
    whole = path.read_bytes()
    assert digest.check(path) == "sound"
    seen = {"damaged": 0, "unsigned": 0, "sound": 0}
    for bit in range(0, len(whole) * 8, 23):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        seen[digest.check(path)] += 1
    assert seen["sound"] == 0
    assert seen["unsigned"] <= len(digest.MARK) * 8 / 23 + 1  # in the mark itself, which no value lies in


def test_one_damaged_file_hides_no_other_and_changes_no_value(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = layout.day_folder(store, 20_000) / layout.file_name(2)
    whole, all_of_it = path.read_bytes(), _sent(store)
    assert len(all_of_it) == 40
    for bit in range(1, len(whole) * 8, len(whole) * 8 // 24):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        assert _sent(store) in (all_of_it[:20], all_of_it)
    assert path.name in caplog.text and "left out" in caplog.text


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"PAR1PAR1", b"x" * 500, b"PAR1" + b"\xff" * 40 + b"PAR1"])
def test_a_truncated_or_foreign_file_is_passed_over_by_every_reader(store: Path, damage: bytes) -> None:
    path = layout.day_folder(store, 20_000) / layout.file_name(2)
    path.write_bytes(damage)
    (path.parent / layout.file_name(3)).mkdir()
    assert len(_sent(store)) == 20
    assert len(list(read.series(store, "netmon_ping", "sent", AT, AT + DAY))) == 1
    assert len(list(read.points(store, "netmon_ping", ["sent"], AT, AT + DAY))) == 20
    assert [one.check for one in figures.figures(store, ["ping"], AT, AT + DAY)] == ["c1-uplink"]


def test_files_of_before_there_were_digests_are_read_while_they_can_be(store: Path) -> None:
    path = layout.day_folder(store, 20_000) / layout.file_name(2)
    _unsigned(path)
    assert digest.check(path) == "unsigned" and len(_sent(store)) == 40
    path.write_bytes(path.read_bytes()[:-1] + b"2")
    assert len(_sent(store)) == 20


def test_anybody_reads_a_signed_file(store: Path) -> None:
    path = layout.day_folder(store, 20_000) / layout.file_name(1)
    rows = duckdb.sql(f"SELECT count(*), min(value), count(DISTINCT field) FROM read_parquet('{path}')").fetchall()
    assert rows == [(80, 0.0, 4)]
    assert path.stat().st_mode & 0o777 == 0o600


def test_housekeeping_sets_damaged_files_aside_and_counts_them(store: Path) -> None:
    path = _seal(store, 3, 201)
    path.write_bytes(path.read_bytes().replace(b"PAR1", b"PAR2"))
    assert sound.scrub(store, now_s=0.0) == {"damaged": 1, "aside": 1}
    assert sound.scrub(store, now_s=0.0) == {"damaged": 0, "aside": 1}
    assert not path.exists() and len(_sent(store)) == 40
    next(path.parent.glob("*.damaged-*")).unlink()
    assert sound.scrub(store, now_s=0.0) == {"damaged": 0, "aside": 0}
