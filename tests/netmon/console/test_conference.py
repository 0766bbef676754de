"""The board of a conference: pure lines of what the hub said, changes as JSON, and the whole on a real terminal."""

from __future__ import annotations

import http.server
import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from screens import AT_MS, incident
from terminals import Terminal

from netmon import readiness
from netmon.cli import app
from netmon.cli.conference import listing
from netmon.console.board import ConferenceWatch, watched_part
from netmon.console.view import conference
from netmon.console.view.conference import Board
from netmon.hub_client import HubClient

NOW_S = AT_MS / 1000
Row = dict[str, Any]


def room(number: int, state: str = "ready", rung: str = "", **more: Any) -> Row:
    plain = {"why": "no answer", "owner": f"Xã {number}", "contact": "Trực", "phone": "0123", "do": "Bật máy"}
    return {"room": f"r{number}", "name": f"Hội trường {number}", "state": state, "rung": rung, **plain, **more}


def result(*rooms: Row) -> Row:
    return {"rooms": list(rooms), "causes": [], "summary": readiness.counted(rooms), "at_ms": AT_MS}


def row(found: Row | None = None, *, starts_in_s: float = 3000, incidents: tuple[Row, ...] = (), **more: Any) -> Row:
    last = None
    if found is not None:
        counts = {"worse_count": 2, "better_count": 1, "still_count": 0}
        last = {"stage": "T-60min", "at_ms": AT_MS, "summary": found["summary"], "failed": "", "light": False, **counts}
    starts_ms = round((NOW_S + starts_in_s) * 1000)
    state = "upcoming" if starts_in_s > 0 else "live" if starts_in_s > -7200 else "over"
    plain = {"id": "hn", "name": "Hội nghị", "starts_ms": starts_ms, "ends_ms": starts_ms + 7_200_000, "state": state}
    return plain | {
        "rooms": 3, "mcus": ["m1"], "running": "", "last": last, "next": {"stage": "T-30min", "at_ms": AT_MS + 90_000},
        "incidents": list(incidents), "stages": [],
    } | more  # fmt: skip


def shown(board: Board, lang: str = "vi", width: int = 140, height: int = 24, now_s: float = NOW_S) -> list[str]:
    lines = conference.render(board, lang, width, height, now_s)
    return ["".join(part.text for part in line) for line in lines]


def board(found: Row | None = None, **more: Any) -> Board:
    return Board(row(found, **more), found, NOW_S)


BROKEN = result(room(1, "not_ready", "port"), room(2, "risk", why="chứng thư sắp hết hạn"), room(3))
TOUCHED = incident() | {"rooms": ["r1", "r3"]}


@pytest.mark.parametrize(("width", "height"), [(80, 24), (140, 40), (40, 10), (20, 5), (8, 3), (1, 1)])
def test_every_size_is_filled_exactly(width: int, height: int) -> None:
    for one in (board(BROKEN), board(BROKEN, starts_in_s=-60, incidents=(TOUCHED,)), board(None), Board()):
        lines = shown(one, width=width, height=height)
        assert len(lines) == height and {cell_len(line) for line in lines} == {width}


def test_the_countdown_the_figures_and_the_rooms_with_rung_and_owner_are_told() -> None:
    text = "\n".join(shown(board(BROKEN)))
    for part in ("Hội nghị  còn 50m00s", "T-60min", "mới hỏng 2, đã xong 1", "lần tới T-30min sau 1m30s", "1 sẵn sàng"):
        assert part in text
    assert "CHƯA SẴN SÀNG  Hội trường 1" in text and "cổng" in text and "Xã 1" in text and "Trực 0123" in text
    assert "Hội trường 3" not in text and "Bật máy" in text
    assert "starts in 50m00s" in shown(board(BROKEN), "en")[0]


def test_while_it_goes_on_incidents_stand_first_with_the_rooms_they_touch() -> None:
    lines = shown(board(BROKEN, starts_in_s=-600, incidents=(TOUCHED,)))
    assert "ĐANG HỌP, đã 10m00s, còn 1h50m" in lines[0]
    at = next(number for number, line in enumerate(lines) if "2 phòng" in line and "Mất kênh" in line)
    assert at < next(number for number, line in enumerate(lines) if "Hội trường 1" in line)
    assert "Không có sự cố nào" in "\n".join(shown(board(BROKEN, starts_in_s=-600)))


def test_what_does_not_fit_is_counted() -> None:
    many = result(*(room(number, "not_ready", "port") for number in range(100)))
    lines = shown(board(many), height=20)
    told_rooms = sum("Hội trường" in line for line in lines)
    assert f"còn {100 - told_rooms} dòng" in "\n".join(lines)


