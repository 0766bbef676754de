"""A conference goes on and a link breaks: the hub, its board and the report say which room it touches, and no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hubs import INVENTORY, HubProcess, eventually, hub
from outages import ELEMENT, Outage

from netmon.cli import app

Row = dict[str, Any]
pytestmark = pytest.mark.world
MORE = """\
mcus:
  - {{id: m1, site: core}}
rooms:
  - {{id: r1, site: c1, name: Hội trường 1}}
  - {{id: r2, site: c2, name: Hội trường 2}}
conferences:
  - {{id: now, starts: "{starts}", ends: "{ends}", mcus: [m1], rooms: [r1, r2]}}
"""


@pytest.fixture
def one(tmp_path: Path) -> Iterator[HubProcess]:
    now = datetime.now(UTC)
    span = {"starts": now - timedelta(minutes=30), "ends": now + timedelta(hours=1)}
    with hub(tmp_path, extra="settle: 0s\nseal_every: 1s\n", start=False) as made:
        text = MORE.format(**{name: at.isoformat(timespec="seconds") for name, at in span.items()})
        (tmp_path / "inventory.yaml").write_text(INVENTORY + text, encoding="utf-8")
        yield made.start()


def test_the_board_and_the_report_name_the_room_behind_the_broken_link(
    one: HubProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    incident = Outage(one).tell(25).tell(6, bad=("c1",)).opened()
    assert incident["conferences"] == ["now"]
    row = one.read("/api/v1/conferences/now/live")
    assert (row["state"], row["next"], row["last"]) == ("live", None, None)
    assert [(found["element"], found["rooms"]) for found in row["incidents"]] == [(ELEMENT, ["r1"])]

    words = ["--lang", "en", "conference"]
    assert app.main([*words, "watch", "now", "--once", "-o", "jsonl", "--hub", f"{tmp_path}/hub.sock"]) == 0
    assert json.loads(capsys.readouterr().out)["incidents"][0]["rooms"] == ["r1"]

    def reported() -> tuple[int, Row]:
        code = app.main([*words, "report", "now", "-o", "json", "--config", str(tmp_path / "hub.yaml")])
        return code, json.loads(capsys.readouterr().out)

    assert eventually(lambda: reported()[1]["rooms"][0].get("minutes_failed"), 15)  # sealed each second
    code, whole = reported()
    first, second = whole["rooms"]
    assert code == 1 and first["loss"] == pytest.approx(6 / 31, abs=1e-6) and first["incidents"] == [incident["id"]]
    assert second["minutes_failed"] == 0 and second["loss"] == 0 and second["incidents"] == []
    assert whole["incidents_known"] and whole["stages_known"] and not whole["complete"]


def test_what_is_not_there_is_not_found(one: HubProcess) -> None:
    headers = {"Authorization": f"Token {one.read_token}"}
    for path in ("nope", "nope/live", "nope/stages", "%1b%5b31m"):
        status, _, body = one.request("GET", f"/api/v1/conferences/{path}", headers=headers)
        assert status == 404 and b"\x1b" not in body
    assert one.request("GET", "/api/v1/conferences")[0] == 401
    assert one.read("/api/v1/conferences/now")["result"] is None
