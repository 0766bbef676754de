"""What happens to a hub in the middle of an incident is told to nobody: restarts, pauses, set clocks. The full table is
`tests/bench/restarts.py`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lives import BASE_S, RULES, STORIES, Check, Life, Story, asked, counted

from alerts.base import LOST
from alerts.rules import Rule, When
from netmon.hub.incidents import rules_memory as memory

STORY = {one.name: one for one in STORIES}
LOSSY = replace(STORY["link loses a third"], ends_s=210, until_s=260)
LOSS = ("loss", "link:province-c1")
AROUND = {name: one for name, one in LOSSY.checks.items() if "c1" in name or name == "province-core"}


def pages(life: Life) -> list[tuple[str, str, str]]:
    return [(status, kind, element) for _, status, kind, element in life.pages]


def once(kind: str, element: str) -> list[tuple[str, str, str]]:
    return [("firing", kind, element), ("resolved", kind, element)]


@pytest.mark.parametrize(
    "moments", [{120: "restart", 180: "restart", 230: "restart"}, {95: "ahead", 150: "back", 190: "pause"}]
)
def test_one_lossy_link_is_one_page_and_one_all_clear_whatever_becomes_of_the_hub(
    tmp_path: Path, moments: dict[int, str]
) -> None:
    assert pages(Life(tmp_path, replace(LOSSY, checks=AROUND), 1).run(moments)) == once(*LOSS)


@pytest.mark.parametrize(
    "moments",
    [
        {60: "pause"},
        {60: "ahead", 130: "back"},
        {60: "back", 130: "restart"},
        {125: "pause"},
        {131: "back", 135: "restart"},
    ],
)
def test_a_dead_agent_is_told_and_no_other(tmp_path: Path, moments: dict[int, str]) -> None:
    story = Story(
        "dead", {"c2-core": Check("ping", 1, counted(1, 1))}, dead="c2", begins_s=100, ends_s=280, until_s=320
    )
    life = Life(tmp_path, story, 1).run(moments)
    assert pages(life) == once("silent", "agent:c2")
    assert life.pages[0][0] <= 100 + 15 + 50 + 45 + 35


def test_a_for_that_is_half_over_goes_on_after_a_restart(tmp_path: Path) -> None:
    checks = {name: one._replace(ill=counted(10, 9) if one.ill else {}) for name, one in AROUND.items()}
    story = replace(LOSSY, checks=checks, begins_s=20, ends_s=2000, until_s=700)
    ping_rules = [rule for rule in RULES if rule.name == "long-loss"]
    assert ping_rules[0].for_s == 600
    [first] = Life(tmp_path, replace(story, step_s=5), 1).run({400: "restart"}).pages
    assert first[1:] == ("firing", "loss", "link:province-c1")
    assert first[0] < 700


HOURLY = Check("media", 3600, asked(verdict=0), asked(verdict=3))


def test_a_stream_an_hour_is_remembered_over_a_restart(tmp_path: Path) -> None:
    uplink = Check("ping", 100, counted(30, 30))
    story = Story(
        "media", {"c1-media": HOURLY, "c1-uplink": uplink}, begins_s=3600, ends_s=99_999, until_s=14_000, step_s=100
    )
    assert pages(Life(tmp_path, story, 1).run({9500: "restart", 13_000: "restart"})) == [
        ("firing", "media", "link:province-c1")
    ]


def test_after_the_memory_was_lost_open_incidents_stay(tmp_path: Path) -> None:
    story = replace(LOSSY, checks=AROUND)
    life = Life(tmp_path, story, 1)
    kill = life.disturb

    def kill_and_lose(what: str) -> None:
        kill(what)
        (tmp_path / memory.FILE).unlink(missing_ok=True)

    life.disturb = kill_and_lose  # type: ignore[method-assign]
    assert pages(life.run({150: "restart"})) == once(*LOSS)


def test_what_a_mended_uplink_left_behind_accuses_nobody_after_a_restart_under_a_wrong_clock(tmp_path: Path) -> None:
    story = replace(STORY["uplink down"], begins_s=60, ends_s=120, until_s=170)
    life = Life(tmp_path, story, 7).run({31: "ahead", 95: "back", 98: "back", 136: "restart"})
    assert [(status, kind) for status, kind, _ in pages(life)] == [("firing", "down"), ("resolved", "down")]


def test_what_an_outage_left_in_a_window_of_two_minutes_is_no_incident_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    when = When("loss(120s) >= 3% and lost(120s) >= 2")
    slow = Rule(name="slow-loss", kinds=("tcp",), when=when, for_s=300.0, fault="quality")
    monkeypatch.setattr("lives.RULES", (*RULES, slow))
    checks = {name: Check("tcp", 10, asked(), asked(LOST)) for name in ("c1-web", "c2-web")}
    checks |= {name: Check("ping", 10, counted(10, 10)) for name in ("c1-uplink", "c2-uplink", "province-core")}
    story = Story("service away", checks, begins_s=100, ends_s=600, until_s=900, step_s=10)
    assert pages(Life(tmp_path, story, 1).run()) == once("down", "service:web")


def test_an_incident_that_ends_under_a_clock_a_month_ahead_is_shown_for_its_day(tmp_path: Path) -> None:
    story = replace(LOSSY, checks=AROUND, begins_s=30, ends_s=60, until_s=110)
    life = Life(tmp_path, story, 1)
    disturb = life.disturb

    def set_clock(what: str) -> None:
        for _ in range(31 * 24):
            disturb(what)

    life.disturb = set_clock  # type: ignore[method-assign]
    assert pages(life.run({55: "ahead"})) == once(*LOSS)
    assert [row["state"] for row in life.evaluator.view(life.now_s)["incidents"]] == ["resolved"]


# --- checks and agents that are no more ---


def test_a_check_that_was_taken_away_leaves_it_to_the_others_to_clear_the_way(tmp_path: Path) -> None:
    times = {"begins_s": 30, "ends_s": 60, "until_s": 150, "gone": {"c1-uplink": 55}}
    story = replace(STORY["link down"], cut=(), **times)
    assert pages(Life(tmp_path, story, 1).run()) == once("down", "link:province-c1")


def test_an_incident_nobody_can_measure_any_more_ends_and_says_why(tmp_path: Path) -> None:
    checks = {
        "c1-tp": Check("throughput", 30, asked(rate_bps=9e6), asked(rate_bps=1e6)),
        "c1-dns": Check("dns", 10, asked()),
    }
    story = Story("gone", checks, begins_s=60, ends_s=99_999, until_s=900, step_s=10, gone={"c1-tp": 200})
    life = Life(tmp_path, story, 1)
    assert pages(life.run()) == once("throughput", "link:province-c1")
    [row] = life.evaluator.view(life.now_s)["incidents"]
    assert (row["ended"], row["resolved_ms"] > (BASE_S + 790) * 1000) == ("unmeasured", True)
    assert row["en"].startswith("NO LONGER MEASURED (low throughput)")
    assert "ĐÃ KHÔI PHỤC" not in row["vi"]


def test_an_agent_that_never_spoke_is_told_once_and_a_roll_out_wakes_nobody(tmp_path: Path) -> None:
    class Silent(Life):
        never: tuple[str, ...] = ("c2",)

        def measure(self) -> None:
            super().measure()
            self.waiting = [one for one in self.waiting if one[1] not in self.never]

    story = Story("never", {"core-c1": Check("ping", 10, counted(10, 10))}, until_s=420, step_s=10)
    life = Silent(tmp_path, story, 1).run({200: "restart"})
    assert [(status, kind, element) for _, status, kind, element in life.pages] == [("firing", "unheard", "agent:c2")]
    (tmp_path / "two").mkdir()
    Silent.never = ("c1", "c2", "c3", "province")
    life = Silent(tmp_path / "two", story, 1).run()
    assert {row["severity"] for row in life.evaluator.view(life.now_s)["incidents"]} == {"info"}


# --- later evidence of the same fault ---


def test_an_agent_is_not_called_silent_while_slow_checks_from_elsewhere_find_out_why(tmp_path: Path) -> None:
    story = STORY["link down"]
    slow = {
        name: one._replace(every_s=10) if name.startswith(("core", "prov")) else one
        for name, one in story.checks.items()
    }
    life = Life(tmp_path, replace(story, checks=slow, begins_s=60, ends_s=180, until_s=240), 3).run()
    assert [(status, element) for _, status, _, element in life.pages] == [
        ("firing", "link:province-c1"),
        ("resolved", "link:province-c1"),
    ]
