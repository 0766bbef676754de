"""Group commit, and what becomes of writes when the disk refuses."""

from __future__ import annotations

import asyncio
import errno
import threading

import pytest

from netmon.hub.ingest.ingest import Claimed, Ingest
from netmon.hub.ingest.journal import DiskRefuses, Journal
from netmon.hub.ingest.seen import SeenNumbers
from netmon.hub.ingest.writers import Writer, Writers
from netmon.hub.limits import Counters
from netmon.hub.tokens import Tokens
from netmon.segments.position import Position


class Disk:
    """Segments in memory with a disk that can be slow or refuse."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.group: list[bytes] = []
        self.faults: list[int] = []
        self.free = threading.Event()
        self.free.set()
        self.dropped = 0

    def append(self, body: bytes) -> Position:
        self.group.append(body)
        return Position(1, len(self.kept) + len(self.group))

    def commit(self) -> None:
        self.free.wait(10)
        group, self.group = self.group, []
        if self.faults:
            raise OSError(self.faults.pop(0), "disk")
        self.kept += group

    def discard(self) -> None:
        self.group = []

    def drop_oldest(self) -> int:
        self.dropped += 1
        return 3


def test_many_writes_share_one_commit_and_settle_in_order() -> None:
    async def run() -> tuple[list[int], int, Disk]:
        disk, order = Disk(), list[int]()
        journal = Journal(disk, disk.drop_oldest)
        disk.free.clear()
        tasks = [asyncio.ensure_future(journal.store(b"%d" % n, lambda at, n=n: order.append(n))) for n in range(50)]  # type: ignore[misc]
        await asyncio.sleep(0.1)
        assert not order
        disk.free.set()
        await asyncio.gather(*tasks)
        await journal.close()
        return order, journal.groups, disk

    order, groups, disk = asyncio.run(run())
    assert order == list(range(50)) and groups <= 3
    assert disk.kept == [b"%d" % n for n in range(50)]


def test_on_a_full_disk_the_oldest_goes_and_the_write_is_tried_again() -> None:
    async def run() -> tuple[Disk, Journal]:
        disk = Disk()
        disk.faults = [errno.ENOSPC, errno.ENOSPC]
        journal = Journal(disk, disk.drop_oldest)
        await journal.store(b"x", lambda at: None)
        await journal.close()
        return disk, journal

    disk, journal = asyncio.run(run())
    assert disk.kept == [b"x"] and disk.dropped == 2 and journal.dropped == 6


WRITER = Writer("c1", "26734", "79", frozenset({"c1"}))


def _ingest(disk: Disk, told: list[object]) -> Ingest:
    return Ingest(
        Writers({"c1": WRITER}, ()),
        Tokens([("t", "c1")]),
        {},
        Journal(disk, disk.drop_oldest),
        SeenNumbers(),
        Counters(),
        retention_s=3600,
        position=Position(0, 0),
        publish=told.append,
        clock_ns=lambda: 10**18,
    )


def _claimed(ingest: Ingest, seq: str) -> Claimed:
    return ingest.admit("t", {"x-netmon-agent": "c1", "x-netmon-boot": "b", "x-netmon-seq": seq}, "ms")


def test_a_refused_write_is_503_and_its_repeat_is_new_again() -> None:
    async def run() -> tuple[list[int], Disk, list[object]]:
        disk, told = Disk(), list[object]()
        ingest = _ingest(disk, told)
        disk.faults = [errno.EIO]
        disk.free.clear()
        first = asyncio.ensure_future(ingest.write(_claimed(ingest, "1-1"), b"m f=1i"))
        await asyncio.sleep(0.1)
        # The repeat leans on a write that is about to fail: it must not be acknowledged.
        second = asyncio.ensure_future(ingest.write(_claimed(ingest, "1-1"), b"m f=1i"))
        await asyncio.sleep(0.1)
        seen_meanwhile = ingest.seen_now()
        disk.free.set()
        replies = [await first, await second, await ingest.write(_claimed(ingest, "1-1"), b"m f=1i")]
        assert seen_meanwhile == {"c1": {"b": []}} and ingest.seen_now() == {"c1": {"b": [(1, 1)]}}
        assert replies[0].retry_after_s > 0
        return [reply.status for reply in replies], disk, told

    statuses, disk, told = asyncio.run(run())
    assert statuses == [503, 503, 204]
    assert len(disk.kept) == 1 and len(told) == 1


def test_too_much_waiting_for_the_disk_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netmon.hub.ingest.journal.MAX_QUEUED_BYTES", 10)

    async def run() -> list[object]:
        settled = list[object]()
        journal = Journal(Disk(), lambda: 0)
        with pytest.raises(DiskRefuses):
            await journal.store(b"x" * 11, settled.append)
        return settled

    assert asyncio.run(run()) == [None]
