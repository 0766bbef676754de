"""After a conference: figures by room and province from sealed points, against what was planted; what is unknown is said."""

from __future__ import annotations

import csv
import io
import json
import random
import time
from pathlib import Path
from typing import Any

import meeting as rooms
import pytest
import yaml

from inventory.topology import Network
from netmon.cli import app
from netmon.report import conference as meeting
from netmon.store import record, seal
from netmon.store.figures import figures
from netmon.store.frames import END, FRAME

START_MS = 1_790_000_040_000  # a whole minute
MINUTES = 10
END_MS = START_MS + MINUTES * 60_000
Row = dict[str, Any]


def inventory() -> Row:
    """Four rooms in two provinces that met from START_MS; each commune has an agent with a ping to the core."""
    made: Row = yaml.safe_load(rooms.as_yaml(rooms.inventory(4, provinces=2)))
    for key, at_ms in (("starts", START_MS), ("ends", END_MS)):
        made["conferences"][0][key] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ms / 1000))
    codes = [f"{number:05}" for number in range(1, 5)]
    made["services"] = [{"id": "axis", "site": "core"}]
    made["agents"] = [{"agent": f"a{code}", "site": f"c{code}"} for code in codes] + [
        {"agent": "acore", "site": "core"}
    ]
    made["checks"] = [{"check": f"up{code}", "agent": f"a{code}", "to": "core"} for code in codes]
    made["checks"] += [{"check": f"axis{code}", "agent": f"a{code}", "to": "axis"} for code in codes]
    made["checks"] += [{"check": "room1", "agent": "acore", "to": "r00001"}]
    return made


def network(folder: Path) -> Network:
    from netmon.load import inventory as file

    path = folder / "inventory.yaml"
    path.write_text(json.dumps(inventory()), encoding="utf-8")
    return file.load(path)


def line(check: str, code: str, at_ms: int, *, kind: str = "ping", sent: int = 10, rcvd: int = 10, outcome: int = 0,
         p95: float | None = 5.0) -> str:  # fmt: skip
    agent, commune, province, site = f"a{code}", code, "01", f"c{code}"
    if code == "core":
        agent, commune, province, site = "acore", "-", "-", "core"
    told = f"sent={sent}i,rcvd={rcvd}i" + (f",rtt_p95_ms={p95}" if p95 is not None else "")
    tags = f"agent={agent},check={check},commune={commune},province={province},site={site},target=x"
    return f"netmon_{kind},{tags} {told},outcome={outcome}i {at_ms}"


def sealed(store: Path, lines: list[str], segment: int = 1) -> Path:
    header = record.Header("a", "a", "b", 1, len(lines), None, False, False, 0)
    body = record.encode(header, "\n".join(lines).encode(), gzipped=False)
    seal.seal(io.BytesIO(FRAME.pack(segment, len(body)) + body + FRAME.pack(END, 0)), store, 0)
    return store


def points() -> list[str]:
    """Commune 1 is well, 2 loses everything for two minutes, 3 is starved itself, 4 has no agent that reports."""
    lines = []
    for number in range(MINUTES * 6):
        at_ms = START_MS + number * 10_000
        lines.append(line("up00001", "00001", at_ms, rcvd=10 if number else 4, p95=5.0 + (number == 7) * 90))
        away = 12 <= number < 24
        lines.append(
            line("up00002", "00002", at_ms, rcvd=0 if away else 10, outcome=int(away), p95=None if away else 5.0)
        )
        lines.append(line("up00003", "00003", at_ms, rcvd=0, outcome=5, p95=None))
        lines.append(line("axis00001", "00001", at_ms, rcvd=0, outcome=1, p95=None))  # the service is away
    lines.append(line("room1", "core", START_MS + 301_000, kind="room", outcome=2, p95=None))
    lines.append(line("up00001", "00001", START_MS - 10_000, rcvd=0, outcome=1))
    lines.append(line("up00001", "00001", END_MS, rcvd=0, outcome=1))
    return lines


def told(folder: Path, lines: list[str], **more: Any) -> Row:
    net = network(folder)
    found = figures(sealed(folder / "store", lines), meeting.KINDS, START_MS, END_MS)
    plain: Row = {"stages": None, "incidents": None, "now_ms": END_MS + 3_600_000} | more
    return meeting.report(net, net.inventory.conferences[0], found, **plain)


def by_room(whole: Row) -> dict[str, Row]:
    return {row["room"]: row for row in whole["rooms"]}


def test_bad_minutes_losses_and_the_worst_delay_are_those_that_were_planted(tmp_path: Path) -> None:
    one, two, three, four = by_room(told(tmp_path, points())).values()
    assert (one["minutes_measured"], one["minutes_failed"], one["rtt_p95_worst_ms"]) == (10, 1, 95.0)  # the room's own
    assert one["loss"] == pytest.approx(6 / 600)
    assert (two["minutes_measured"], two["minutes_failed"], two["loss"]) == (10, 2, pytest.approx(0.2))
    for row in (three, four):  # our own fault, and silence: nothing is known, nothing is guessed
        assert row["minutes_measured"] == 0 and not {"minutes_failed", "loss", "rtt_p95_worst_ms"} & row.keys()


