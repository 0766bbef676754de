"""Generated bodies of line protocol given to the hub's reader and to a real InfluxDB 1.6: who takes what, read back as what."""

from __future__ import annotations

import http.client
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hubs import program
from ports import free_port

from netmon.hub.ingest.lines import Bounds, LineReader
from netmon.hub.ingest.writers import Writer
from netmon.line import Line
from netmon.point import TAGS
from netmon.store import record

NOW_MS = 1_790_000_000_000
WIDE = Bounds(-(10**13), 9 * 10**12, NOW_MS * 1_000_000)
AT_ONCE = 500  # bodies a database
Point = tuple[str, frozenset[tuple[str, str]], frozenset[tuple[str, float]], int]

# Why the hub refuses what InfluxDB takes, and takes what InfluxDB refuses: each is a row of docs/hub.md, "Lines".
STRICTER = (
    "control character",
    "not UTF-8",
    "two ways",
    "does not find",
    "bad field",
    "no number",
    "named time",
    "bad field name",
    "closed",
)
_SYMBOLS = ['"', "\\", ",", "=", " ", "\\\\", "\\ ", "\\,", "\\=", '\\"', '"', "#", "é", "a", "b", "\t", ".", "-", "1"]


@contextmanager
def influxd(folder: Path) -> Iterator[int]:
    """An InfluxDB of its own; its port."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "influxdb.conf").write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{free_port()}"\n[meta]\ndir = "{folder}/meta"\n'
        f'[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\nindex-version = "inmem"\nquery-log-enabled = false\n'
        f'[http]\nbind-address = "127.0.0.1:{port}"\nlog-enabled = false\n[monitor]\nstore-enabled = false\n'
        '[logging]\nlevel = "error"\n'
    )
    with program(["influxd", "-config", str(folder / "influxdb.conf")], folder, ("127.0.0.1", port)):
        yield port


class Influx:
    """One connection to it."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        self._connection.request(method, path, body)
        return self._connection.getresponse().read()

    def fresh(self, name: str) -> None:
        """An empty database."""
        for text in (f'DROP DATABASE "{name}"', f'CREATE DATABASE "{name}"'):
            self._ask("POST", "/query?q=" + quote(text))

    def write(self, name: str, body: bytes) -> str:
        """The words of a refusal, "" without one."""
        return self._ask("POST", f"/write?db={name}&precision=ms", body).decode(errors="replace")

    def points(self, name: str) -> set[Point]:
        """Everything with a number in it."""
        told = json.loads(self._ask("GET", f"/query?db={name}&epoch=ms&q=" + quote("SELECT * FROM /.*/ GROUP BY *")))
        return {point for one in told["results"][0].get("series", []) for point in _points_of(one)}


def _points_of(series: dict[str, Any]) -> Iterator[Point]:
    tags = frozenset((key, value) for key, value in series.get("tags", {}).items() if value)
    for row in series["values"]:
        named = dict(zip(series["columns"], row, strict=True))
        at_ms = named.pop("time")
        numbers = {key: float(value) for key, value in named.items() if type(value) in (int, float)}
        if numbers:
            yield series["name"], tags, frozenset(numbers.items()), at_ms if abs(at_ms - NOW_MS) < 10**9 else 0


def _point_of(line: Line) -> Point:
    tags = frozenset((key, value) for key, value in line.tags.items() if key not in TAGS)
    numbers = frozenset((key, float(value)) for key, value in line.fields.items())
    return line.name, tags, numbers, line.time or 0


def body(chance: random.Random, number: int) -> bytes:
    """One to four lines, each of a measurement of its own; many odd, most nearly right."""
    rows = []
    for at in range(chance.choice((1, 1, 2, 3, 4))):
        if chance.random() < 0.07:
            rows.append(chance.choice(("# ", " #", "")) + _odd(chance, 8).replace('"', ""))
            continue
        rows.append(_line(chance, f"n{number}x{at}"))
    text = "\n".join(rows).encode()
    if chance.random() < 0.03:
        place = chance.randrange(len(text) + 1)
        text = text[:place] + bytes([chance.randrange(256)]) + text[place:]
    return text


def _odd(chance: random.Random, most: int) -> str:
    return "".join(chance.choice(_SYMBOLS) for _ in range(chance.randrange(most)))


