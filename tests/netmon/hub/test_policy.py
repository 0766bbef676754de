from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netmon.delivery import set_aside
from netmon.delivery.reply import Act, WriteReply, judge, said
from netmon.files import read_secret
from netmon.hub.archive.influx import is_v1
from netmon.hub.archive.sink import Sink
from netmon.process.troubles import Troubles
from netmon.segments.position import Position
from netmon.store import record


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
    assert judge(WriteReply(status, text)).act is act


def test_dropped_lines_and_waits_are_read_from_the_answer() -> None:
    assert judge(WriteReply(400, "partial write: x dropped=7")).dropped == 7
    assert judge(WriteReply(503, "", "12")).wait_s == 12.0
    assert judge(WriteReply(503, "", "Tue, 24 Nov")).wait_s == 0.0
    assert judge(WriteReply(429, "", "99999")).wait_s == 60.0


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


PAGE = "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "Client sent an HTTP request to an HTTPS server.\n"),
        (400, PAGE),
        (400, ""),
        (400, 'missing route for "http://x/api/v2/write"'),
        (400, '{"message":"no Route matched with those values"}'),
        (400, "<html>unable to parse the request</html>"),
        (405, ""),
        (301, ""),
        (302, "<a href=x>Found</a>"),
        (200, "<!DOCTYPE html><title>Log in</title>"),
        (200, '{"error":"not stored"}'),
        (200, '{"status":"ok"}'),
        (202, "accepted"),
        (407, "proxy"),
        (451, ""),
        (400, "\ufeff<!-- a proxy's -->\n<html>unable to parse</html>"),
    ],
)
def test_what_is_no_word_about_lines_costs_no_line(status: int, text: str) -> None:
    assert judge(WriteReply(status, text)).act is Act.REFUSED


@pytest.mark.parametrize(
    ("status", "text", "act"),
    [
        (400, '{"error":"unable to parse \'x y\': invalid field format"}', Act.HALVE),
        (400, '{"code":"invalid","message":"failed to parse line protocol: errors on line(s) 2","line":2}', Act.HALVE),
        (400, '{"error":"parsing failed for write_lp endpoint","data":[{"line_number":1}]}', Act.HALVE),
        (400, "error in /write: too long line: more than 262144 bytes", Act.HALVE),
        (500, '{"message":"partial write: field type conflict: x dropped=1"}', Act.PARTIAL),
        (500, '{"error":"partial write"}', Act.KEEP),
        (503, "<html>unable to parse</html>", Act.KEEP),
        (502, "<html>partial write: x dropped=3</html>", Act.KEEP),
        (408, "", Act.KEEP),
    ],
)
def test_a_database_that_names_lines_is_believed(status: int, text: str, act: Act) -> None:
    assert judge(WriteReply(status, text)).act is act


@given(st.integers(0, 999), st.text(max_size=80), st.text(max_size=8))
def test_no_answer_is_too_odd_for_the_table(status: int, text: str, more: str) -> None:
    judge(WriteReply(status, text, more))
    assert len(said(WriteReply(status, text, location=more))) < 1000


def test_the_mistake_is_named_with_its_way_out() -> None:
    assert said(WriteReply(400, PAGE)) == (
        "400: a web page: 400 The plain HTTP request was sent to HTTPS port (its url should say https://?)"
    )
    assert "http://x/y (write that address" in said(WriteReply(307, location="http://x/y"))
    assert said(WriteReply(404, '{"code":"not found","message":"bucket x not found"}·')) == "404: bucket x not found"


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


def test_the_file_of_refused_lines_is_bounded_and_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    aside = set_aside.SetAside(tmp_path, "s", max_bytes=30)
    assert aside.add(["0123456789"] * 4) == 2 and aside.count == 2
    assert aside.path.stat().st_mode & 0o777 == 0o600 and set_aside.SetAside(tmp_path, "s").count == 2


def test_a_secret_saved_by_notepad_is_read_without_its_mark(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"\xef\xbb\xbfabc\r\n")
    assert read_secret(tmp_path / "t") == "abc"
    (tmp_path / "t").write_bytes(b"\xff\xfea\x00")
    with pytest.raises(ValueError, match="is not UTF-8 text"):
        read_secret(tmp_path / "t")
