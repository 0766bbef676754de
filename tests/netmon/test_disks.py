"""Disks that take nothing: an agent goes on from memory, a hub starts, shows and says what it cannot do."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agenthub import FakeHub, serving, until
from hubs import hub, line

from netmon.agent.uplink.cursor import Cursor
from netmon.agent.uplink.spool import MAX_HELD_BYTES, MAX_VAIN, Spool
from netmon.errors import SpoolError
from netmon.files import lock
from netmon.segments.position import Position
from netmon.segments.segments import Segments


class Disk:
    """What `os.open` for writing is answered below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.refuses = str(folder), 0
        self._open = os.open

    def open(self, path: object, flags: int, mode: int = 0o777) -> int:
        if self.refuses and str(path).startswith(self.folder) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(self.refuses, os.strerror(self.refuses), str(path))
        return self._open(str(path), flags, mode)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk(tmp_path)
    monkeypatch.setattr("os.open", made.open)
    return made


def _spool(folder: Path) -> Spool:
    return Spool(folder, segment_bytes=1 << 20, quota_bytes=1 << 24)


def _store(spool: Spool, first: int, count: int) -> None:
    lines = [f"m f={number}i 1" for number in range(first, first + count)]
    spool.store(lines, frontier_ms=0, now_ms=0, urgent=False)


def _numbers(spool: Spool, cursor: Cursor) -> list[int]:
    numbers = list[int]()
    while batch := cursor.next_live(0) or cursor.next_backlog(1 << 20):
        numbers += [int(text.split("f=")[1].split("i")[0]) for text in batch.lines]
        assert batch.first + len(batch.lines) - 1 == numbers[-1] and len(set(numbers)) == len(numbers)
        cursor.done(batch)
    return sorted(numbers)


@pytest.mark.parametrize("fault", [errno.EROFS, errno.EIO, errno.EACCES])
def test_points_are_sent_from_memory_and_brought_to_the_disk_when_it_takes_them(
    tmp_path: Path, disk: Disk, fault: int
) -> None:
    spool = _spool(tmp_path)
    cursor = Cursor(tmp_path / "hub.cursor", spool, live_age_ms=10_000)
    _store(spool, 1, 5)
    spool.segments.close()  # its next group opens the file anew
    spool.segments._turn()
    disk.refuses = fault
    _store(spool, 6, 5)
    _store(spool, 11, 5)
    assert spool.trouble == os.strerror(fault) and spool.segments.held_bytes > 0
    assert _numbers(spool, cursor) == list(range(1, 16))
    disk.refuses = 0
    _store(spool, 16, 5)
    assert spool.trouble == "" and spool.segments.held_bytes == 0
    assert _numbers(spool, cursor) == list(range(16, 21))
    again = _spool(tmp_path)
    assert again.end.seq == 21 and again.segments.damaged == 0
    assert _numbers(again, Cursor(tmp_path / "other.cursor", again, live_age_ms=10_000)) == list(range(1, 21))


def test_on_a_disk_a_neighbour_keeps_full_the_newest_points_are_sent_from_memory(tmp_path: Path, disk: Disk) -> None:
    spool = _spool(tmp_path)
    cursor = Cursor(tmp_path / "hub.cursor", spool, live_age_ms=10_000)
    for at in range(1, 200, 5):
        _store(spool, at, 5)
        spool.segments.close()
        spool.segments._turn()  # many small segments
    disk.refuses = errno.ENOSPC
    for at in range(201, 401, 5):
        _store(spool, at, 5)
    numbers = _numbers(spool, cursor)
    assert numbers[-200:] == list(range(201, 401))
    assert len(numbers) >= 400 - 5 * MAX_VAIN  # not everything that waited went for room that nobody got


def test_a_spool_on_a_read_only_disk_starts_and_works_from_memory(tmp_path: Path, disk: Disk) -> None:
    first = _spool(tmp_path)
    _store(first, 1, 5)
    path = next((tmp_path / "segments").iterdir())
    path.write_bytes(path.read_bytes() + b"torn")
    disk.refuses = errno.EROFS
    spool = _spool(tmp_path)
    _store(spool, 6, 3)
    assert _numbers(spool, Cursor(tmp_path / "hub.cursor", spool, live_age_ms=10_000)) == list(range(1, 9))


def test_memory_has_an_end_and_what_it_lets_go_is_counted_and_told(tmp_path: Path, disk: Disk) -> None:
    spool = _spool(tmp_path)
    disk.refuses = errno.EROFS
    needed = spool.start
    spool.needed = lambda: needed
    spool.lacking = lambda first, last: [(first, last)]
    at, noise = 1, os.urandom(40_000).hex()
    while not spool.dropped:
        spool.store([f'm t="{noise}" f={at}i 1'], frontier_ms=0, now_ms=0, urgent=False)
        at += 1
        assert at < 1000
    assert spool.segments.held_bytes <= MAX_HELD_BYTES
    cursor = Cursor(tmp_path / "hub.cursor", spool, live_age_ms=10_000)
    kept = _numbers(spool, cursor)
    assert kept == list(range(kept[0], at)) and kept[0] - 1 == spool.dropped


