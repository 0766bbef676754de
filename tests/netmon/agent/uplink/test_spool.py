"""The spool and its cursors: numbers, holes, what goes first, and what a restart remembers."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from netmon.agent.uplink.cursor import Cursor
from netmon.agent.uplink.spool import Mark, Spool, read_group
from netmon.segments.position import Position


def _spool(folder: Path, quota: int = 10_000_000) -> Spool:
    return Spool(folder, segment_bytes=2_000, quota_bytes=quota)


def _store(spool: Spool, count: int, now_ms: int = 0) -> None:
    first = spool.end.seq
    lines = [f"m,check=c{number * 7919 % 10_007} f={number}i 1" for number in range(first, first + count)]
    spool.store(lines, frontier_ms=now_ms, now_ms=now_ms, urgent=False)


def _cursor(folder: Path, spool: Spool) -> Cursor:
    return Cursor(folder / "hub.cursor", spool, live_age_ms=10_000)


def _numbers(parts: list[tuple[int, int]]) -> list[int]:
    return [number for first, last in parts for number in range(first, last + 1)]


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
    spool.needed, spool.lacking = lambda: cursor.low, cursor.lacks
    for second in range(200):
        _store(spool, 10, now_ms=second * 1000)
    sent = [number for numbers in _drain(cursor, 200_000) for number in numbers]
    lost = spool.take_lost()
    last = spool.dropped
    assert _numbers(lost) == list(range(1, last + 1)) and sorted(sent) == list(range(last + 1, 2001))
    assert spool.take_lost() == [] and cursor.waiting == 0


def test_what_was_delivered_is_unlinked_and_not_counted_as_dropped(tmp_path: Path) -> None:
    spool = _spool(tmp_path, quota=8_000)
    cursor = _cursor(tmp_path, spool)
    spool.needed, spool.lacking = lambda: cursor.low, cursor.lacks
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


def test_holes_are_told_to_the_point_in_whatever_order_they_are_met(tmp_path: Path) -> None:
    spool = _spool(tmp_path)
    told = []
    for first, last in [(5001, 6000), (1, 4000), (3900, 5100), (1, 6000), (7000, 7000)]:
        spool.lost(first, last)
        told += spool.take_lost()
    assert sorted(_numbers(told)) == [*range(1, 6001), 7000]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_gone_and_what_is_told_are_the_same_points_whatever_is_delivered_in_between(
    tmp_path: Path, seed: int
) -> None:
    chance, sent = random.Random(seed), set[int]()
    spool = _spool(tmp_path, quota=8_000)
    cursor = _cursor(tmp_path, spool)
    spool.needed, spool.lacking = lambda: cursor.low, cursor.lacks
    told = list[tuple[int, int]]()
    for second in range(300):
        told += spool.take_lost()
        spool.lost_told()
        _store(spool, 10, now_ms=second * 1000)
        if second % 60 < 15 and chance.random() < 0.5:
            batch = cursor.next_live(second * 1000) or cursor.next_backlog(2_000)
            if batch is not None:
                sent |= {_number(line) for line in batch.lines}
                cursor.done(batch)
    sent |= {number for numbers in _drain(cursor, 300_000) for number in numbers}
    told += spool.take_lost()
    gone = set(range(1, 3001)) - sent
    assert gone and sorted(_numbers(told)) == sorted(gone) and spool.dropped == len(gone)


def test_a_gap_whose_telling_was_dropped_is_told_again(tmp_path: Path) -> None:
    spool = _spool(tmp_path, quota=8_000)
    cursor = _cursor(tmp_path, spool)
    spool.needed, spool.lacking = lambda: cursor.low, cursor.lacks
    spool.lost(1_000_001, 1_000_050)
    for first, last in spool.take_lost():
        line = f"netmon_gap,agent=c1,check=- count={last - first + 1}i,first={first}i,last={last}i 5"
        spool.store([line], frontier_ms=0, now_ms=0, urgent=False)
    spool.lost_told()
    for second in range(200):
        _store(spool, 10, now_ms=second * 1000)
    assert (1_000_001, 1_000_050) in spool.take_lost()


def test_a_place_behind_a_gap_is_not_kept_before_the_gap_is_told(tmp_path: Path) -> None:
    spool = _spool(tmp_path)
    cursor = _cursor(tmp_path, spool)
    _store(spool, 10)
    spool.lost(1, 3)
    _drain(cursor, 0)
    cursor.save()
    assert not (tmp_path / "hub.cursor").exists()
    spool.take_lost()
    cursor.save()
    assert spool.owes and not (tmp_path / "hub.cursor").exists()
    spool.lost_told()
    cursor.save()
    assert (tmp_path / "hub.cursor").exists()
