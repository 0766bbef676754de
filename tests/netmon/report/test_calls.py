"""RFC 6076's figures against calls counted by hand: a point is one call, what asked nobody is left out, few calls say nothing."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path

import pytest

from netmon.cli.app import main
from netmon.report.calls import ALL, MIN_CALLS, CallFigures, calls
from netmon.report.utilisation import SEALED_S, SlotWindow
from netmon.store import record, seal
from netmon.store.frames import END, FRAME

END_S = 1_790_000_100 // 300 * 300
DAY_S = 86_400
OVER = SlotWindow(END_S - 7 * DAY_S, END_S)
OK, LOST, REFUSED, UNRESOLVED, PROTOCOL, LOCAL = range(6)


class Points:
    """Calls one after the other, a minute apart, up to the window's end."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, many: int, outcome: int, province: str = "79", **values: float) -> Points:
        for _ in range(many):
            at_ms = 1000 * (END_S - 60 * (len(self.lines) + 1))
            told = [f"outcome={outcome}i", *(f"{name}={value}" for name, value in values.items())]
            tags = f"agent=a1,check=c1,commune=-,province={province},site=s1,target=sip:8001@mcu"
            self.lines.append(f"netmon_sipcall,{tags} {','.join(told)} {at_ms}")
        return self

    def seal(self, store: Path, segment: int = 1) -> Path:
        header = record.Header("a1", "a1", "b", 1, len(self.lines), None, False, False, 0)
        body = record.encode(header, "\n".join(self.lines).encode(), gzipped=False)
        seal.seal(io.BytesIO(FRAME.pack(segment, len(body)) + body + FRAME.pack(END, 0)), store, 0)
        return store


def whole(store: Path) -> CallFigures:
    return {one.province: one for one in calls(store, OVER)}[ALL]


def test_the_ratios_are_those_counted_by_hand(tmp_path: Path) -> None:
    points = Points().add(50, OK, status=200, srd_ms=40.0)
    points.add(5, LOST, status=200, srd_ms=40.0)  # taken, and no sound came back
    points.add(10, REFUSED, status=486, srd_ms=30.0).add(5, REFUSED, status=480, srd_ms=30.0)
    points.add(6, REFUSED, status=503, srd_ms=5.0).add(4, REFUSED, status=404, srd_ms=5.0)
    points.add(8, LOST).add(2, REFUSED)  # no answer: 408; a reset or an ICMP error: 503
    points.add(10, REFUSED, status=302, srd_ms=5.0)
    one = whole(points.seal(tmp_path))
    assert (one.calls, one.left_out, one.redirected) == (100, 0, 10)
    assert one.ser == round(55 / 90, 5) and one.seer == round(70 / 90, 5)
    assert one.isa == 16 / 100 and one.scr == 50 / 100


def test_a_call_that_asked_nobody_or_was_only_asked_for_a_password_is_left_out(tmp_path: Path) -> None:
    points = Points().add(30, OK, status=200).add(3, LOCAL).add(4, UNRESOLVED).add(5, REFUSED, status=407)
    points.add(1, REFUSED, status=401)
    one = whole(points.seal(tmp_path))
    assert (one.calls, one.left_out) == (30, 13) and one.ser == one.seer == one.scr == 1.0 and one.isa == 0.0


def test_a_call_that_was_taken_counts_as_taken_though_this_machine_was_too_busy_for_its_sound(tmp_path: Path) -> None:
    one = whole(Points().add(20, OK, status=200).add(5, LOCAL, status=200).seal(tmp_path))
    assert (one.calls, one.ser, one.scr) == (25, 1.0, 0.8)


def test_what_answers_but_is_no_sip_is_a_call_that_failed(tmp_path: Path) -> None:
    one = whole(Points().add(20, OK, status=200).add(20, PROTOCOL).seal(tmp_path))
    assert (one.calls, one.ser, one.isa) == (40, 0.5, 0.0)


@pytest.mark.parametrize(("many", "known"), [(MIN_CALLS - 1, False), (MIN_CALLS, True)])
def test_too_few_calls_say_nothing(many: int, known: bool, tmp_path: Path) -> None:
    one = whole(Points().add(many, OK, status=200, srd_ms=40.0, sdd_ms=2.0).seal(tmp_path))
    assert one.calls == one.srd_n == one.sdd_n == many
    told = (one.ser, one.seer, one.isa, one.scr, one.srd_p50_ms, one.srd_p95_ms, one.sdd_p50_ms)
    assert all((value is not None) == known for value in told)


