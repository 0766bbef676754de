"""What a flipped bit costs in each state file. `python tests/bench/bit_flips.py [FLIPS]`

A hub is opened on a copy of its folder with one bit flipped, for so many places spread over each file, and a file cut to
nothing and a folder in its place besides. Prints for each file: damages, how often the hub opened, took a new point, said
something, and how many values were another than what was written (must be 0).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from hubs import eventually, hub, line, now_ms
from ports import free_port

from netmon.agent.uplink.cursor import Cursor
from netmon.agent.uplink.spool import Spool
from netmon.config.files import load_hub
from netmon.hub.hub import Hub, open_hub
from netmon.hub.ingest.ingest import BadWrite
from netmon.segments.position import Position
from netmon.store import read

DAY_MS = 86_400_000
Damage = Callable[[Path], None]


@dataclass
class Row:
    """What became of one file's damages."""

    file: str
    damages: int = 0
    opened: int = 0
    taken: int = 0
    told: int = 0
    changed: int = 0

    def __str__(self) -> str:
        return f"{self.file:44} {self.damages:8} {self.opened:7} {self.taken:6} {self.told:5} {self.changed:8}"


class Heard(logging.Handler):
    """Was anything said?"""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.many = 0

    def emit(self, record: logging.LogRecord) -> None:
        """One line of the log."""
        self.many += 1


