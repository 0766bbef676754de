"""A claim of sequence numbers lives as long as its write: whatever goes wrong in between, the repeat is stored."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netmon.hub.ingest.ingest import HttpReply, Ingest
from netmon.hub.ingest.journal import Journal
from netmon.hub.ingest.seen import SeenNumbers
from netmon.hub.ingest.writers import Writer, Writers
from netmon.hub.limits import Counters
from netmon.hub.tokens import Tokens
from netmon.segments.segments import Segments
from netmon.store import record

POINTS = 5


def _ingest(folder: Path) -> tuple[Ingest, Counters]:
    segments = Segments(folder, segment_bytes=1 << 20, quota_bytes=1 << 24)
    counters = Counters()
    places = Writers({"c1": Writer("c1", "00001", "01", frozenset({"c1"}))}, ())
    journal = Journal(segments, lambda: 0)
    made = Ingest(
        places, Tokens([("token", "c1")]), {}, journal, SeenNumbers(), counters,
        retention_s=1e6, position=segments.durable, publish=lambda batch: None,
    )  # fmt: skip
    return made, counters


def _body(at_ms: int, extra: str = "") -> bytes:
    return "\n".join(f"m,check=k{extra} v={number} {at_ms + number}" for number in range(POINTS)).encode()


async def _write(ingest: Ingest, body: bytes, boot: str = "ab") -> HttpReply:
    headers = {"x-netmon-agent": "c1", "x-netmon-boot": boot, "x-netmon-seq": f"1-{POINTS}"}
    headers["x-netmon-now"] = str(time.time_ns() // 1_000_000)
    return await ingest.write(ingest.admit("token", headers, "ms"), body)


def _once(fault: BaseException, real: Callable[..., Any]) -> Callable[..., Any]:
    left = [fault]

    def call(*args: Any, **more: Any) -> Any:
        if left:
            raise left.pop()
        return real(*args, **more)

    return call


@pytest.mark.parametrize("fault", [MemoryError("none left"), RuntimeError("a bug"), KeyboardInterrupt()])
@pytest.mark.parametrize(
    "place",
    [
        "netmon.store.record.encode",
        "netmon.store.record.text_of",
        "zlib.compress",
        "netmon.hub.ingest.ingest._only",
    ],
)
def test_a_write_that_failed_is_stored_when_it_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, fault: BaseException
) -> None:
    ingest, counters = _ingest(tmp_path)
    body = _body(time.time_ns() // 1_000_000, extra="\\ x")  # not as it will be stored: it is written anew
    module, _, name = place.rpartition(".")
    real = {"netmon.store.record": record, "zlib": zlib}.get(module)
    from netmon.hub.ingest import ingest as ingest_module

    real_function = getattr(real or ingest_module, name)
    monkeypatch.setattr(place, _once(fault, real_function))

    async def run() -> HttpReply:
        with pytest.raises(type(fault)):
            await _write(ingest, body)
        return await _write(ingest, body)

    assert asyncio.run(run()).status == 204
    assert counters.points_stored == POINTS


def test_a_writer_that_went_away_while_its_write_was_on_the_way_to_disk_is_not_stored_twice(tmp_path: Path) -> None:
    ingest, counters = _ingest(tmp_path)
    body = _body(time.time_ns() // 1_000_000)

    async def run() -> HttpReply:
        first = asyncio.ensure_future(_write(ingest, body))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        return await _write(ingest, body)

    assert asyncio.run(run()).status == 204
    assert counters.points_stored == POINTS


def test_other_points_under_used_numbers_are_answered_409_and_never_204(tmp_path: Path) -> None:
    ingest, counters = _ingest(tmp_path)
    at_ms = time.time_ns() // 1_000_000

    async def run() -> list[int]:
        writes = [_body(at_ms), _body(at_ms), _body(at_ms + 60_000), _body(at_ms, "-other")]
        answers = [(await _write(ingest, body)).status for body in writes]
        return [*answers, (await _write(ingest, writes[2], "renamed")).status]

    assert asyncio.run(run()) == [204, 204, 409, 409, 204]
    assert (counters.points_stored, counters.points_conflicting) == (2 * POINTS, 2 * POINTS)


def test_an_agent_of_an_earlier_version_which_knows_no_409_never_gets_one(tmp_path: Path) -> None:
    ingest, _ = _ingest(tmp_path)
    headers = {"x-netmon-agent": "c1", "x-netmon-boot": "ab", "x-netmon-seq": f"1-{POINTS}"}
    at_ms = time.time_ns() // 1_000_000

    async def run() -> list[int]:
        writer = ingest.admit("token", headers, "ms")
        return [(await ingest.write(writer, _body(at_ms + later))).status for later in (0, 1000)]

    assert asyncio.run(run()) == [204, 204]
