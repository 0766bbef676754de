"""The spool and its cursors: numbers, holes, what goes first, and what a restart remembers."""

from __future__ import annotations

import shutil
from pathlib import Path

from netmon.agent.cursor import Cursor
from netmon.agent.spool import Mark, Spool, read_group
from netmon.segments import Position


def _spool(folder: Path, quota: int = 10_000_000) -> Spool:
    return Spool(folder, segment_bytes=2_000, quota_bytes=quota)


def _store(spool: Spool, count: int, now_ms: int = 0) -> None:
    first = spool.end.seq
    lines = [f"m,check=c{number * 7919 % 10_007} f={number}i 1" for number in range(first, first + count)]
    spool.store(lines, frontier_ms=now_ms, now_ms=now_ms, urgent=False)


def _cursor(folder: Path, spool: Spool) -> Cursor:
    return Cursor(folder / "hub.cursor", spool, live_age_ms=10_000)


def _number(line: str) -> int:
    return int(line.split("f=")[1].split("i")[0])


def _drain(cursor: Cursor, now_ms: int) -> list[list[int]]:
    """What is sent, batch by batch: each batch's numbers follow one another."""
    sent = []
    while batch := cursor.next_live(now_ms) or cursor.next_backlog(100_000):
        numbers = [_number(line) for line in batch.lines]
        assert numbers == list(range(batch.first, batch.first + len(numbers)))
        sent.append(numbers)
        cursor.done(batch)
    return sent


def test_numbers_go_on_over_restarts_each_under_a_boot_id_of_its_own(tmp_path: Path) -> None:
    boots = set()
    for start in (1, 4, 7):
        spool = _spool(tmp_path)
        assert spool.end.seq == start
        _store(spool, 3)
        boots |= {group.boot for _, body in spool.segments.read(Position(0, 0)) if (group := read_group(body))}
    assert len(boots) == 3


def test_a_torn_end_begins_a_new_boot_id_and_old_points_keep_theirs(tmp_path: Path) -> None:
    spool = _spool(tmp_path)
    _store(spool, 3)
    _store(spool, 3)
    path = next((tmp_path / "segments").iterdir())
    path.write_bytes(path.read_bytes()[:-5])
    again = _spool(tmp_path)
    _store(again, 1)
    groups = [group for _, body in again.segments.read(Position(0, 0)) if (group := read_group(body))]
    assert [group.first for group in groups] == [1, 4] and len({group.boot for group in groups}) == 2


def test_no_number_is_given_out_that_a_destination_has_seen(tmp_path: Path) -> None:
    spool = _spool(tmp_path)
    spool.begin_at(50)
    _store(spool, 1)
    assert spool.end.seq == 51


def test_what_is_new_goes_first_and_what_waited_long_comes_behind_it_once(tmp_path: Path) -> None:
    spool = _spool(tmp_path)
    cursor = _cursor(tmp_path, spool)
    for second in range(60):
        _store(spool, 10, now_ms=second * 1000)
    live = cursor.next_live(60_000)
    assert live is not None and not live.backlog and live.first > 450
    sent = _drain(cursor, 60_000)
    assert sent[0][0] == live.first
    assert sorted(number for numbers in sent for number in numbers) == list(range(1, 601))
    assert cursor.waiting == 0 and cursor.low == spool.end


def test_after_a_restart_the_place_is_kept(tmp_path: Path) -> None:
    spool = _spool(tmp_path)
    cursor = _cursor(tmp_path, spool)
    for second in range(60):
        _store(spool, 10, now_ms=second * 1000)
    live = cursor.next_live(60_000)
    assert live is not None
    cursor.done(live)
    cursor.save()
    spool = _spool(tmp_path)
    cursor = _cursor(tmp_path, spool)
    assert cursor.waiting == live.first - 1
    _store(spool, 5, now_ms=61_000)
    sent = _drain(cursor, 61_000)
    assert sent[0] == list(range(601, 606))
    assert sorted(number for numbers in sent[1:] for number in numbers) == list(range(1, live.first))


def test_a_damaged_cursor_only_repeats(tmp_path: Path) -> None:
    spool = _spool(tmp_path)
    _store(spool, 10)
    (tmp_path / "hub.cursor").write_text('{"live": [1]}')
    assert _cursor(tmp_path, spool).waiting == 10


def test_what_a_quota_dropped_is_counted_and_told_as_a_hole(tmp_path: Path) -> None:
    spool = _spool(tmp_path, quota=8_000)
    cursor = _cursor(tmp_path, spool)
    spool.needed = lambda: cursor.low
    for second in range(200):
        _store(spool, 10, now_ms=second * 1000)
    sent = [number for numbers in _drain(cursor, 200_000) for number in numbers]
    ((first, last),) = spool.take_lost()
    assert first == 1 and spool.dropped == last and sorted(sent) == list(range(last + 1, 2001))
    assert spool.take_lost() == [] and cursor.waiting == 0


def test_what_was_delivered_is_unlinked_and_not_counted_as_dropped(tmp_path: Path) -> None:
    spool = _spool(tmp_path, quota=8_000)
    cursor = _cursor(tmp_path, spool)
    spool.needed = lambda: cursor.low
    for second in range(200):
        _store(spool, 10, now_ms=second * 1000)
        _drain(cursor, second * 1000)
        spool.trim()
    assert spool.dropped == 0 and spool.segments.bytes_used < 6_000 and spool.take_lost() == []


def test_a_cursor_beyond_a_lost_end_waits_for_what_is_new(tmp_path: Path) -> None:
    spool = _spool(tmp_path)
    cursor = _cursor(tmp_path, spool)
    _store(spool, 10)
    _drain(cursor, 0)
    cursor.save()
    for path in (tmp_path / "segments").iterdir():
        path.unlink()
    spool = _spool(tmp_path)
    cursor = _cursor(tmp_path, spool)
    spool.begin_at(cursor.live_seq)
    _store(spool, 3)
    assert cursor.waiting <= 13
    assert sum(len(numbers) for numbers in _drain(cursor, 0)) == 3


def test_a_spool_of_another_version_is_passed_over(tmp_path: Path) -> None:
    spool = _spool(tmp_path)
    spool.segments.append(b"what is this")
    spool.segments.commit()
    _store(spool, 2)
    assert _cursor(tmp_path, spool).low == Mark(Position(1, 0), 1)
    assert _drain(_cursor(tmp_path, spool), 0) == [[1, 2]]


def test_a_spool_whose_segments_were_lost_tells_the_gap_and_delivers_what_is_new(tmp_path: Path) -> None:
    spool = _spool(tmp_path)
    cursor = _cursor(tmp_path, spool)
    for second in range(60):
        _store(spool, 10, now_ms=second * 1000)
    live = cursor.next_live(60_000)  # what waited is left behind
    assert live is not None and live.first > 1
    cursor.done(live)
    cursor.save()
    shutil.rmtree(tmp_path / "segments")
    spool = _spool(tmp_path)
    cursor = _cursor(tmp_path, spool)
    for _ in range(3):  # as many bytes as there were: an old place lies in the middle of the new ones
        _store(spool, 200, now_ms=61_000)
    sent = [number for numbers in _drain(cursor, 61_000) for number in numbers]
    assert sent == list(range(601, 1201))
    assert spool.take_lost() == [(1, live.first - 1)]
