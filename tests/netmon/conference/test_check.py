"""`netmon conference check` over real sockets: faults planted in simulated rooms are found, each with rung and owner."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import meeting
import pytest
import yaml
from nets import Pair, pair
from netthread import serving, within

from netmon.cli import app

ROOMS = 16
FAULTS: dict[int, dict[str, Any] | None] = {
    1: None,
    4: {"answer": "503"},
    6: {"alias": "another"},
    9: {"call": "486"},
    11: {"dumb": True},
    13: {"call": "ring"},
}
FOUND = {
    "r00002": ("signalling", "Xa 00002"),
    "r00005": ("signalling", "Xa 00005"),
    "r00007": ("alias", "MCU team"),
    "r00010": ("call", "Xa 00010"),
    "r00012": ("media", "Xa 00012"),
    "r00014": ("call", "Xa 00014"),
}
pytestmark = [pytest.mark.needs("netns")]


@pytest.fixture(scope="module")
def link() -> Iterator[Pair]:
    with pair() as made:
        made.run("right", ["ip", "route", "add", "local", "10.98.0.0/16", "dev", "lo"])
        made.run("left", ["ip", "route", "add", "10.98.0.0/16", "via", made.right_ip])
        with serving(made.right, lambda: meeting.serve(ROOMS, FAULTS)):
            yield made


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("conference") / "inventory.yaml"
    path.write_text(meeting.as_yaml(meeting.inventory(ROOMS, ports=ROOMS - 1)), encoding="utf-8")
    return path


def check(link: Pair, inventory: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    told = ["--set", "timeout=700ms", "--set", "ring=500ms", "--set", "call_for=600ms", "--inventory", str(inventory)]
    code = within(link.left, lambda: app.main([*words, *told]))
    return code, capsys.readouterr().out


def test_every_fault_is_found_with_its_rung_and_owner_and_no_other(
    link: Pair, inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = check(link, inventory, capsys, "conference", "check", "hn", "--streams", "4", "-o", "json")
    whole = json.loads(out)
    found = {row["room"]: (row["rung"], row["owner"]) for row in whole["rooms"] if row["state"] != "ready"}
    assert (code, found) == (1, FOUND)
    assert whole["summary"] == {"ready": ROOMS - 6, "risk": 0, "not_ready": 6, "not_measured": 0}
    assert 2 <= whole["streams_most"] <= 4 and whole["causes"] == []
    assert [(row["rooms"], row["state"]) for row in whole["ports"]] == [(ROOMS, "short")]
    assert all(row["do"] for row in whole["rooms"] if row["state"] == "not_ready")


def test_the_table_and_the_sheet_say_the_same(link: Pair, inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = check(link, inventory, capsys, "--lang", "en", "conference", "check", "hn", "--light")
    assert code == 1 and "NOT READY\tRoom 00002" in out and "! MCU  16" in out
    assert "Hoi nghi: 13 ready, 0 at risk, 3 not ready" in out
    code, out = check(link, inventory, capsys, "conference", "check", "hn", "--light", "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == ROOMS and {row["room"] for row in rows if row["state"] == "not_ready"} == {
        "r00002",
        "r00005",
        "r00007",
    }
    assert {row["rung"] for row in rows if row["state"] == "ready"} == {""}  # what is not there is an empty cell


def test_an_unknown_conference_is_told_with_those_that_are(inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["conference", "plan", "nope", "--inventory", str(inventory)]) == 2
    assert "known: hn" in capsys.readouterr().err


def test_rooms_and_links_of_a_conference_that_goes_on_are_only_asked(
    link: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Province 1's uplink carries the other conference's room 1; room 2's links are its own."""
    made = yaml.safe_load(meeting.as_yaml(meeting.inventory(4, provinces=2)))
    made["conferences"].append(
        json.loads(json.dumps(made["conferences"][0])) | {"id": "now", "rooms": ["r00001"]} | span()
    )
    path = tmp_path / "inventory.yaml"
    path.write_text(json.dumps(made), encoding="utf-8")
    code = within(link.left, lambda: app.main(["--lang", "en", *words_for(path)]))
    shown = capsys.readouterr()
    rows = {row["room"]: row for row in json.loads(shown.out)["rooms"]}
    assert {id for id, row in rows.items() if row.get("asked_only")} == {"r00001", "r00003"}
    assert "call_ms" not in rows["r00001"]["values"] and rows["r00004"]["values"] != rows["r00001"]["values"]
    assert "2 rooms are only asked: conference now goes on" in shown.err and code == 1  # room 2 is not there
    within(link.left, lambda: app.main([*words_for(path), "--force"]))
    assert not any(row.get("asked_only") for row in json.loads(capsys.readouterr().out)["rooms"])


def test_what_there_is_no_time_for_is_not_measured(
    link: Pair, inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = within(link.left, lambda: app.main([*words_for(inventory), "--within", "500ms", "--set", "call_for=1s"]))
    whole = json.loads(capsys.readouterr().out)
    late = [row for row in whole["rooms"] if row["why"] == "no time was left for it"]
    assert code == 1 and late and {row["state"] for row in late} == {"not_measured"} and whole["took_s"] < 6


def words_for(inventory: Path) -> list[str]:
    told = ["--set", "timeout=300ms", "--set", "ring=500ms", "--set", "call_for=500ms", "--inventory", str(inventory)]
    return ["conference", "check", "hn", "--streams", "2", "-o", "json", *told]


def span() -> dict[str, str]:
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    return {
        "starts": (now - timedelta(hours=1)).isoformat(timespec="seconds"),
        "ends": (now + timedelta(hours=1)).isoformat(timespec="seconds"),
    }


def test_the_plan_is_arithmetic_alone(inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["--lang", "en", "conference", "plan", "hn", "--inventory", str(inventory)]) == 1
    out = capsys.readouterr().out
    assert "7.2 Mbit/s\t1000.0 Mbit/s\tenough" in out and "16\t16\t15\tSHORT" in out
