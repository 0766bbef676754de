"""A disk that takes no points holds up no page: what is heard is judged once, when it comes, and stored when there is room."""

from __future__ import annotations

import asyncio
import errno
import time
from dataclasses import replace
from pathlib import Path

import records

from netmon.hub.disk.reclaim import PIECES, SPAN_S, DiskRoom
from netmon.hub.incidents.heard import Heard
from netmon.hub.ingest.batch import Batch
from netmon.hub.ingest.ingest import HttpReply, Ingest
from netmon.hub.ingest.journal import Journal
from netmon.hub.ingest.seen import SeenNumbers
from netmon.hub.ingest.writers import Writer, Writers
from netmon.hub.limits import Counters
from netmon.hub.tokens import Tokens
from netmon.line import Line
from netmon.segments.position import Position
from netmon.segments.segments import Segments

TAGS = {"agent": "c1", "check": "c1-up", "commune": "00001", "province": "01", "site": "c1", "target": "-"}


def line(at_ms: int, **tags: str) -> Line:
    return Line("netmon_ping", {**TAGS, **tags}, {"sent": 1, "rcvd": 0}, at_ms)


def batch(*lines: Line, backfill: bool = False) -> Batch:
    return records.batch(lines, frontier_ms=5, backfill=backfill, arrived_ns=7)


def test_what_was_heard_is_not_judged_again_when_it_is_stored() -> None:
    heard = Heard()
    assert heard.refused(batch(line(1), line(2))) == batch(line(1), line(2))
    again = heard.refused(batch(line(1), line(2), line(3)))
    assert again is not None and again.lines == (line(3),)
    assert heard.refused(batch(line(3))) is None
    stored = heard.stored(batch(line(1), line(2), line(3), line(4), line(1, check="c1-core")))
    assert stored.lines == (line(4), line(1, check="c1-core"))


def test_once_stored_it_is_forgotten_and_so_is_what_is_old() -> None:
    heard = Heard(keep_ms=100, max_lines=3)
    heard.refused(batch(line(1)))
    heard.stored(batch(line(1)))
    assert heard.stored(batch(line(1))).lines == (line(1),)
    heard.refused(batch(line(1), line(2)))
    heard.refused(batch(line(103), line(104)))
    assert [one.time for one in heard.stored(batch(line(1), line(2), line(103), line(104))).lines] == [1, 2]
    heard.refused(batch(*(line(at) for at in range(5))))
    assert len(heard._lines) == 3


def test_old_points_that_come_late_are_not_judged() -> None:
    assert Heard().refused(batch(line(1), backfill=True)) is None


def test_nothing_is_changed_while_the_disk_takes_all() -> None:
    whole = batch(line(1))
    assert Heard().stored(whole) is whole


class FullDisk(Segments):
    """Segments on a disk that a neighbour fills."""

    is_full = True

    def commit(self) -> None:
        if self.is_full:
            self._discard(keep_file=True)
            raise OSError(errno.ENOSPC, "No space left on device")
        super().commit()


def test_a_write_the_disk_refuses_is_heard_and_its_repeat_stored(tmp_path: Path) -> None:
    asyncio.run(_refused_and_repeated(tmp_path))


async def _refused_and_repeated(tmp_path: Path) -> None:
    disk = FullDisk(tmp_path, segment_bytes=1 << 20, quota_bytes=1 << 24)
    told, kept = list[Batch](), list[Batch]()
    ingest = Ingest(
        Writers({"c1": Writer("c1", "00001", "01", frozenset({"c1"}))}, ()),
        Tokens([("t", "c1")]),
        {},
        Journal(disk, lambda: 0),
        SeenNumbers(),
        Counters(),
        retention_s=1e6,
        position=disk.durable,
        publish=kept.append,
        refused=told.append,
    )
    now_ms = time.time_ns() // 1_000_000
    tags = ",".join(f"{key}={value}" for key, value in TAGS.items())
    body = f"netmon_ping,{tags} sent=1i,rcvd=0i {now_ms}\nnetmon_ping,{tags} sent=1i,rcvd=1i {now_ms + 1}".encode()
    headers = {"x-netmon-agent": "c1", "x-netmon-boot": "ab", "x-netmon-seq": "1-2"}

    async def write() -> HttpReply:
        return await ingest.write(ingest.admit("t", headers, "ms"), body)

    assert (await write()).status == 503
    assert [len(one.lines) for one in told] == [2] and not kept
    disk.is_full = False
    assert (await asyncio.wait_for(write(), 5)).status == 204
    assert [one.lines for one in kept] == [told[0].lines]
    assert replace(kept[0], position=told[0].position, header=told[0].header) == told[0]
    assert kept[0].header._replace(arrived_ns=0) == told[0].header._replace(arrived_ns=0)


def test_a_neighbour_that_takes_all_room_does_not_eat_the_whole_store(tmp_path: Path) -> None:
    segments = Segments(tmp_path / "segments", segment_bytes=100, quota_bytes=1 << 20)
    for number in range(20):
        segments.append(b"%090d" % number)
        segments.commit()
    now_s = 1000.0
    room = DiskRoom(segments, tmp_path / "store", lambda: now_s, lambda path: 4_000)
    assert [room() for _ in range(PIECES)] == [1] * PIECES
    assert room() == 0
    assert len(list(segments.read(Position(0, 0)))) == 20 - PIECES
    now_s += SPAN_S
    assert room() == 1
