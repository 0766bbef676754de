"""`netmon drill`: one line a run, the exit code says whether all was met, a wrong file is told with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from netmon.cli import drill
from netmon.cli.app import main
from netmon.drill.result import DrillPage, DrillResult, DrillTicks

FILE = """\
name: {name}
about: A link is cut.
network:
  communes: [2]
events:
  - {{at: 10, do: cut, element: "link:core-p01"}}
seeds: [4, 5, 6]
until: 60
expect:
  firing: 1
  named:
    - {{any: "link:core-p01", within: 10, p50_within: 3}}
"""
TICKS: DrillTicks = {"n": 1, "p50_ms": 1.0, "p99_ms": 1.0, "max_ms": 1.0}


def _page(at_s: float) -> DrillPage:
    return {
        "at_s": at_s, "status": "firing", "element": "link:core-p01", "kind": "down", "symptoms": 2,
        "severity": "critical", "id": "i", "conferences": [], "hub": "core",
    }  # fmt: skip


def _play(scenario: Any, seed: int) -> DrillResult:
    """Seed 4 is paged in time, 5 late, all others never."""
    pages = {4: [_page(12)], 5: [_page(15)]}.get(seed, [])
    return DrillResult(pages, [], TICKS, 100.0)


@pytest.fixture(autouse=True)
def _played(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if request.node.name == test_real_runs_have_a_process_each.__name__:
        return
    monkeypatch.setattr("netmon.drill.run.run", _play)
    monkeypatch.setattr(drill, "_play_apart", lambda run: drill._play(*run))


def _file(folder: Path, name: str = "some", text: str = FILE) -> str:
    path = folder / f"{name}.yaml"
    path.write_text(text.format(name=name))
    return str(path)


def test_one_run_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", _file(tmp_path), "--virtual", "--seed", "4", "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "name": "some", "seed": 4, "pages": [_page(12)], "incidents": [], "ticks": TICKS, "rss_mb": 100.0,
        "met": True, "unmet": [],
    }  # fmt: skip


def test_every_seed_of_every_file_has_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [_file(tmp_path), _file(tmp_path, "other", FILE.replace("4, 5, 6", "4"))]
    assert main(["drill", *files, "--virtual", "--jobs", "2"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "some\tseed 4\tmet",
        "some\tseed 5\tmet",
        "some\tseed 6\tnot met: 0 firing, 1 expected; link:core-p01: no page",
        "other\tseed 4\tmet",
        "some\tall seeds\tnot met: hub core: link:core-p01: after 5.0 s as the median of all seeds, 3 s expected",
    ]


def test_the_median_fails_a_drill_whose_runs_are_all_met(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", _file(tmp_path, text=FILE.replace("4, 5, 6", "5")), "--virtual", "-o", "json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["met"] is True and "as the median of all seeds" in told.err
    assert main(["drill", _file(tmp_path), "--virtual", "--seed", "5"]) == 0


def test_wrong_files_are_told_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [_file(tmp_path, "a", FILE + "x: 1\n"), _file(tmp_path, "b", FILE.replace("core-p01", "core-p09"))]
    assert main(["drill", *files, str(tmp_path / "c.yaml"), "--virtual"]) == 2
    told = capsys.readouterr().err
    assert "a.yaml:13: x: unknown key" in told and "b.yaml:6: events[1].element: 'link:core-p09'" in told
    assert "c.yaml: cannot be read" in told


def test_faults_are_told_in_vietnamese(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = FILE.replace("firing: 1", "firing: 2..1").replace("do: cut", "do: lose")
    assert main(["drill", _file(tmp_path, text=wrong), "--virtual", "--lang", "vi"]) == 2
    told = capsys.readouterr().err
    assert "events[1].share: thiếu: lose cần khóa này" in told
    assert "expect.firing: '2..1' không phải số đếm (ghi 1, 0..2 hoặc 5..)" in told


def test_without_virtual_time_it_says_what_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", _file(tmp_path)]) == 2
    assert "--virtual" in capsys.readouterr().err


@pytest.mark.parametrize("jobs", ["0", "x", "-1", "1000"])
def test_jobs_that_cannot_be_are_refused(jobs: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(["drill", _file(tmp_path), "--virtual", "--jobs", jobs])
    assert left.value.code == 2


def test_real_runs_have_a_process_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        FILE.replace("4, 5, 6", "4, 5")
        .replace("until: 60", "until: 55")
        .replace("at: 10", "at: 40")
        .replace("[2]", "[3, 3]")
        .replace(", p50_within: 3", "")
    )
    assert main(["drill", _file(tmp_path, text=text), "--virtual", "--jobs", "2", "-o", "json"]) == 0
    runs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [run["seed"] for run in runs] == [4, 5] and all(run["met"] for run in runs)
    page = runs[0]["pages"][0]
    assert page.keys() == _page(0).keys() and (page["element"], page["status"]) == ("link:core-p01", "firing")
    assert 40 < page["at_s"] <= 50 and runs[0]["incidents"][0]["id"] == page["id"]
    assert runs[0]["ticks"]["n"] >= 25 and 20 < runs[0]["rss_mb"] < 1000
