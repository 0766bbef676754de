"""What a sink does with its lines after each answer of its database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netmon.delivery import set_aside
from netmon.delivery.reply import WriteReply
from netmon.hub.archive.influx import is_v1
from netmon.hub.archive.sink import Sink
from netmon.process.troubles import Troubles
from netmon.segments.position import Position
from netmon.store import record


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

    def __init__(self, answer: Callable[[list[str]], WriteReply]) -> None:
        self.answer, self.taken = answer, list[str]()

    def write(self, lines: bytes) -> WriteReply:
        found = self.answer(lines.decode().split("\n"))
        if found.status == 204:
            self.taken += lines.decode().split("\n")
        return found

    def close(self) -> None:
        pass


def _copy(folder: Path, lines: list[str], answer: Callable[[list[str]], WriteReply]) -> tuple[Sink, Database]:
    database = Database(answer)
    sink = Sink("s", folder, Records(lines), Position(0, 0), lambda: database)
    assert sink._copy(database)
    return sink, database


LINES = [f"m,agent=c1 f={number}i 1" for number in range(9)]


def test_a_line_the_database_never_takes_is_set_aside_and_the_rest_stored(tmp_path: Path) -> None:
    bad = LINES[4]
    sink, database = _copy(
        tmp_path, LINES, lambda lines: WriteReply(400, "unable to parse") if bad in lines else WriteReply(204)
    )
    assert sorted(database.taken) == sorted(set(LINES) - {bad})
    assert (tmp_path / "s.refused.lp").read_text() == bad + "\n"
    assert sink.dropped == 1 and sink.sent == 8
    assert json.loads((tmp_path / "s.json").read_text())["position"] == [1, 5]


def test_a_body_too_large_is_halved(tmp_path: Path) -> None:
    _, database = _copy(tmp_path, LINES, lambda lines: WriteReply(413) if len(lines) > 2 else WriteReply(204))
    assert database.taken == LINES


def test_a_damaged_cursor_begins_again(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text("{")
    assert Sink("s", tmp_path, Records([]), Position(3, 4), lambda: Database(lambda _: WriteReply(204))).position == (
        3,
        4,
    )


def test_when_every_line_is_refused_alike_nothing_is_set_aside_and_it_is_told(tmp_path: Path) -> None:
    board = Troubles()
    wrong = True
    database = Database(lambda lines: WriteReply(400, "unable to parse 'x'") if wrong else WriteReply(204))
    sink = Sink("s", tmp_path, Records(LINES), Position(0, 0), lambda: database, board)
    sink._stop.wait = lambda timeout=None: False  # type: ignore[method-assign]  # no waits
    assert sink._copy(database) and sink.position == Position(0, 0)
    assert sink.row()["set_aside"] == sink.dropped == 0 and "every line is refused" in sink.trouble
    assert board.rows()[0]["part"] == "sink s"
    wrong = False
    assert sink._copy(database) and sorted(database.taken) == LINES
    assert sink.trouble == "" and board.rows() == []


def test_what_was_set_aside_is_sent_again_when_somebody_asks(tmp_path: Path) -> None:
    bad = {LINES[4]}
    sink, database = _copy(
        tmp_path, LINES, lambda lines: WriteReply(400, "unable to parse") if bad & {*lines} else WriteReply(204)
    )
    assert sink.row()["set_aside"] == 1
    sink._send_again(database)
    assert LINES[4] not in database.taken  # nobody asked
    assert set_aside.ask_again(tmp_path, "s") == 1
    sink._send_again(database)
    assert sink.row()["set_aside"] == sink.dropped == 1  # still refused, still there
    assert set_aside.ask_again(tmp_path, "s") == 1
    bad.clear()
    sink._send_again(database)
    assert LINES[4] in database.taken and sink.row()["set_aside"] == sink.dropped == 0
    assert set_aside.ask_again(tmp_path, "s") == 0
