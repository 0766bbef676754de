"""Nothing acknowledged is lost and nothing is doubled: fault by fault, counted in the hub's segments, Parquet and InfluxDB.

.venv/bin/python tests/bench/nothing_lost.py [ROW…]      needs influxd; libfaketime for clocks, root for the full disk

Real agents and hubs on loopback; a proxy between them keeps every line it saw answered 204. A row is right when all of
those are in the three places once, and when each number that an agent gave out and nobody acknowledged was told as a gap.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from hubs import eventually, program
from lossworld import FAKETIME, Clock, World
from ports import free_port

HOUR_S, MONTH_S = 3_600, 31 * 86_400
AT_ONCE = 3


class Row(NamedTuple):
    """One fault and what became of the points."""

    fault: str
    acknowledged: int
    segments: int
    parquet: int
    influx: int
    lost: int
    doubled: int
    unsent: int  # numbers that were given out and never acknowledged
    told: str
    told_lost: int = 0  # points of which the hub itself told that they are gone

    @property
    def is_right(self) -> bool:
        return self.acknowledged > 0 and self.doubled == 0 and self.lost == self.told_lost


def nothing(world: World) -> str:
    world.hub.start()
    world.agent().start()
    time.sleep(6)
    return ""


def lost_answers(world: World) -> str:
    world.tap.lose = 0.4
    nothing(world)
    time.sleep(6)
    world.tap.lose = 0.0
    return f"repeats taken once: {world.hub.figures['points_repeated']}"


def agent_killed(world: World) -> str:
    world.hub.start()
    agent = world.agent()
    for _ in range(4):
        agent.start()
        time.sleep(2.5)
        agent.end(signal.SIGKILL)
    agent.start()
    time.sleep(3)
    return ""


def hub_killed(world: World) -> str:
    world.hub.start()
    world.agent().start()
    for _ in range(4):
        time.sleep(2.5)
        world.hub.kill()
        world.hub.start()
    time.sleep(4)
    return ""


def cloned_agent(world: World) -> str:
    world.hub.start()
    # Of another rhythm: points of both that fell into one millisecond of one series would be one point in a database.
    first, second = world.agent().start(), world.agent("clone", every="1.3s")
    time.sleep(4)
    first.end()
    second.folder.mkdir()
    first.copy_state(second.folder / "state")
    first.start()
    second.start()
    time.sleep(6)
    return "two agents, one name"


def restored_backup(world: World) -> str:
    world.hub.start()
    agent = world.agent().start()
    time.sleep(4)
    agent.end()
    agent.copy_state(world.folder / "backup")
    agent.start()
    time.sleep(4)
    agent.end()
    shutil.rmtree(agent.folder / "state")
    shutil.copytree(world.folder / "backup", agent.folder / "state")
    agent.start()
    time.sleep(4)
    return ""


def _agent_clock(off_s: int) -> Callable[[World], str]:
    def run(world: World) -> str:
        clock = Clock(world.folder / "clock", off_s)
        world.hub.start()
        began_ms = time.time_ns() // 1_000_000
        agent = world.agent(env=clock.env).start()
        time.sleep(6)
        told = world.hub.figures["troubles"]
        clock.set(0)
        eventually(lambda: len(world.tap.lines) > 40, 30)
        time.sleep(2)
        agent.end()
        now_ms = time.time_ns() // 1_000_000
        wrong = sum(not began_ms - 2_000 <= at_ms <= now_ms + 2_000 for _, _, at_ms in world.tap.acknowledged())
        why = re.sub(r".*\((.*?)\): their.*", r"\1", told[0]["why"]) if told else "not told"
        return f"{why}; {wrong} points out of place"

    return run


def _hub_clock(off_s: int) -> Callable[[World], str]:
    def run(world: World) -> str:
        clock = Clock(world.folder / "clock")
        world.hub.env = clock.env
        world.hub.start()
        world.agent().start()
        time.sleep(4)
        clock.set(off_s)
        time.sleep(6)
        world.hub.child and world.hub.child.send_signal(signal.SIGHUP)  # it seals, and retires what is old
        time.sleep(3)
        clock.set(0)
        before = len(world.tap.lines)
        eventually(lambda: len(world.tap.lines) > before + 100, 30)
        return f"{world.hub.figures['clock_refusals']} writes waited"

    return run


def segments_lost(world: World) -> str:
    world.hub.start()
    agent = world.agent().start()
    time.sleep(5)
    agent.end()
    eventually(lambda: set(world.tap.acknowledged()) <= set(world.in_influx()), 20)
    world.hub.child and world.hub.child.send_signal(signal.SIGHUP)
    eventually(lambda: world.is_sealed(set(world.tap.acknowledged())), 20)
    world.hub.stop()
    world.gone = world.in_segments()
    shutil.rmtree(world.hub.state / "segments")
    world.hub.start()
    agent.start()
    time.sleep(5)
    told = "remember later places" in world.hub.log.read_text()
    return f"{'told' if told else 'NOT TOLD'}: {len(world.gone)} gone with the disk"


def sink_refuses(world: World) -> str:
    world.query("POST", f"DROP DATABASE {world.name}")
    nothing(world)
    trouble = eventually(lambda: world.sink()["trouble"], 10)
    world.query("POST", f"CREATE DATABASE {world.name}")
    return f"sink: {str(trouble)[:60]}"


def spool_too_small(world: World) -> str:
    """The hub is away for longer than the spool holds."""
    world.hub.start()
    agent = world.agent(spool="66kB", every="100ms").start()
    time.sleep(2)
    world.hub.kill()
    time.sleep(75)
    world.hub.start()
    eventually(lambda: agent.waiting() < 10, 20)
    time.sleep(4)
    return ""


def disk_full(world: World) -> str:
    world.hub.start()
    world.agent().start()
    time.sleep(4)
    blocker = world.hub.state / "neighbour"
    with blocker.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 65536)
        except OSError:
            pass
        time.sleep(6)
    refused = world.hub.figures["disk_refusals"]
    blocker.unlink()
    time.sleep(8)
    figures = world.hub.figures
    world.told_lost = figures["segments"]["lost_points"] + figures["sinks"][0]["lost"]
    return f"{refused} writes refused; {world.told_lost} told as gone (hub and copy)"


def no_memory(folder: Path) -> Row:
    """In this process: memory runs out in the middle of writes, and their repeats come."""
    from netmon.hub.ingest.batch import replay
    from netmon.hub.ingest.ingest import Ingest
    from netmon.hub.ingest.journal import Journal
    from netmon.hub.ingest.seen import SeenNumbers
    from netmon.hub.ingest.writers import Writer, Writers
    from netmon.hub.limits import Counters
    from netmon.hub.tokens import Tokens
    from netmon.segments.position import Position
    from netmon.segments.segments import Segments
    from netmon.store import record

    segments, real, chance = (
        Segments(folder, segment_bytes=1 << 20, quota_bytes=1 << 26),
        record.encode,
        random.Random(2),
    )
    places = Writers({"c1": Writer("c1", "26734", "79", frozenset({"c1"}))}, ())
    ingest = Ingest(
        places, Tokens([("t", "c1")]), {}, Journal(segments, lambda: 0), SeenNumbers(), Counters(),
        retention_s=1e6, position=segments.durable, publish=lambda batch: None,
    )  # fmt: skip

    def encode(*args: object, **more: object) -> bytes:
        if chance.random() < 0.3:
            raise MemoryError
        return real(*args, **more)  # type: ignore[arg-type]

    async def run() -> int:
        failed, at_ms = 0, time.time_ns() // 1_000_000
        for first in range(1, 20_001, 50):
            numbers = range(first, first + 50)
            headers = {"x-netmon-agent": "c1", "x-netmon-boot": "ab", "x-netmon-seq": f"{first}-{first + 49}"}
            body = "\n".join(f"m,check=k v={number}i {at_ms - 20_000 + number}" for number in numbers).encode()
            while True:
                try:
                    assert (await ingest.write(ingest.admit("t", headers, "ms"), body)).status == 204
                    break
                except MemoryError:
                    failed += 1
        return failed

    record.encode = encode
    try:
        failed = asyncio.run(run())
    finally:
        record.encode = real
    stored = Counter(line.time for batch in replay(segments, Position(0, 0)) for line in batch.lines)
    doubled = stored.total() - len(stored)
    return Row(
        "no memory for 3 writes of 10",
        20_000,
        len(stored),
        0,
        0,
        20_000 - len(stored),
        doubled,
        0,
        f"{failed} answered 500",
    )


FAULTS: dict[str, tuple[str, Callable[[World], str]]] = {
    "none": ("none", nothing),
    "answers": ("4 answers of 10 lost", lost_answers),
    "agent-9": ("agent killed 4 times", agent_killed),
    "hub-9": ("hub killed 4 times", hub_killed),
    "clone": ("state folder of an agent copied, both run", cloned_agent),
    "backup": ("backup of an agent put back", restored_backup),
    "agent-1h": ("agent's clock 1 h behind for 6 s", _agent_clock(-HOUR_S)),
    "agent+31d": ("agent's clock 31 d ahead for 6 s", _agent_clock(MONTH_S)),
    "agent-1970": ("agent's clock at 1970 for 6 s", _agent_clock(-int(time.time()) + 600)),
    "hub-1h": ("hub's clock 1 h behind for 9 s", _hub_clock(-HOUR_S)),
    "hub+1h": ("hub's clock 1 h ahead for 9 s", _hub_clock(HOUR_S)),
    "hub+31d": ("hub's clock 31 d ahead for 9 s, sealing", _hub_clock(MONTH_S)),
    "segments": ("hub's segments lost", segments_lost),
    "sink": ("database refuses for 6 s", sink_refuses),
    "spool": ("hub away for longer than the spool holds", spool_too_small),
    "disk": ("hub's disk full for 6 s", disk_full),
}


def run_row(name: str, folder: Path, influx_port: int) -> Row:
    """One fault, from the start to the count."""
    fault, run = FAULTS[name]
    folder.mkdir()
    world = World(
        folder, influx_port, re.sub(r"\W", "_", f"row_{name}"), _small_disk(folder) if name == "disk" else None
    )
    try:
        told = run(world)
        world.finish()
        return _count(fault, world, told)
    except Exception:
        traceback.print_exc()
        return Row(fault, 0, 0, 0, 0, 0, 0, 0, "the row broke, see above")
    finally:
        world.stop()
        if name == "disk":
            subprocess.run(["umount", "-l", str(folder / "disk")], check=False)


def _small_disk(folder: Path) -> Path:
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], check=True)
    (folder / "hub").mkdir()
    return disk


def _count(fault: str, world: World, told: str) -> Row:
    wanted = set(world.tap.acknowledged())
    segments, parquet, influx = world.in_segments(), world.in_parquet(), world.in_influx()
    segments.update({key: 1 for key in world.gone if key not in segments})
    in_hub = set(segments) | set(parquet)  # what is sealed may go from the segments
    lost = (
        len(wanted - in_hub)
        + len(wanted & set(segments) - set(parquet))
        + len(wanted - set(influx))
        + world.tap.refused
    )
    doubled = world.doubled() + max(0, parquet.total() - len(parquet) - (segments.total() - len(segments)))
    last = max((end for _, end in world.tap.numbers), default=0)
    missing = sum(high - low + 1 for low, high in world.tap.numbers.missing(1, last))
    unsent = max(0, missing - sum(agent.kept() for agent in world.agents))
    if unsent or world.gap_points():
        told = f"gaps: {world.gap_points()} points" + (f"; {told}" if told else "")
    return Row(
        fault, len(wanted), len(wanted & in_hub), len(wanted & set(parquet)), len(wanted & set(influx)),
        lost, doubled, unsent, told, world.told_lost,
    )  # fmt: skip


def influxd(folder: Path, port: int) -> list[str]:
    """The command of an InfluxDB 1.6.7."""
    folder.mkdir()
    (folder / "influxdb.conf").write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{free_port()}"\n[meta]\ndir = "{folder}/meta"\n'
        f'[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\n[http]\nbind-address = "127.0.0.1:{port}"\n'
        "log-enabled = false\n[monitor]\nstore-enabled = false\n"
    )
    return ["influxd", "-config", str(folder / "influxdb.conf")]


def runnable(names: list[str]) -> list[str]:
    """Those this machine can run."""
    left = [name for name in names or FAULTS if FAKETIME or not name.startswith(("agent-1", "agent+", "hub-1", "hub+"))]
    return [name for name in left if name != "disk" or os.geteuid() == 0]


def main() -> int:
    """0 when nothing was lost, doubled or left untold."""
    began, logger = time.monotonic(), logging.getLogger()
    logger.setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as text:
        folder, port = Path(text), free_port()
        rows = [] if sys.argv[1:] else [no_memory(folder / "memory")]
        with (
            program(influxd(folder / "influx", port), folder / "influx", ("127.0.0.1", port)),
            ThreadPoolExecutor(AT_ONCE) as pool,
        ):
            rows += pool.map(lambda name: run_row(name, folder / name, port), runnable(sys.argv[1:]))
    print(f"{'fault':42}{'acked':>7}{'hub':>7}{'Parquet':>8}{'Influx':>7}{'lost':>6}{'doubled':>8}{'unsent':>7}  told")
    for row in rows:
        figures = f"{row.acknowledged:7}{row.segments:7}{row.parquet:8}{row.influx:7}{row.lost:6}{row.doubled:8}{row.unsent:7}"
        print(f"{row.fault:42}{figures}  {row.told}")
    print(f"{sum(row.acknowledged for row in rows)} points acknowledged, {time.monotonic() - began:.0f} s")
    return 0 if all(row.is_right for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
