"""What happened to an incident is kept entry by entry, and people act on the version they saw."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from evaluations import BASE_MS, Hub, Measured, config, somebody
from hubtables import HubTables
from incident_world import Fault

from alerts.incidents import Incident
from netmon.hub.incidents.actions import IncidentChanged
from netmon.hub.incidents.timeline import MAX_ENTRIES, Assignment, Timelines

UPLINK = Fault("link:core-province", 30_000, 90_000)
TASK = Assignment("Trần B", "thay cáp", BASE_MS + 7_200_000, "Lê C", "tuyến thông lại", "được cắt 5 phút")


def incident(id: str = "i1", **more: object) -> Incident:
    one = Incident(id, "link:a", "loss", "quality", "warning", 2_000, 1_000, {("link-loss", "c1")}, 1_500, against=1)
    for name, value in more.items():
        setattr(one, name, value)
    return one


def whats(lines: Timelines, id: str = "i1") -> list[str]:
    return [entry.what for entry in lines.of(id)]


def test_a_life_entry_by_entry() -> None:
    lines, one = Timelines((), ()), incident()
    lines.observe(one, 2_500)
    lines.observe(one, 3_000)  # nothing new
    one.kind, one.severity = "down", "critical"
    lines.observe(one, 4_000)
    one.resolved_ms = 9_000
    lines.observe(one, 9_500)
    one.resolved_ms, one.reopened = None, 1
    lines.observe(one, 20_000)
    one.resolved_ms, one.superseded_by = 25_000, "i0"
    lines.observe(one, 26_000)
    assert whats(lines) == ["opened", "changed", "resolved", "reopened", "superseded"]
    assert [entry.at_ms for entry in lines.of("i1")] == [2_000, 4_000, 9_000, 20_000, 25_000]
    assert lines.of("i1")[1].facts["was"] == "loss"
    assert lines.of("i1")[4].facts == {"by": "i0"}


def test_it_grew_is_said_when_twice_as_many_accuse_it() -> None:
    lines, one = Timelines((), ()), incident()
    for against in (1, 2, 3, 4, 5, 7, 8):
        one.against = against
        lines.observe(one, against)
    assert [(entry.what, entry.facts["against"]) for entry in lines.of("i1")] == [
        ("opened", 1), ("grew", 2), ("grew", 4), ("grew", 8),
    ]  # fmt: skip


def test_what_swallows_says_what_it_took_in() -> None:
    lines = Timelines((), ())
    lines.observe(incident("i0", element="link:z"), 2_000)
    lines.observe(incident(resolved_ms=5_000, superseded_by="i0"), 5_000)
    assert lines.of("i0")[-1].facts == {"id": "i1", "element": "link:a", "kind": "loss"}


def test_growth_is_no_other_version_and_hands_are_none() -> None:
    lines, one = Timelines((), ()), incident()
    lines.observe(one, 1)
    seen = lines.version("i1")
    one.against = 40
    lines.observe(one, 2)
    lines.act("i1", "acked", "lan", 3, {"note": ""})
    assert lines.version("i1") == seen == 1
    one.kind = "down"
    lines.observe(one, 4)
    assert [entry.what for entry in lines.since("i1", seen)] == ["changed"]


def test_an_incident_from_before_there_were_timelines_has_one() -> None:
    lines = Timelines((), [incident(acked_by="lan", acked_ms=4_000, resolved_ms=9_000)])
    assert [(entry.what, entry.at_ms) for entry in lines.of("i1")] == [
        ("opened", 2_000), ("acked", 4_000), ("resolved", 9_000),
    ]  # fmt: skip


def test_what_comes_and_goes_for_ever_makes_room_and_keeps_what_people_did() -> None:
    lines, one = Timelines((), ()), incident()
    lines.observe(one, 1)
    lines.act("i1", "assigned", "lan", 2, asdict(TASK))
    for turn in range(1, MAX_ENTRIES):
        one.reopened = turn
        lines.observe(one, turn)
    assert len(lines.of("i1")) == MAX_ENTRIES
    assert whats(lines)[:2] == ["opened", "assigned"]
    assert lines.dropped
    numbers = [entry.number for entry in lines.of("i1")]
    assert numbers == sorted(set(numbers))


def test_timelines_come_back_from_the_database_and_go_with_their_incident(tmp_path: Path) -> None:
    db, lines, one = HubTables(tmp_path / "state.db"), Timelines((), ()), incident()
    lines.observe(one, 1)
    lines.act("i1", "acked", "lan", 3, {"note": "đang sửa", "until_ms": 9})
    db.incidents.commit([one], now_ms=1, entries=lines.unkept)
    assert db.incidents.entries() == lines.of("i1")
    db.incidents.commit(now_ms=1, dropped=lines.of("i1")[:1])
    assert db.incidents.entries() == lines.of("i1")[1:]
    db.incidents.commit(forgotten=["i1"], now_ms=1)
    assert db.incidents.entries() == []


# --- with a whole evaluation ---


def test_the_timeline_survives_a_kill(tmp_path: Path) -> None:
    one = Hub(tmp_path, Measured(6, 1, (UPLINK,))).run(40_000)
    id = one.rows[0]["id"]
    one.actions.assign(id, TASK, "lan", one.now_s)
    before = one.actions.whole(id)["timeline"]
    one.restart().run(140_000)
    timeline = one.actions.whole(id)["timeline"]
    assert timeline[: len(before)] == before
    assert [entry["what"] for entry in timeline if entry["what"] != "grew"] == ["opened", "assigned", "resolved"]
    assert timeline[-1]["at_ms"] == one.rows[0]["resolved_ms"]
    assert one.rows[0]["assigned"]["task"] == "thay cáp"
    assert [(page["receiver"], page["status"]) for page in one.actions.whole(id)["pages"]] == [
        ("duty", "firing"), ("duty", "resolved"),
    ]  # fmt: skip


def test_an_ack_for_a_time_ends_and_repeats_go_on(tmp_path: Path) -> None:
    conf = config(somebody(repeat_s=60.0))
    one = Hub(tmp_path, Measured(6, 1, (Fault("link:core-province", 30_000, 400_000),)), conf).run(40_000)
    id = one.rows[0]["id"]
    one.database.rows("UPDATE outbox SET state = 'accepted'")
    one.evaluator.board.pages_changed()
    one.actions.ack(id, "lan", "", one.now_s, for_s=120)
    assert one.rows[0]["acked_until_ms"] == int(one.now_s * 1000) + 120_000
    one.run(159_000)
    assert one.rows[0]["acked_by"] == "lan"
    assert [status for _, _, status in one.pages()] == ["firing"]
    one.restart().run(162_000)
    assert (one.rows[0]["acked_by"], one.rows[0]["acked_ms"], one.rows[0]["acked_until_ms"]) == ("", None, None)
    assert one.actions.whole(id)["timeline"][-1]["what"] == "ack-expired"
    one.run(230_000)
    assert "repeat-3" in [status for _, _, status in one.pages()]


def test_the_hubs_file_says_how_long_an_ack_lasts(tmp_path: Path) -> None:
    conf = replace(config(somebody()), ack_for_s=10.0)
    one = Hub(tmp_path, Measured(6, 1, (UPLINK,)), conf).run(40_000)
    id = one.rows[0]["id"]
    one.actions.ack(id, "lan", "", one.now_s)
    one.run(52_000)
    assert one.rows[0]["acked_by"] == ""
    one.actions.ack(id, "lan", "", one.now_s, for_s=0)  # until it is over
    one.run(70_000)
    assert one.rows[0]["acked_by"] == "lan"


def test_an_ack_of_what_is_another_by_now_is_refused_with_what_changed(tmp_path: Path) -> None:
    one = Hub(tmp_path, Measured(6, 1, (UPLINK,))).run(40_000)
    row = one.rows[0]
    one.run(140_000)
    with pytest.raises(IncidentChanged) as caught:
        one.actions.ack(row["id"], "lan", "", one.now_s, version=row["version"])
    assert [entry.what for entry in caught.value.entries] == ["resolved"]
    assert one.rows[0]["acked_by"] == ""
    one.actions.ack(row["id"], "lan", "", one.now_s, version=one.rows[0]["version"])
    assert one.rows[0]["acked_by"] == "lan"
    one.actions.unack(row["id"], "lan", "", one.now_s)
    assert (one.rows[0]["acked_by"], one.rows[0]["acked_ms"]) == ("", None)


def test_who_wants_to_know_is_told_in_whose_hands_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    conf = config(somebody(), somebody("lead", hands=True))
    one = Hub(tmp_path, Measured(6, 1, (UPLINK,)), conf).run(40_000)
    id = one.rows[0]["id"]
    with caplog.at_level(logging.WARNING):
        one.actions.assign(id, TASK, "lan", one.now_s)
    assert f"incident {id} assigned by lan" in caplog.text
    assert [page for page in one.pages() if page[2] != "firing"] == [(id, "lead", "assigned-2")]
    [[body]] = one.database.rows("SELECT body FROM outbox WHERE status = 'assigned-2'")
    assert "ĐÃ GIAO cho Trần B, việc: thay cáp, hạn: " in body.decode()
    assert "chịu trách nhiệm: Lê C" in body.decode()
    with pytest.raises(KeyError):
        one.actions.assign("no-such-id", TASK, "lan", one.now_s)