def _flip(bit: int) -> Damage:
    def damage(path: Path) -> None:
        raw = bytearray(path.read_bytes())
        raw[bit // 8] ^= 1 << bit % 8
        path.write_bytes(raw)

    return damage


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _damages(path: Path, flips: int) -> list[Damage]:
    bits = path.stat().st_size * 8
    spread = [_flip(number * bits // flips + number % 8) for number in range(min(flips, bits // 9))]
    return [*spread, lambda file: file.write_bytes(b""), _folder]


def _prepared(folder: Path) -> Path:
    """The folder of a hub that stored, sealed, and saw a link break."""
    extra = 'seal_every: 1s\nserver_names: [0.0.0.0]\nsinks:\n  - {name: far, kind: influxdb, url: "http://127.0.0.1:9", org: o, bucket: b}\n'
    with hub(folder, host="0.0.0.0", extra=extra) as one:  # noqa: S104  TLS, so that keys matter
        for number in range(1, 60):
            lines = [line(agent, number, now_ms()) for agent in ("c1", "c2")]
            bad = [text.replace("outcome=0i", "outcome=1i").replace(f"rcvd={number}i", "rcvd=0i") for text in lines]
            for agent, text in zip(("c1", "c2"), bad if number > 20 else lines, strict=True):
                one.write(agent, [text], f"{number}-{number}", urgent="1", frontier=str(now_ms()))
            time.sleep(0.2)
        assert eventually(lambda: one.read()["incidents"])
        assert eventually(lambda: list((one.state / "store").rglob("*.parquet")))
        one.stop()
    return folder


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[Hub]:
    text = (folder / "hub.yaml").read_text()
    port = next(part for part in text.split('"') if part.startswith("0.0.0.0:"))
    (folder / "hub.yaml").write_text(text.replace(port, f"0.0.0.0:{free_port('0.0.0.0')}"))  # noqa: S104
    one = open_hub(load_hub(folder / "hub.yaml"))
    try:
        yield one
    finally:
        for listener in one.listeners:
            listener._sock.close()
        one.evaluator.board.tables.database.close()
        one.segments.close()
        import os

        os.close(one.lock)


async def _write(one: Hub, token: str) -> int:
    headers = {"x-netmon-agent": "c1", "x-netmon-boot": "fresh", "x-netmon-seq": "1-1"}
    try:
        return (await one.ingest.write(one.ingest.admit(token, headers, "ms"), line("c1", 1, now_ms()).encode())).status
    except BadWrite as bad:
        return bad.reply.status
    finally:
        await one.journal.close()


def _values(one: Hub) -> dict[str, Any]:
    """What people and rules get of what was kept."""
    incidents = {
        row["id"]: (row["element"], row["kind"], row["opened_ms"])
        for row in one.evaluator.view(time.time())["incidents"]
    }
    seen = {
        f"{agent} {boot}": max(last for _, last in parts)
        for agent, boots in one.ingest.seen_now().items()
        for boot, parts in boots.items()
        if parts
    }
    lines = {f"line {at}": body for at, body in one.segments.read(Position(0, 0))}
    return incidents | seen | lines


def _hub_row(made: Path, place: Path, flips: int, token: str, whole: dict[str, Any], heard: Heard) -> Row:
    row = Row(str(place))
    for damage in _damages(made / "state" / place, flips):
        with tempfile.TemporaryDirectory() as made_folder:
            folder = Path(shutil.copytree(made, Path(made_folder) / "hub", ignore=shutil.ignore_patterns("*.sock")))
            text = (folder / "hub.yaml").read_text().replace(str(made), str(folder))
            (folder / "hub.yaml").write_text(text)
            damage(folder / "state" / place)
            row.damages += 1
            before = heard.many
            try:
                with _opened(folder) as one:
                    row.opened += 1
                    row.changed += sum(whole.get(key, value) != value for key, value in _values(one).items())
                    row.told += heard.many > before or bool(one.troubles.rows()) or one.segments.damaged > 0
                    row.taken += asyncio.run(_write(one, token)) == 204
            except Exception as fault:
                print(f"{place}: {type(fault).__name__}: {fault}", file=sys.stderr)
    return row


def _parquet_row(made: Path, flips: int) -> Row:
    path = sorted((made / "state" / "store").rglob("*.parquet"))[0]
    row, raw = Row(path.name), path.read_bytes()
    whole = _read(made)
    for damage in _damages(path, flips * 4)[:-1]:
        damage(path)
        row.damages += 1
        found = _read(made)
        row.opened += 1
        row.taken += 1
        row.told += len(found) < len(whole)
        row.changed += sum(sample not in whole for sample in found)
        path.write_bytes(raw)
    return row


def _read(made: Path) -> list[read.StoredValue]:
    return read.range(made / "state" / "store", "netmon_ping", "sent", now_ms() - DAY_MS, now_ms() + DAY_MS)


def _agent_row(folder: Path, name: str, flips: int, heard: Heard) -> Row:
    spool = Spool(folder / "spool", segment_bytes=1 << 16, quota_bytes=1 << 22)
    cursor = Cursor(folder / "spool" / "hub.cursor", spool, live_age_ms=10_000)
    lines = [f"m,check=c{number} f={number}i 1" for number in range(1, 401)]
    for at in range(0, 400, 10):
        spool.store(lines[at : at + 10], frontier_ms=0, now_ms=0, urgent=False)
    cursor.save()
    path = next((folder / "spool").rglob(name))
    row = Row(f"agent: {name}")
    for damage in _damages(path, flips * 4):
        with tempfile.TemporaryDirectory() as made:
            copy = Path(shutil.copytree(folder, Path(made) / "agent"))
            damage(copy / path.relative_to(folder))
            row.damages += 1
            before = heard.many
            again = Spool(copy / "spool", segment_bytes=1 << 16, quota_bytes=1 << 22)
            place = Cursor(copy / "spool" / "hub.cursor", again, live_age_ms=10_000)
            row.opened += 1
            again.store(["new f=1i 1"], frontier_ms=0, now_ms=0, urgent=False)
            found = list[str]()
            while batch := place.next_live(0) or place.next_backlog(1 << 20):
                found += batch.lines
                place.done(batch)
            row.taken += "new f=1i 1" in found
            row.told += (
                heard.many > before
                or again.segments.damaged > 0
                or bool(again.take_lost())
                or again.segments.cut_bytes > 0
            )
            row.changed += sum(text not in lines and text != "new f=1i 1" for text in found)
    return row


def main() -> None:
    """All files."""
    flips = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    heard = Heard()
    logging.getLogger().addHandler(heard)
    logging.getLogger().setLevel(logging.WARNING)
    for name in ("netmon", "netmon.hub", "netmon.agent", "netmon.files", "netmon.store"):
        logging.getLogger(name).propagate = True
    print(f"{'file':44} {'damages':>8} {'opened':>7} {'taken':>6} {'told':>5} {'changed':>8}")
    with tempfile.TemporaryDirectory() as folder:
        made = _prepared(Path(folder) / "made")
        state = made / "state"
        token = (state / "trust/tokens/c1.token").read_text().strip()
        with tempfile.TemporaryDirectory() as copy:
            there = Path(shutil.copytree(made, Path(copy) / "hub", ignore=shutil.ignore_patterns("*.sock")))
            (there / "hub.yaml").write_text((there / "hub.yaml").read_text().replace(str(made), str(there)))
            with _opened(there) as one:
                whole = _values(one)
                assert asyncio.run(_write(one, token)) == 204
                assert not heard.many and not one.troubles.rows(), (
                    f"said of undamaged files: {heard.many} {one.troubles.rows()}"
                )
        places = [
            path.relative_to(state)
            for path in sorted(state.rglob("*"))
            if path.is_file() and path.suffix != ".parquet" and path.name not in ("lock", "c2.token", "hub.db.ballast")
        ]
        for place in places:
            print(_hub_row(made, place, flips, token, whole, heard), flush=True)
        print(_parquet_row(made, flips), flush=True)
    for name in ("*.seg", "hub.cursor"):
        with tempfile.TemporaryDirectory() as folder:
            print(_agent_row(Path(folder), name, flips, heard), flush=True)


if __name__ == "__main__":
    main()