def test_losses_and_delays_beside_a_heavy_test_are_not_the_links(tmp_path: Path) -> None:
    lines = [line("up00001", "00001", START_MS + number * 10_000, rcvd=10, p95=5.0) for number in range(6)]
    for number, (rcvd, outcome) in enumerate([(3, 0), (0, 1)]):
        slow = line("up00001", "00001", START_MS + 2_000 + number * 10_000, rcvd=rcvd, outcome=outcome, p95=400.0)
        lines.append(slow.replace(",outcome=", ",heavy=1i,outcome="))
    one, *_ = by_room(told(tmp_path, lines)).values()
    assert (one["loss"], one["minutes_failed"], one["rtt_p95_worst_ms"]) == (0.0, 0, 5.0)


def test_provinces_add_their_rooms_up(tmp_path: Path) -> None:
    first, second = told(tmp_path, points())["provinces"]
    assert (first["province"], first["rooms"], first["rooms_measured"], first["rooms_that_failed"]) == ("01", 2, 1, 1)
    assert (second["minutes_failed"], second["loss"]) == (2, pytest.approx(0.2))


def test_a_point_that_was_sealed_twice_counts_once(tmp_path: Path) -> None:
    sealed(tmp_path / "store", points(), segment=2)
    assert by_room(told(tmp_path, points()))["r00001"]["loss"] == pytest.approx(6 / 600)


@pytest.mark.parametrize("seed", range(3))
def test_any_losses_come_out_as_a_plain_reckoning_has_them(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    lines, sent, rcvd, failed = [], 0, 0, set[int]()
    for number in range(60):
        got = chance.choice((10, 10, 9, 3, 0))
        sent, rcvd = sent + 10, rcvd + got
        failed |= set() if got else {number // 6}
        lines.append(line("up00004", "00004", START_MS + number * 10_000, rcvd=got, outcome=int(not got)))
    row = by_room(told(tmp_path, lines))["r00004"]
    assert (row["minutes_failed"], row["loss"]) == (len(failed), pytest.approx(1 - rcvd / sent))


INCIDENT = {"id": "i1", "element": "link:core-p01", "name": "x", "kind": "down", "first_miss_ms": START_MS + 60_000, "resolved_ms": START_MS + 120_000, "vi": "MẤT", "en": "DOWN"}  # fmt: skip


def test_incidents_on_the_way_while_it_went_on_are_told_with_their_rooms(tmp_path: Path) -> None:
    before = INCIDENT | {"id": "i2", "first_miss_ms": START_MS - 60_000, "resolved_ms": START_MS}
    still = INCIDENT | {"id": "i3", "element": "commune:00002", "resolved_ms": None}
    elsewhere = INCIDENT | {"id": "i4", "element": "link:elsewhere"}
    whole = told(tmp_path, [], incidents=[INCIDENT, before, still, elsewhere])
    assert {one["id"]: one["rooms"] for one in whole["incidents"]} == {"i1": ["r00001", "r00003"], "i3": ["r00002"]}
    assert [row["incidents"] for row in whole["provinces"]] == [1, 1] and whole["incidents_known"]


def test_stages_are_told_by_room_and_what_is_not_known_is_said(tmp_path: Path) -> None:
    stages = [
        {"stage": "T-60min", "rooms": [{"room": "r00001", "state": "not_ready", "rung": "call"}]},
        {"stage": "T-10min", "rooms": [{"room": "r00001", "state": "ready", "rung": ""}]},
    ]
    whole = told(tmp_path, [], stages=stages)
    assert by_room(whole)["r00001"]["stages"] == {
        "T-60min": {"state": "not_ready", "rung": "call"},
        "T-10min": {"state": "ready"},
    }
    first = whole["provinces"][0]
    assert (first["rooms_ready"], first["rooms_rehearsed"]) == (1, 1)
    kept = told(
        tmp_path,
        [],
        stages=[*stages, {"stage": "after", "rooms": [], "incidents": [INCIDENT]}],
        incidents=[],
        now_ms=START_MS + 90_000_000,
    )
    assert kept["incidents_known"] and [one["id"] for one in kept["incidents"]] == ["i1"] and len(kept["stages"]) == 2
    late = told(tmp_path, [], incidents=[], now_ms=START_MS + 90_000_000)
    assert not late["stages_known"] and not late["incidents_known"]


@pytest.fixture
def hub_file(tmp_path: Path) -> Path:
    network(tmp_path)
    sealed(tmp_path / "state" / "store", points())
    path = tmp_path / "hub.yaml"
    path.write_text(f'state_dir: "{tmp_path}/state"\ninventory: inventory.yaml\n')
    return path


def test_the_command_prints_tables_json_and_a_sheet_without_a_hub(
    hub_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--lang", "en", "conference", "report", "hn", "--config", str(hub_file)]
    assert app.main(words) == 1
    shown = capsys.readouterr()
    assert "01\t2\t\t1\t1\t1\t1.00%\t95.0 ms\t0" in shown.out and "02\tRoom 00002\t\t2/10\t20.00%" in shown.out
    assert "2 rooms had no check" in shown.err and "rehearsals unknown" in shown.err
    assert app.main([*words, "-o", "json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["rooms"]) == 4
    assert app.main([*words, "-o", "csv"]) == 1
    sheet = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["minutes_failed"] for row in sheet] == ["1", "2", "", ""]


def test_a_conference_to_come_has_no_report(hub_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = inventory()
    made["conferences"][0] |= {"starts": rooms.STARTS, "ends": rooms.ENDS}
    (hub_file.parent / "inventory.yaml").write_text(json.dumps(made))
    assert app.main(["conference", "report", "hn", "--config", str(hub_file)]) == 2
    assert "has not started" in capsys.readouterr().err
