"""The week's 95th percentile against a plain reckoning over the same samples, read from sealed points, gaps told."""

from __future__ import annotations

import csv
import io
import json
import math
import random
import time
from pathlib import Path

import pytest

from netmon.cli.app import main
from netmon.report.utilisation import SEALED_S, SlotWindow, Use, utilisation, window
from netmon.store import record, seal
from netmon.store.frames import END, FRAME

SLOT_S, WEEK = 300, 2016
END_S = 1_790_000_100 // SLOT_S * SLOT_S
OVER = SlotWindow(END_S - WEEK * SLOT_S, END_S)


def _line(check: str, slot: int, rx: float | None, tx: float | None, province: str = "79") -> str:
    """The first look after a slot (counted back from the window's end; -1 is its last) is over, 7 s later."""
    shares = {"rx_5m_share": rx, "tx_5m_share": tx}
    told = [f"{name}={share}" for name, share in shares.items() if share is not None]
    at_ms = 1000 * (END_S + (slot + 1) * SLOT_S + 7)
    return (
        f"netmon_snmp,agent=p1,check={check},commune=-,province={province},site=p1,target=10.0.0.1"
        f" {','.join(['if_state=1i', *told, 'outcome=0i'])} {at_ms}"
    )


def _seal(store: Path, lines: list[str], segment: int = 1) -> Path:
    header = record.Header("p1", "p1", "b", 1, len(lines), None, False, False, 0)
    body = record.encode(header, "\n".join(lines).encode(), gzipped=False)
    seal.seal(io.BytesIO(FRAME.pack(segment, len(body)) + body + FRAME.pack(END, 0)), store, 0)
    return store


def _week(check: str, rx: list[float | None], tx: list[float | None]) -> list[str]:
    return [_line(check, at - len(rx), *both) for at, both in enumerate(zip(rx, tx, strict=True))]


def _by_way(found: list[Use], check: str = "wan") -> dict[str, Use]:
    return {one.direction: one for one in found if one.check == check}


