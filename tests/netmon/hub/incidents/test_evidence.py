"""What was seen around a broken element is kept with its incident: who failed, who answered, since when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evaluations import BASE_MS, Hub, Measured
from incident_world import Fault

from netmon.hub.incidents.evidence import MAX_ACCUSERS, MAX_OTHERS

CUT, MENDED = 30_000, 60_000


def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path, Measured(6, 1, (Fault("link:province-c1", CUT, MENDED),)))


def rows_of(picture: dict[str, Any], *, accuses: bool) -> list[dict[str, Any]]:
    return [row for row in picture["matrix"] if row["accuses"] is accuses]


def test_who_failed_since_when_is_seen_at_the_opening_and_who_answers_at_the_end(tmp_path: Path) -> None:
    one = hub(tmp_path).run(40_000)
    id = one.rows[0]["id"]
    one.restart().run(80_000)
    opened, ended = one.actions.evidence(id, one.now_s)["pictures"]
    assert (opened["moment"], ended["moment"]) == ("opened", "resolved")
    failing = rows_of(opened, accuses=True)
    assert failing
    assert {row["state"] for row in failing} == {"failing"}
    for row in failing:
        assert BASE_MS + CUT - 1_000 <= row["miss_ms"] <= BASE_MS + CUT + 5_000
        assert row["ok_ms"] < row["miss_ms"]
    assert {row["state"] for row in rows_of(ended, accuses=True)} == {"answering"}
    assert opened["checks"] >= len(opened["matrix"])


def test_an_open_incident_is_seen_as_it_is_now(tmp_path: Path) -> None:
    one = hub(tmp_path).run(45_000)
    id = one.rows[0]["id"]
    [opened, now] = one.actions.evidence(id, one.now_s)["pictures"]
    assert now["moment"] == "now"
    assert now["at_ms"] == int(one.now_s * 1000) > opened["at_ms"]
    with pytest.raises(KeyError):
        one.actions.evidence("no-such-id", one.now_s)


def test_paths_and_interfaces_come_from_the_live_state(tmp_path: Path) -> None:
    one = hub(tmp_path).run(20_000)
    asked = list[tuple[str, str]]()

    def look(key: tuple[str, str]) -> dict[str, Any]:
        asked.append(key)
        kind = "path" if len(asked) == 1 else "snmp"
        return {
            "check": key[1],
            "agent": key[0],
            "kind": kind,
            "at_ms": 5,
            "outcome": 0,
            "values": {"hops": 3},
            "site": "s",
        }

    one.evaluator.board.witnesses.look = look
    one.run(40_000)
    picture = one.actions.evidence(one.rows[0]["id"], one.now_s)["pictures"][0]
    assert len(picture["paths"]) == 1
    assert picture["paths"][0].keys() == {"check", "agent", "at_ms", "outcome", "values"}
    assert picture["interfaces"]


def test_a_picture_is_small_however_many_checks_cross_the_element(tmp_path: Path) -> None:
    one = Hub(tmp_path, Measured(60, 1, (Fault("link:core-province", CUT, MENDED),))).run(40_000)
    picture = one.actions.evidence(one.rows[0]["id"], one.now_s)["pictures"][-1]
    assert picture["checks"] > MAX_ACCUSERS
    assert len(picture["matrix"]) <= MAX_ACCUSERS + MAX_OTHERS


def test_pictures_go_with_their_incident(tmp_path: Path) -> None:
    one = hub(tmp_path).run(40_000)
    id = one.rows[0]["id"]
    tables = one.evaluator.board.tables
    assert tables.pictures(id)
    tables.commit(forgotten=[id], now_ms=1)
    assert tables.pictures(id) == []
