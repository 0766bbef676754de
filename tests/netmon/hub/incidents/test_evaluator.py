"""From points to incidents and pages with the rules netmon ships, in simulated time, over restarts and full disks."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from evaluations import BASE_MS, Hub, Measured, config, somebody
from incident_world import Fault

from alerts.silences import SilenceTerms

CUT, MENDED = 30_000, 50_000
UPLINK = Fault("link:core-province", CUT, MENDED)


def hub(tmp_path: Path, *faults: Fault, seed: int = 1, communes: int = 6) -> Hub:
    return Hub(tmp_path, Measured(communes, seed, faults))


@pytest.mark.parametrize("seed", range(3))
def test_a_cut_uplink_is_one_incident_one_page_and_one_all_clear(tmp_path: Path, seed: int) -> None:
    one = hub(tmp_path, UPLINK, seed=seed).run(130_000)
    [row] = one.rows
    assert (row["element"], row["kind"], row["severity"], row["state"]) == (
        "link:core-province", "down", "critical", "resolved",
    )  # fmt: skip
    assert row["opened_ms"] - BASE_MS <= CUT + 6_000
    assert MENDED < row["resolved_ms"] - BASE_MS <= MENDED + 8_000
    assert one.pages() == [(row["id"], "duty", "firing"), (row["id"], "duty", "resolved")]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("link:province-c1", CUT, MENDED), "down"),
        (Fault("mcu:mcu-1", CUT, MENDED, refuses=True), "down"),
        (Fault("link:province-c1", CUT, CUT + 60_000, loss=0.25), "loss"),
        (Fault("link:core-province", CUT, CUT + 60_000, loss=0.2), "loss"),
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_each_fault_is_one_incident_of_its_element_with_two_pages(
    tmp_path: Path, fault: Fault, kind: str, seed: int
) -> None:
    one = hub(tmp_path, fault, seed=seed).run(190_000 if fault.loss < 1 else 130_000)
    [row] = one.rows
    assert (row["element"], row["kind"], row["state"]) == (fault.element, kind, "resolved")
    assert [status for _, _, status in one.pages()] == ["firing", "resolved"]


@pytest.mark.parametrize("seed", [104, 109, 117])
def test_a_refusal_shows_that_all_is_well_up_to_who_refuses(tmp_path: Path, seed: int) -> None:
    """Two checks that know of the conference server, and nothing else beyond the core: neither it nor the link to the
    server may be named."""
    one = hub(tmp_path, Fault("mcu:mcu-1", CUT + seed * 83 % 1000, MENDED, refuses=True), seed=seed, communes=1)
    one.run(80_000)
    assert [(row["element"], row["state"]) for row in one.rows] == [("mcu:mcu-1", "resolved")]
    assert [status for _, _, status in one.pages()] == ["firing", "resolved"]


def test_a_calm_network_pages_nobody(tmp_path: Path) -> None:
    one = hub(tmp_path).run(120_000)
    assert (one.rows, one.pages()) == ([], [])


# --- restarts ---


@pytest.mark.parametrize("restart_ms", [33_000, 35_000, 36_000, 45_000, 51_000, 53_000])
def test_a_kill_at_any_moment_leaves_one_incident_one_page_and_one_all_clear(tmp_path: Path, restart_ms: int) -> None:
    undisturbed = Hub(tmp_path, Measured(6, 5, (UPLINK,))).run(70_000)
    folder = tmp_path / "again"
    folder.mkdir()
    one = hub(folder, UPLINK, seed=5).run(restart_ms).restart().run(70_000)
    [row] = one.rows
    assert row["id"] == undisturbed.rows[0]["id"]
    assert one.pages() == undisturbed.pages()


def test_ten_kills_in_one_outage_page_once(tmp_path: Path) -> None:
    one = hub(tmp_path, UPLINK, seed=2)
    for until_ms in range(29_000, 59_000, 3_000):
        one.run(until_ms).restart()
    one.run(70_000)
    assert [row["element"] for row in one.rows] == ["link:core-province"]
    assert [status for _, _, status in one.pages()] == ["firing", "resolved"]


def test_nothing_is_decided_or_paged_during_replay(tmp_path: Path) -> None:
    one = hub(tmp_path, UPLINK).run(45_000, tick=False)  # stored, and the hub died before it could judge any of it
    one.restart()
    assert (one.rows, one.pages()) == ([], [])
    one.run(52_000)
    assert len(one.rows) == 1
    assert one.pages()[0][2] == "firing"


def test_a_hub_that_was_away_for_the_whole_outage_tells_nobody_afterwards(tmp_path: Path) -> None:
    one = hub(tmp_path, UPLINK).run(20_000).run(75_000, tick=False)
    one.restart().run(150_000)
    assert [row for row in one.rows if row["kind"] == "down"] == []
    assert one.pages() == []


def test_an_outage_that_lasts_through_a_long_absence_of_the_hub_stays_one_incident(tmp_path: Path) -> None:
    one = hub(tmp_path, Fault("link:province-c3", CUT, 400_000)).run(60_000)
    id = one.rows[0]["id"]
    one.run(300_000, tick=False).restart().run(500_000)
    assert [row["id"] for row in one.rows] == [id]
    assert [status for _, _, status in one.pages()] == ["firing", "resolved"]


def test_agents_that_come_back_after_the_hub_was_away_are_not_called_silent(tmp_path: Path) -> None:
    one = hub(tmp_path).run(30_000)
    one.world.now_ms += 100_000  # nobody measured, nothing arrived
    one.restart().run(one.world.now_ms + 40_000)
    assert (one.rows, one.pages()) == ([], [])


def test_the_start_of_replay_moves_on_and_leaves_a_whole_window(tmp_path: Path) -> None:
    one = hub(tmp_path).run(240_000)
    start = one.evaluator.start_position()
    behind = [batch for batch in one.stored if batch.position <= start]
    assert behind
    assert max(batch.header.arrived_ns for batch in behind) / 1e9 <= one.now_s - 150


def test_an_acknowledgement_survives_a_kill(tmp_path: Path) -> None:
    one = hub(tmp_path, UPLINK).run(40_000)
    one.actions.ack(one.rows[0]["id"], "lan", "đang gọi VNPT", one.now_s)
    one.restart().run(42_000)
    [row] = one.rows
    assert (row["acked_by"], row["ack_note"], row["acked_ms"]) == ("lan", "đang gọi VNPT", BASE_MS + 40_000)
    with pytest.raises(KeyError):
        one.actions.ack("no-such-id", "lan", "", one.now_s)


# --- silences ---


def test_a_silence_survives_a_kill_and_holds_pages_back_until_it_ends(tmp_path: Path) -> None:
    one = hub(tmp_path, Fault("link:core-province", CUT, 90_000)).run(20_000)
    one.actions.silence("link:core-province", one.now_s + 40, "lan", "thay cáp", one.now_s)
    one.run(35_000).restart().run(55_000)
    assert [row["silenced"] for row in one.rows] == [True]
    assert one.pages() == []
    one.run(62_000)
    assert [row["silenced"] for row in one.rows] == [False]
    assert [status for _, _, status in one.pages()] == ["firing"]
    one.run(120_000)
    assert [status for _, _, status in one.pages()] == ["firing", "resolved"]


def test_a_silenced_province_holds_back_what_looks_like_its_uplink(tmp_path: Path) -> None:
    one = hub(tmp_path, Fault("province:01", CUT, MENDED)).run(20_000)
    one.actions.silence("province:01", one.now_s + 600, "lan", "cắt điện có kế hoạch", one.now_s)
    one.run(49_000)
    assert [row["silenced"] for row in one.rows if row["state"] == "open"] == [True]
    assert {row["reason"] for row in one.rows[0]["not_sent"]} == {"silenced"}
    assert one.pages() == []


def test_a_silence_about_other_kinds_or_owners_holds_nothing_back(tmp_path: Path) -> None:
    one = hub(tmp_path, Fault("link:core-province", CUT, MENDED)).run(20_000)
    for terms in (SilenceTerms(kinds=("loss",)), SilenceTerms(owners=("nobody",))):
        one.actions.silence("", one.now_s + 600, "lan", "", one.now_s, terms=terms)
    later = one.now_s + 300
    one.actions.silence("link:*", one.now_s + 600, "lan", "", one.now_s, from_s=later)
    one.run(90_000)
    assert [status for _, _, status in one.pages()] == ["firing", "resolved"]


def test_a_silenced_uplink_also_silences_what_is_behind_it(tmp_path: Path) -> None:
    one = hub(tmp_path, Fault("link:province-c2", CUT, MENDED)).run(20_000)
    one.actions.silence("link:core-province", one.now_s + 600, "lan", "", one.now_s)
    one.run(90_000)
    assert [row["element"] for row in one.rows] == ["link:province-c2"]
    assert one.pages() == []


def test_a_silence_that_is_ended_early_lets_the_page_out(tmp_path: Path) -> None:
    one = hub(tmp_path, Fault("link:core-province", CUT, 90_000)).run(20_000)
    id = one.actions.silence("link:core-province", one.now_s + 600, "lan", "", one.now_s)
    one.run(40_000)
    assert one.pages() == []
    one.actions.unsilence(id, one.now_s)
    one.run(42_000)
    assert [status for _, _, status in one.pages()] == ["firing"]
    with pytest.raises(KeyError):
        one.actions.unsilence(id, one.now_s)


def test_only_elements_of_the_inventory_can_be_silenced(tmp_path: Path) -> None:
    one = hub(tmp_path)
    with pytest.raises(KeyError):
        one.actions.silence("link:core-provinz", one.now_s + 60, "lan", "", one.now_s)
    for element in ("", "line:*"):
        with pytest.raises(KeyError):
            one.actions.silence(element, one.now_s + 60, "lan", "", one.now_s)
    one.actions.silence("commune:*", one.now_s + 60, "lan", "", one.now_s)


def test_an_incident_that_ends_in_silence_after_it_was_paged_is_still_called_over(tmp_path: Path) -> None:
    one = hub(tmp_path, UPLINK).run(40_000)
    one.actions.silence("link:core-province", one.now_s + 600, "lan", "", one.now_s)
    one.run(90_000)
    assert [status for _, _, status in one.pages()] == ["firing", "resolved"]


# --- the disk ---


def test_a_disk_that_refuses_pages_nobody_until_it_takes_the_incident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = hub(tmp_path, UPLINK).run(29_000)
    refused = 0

    def refuse(*args: object, **more: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(one.evaluator.board.tables, "commit", refuse)
        while one.world.now_ms < 40_000:
            try:
                one.run(one.world.now_ms + 1_000)
            except sqlite3.Error:
                refused += 1
    assert refused >= 4
    assert one.pages() == []
    assert [row["element"] for row in one.rows] == ["link:core-province"]  # shown though it cannot be kept
    one.run(41_000)
    assert [status for _, _, status in one.pages()] == ["firing"]
    one.run(80_000)
    assert [row["element"] for row in one.rows] == ["link:core-province"]
    assert [status for _, _, status in one.pages()] == ["firing", "resolved"]


def test_pages_of_many_receivers_go_out_as_each_wants(tmp_path: Path) -> None:
    world = Measured(6, 1, (Fault("link:province-c1", CUT, CUT + 60_000, loss=0.3),))
    conf = config(
        somebody(), somebody("night", severities=("critical",)), somebody("owner", owners=("Sở KHCN",)),
    )  # fmt: skip
    one = Hub(tmp_path, world, conf).run(190_000)
    assert [row["severity"] for row in one.rows] == ["warning"]
    assert sorted((receiver, status) for _, receiver, status in one.pages()) == [
        ("duty", "firing"),
        ("duty", "resolved"),
        ("owner", "firing"),
        ("owner", "resolved"),
    ]
