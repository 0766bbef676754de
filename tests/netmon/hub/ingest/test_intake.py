"""A body costs time and memory in proportion to what its writer may have, whatever is in it, and holds nobody up."""

from __future__ import annotations

import asyncio
import gc
import gzip
import time
import tracemalloc
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netmon.hub import limits
from netmon.hub.ingest.batch import Batch, replay
from netmon.hub.ingest.ingest import HttpReply, Ingest
from netmon.hub.ingest.intake import BadBody, Body, BodyRoom, WriterTurns
from netmon.hub.ingest.journal import Journal
from netmon.hub.ingest.seen import SeenNumbers
from netmon.hub.ingest.writers import Writer, Writers
from netmon.hub.limits import Counters
from netmon.hub.tokens import Tokens
from netmon.segments.segments import Segments

STALL_S = 0.05
NOW_MS = time.time_ns() // 1_000_000


class Intake:
    """An ingest on segments in a folder, and what it published."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.segments = Segments(folder, segment_bytes=1 << 26, quota_bytes=1 << 28)
        self.batches: list[Batch] = []
        self.counters = Counters()
        places = Writers({"c1": Writer("c1", "00001", "01", frozenset({"c1"}))}, ())
        self.ingest = Ingest(
            places, Tokens([("token", "c1")]), {}, Journal(self.segments, lambda: 0), SeenNumbers(), self.counters,
            retention_s=1e6, position=self.segments.durable, publish=self.batches.append, **more,
        )  # fmt: skip

    async def write(self, body: bytes, **headers: str) -> HttpReply:
        told = {"content-encoding": "gzip", **{f"x-netmon-{key}": value for key, value in headers.items()}}
        return await self.ingest.write(self.ingest.admit("token", told, "ms"), gzip.compress(body, 1))

    def stored(self) -> list[Batch]:
        """What is read back from the segments."""
        return list(replay(self.segments, self.segments.first))


async def _longest_stretch(work: Awaitable[HttpReply]) -> tuple[HttpReply, float]:
    """The answer, and the longest time the event loop was kept from others (of its own CPU time: the machine is shared)."""
    longest, ended = 0.0, asyncio.Event()

    async def watch() -> None:
        nonlocal longest
        while not ended.is_set():
            began = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - began)

    watching = asyncio.create_task(watch())
    reply = await work
    ended.set()
    await watching
    return reply, longest


def _with_texts(many: int) -> bytes:
    pad = "p" * 200
    return "\n".join(f'log,host=a,pad={pad} value={n}i,msg="x" {NOW_MS + n % 1000}' for n in range(many)).encode()


BODIES = {
    "texts": (_with_texts(15_000), 204),
    "an open quote": (b'm,check=a "' + b"a=1," * 2_000_000, 400),
    "an open text": (b'm v="' + b"a=1\n" * 40_000, 400),
    "backslashes": (b"m a=" + b"\\" * 8_000_000, 400),
    "one line of fields": (b"m " + b"a=1," * 16_000 + b"a=1", 204),
    "bad lines": (b"m,t=\x01 v=1\n" * 20_000, 400),
    "new series": (b"\n".join(b"m,id=%d v=1" % n for n in range(10_000)), 400),
    "many values": (b"\n".join(b"m " + b",".join(b"f%d=1" % f for f in range(1_000)) for _ in range(100)), 204),
}


@pytest.mark.parametrize("name", BODIES)
def test_no_body_holds_the_event_loop_or_much_memory(tmp_path: Path, name: str) -> None:
    body, status = BODIES[name]
    intake = Intake(tmp_path)

    async def run() -> tuple[HttpReply, float]:
        return await _longest_stretch(intake.write(body))

    asyncio.run(intake.write(b"m v=1"))
    gc.collect()
    gc.freeze()  # what all tests before left in memory is no hub's, and going through it takes long
    reply, longest = asyncio.run(run())
    gc.unfreeze()
    assert reply.status == status
    assert longest < STALL_S, f"{longest * 1000:.0f} ms"


def test_a_large_write_of_a_stranger_is_stored_in_parts_as_it_was_sent(tmp_path: Path) -> None:
    intake = Intake(tmp_path)
    body = b"\n".join(b"m,check=k%d v=%di %d" % (n % 7, n, NOW_MS + n) for n in range(3_500)) + b"\nbad\n"
    reply = asyncio.run(intake.write(body))
    assert (reply.status, reply.message.count("line "), "line 3501: " in reply.message) == (400, 1, True)
    stored = intake.stored()
    assert len(stored) == 4
    values = [line.fields["v"] for batch in stored for line in batch.lines]
    assert values == list(range(3_500)) == [line.fields["v"] for batch in intake.batches for line in batch.lines]
    assert (intake.counters.points_stored, intake.counters.points_rejected) == (3_500, 1)


def test_a_large_write_of_an_agent_is_one_record_and_shown_in_parts_its_frontier_last(tmp_path: Path) -> None:
    intake, now_ms = Intake(tmp_path), time.time_ns() // 1_000_000  # a module may be minutes old
    body = b"\n".join(b"m,check=k v=%di,w=1u %d" % (n, now_ms + n) for n in range(2_500))

    async def run() -> list[HttpReply]:
        large = intake.write(body, agent="c1", boot="b", seq="1-2500", frontier=f"{now_ms}")
        small = intake.write(b"m,check=k v=1i", agent="c1", boot="b", seq="2501-2501", frontier=f"{now_ms + 1}")
        return await asyncio.gather(large, small)

    assert [reply.status for reply in asyncio.run(run())] == [204, 204]
    first, *_ = stored = intake.stored()
    assert sorted(len(batch.lines) for batch in stored) == [1, 2_500] and {
        first.header.first,
        stored[1].header.first,
    } == {1, 2501}
    shown = [(len(batch.lines), batch.header.frontier_ms) for batch in intake.batches if batch.header.first == 1]
    assert shown == [(1_000, 0), (1_000, 0), (500, now_ms)]
    assert intake.ingest.position == intake.segments.durable and not intake.ingest._flying


def test_an_agents_write_with_too_many_values_is_to_come_in_halves(tmp_path: Path) -> None:
    line = b"m,check=k " + b",".join(b"f%d=1" % n for n in range(1_000))
    reply = asyncio.run(Intake(tmp_path).write(b"\n".join([line] * 101), agent="c1"))
    assert reply.status == 413 and "values" in reply.message


def test_large_writes_wait_for_the_evaluation_and_are_asked_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netmon.hub.ingest.ingest._CALM_TRIES", 2)
    behind = Intake(tmp_path, unjudged=lambda: limits.MAX_UNJUDGED_VALUES + 1)
    assert asyncio.run(behind.write(b"m v=1\n" * 20_000)).status == 503
    assert asyncio.run(behind.write(b"m v=1\n" * 5)).status == 204


def test_memory_of_a_site_is_bounded_whatever_it_sends(tmp_path: Path) -> None:
    intake = Intake(tmp_path)
    intake.batches = []
    tags = ",".join(f"t{n}=1" for n in range(100))
    bodies = ["\n".join(f"m,b={part}x{n},{tags} v=1,f{part}x{n}=1" for n in range(200)).encode() for part in range(2)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for body in bodies:
        asyncio.run(intake.write(body))
        intake.batches.clear()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 1.2 * limits.MAX_SERIES_BYTES


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=3), st.integers(0, 9))
def test_gzip_of_any_members_is_what_was_packed(plain: bytes, cuts: list[int], level: int) -> None:
    places = [0, *sorted(cuts), len(plain)]
    parts = [plain[low:high] for low, high in zip(places, places[1:], strict=False)]
    body = Body(b"".join(gzip.compress(part, level) for part in parts), gzipped=True)
    list(body.checked())
    assert b"".join(body.parts()) == plain and (body.size, body.newlines) == (len(plain), plain.count(b"\n"))


@given(st.binary(max_size=200))
def test_what_is_no_gzip_is_refused(junk: bytes) -> None:
    for sent in (junk, gzip.compress(b"m v=1") + junk[:9] + b"\1"):
        with pytest.raises(BadBody):
            list(Body(sent, gzipped=True).checked())


def test_a_bomb_is_stopped_at_the_cap_and_unpacked_in_small_steps() -> None:
    body = Body(gzip.compress(bytes(100_000_000), 9), gzipped=True)
    with pytest.raises(BadBody) as told:
        for _ in body.checked():
            assert body._kept is None or sum(map(len, body._kept)) <= limits.LARGE_BYTES
    assert told.value.status == 413 and body.size <= limits.MAX_INFLATED_BYTES + 65_536
    many = Body(gzip.compress(b"") * (limits.MAX_GZIP_MEMBERS + 1), gzipped=True)
    with pytest.raises(BadBody, match="members"):
        list(many.checked())


def test_writers_have_their_turns_however_many_writes_one_of_them_sends() -> None:
    async def run() -> list[str]:
        turns, order = WriterTurns(), []

        def steps(name: str) -> Iterator[None]:
            for _ in range(3):
                order.append(name)
                time.sleep(0.005)
                yield

        await asyncio.gather(
            *(turns.work(("s", ""), steps(f"loud{n}")) for n in range(20)), turns.work(("s", "a"), steps("q"))
        )
        return order

    order = asyncio.run(run())
    assert len(order) == 63 and max(at for at, name in enumerate(order) if name == "q") < 10


def test_a_turn_that_is_given_up_goes_on_to_the_next() -> None:
    async def run() -> None:
        turns = WriterTurns()
        async with turns.turn(("a", "")):
            waiting = [asyncio.create_task(turns.work(("b", ""), iter([None]))) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[0].cancel()
        waiting[1].cancel()
        await asyncio.wait_for(waiting[2], 1)
        async with turns.turn(("c", "")):
            pass

    asyncio.run(run())


def test_a_writer_has_only_so_many_bytes_on_their_way() -> None:
    room, many = BodyRoom(), limits.MAX_BYTES_AT_ONCE // 1000
    assert all(room.enter(("s", "a"), 1000) for _ in range(many))
    assert not room.enter(("s", "a"), 1000) and room.enter(("s", ""), 1000) and room.enter(("t", "a"), 1000)
    room.leave(("s", "a"), 1000)
    assert room.enter(("s", "a"), 1000)