def _name(chance: random.Random, begin: str) -> str:
    kind = chance.random()
    if kind < 0.5:
        return begin
    if kind < 0.94:  # escaped as it should be
        text = begin + "".join(chance.choice(['"', "C:\\x", "\\,", "\\=", "\\ ", "é", "#", "a"]) for _ in range(3))
        return text + "z"
    return begin + _odd(chance, 4)


def _line(chance: random.Random, name: str) -> str:
    tags = "".join(
        f",{_name(chance, f't{at}')}={_name(chance, chance.choice(['v', 'w', chr(34)]))}"
        for at in range(chance.randrange(3))
    )
    values = [
        "1",
        "-2i",
        "0.5",
        ".5",
        "1e3",
        "1.e+2",
        "+1",
        "1i2",
        '"x"',
        '"a\\"b,c=d"',
        '"a\nb=1 2\n"',
        "t",
        "False",
        "-",
    ]
    fields = ",".join(
        f"{_name(chance, f'f{at}')}={chance.choice(values) if chance.random() < 0.97 else _odd(chance, 4)}"
        for at in range(chance.randrange(1, 4))
    )
    blanks = chance.choice(["", "", "", " ", "\t"])
    stamp = chance.choice([f" {NOW_MS + chance.randrange(9)}"] * 20 + ["", f"  {NOW_MS}  ", " x", f" {NOW_MS} 1"])
    return f"{blanks}{_name(chance, name)}{tags} {fields}{stamp}"


@dataclass
class Report:
    """What came of a comparison. `unexplained`: bodies that differ without a reason the documents name."""

    bodies: int = 0
    accepted: int = 0
    refused: int = 0
    alike: int = 0
    stricter: Counter[str] = field(default_factory=Counter)
    wider: Counter[str] = field(default_factory=Counter)
    unexplained: list[tuple[bytes, str]] = field(default_factory=list)
    misread: list[str] = field(default_factory=list)  # of the hub's own text, by the database


def compare(influx: Influx, bodies: Mapping[int, bytes], report: Report) -> None:
    """Give `bodies` (by the number in their measurements) to both, one by one; then the text the hub stores of them to the
    database."""
    influx.fresh("sent")
    influx.fresh("copied")
    ours, why = dict[int, set[Point]](), dict[int, str]()
    accepted: list[Line] = []
    for number, one in bodies.items():
        read = LineReader(Writer("c1", "1", "1", frozenset()), {}).read(one, "", "ms", WIDE)
        lines = [line for line in read.lines if line is not None]
        accepted += lines
        ours[number] = {_point_of(line) for line in lines}
        why[number] = "; ".join(fault.reason for fault in read.faults)
        report.accepted += len(lines)
        report.refused += len(read.faults)
        influx.write("sent", one)
    report.bodies += len(bodies)
    _judge(influx.points("sent"), bodies, ours, why, report)
    told = influx.write("copied", record.text_of(accepted).encode())
    if told or _without_own_tags(influx.points("copied")) != {_point_of(line) for line in accepted}:
        report.misread.append(told or "points differ")


def _without_own_tags(points: set[Point]) -> set[Point]:
    return {
        (name, frozenset(pair for pair in tags if pair[0] not in TAGS), values, at) for name, tags, values, at in points
    }


def _judge(
    theirs: set[Point],
    bodies: Mapping[int, bytes],
    ours: Mapping[int, set[Point]],
    why: Mapping[int, str],
    report: Report,
) -> None:
    by_number: dict[int, set[Point]] = {}
    for point in theirs:
        found = re.search(r"n(\d+)\D?x", point[0])
        by_number.setdefault(int(found[1]) if found else -1, set()).add(_timeless(point))
    for number, points in ours.items():
        one, known, mine = bodies[number], by_number.get(number, set()), {_timeless(point) for point in points}
        if mine == known:
            report.alike += 1
        elif known - mine and any(reason in why[number] for reason in STRICTER):
            report.stricter[next(reason for reason in STRICTER if reason in why[number])] += 1
        elif known < mine and (b"\r" in one or b"#" in one or b"\xef" in one or b"u" in one):
            report.wider["comment or line end"] += 1
        elif known < mine and why[number]:
            report.wider["lines behind a bad one"] += 1
        else:
            report.unexplained.append((one, f"hub only {mine - known}, InfluxDB only {known - mine}: {why[number]}"))


def _timeless(point: Point) -> Point:
    """A point without a stamp has the moment of its arrival there, and another here."""
    name, tags, values, at_ms = point
    return name, tags, values, 0 if at_ms == NOW_MS or at_ms == 0 else at_ms