@pytest.mark.parametrize("seed", range(3))
def test_the_percentile_is_that_of_a_plain_reckoning_for_each_direction(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    rx: list[float | None] = [round(draw.betavariate(5, 2), 5) for _ in range(WEEK)]
    tx: list[float | None] = [round(draw.betavariate(2, 5), 5) for _ in range(WEEK)]
    found = _by_way(utilisation(_seal(tmp_path, _week("wan", rx, tx)), OVER))
    for way, shares in (("rx", rx), ("tx", tx)):
        ranked = sorted(one for one in shares if one is not None)
        one = found[way]
        assert one.p95_share == ranked[math.ceil(0.95 * WEEK) - 1] and one.max_share == ranked[-1]
        assert (one.samples, one.missing) == (WEEK, 0)
        assert one.verdict == ("breach" if one.p95_share > 0.9 else "ok")


def test_one_busy_direction_is_a_breach_of_that_direction_alone(tmp_path: Path) -> None:
    few = WEEK // 20
    busy: list[float | None] = [0.97] * (few + 1) + [0.2] * (WEEK - few - 1)
    calm: list[float | None] = [0.97] * few + [0.2] * (WEEK - few)
    found = _by_way(utilisation(_seal(tmp_path, _week("wan", busy, calm)), OVER))
    assert {way: one.verdict for way, one in found.items()} == {"rx": "breach", "tx": "ok"}
    assert found["rx"].p95_share == 0.97 and found["tx"].p95_share == 0.2


def test_too_few_samples_are_no_verdict_and_no_percentile(tmp_path: Path) -> None:
    """A check that began two days ago, and one with a hole of more than a twentieth."""
    new: list[float | None] = [None] * (5 * 288) + [0.99] * (2 * 288)
    holed: list[float | None] = [0.5] * 1900 + [None] * 116
    store = _seal(tmp_path, [*_week("new", new, new), *_week("holed", holed, [0.5] * WEEK)])
    found = utilisation(store, OVER)
    one = _by_way(found, "new")["rx"]
    assert (one.verdict, one.p95_share, one.max_share) == ("unknown", None, None)
    assert (one.samples, one.missing) == (576, WEEK - 576)
    holes = _by_way(found, "holed")
    assert (holes["rx"].verdict, holes["rx"].missing) == ("unknown", 116) and holes["tx"].verdict == "ok"


def test_an_idle_link_has_samples_too_and_a_device_that_died_yesterday_misses_them(tmp_path: Path) -> None:
    idle: list[float | None] = [0.0] * WEEK
    dead: list[float | None] = [0.1] * (WEEK - 288) + [None] * 288
    found = utilisation(_seal(tmp_path, [*_week("wan", idle, idle), *_week("dead", dead, dead)]), OVER)
    assert [(one.verdict, one.p95_share) for one in _by_way(found).values()] == [("ok", 0.0)] * 2
    assert [(one.verdict, one.missing) for one in _by_way(found, "dead").values()] == [("unknown", 288)] * 2


def test_only_the_windows_samples_count_and_a_repeated_point_counts_once(tmp_path: Path) -> None:
    inside = _week("wan", [0.3] * WEEK, [0.3] * WEEK)
    outside = [_line("wan", -WEEK - 1 - number, 0.99, 0.99) for number in range(300)]
    after = [_line("wan", number, 0.99, 0.99) for number in range(300)]
    store = _seal(tmp_path, [*inside, *outside, *after])
    _seal(store, inside[:100], segment=2)
    found = utilisation(store, OVER)
    assert [(one.samples, one.max_share) for one in found] == [(WEEK, 0.3)] * 2


def test_a_window_is_whole_slots_up_to_what_is_sealed() -> None:
    over = window(END_S + SEALED_S + 299.9, 7)
    assert over == OVER and over.slots == WEEK
    assert window(END_S + SEALED_S, 1).slots == 288


def _told(tmp_path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["--lang", "en", "report", "utilisation", "--store", str(tmp_path), *words])
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(time, "time", lambda: END_S + SEALED_S + 1.0)
    full: list[float | None] = [0.95] * WEEK
    few: list[float | None] = [None] * (WEEK - 9) + [0.1] * 9
    lines = [*_week("wan", full, [0.1] * WEEK), *_week("new", few, few)]
    return _seal(tmp_path, [*lines, _line("far", -1, 0.1, 0.1, province="01")])


def test_the_report_says_what_is_above_what_is_not_and_what_nobody_knows(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = _told(store, capsys)
    assert code == 1
    lines = [line.split("\t") for line in out.splitlines()]
    assert ["ABOVE 90 %", "79", "p1", "p1", "wan", "rx", "95.0%", "95.0%", "2016", "0"] in lines
    assert ["not enough samples", "79", "p1", "p1", "new", "tx", "", "", "9", "2007"] in lines
    assert "6 directions, 7 days" in err and "Above: 1, ok: 1, not enough samples: 4" in err
    code, out, _ = _told(store, capsys, "--province", "01")
    assert code == 0 and len(out.splitlines()) == 2


def test_json_and_csv_hold_the_same_rows(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _told(store, capsys, "-o", "json")
    report = json.loads(out)
    assert (report["until_s"], report["slots"], len(report["rows"])) == (END_S, WEEK, 6)
    assert all(("p95_share" in row) == (row["verdict"] != "unknown") for row in report["rows"])
    _, out, _ = _told(store, capsys, "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["verdict"] for row in rows] == [row["verdict"] for row in report["rows"]]
    assert [row["p95_share"] for row in rows if row["verdict"] == "unknown"] == [""] * 4
    _, out, _ = _told(store, capsys, "-o", "jsonl", "--days", "1")
    first = json.loads(out.splitlines()[0])
    assert first["samples"] + first["missing"] == 288


def test_a_store_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _told(tmp_path / "none", capsys)
    assert code == 3 and out == "" and "no store that can be read" in err
    code, out, err = _told(tmp_path, capsys)
    assert code == 0 and "No samples at all" in err
    with pytest.raises(SystemExit):
        _told(tmp_path, capsys, "--days", "0")