def test_a_folder_this_user_may_not_work_in_is_told_at_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="must be writable"):
        Segments(tmp_path / "file" / "segments", segment_bytes=1 << 20, quota_bytes=1 << 24)


def test_a_sector_the_disk_does_not_give_back_costs_its_records_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = Segments(tmp_path, segment_bytes=1 << 20, quota_bytes=1 << 24)
    for number in range(200):
        segments.append(b"%0100d" % number)
    segments.commit()
    real = Segments._reader

    class Broken:
        """Bytes 4096 to 8191 cannot be read."""

        def __init__(self, file: object) -> None:
            self._file = file

        def __getattr__(self, name: str) -> object:
            return getattr(self._file, name)

        def __enter__(self) -> Broken:
            return self

        def __exit__(self, *args: object) -> None:
            self._file.close()  # type: ignore[attr-defined]

        def read(self, size: int) -> bytes:
            at = self._file.tell()  # type: ignore[attr-defined]
            if at < 8_192 and at + size > 4_096:
                raise OSError(errno.EIO, "Input/output error")
            return bytes(self._file.read(size))  # type: ignore[attr-defined]

    monkeypatch.setattr(Segments, "_reader", lambda self, number: Broken(real(self, number)))
    kept = [int(body) for _, body in segments.read(Position(0, 0))]
    assert len(kept) > 155 and kept[0] == 0 and kept[-1] == 199
    assert segments.damaged > 0


# --- whole programs ---


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _read_only(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


@pytest.mark.world
@pytest.mark.needs("root", "tmpfs")
@pytest.mark.parametrize("state", ["state", "state/deeper"])
def test_an_agent_starts_on_a_read_only_disk_sends_and_says_so(small_disk: Path, tmp_path: Path, state: str) -> None:
    (small_disk / "state").mkdir()
    _read_only(small_disk)
    with serving(FakeHub()) as far:
        rows = [{"check": "c1-1", "kind": "tcp", "target": "127.0.0.1:1", "every": "300ms"}]
        told = {"agent": "c1", "site": "c1", "state_dir": str(small_disk / state), "flush_every": "300ms"}
        place = {"name": "hub", "url": far.url, "timeout": "2s"}
        (tmp_path / "agent.yaml").write_text(json.dumps({**told, "destinations": [place], "checks": rows}))
        with (tmp_path / "log").open("wb") as log:
            command = [sys.executable, "-m", "netmon", "agent", "--config", str(tmp_path / "agent.yaml")]
            child = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            assert until(lambda: len(far.stored) > 5)
            child.terminate()
            assert child.wait(20) == 0
        finally:
            child.kill()
    said = (tmp_path / "log").read_text()
    assert "Read-only file system" in said and "kept in memory and sent from there" in said


@pytest.mark.world
@pytest.mark.needs("root", "tmpfs")
def test_a_hub_starts_on_a_read_only_disk_shows_and_refuses_points_only(small_disk: Path) -> None:
    with hub(small_disk) as one:
        now_ms = time.time_ns() // 1_000_000
        assert one.write("c1", [line("c1", 1, now_ms)], "1-1")[0] == 204
        one.stop()
        _read_only(small_disk)
        one.log = small_disk.parent / "log"
        one.start()
        assert one.write("c1", [line("c1", 2, now_ms + 1)], "2-2")[0] == 503
        assert until(lambda: next(iter(one.read()["checks"]))["values"]["sent"] == 2)
        assert [row["part"] for row in one.read()["hub"]["troubles"]]


def _refuses(*names: str) -> Callable[..., Any]:
    """`Path.open` and its like for files of these names: not ours to read, whoever runs the test."""
    real = io.open

    def opened(file: Any, *args: Any, **more: Any) -> Any:
        if Path(str(file)).name in names:
            raise PermissionError(errno.EACCES, "Permission denied", str(file))
        return real(file, *args, **more)

    return opened


def test_a_segment_that_is_not_ours_to_read_costs_itself_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segments = Segments(tmp_path, segment_bytes=200, quota_bytes=1 << 20)
    for number in range(6):
        segments.append(b"%090d" % number)
        segments.commit()
    names = sorted(path.name for path in tmp_path.iterdir())
    monkeypatch.setattr("io.open", _refuses(names[0], names[-1]))
    again = Segments(tmp_path, segment_bytes=200, quota_bytes=1 << 20)
    again.append(b"%090d" % 9)
    again.commit()
    assert [int(body) for _, body in again.read(Position(0, 0))] == [1, 2, 3, 4, 9]
    assert again.damaged > 0
    monkeypatch.undo()
    assert [path.stat().st_size > 0 for path in sorted(tmp_path.iterdir())] == [True] * 7


def test_a_lock_file_of_somebody_else_locks_no_one_out(tmp_path: Path, disk: Disk) -> None:
    disk.refuses = errno.EACCES
    first = lock(tmp_path, "lock")
    with pytest.raises(BlockingIOError):
        lock(tmp_path, "lock")
    os.close(first)
    os.close(lock(tmp_path, "lock"))
