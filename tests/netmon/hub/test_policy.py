from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netmon.hub import record
from netmon.hub.influx import Answer, is_v1
from netmon.hub.sink import Sink
from netmon.policy import Act, verdict
from netmon.segments import Position


@pytest.mark.parametrize(
    ("status", "text", "act"),
    [
        (204, "", Act.DONE),
        (200, "", Act.DONE),
        (400, 'partial write: field type conflict: input field "a" dropped=1', Act.PARTIAL),
        (422, "partial write: points beyond retention dropped=3", Act.PARTIAL),
        (400, "unable to parse 'x': missing fields", Act.HALVE),
        (413, "request too large", Act.HALVE),
        (401, "", Act.REFUSED),
        (403, "", Act.REFUSED),
        (404, "database not found", Act.REFUSED),
        (429, "", Act.KEEP),
        (500, "", Act.KEEP),
        (503, "", Act.KEEP),
        (0, "connection refused", Act.KEEP),
    ],
)
def test_every_answer_leads_where_the_table_says(status: int, text: str, act: Act) -> None:
    assert verdict(status, text).act is act


def test_dropped_lines_and_waits_are_read_from_the_answer() -> None:
    assert verdict(400, "partial write: x dropped=7").dropped == 7
    assert verdict(503, "", "12").wait_s == 12.0
    assert verdict(503, "", "Tue, 24 Nov").wait_s == 0.0
    assert verdict(429, "", "99999").wait_s == 60.0


@pytest.mark.parametrize(
    ("version", "old"), [("1.6.7~rc0", True), ("1.7.10", True), ("1.8.0", False), ("v2.7.1", False), ("unknown", False)]
)
def test_only_servers_before_1_8_get_the_old_api(version: str, old: bool) -> None:
    assert is_v1(version) is old


class Records:
    """Segments that hold these lines, one record each pair."""

    def __init__(self, lines: list[str]) -> None:
        header = record.Header("c1", "c1", "b", 1, 2, None, False, False, 0)
        self.bodies = [
            record.encode(header, "\n".join(lines[at : at + 2]).encode(), gzipped=False)
            for at in range(0, len(lines), 2)
        ]

    def read(self, start: Position) -> Iterator[tuple[Position, bytes]]:
        for number, body in enumerate(self.bodies, 1):
            if Position(1, number) > start:
                yield Position(1, number), body


class Database:
    """A database that answers by a function and keeps what it took."""

    def __init__(self, answer: Callable[[list[str]], Answer]) -> None:
        self.answer, self.taken = answer, list[str]()

    def write(self, lines: bytes) -> Answer:
        found = self.answer(lines.decode().split("\n"))
        if found.status == 204:
            self.taken += lines.decode().split("\n")
        return found

    def close(self) -> None:
        pass


def _copy(folder: Path, lines: list[str], answer: Callable[[list[str]], Answer]) -> tuple[Sink, Database]:
    database = Database(answer)
    sink = Sink("s", folder, Records(lines), Position(0, 0), lambda: database)
    assert sink._copy(database)
    return sink, database


LINES = [f"m,agent=c1 f={number}i 1" for number in range(9)]


def test_a_line_the_database_never_takes_is_set_aside_and_the_rest_stored(tmp_path: Path) -> None:
    bad = LINES[4]
    sink, database = _copy(
        tmp_path, LINES, lambda lines: Answer(400, "unable to parse") if bad in lines else Answer(204)
    )
    assert sorted(database.taken) == sorted(set(LINES) - {bad})
    assert (tmp_path / "s.refused.lp").read_text() == bad + "\n"
    assert sink.dropped == 1 and sink.sent == 8
    assert json.loads((tmp_path / "s.json").read_text())["position"] == [1, 5]


def test_a_body_too_large_is_halved(tmp_path: Path) -> None:
    _, database = _copy(tmp_path, LINES, lambda lines: Answer(413) if len(lines) > 2 else Answer(204))
    assert database.taken == LINES


def test_a_damaged_cursor_begins_again(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text("{")
    assert Sink("s", tmp_path, Records([]), Position(3, 4), lambda: Database(lambda _: Answer(204))).position == (3, 4)