def test_the_delay_of_calls_that_were_taken_and_of_those_that_failed_stand_apart(tmp_path: Path) -> None:
    points = Points()
    for number in range(1, 41):
        points.add(1, OK, status=200, srd_ms=float(number), sdd_ms=number / 10)
    for number in range(1, 31):
        points.add(1, REFUSED, status=486, srd_ms=1000.0 + number)
    points.add(10, LOST)  # nothing measured
    one = whole(points.seal(tmp_path))
    assert (one.srd_n, one.srd_p50_ms, one.srd_p95_ms) == (40, 20.0, 38.0)
    assert (one.srd_failed_n, one.srd_failed_p50_ms, one.srd_failed_p95_ms) == (30, 1015.0, 1029.0)
    assert (one.sdd_n, one.sdd_p50_ms, one.sdd_p95_ms) == (40, 2.0, 3.8)


def test_delays_nobody_asked_for_are_absent_while_ratios_stand(tmp_path: Path) -> None:
    one = whole(Points().add(30, OK, status=200, srd_ms=40.0).seal(tmp_path))
    assert one.ser == 1.0 and (one.sdd_n, one.sdd_p50_ms) == (0, None)


def test_provinces_stand_apart_and_all_together_is_no_mean_of_them(tmp_path: Path) -> None:
    points = Points().add(90, OK, province="79", status=200).add(10, LOST, province="01")
    rows = calls(points.add(10, OK, province="01", status=200).seal(tmp_path), OVER)
    assert [one.province for one in rows] == ["01", "79", ALL]
    assert [one.ser for one in rows] == [0.5, 1.0, round(100 / 110, 5)]
    assert [one.province for one in calls(tmp_path, OVER, "01")] == ["01"]


def test_a_point_that_came_twice_is_one_call_and_what_is_outside_the_window_none(tmp_path: Path) -> None:
    points = Points().add(30, OK, status=200)
    points.seal(points.seal(tmp_path), segment=2)
    assert whole(tmp_path).calls == 30
    assert calls(tmp_path, SlotWindow(END_S, END_S + DAY_S)) == []
    assert calls(tmp_path, SlotWindow(END_S - 600, END_S))[-1].calls == 10


# --- the verb ---


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(time, "time", lambda: END_S + SEALED_S + 1.0)
    points = Points().add(30, OK, status=200, srd_ms=41.2, sdd_ms=2.0).add(10, LOST).add(2, LOCAL)
    return points.add(3, OK, province="01", status=200, srd_ms=20.0).seal(tmp_path)


def _told(store: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["--lang", "en", "report", "calls", "--store", str(store), *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_the_table_shows_how_many_calls_stand_behind_each_figure(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = _told(store, capsys)
    lines = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert lines[0] == ["01", "3", *["too few"] * 4, "too few (N=3)", "", ""]
    assert lines[1] == ["79", "40", "75.0%", "75.0%", "25.0%", "75.0%", "41/41 ms (N=30)", "", "2/2 ms (N=30)"]
    assert lines[2][:3] == ["all", "43", "76.7%"]
    assert "7 days" in err and "under 20 calls" in err and "2 calls that asked nobody" in err


def test_json_csv_and_jsonl_hold_the_same_rows(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _told(store, capsys, "-o", "json")
    report = json.loads(out)
    assert (report["until_s"], report["fewest"]) == (END_S, MIN_CALLS)
    assert [row["province"] for row in report["rows"]] == ["01", "79", "all"]
    assert "ser" not in report["rows"][0] and report["rows"][1]["ser"] == 0.75
    _, out, _ = _told(store, capsys, "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["calls"] for row in rows] == ["3", "40", "43"] and rows[0]["ser"] == ""
    _, out, _ = _told(store, capsys, "-o", "jsonl", "--province", "79")
    assert [json.loads(line)["province"] for line in out.splitlines()] == ["79"]


def test_no_calls_at_all_and_no_store_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _told(tmp_path, capsys)
    assert code == 0 and out == "" and "No test calls at all" in err
    code, _, err = _told(tmp_path / "none", capsys)
    assert code == 3 and "no store that can be read" in err
