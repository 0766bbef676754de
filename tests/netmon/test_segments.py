"""Segments: what was committed is read back, whatever crashes, flips or fills up."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netmon.errors import SpoolError
from netmon.segments.position import Position
from netmon.segments.record import MAGIC
from netmon.segments.segments import Segments

START = Position(0, 0)


def _open(folder: Path, segment_bytes: int = 500, quota_bytes: int = 1_000_000) -> Segments:
    return Segments(folder, segment_bytes=segment_bytes, quota_bytes=quota_bytes)


def _bodies(segments: Segments, start: Position = START) -> list[bytes]:
    return [body for _, body in segments.read(start)]


def _fill(segments: Segments, count: int, first: int = 0) -> list[bytes]:
    bodies = [b"%05d" % number + b"x" * (number % 90) for number in range(first, first + count)]
    for body in bodies:
        segments.append(body)
        segments.commit()
    return bodies


def test_what_is_not_committed_is_not_read(tmp_path: Path) -> None:
    segments = _open(tmp_path)
    after = segments.append(b"a")
    assert _bodies(segments) == [] and segments.durable < after == segments.end
    segments.commit()
    assert list(segments.read(START)) == [(after, b"a")] and segments.durable == after == segments.end


def test_reading_goes_on_after_any_position(tmp_path: Path) -> None:
    segments = _open(tmp_path)
    bodies = _fill(segments, 40)
    positions = [position for position, _ in segments.read(START)]
    assert positions == sorted(positions) and len({position.segment for position in positions}) > 2
    for at, position in enumerate(positions, 1):
        assert _bodies(segments, position) == bodies[at:]
    assert _bodies(segments, Position(positions[-1].segment, 0))[-1] == bodies[-1]


def test_old_segments_go_and_the_newest_stays(tmp_path: Path) -> None:
    segments = _open(tmp_path)
    bodies = _fill(segments, 40)
    segments.drop_before(Position(3, 0))
    assert segments.first == Position(3, 0) and _bodies(segments) == bodies[-len(_bodies(segments)) :]
    segments.drop_before(Position(10_000, 0))
    assert len(list(tmp_path.iterdir())) == 1 and segments.dropped == 0
    again = _open(tmp_path)
    assert again.durable == segments.durable


def test_a_quota_drops_the_oldest_and_counts_it(tmp_path: Path) -> None:
    segments = _open(tmp_path, quota_bytes=2000)
    bodies = _fill(segments, 100)
    kept = _bodies(segments)
    assert kept == bodies[-len(kept) :] and segments.dropped == 100 - len(kept) > 0
    assert segments.bytes_used <= 2000


def test_dropping_all_there_is_keeps_the_numbering(tmp_path: Path) -> None:
    segments = _open(tmp_path, segment_bytes=100_000)
    _fill(segments, 10)
    before = segments.durable
    assert segments.drop_oldest() == 10 and segments.drop_oldest() == 0
    assert _bodies(segments) == [] and segments.durable > before
    _fill(segments, 2, first=10)
    assert _bodies(_open(tmp_path), before) == _bodies(segments) and len(_bodies(segments)) == 2


@pytest.mark.parametrize("where", ["pwrite", "fdatasync"])
def test_a_group_the_disk_refused_is_gone_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    segments = _open(tmp_path)
    bodies = _fill(segments, 3)
    real, faults = getattr(os, where), [errno.ENOSPC, errno.EIO]

    def refuse(*args: object) -> object:
        if where == "pwrite":
            real(args[0], bytes(args[1])[:7], args[2])  # type: ignore[call-overload]
        raise OSError(faults.pop(0), "disk")

    for _ in range(2):
        monkeypatch.setattr(os, where, refuse)
        segments.append(b"lost")
        with pytest.raises(OSError, match="disk"):
            segments.commit()
        monkeypatch.setattr(os, where, real)
        assert segments.end == segments.durable
        bodies += _fill(segments, 1, first=len(bodies))
    assert _bodies(segments) == bodies == _bodies(_open(tmp_path))


def test_a_body_that_holds_a_record_is_no_record(tmp_path: Path) -> None:
    segments = _open(tmp_path, segment_bytes=100_000)
    segments.append(b"inner")
    segments.commit()
    inner = next(tmp_path.iterdir()).read_bytes()
    for body in (MAGIC * 5 + inner + inner, b"next"):
        segments.append(body)
        segments.commit()
    path = next(tmp_path.iterdir())
    data = bytearray(path.read_bytes())
    data[len(inner) + 8] ^= 1  # the crc of the outer record
    path.write_bytes(data)
    again = _open(tmp_path)
    assert _bodies(again) == [b"inner", b"next"] and again.damaged == 1


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("")
    with pytest.raises(SpoolError, match="spool"):
        _open(tmp_path / "spool")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_flipped_bit_costs_at_most_one_record(data: st.DataObject) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        bodies = _fill(_open(folder), 30)
        path = data.draw(st.sampled_from(sorted(folder.iterdir())))
        raw = bytearray(path.read_bytes())
        bit = data.draw(st.integers(0, len(raw) * 8 - 1))
        raw[bit // 8] ^= 1 << bit % 8
        path.write_bytes(raw)
        segments = _open(folder)
        kept = _bodies(segments)
        assert len(kept) >= 29 and [body for body in bodies if body in kept] == kept
        more = _fill(segments, 3, first=30)
        assert _bodies(_open(folder)) == kept + more
    finally:
        shutil.rmtree(folder)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["append", "commit", "crash", "drop"]), st.integers(0, 400)), max_size=60))
def test_after_any_crash_all_that_was_committed_is_there_in_order(steps: list[tuple[str, int]]) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        segments, safe, waiting, number = _open(folder), list[bytes](), list[bytes](), 0
        for step, size in steps:
            if step == "append":
                body = b"%06d" % number + bytes(size)
                number += 1
                waiting.append(body)
                segments.append(body)
            elif step == "commit":
                segments.commit()
                safe, waiting = safe + waiting, []
            elif step == "drop":
                gone = segments.drop_oldest()
                safe = safe[gone:]
            else:  # a group half on its way to the disk
                path = folder / f"{segments.durable.segment:020d}.seg"
                if path.exists():
                    with path.open("ab") as file:
                        file.write((MAGIC + b"\0\0\1\0torn" * 9)[:size])
                before, waiting = segments.durable, []
                segments = _open(folder)
                assert segments.durable == before
            assert _bodies(segments) == safe
            assert segments.damaged == 0
    finally:
        shutil.rmtree(folder)


def test_readers_beside_a_writer_see_each_record_once_and_in_order(tmp_path: Path) -> None:
    segments, seen, done = _open(tmp_path, segment_bytes=2000), list[bytes](), threading.Event()

    def follow() -> None:
        position = START
        while True:
            last = done.is_set()
            for after, body in segments.read(position):
                position = after
                seen.append(body)
            if last:
                return

    thread = threading.Thread(target=follow)
    thread.start()
    bodies = _fill(segments, 400)
    done.set()
    thread.join(30)
    assert seen == bodies


@pytest.mark.needs("root")
@pytest.mark.world
def test_a_full_disk_costs_the_oldest_only(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", tmp_path], check=True)
    segments = _open(tmp_path / "s", segment_bytes=200_000, quota_bytes=1_000_000_000)
    try:
        stored = list[bytes]()
        for number in range(6000):
            stored.append(b"%06d" % number + bytes(1000))
            _store_somehow(segments, stored[-1])
        kept = _bodies(segments)
        assert kept == stored[-len(kept) :] and len(kept) + segments.dropped == 6000 and len(kept) > 2000
    finally:
        segments.close()
        subprocess.run(["umount", tmp_path], check=True)


def _store_somehow(segments: Segments, body: bytes) -> None:
    for _ in range(5):
        try:
            segments.append(body)
            segments.commit()
        except OSError as fault:
            if fault.errno != errno.ENOSPC or not segments.drop_oldest():
                raise
        else:
            return
    raise AssertionError("stuck")