def test_nothing_rehearsed_failed_and_silent_hubs_are_said() -> None:
    assert "Chưa tổng duyệt lần nào" in "\n".join(shown(board(None)))
    failed = row(BROKEN)
    failed["last"]["failed"] = "no route"
    assert "KHÔNG TỔNG DUYỆT ĐƯỢC: no route" in "\n".join(shown(Board(failed, None, NOW_S)))
    assert "KHÔNG THẤY TRUNG TÂM" in shown(Board(row(), None, NOW_S, "away"))[0]
    assert "đã kết thúc 1h00m trước" in shown(board(BROKEN, starts_in_s=-10_800))[0]


@given(st.text(max_size=60), st.integers(1, 200), st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_hostile_texts_are_shown_harmlessly(text: str, width: int, height: int) -> None:
    found = result(room(1, "not_ready", "port", name=text, why=text, do=text, owner=text, phone=text))
    told_row = row(found, starts_in_s=-1, incidents=(TOUCHED | {"vi": text},), name=text)
    lines = shown(Board(told_row, found, NOW_S), width=width, height=height)
    assert len(lines) == height and all(line.isprintable() for line in lines)


def test_a_line_for_programs_has_no_clock_in_it() -> None:
    one = watched_part(board(BROKEN, incidents=(TOUCHED,)))
    assert [room["room"] for room in one["rooms"]] == ["r1", "r2"] and one["incidents"][0]["rooms"] == ["r1", "r3"]
    assert one == watched_part(Board(row(BROKEN, incidents=(TOUCHED,)), BROKEN, NOW_S + 99))


# --- with a hub that says so ---


class Hub(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers what stands in `answers` by path."""

    daemon_threads = True
    answers: dict[str, Any]
    asked: list[str]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.server.asked.append(path)
        found = self.server.answers.get(path)
        body = json.dumps(found if found is not None else {"message": "no conference"}).encode()
        self.send_response(200 if found is not None else 404)
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "test"

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def hub(folder: Path, found: Row | None, **more: Any) -> Iterator[tuple[str, Hub]]:
    path = str(folder / "hub.sock")
    server, one = Hub(path, Handler), row(found, **more)
    base = "/api/v1/conferences"
    server.answers = {base: {"conferences": [one]}, f"{base}/hn/live": one, f"{base}/hn": one | {"result": found}}
    server.asked = []
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield path, server
    finally:
        server.shutdown()
        server.server_close()


def test_the_whole_result_is_fetched_only_when_it_is_another(tmp_path: Path) -> None:
    with hub(tmp_path, BROKEN) as (path, server):
        watch = ConferenceWatch(HubClient(path), "hn", lang="vi")
        for _ in range(3):
            watch.ask(NOW_S)
        assert server.asked.count("/api/v1/conferences/hn") == 1
        assert server.asked.count("/api/v1/conferences/hn/live") == 3
        assert watch.board.result is not None and len(watch.board.result["rooms"]) == 3


def test_list_and_watch_print_and_an_unknown_one_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with hub(tmp_path, BROKEN) as (path, _):
        assert app.main(["--lang", "en", "conference", "list", "--hub", path]) == 0
        assert "to come\thn\tHội nghị\t" in capsys.readouterr().out
        assert app.main(["conference", "list", "--hub", path, "-o", "json"]) == 0
        assert json.loads(capsys.readouterr().out)[0]["id"] == "hn"
        assert app.main(["conference", "watch", "hn", "--hub", path, "--once"]) == 0
        assert "Hội trường 1" in capsys.readouterr().out
        assert app.main(["conference", "watch", "hn", "--hub", path, "--once", "-o", "jsonl"]) == 0
        assert json.loads(capsys.readouterr().out)["rooms"][0]["rung"] == "port"
        assert app.main(["conference", "watch", "nope", "--hub", path, "--once"]) == 2
        assert app.main(["conference", "watch", "hn", "--hub", path]) == 3  # no terminal


def test_the_list_says_what_was_found_and_what_comes() -> None:
    assert listing.last(row(BROKEN), "en") == "T-60min: 2 ready, 1 not"
    assert listing.coming(row(BROKEN), "en", NOW_S) == "T-30min in 1m 30s"
    assert listing.coming(row(BROKEN, running="T-60min"), "en", NOW_S) == "T-60min under way"
    assert listing.last(row(None), "vi") == "" and listing.coming(row(None, next=None), "vi", NOW_S) == ""


def test_the_board_on_a_terminal_follows_the_hub_changes_language_and_quits(tmp_path: Path) -> None:
    with hub(tmp_path, BROKEN) as (path, server):
        screen = Terminal([sys.executable, "-m", "netmon", "conference", "watch", "hn", "--hub", path], columns=130)
        try:
            assert screen.shows("Hội trường 1")
            screen.press("l")
            assert screen.shows("NOT READY")
            server.answers["/api/v1/conferences/hn/live"] |= {"incidents": [TOUCHED]}
            assert screen.shows("affected")
            screen.press("q")
            assert screen.process.wait(10) == 0
        finally:
            screen.close()


def test_the_board_names_its_zone() -> None:
    assert "+07 " in shown(board(BROKEN))[0]
