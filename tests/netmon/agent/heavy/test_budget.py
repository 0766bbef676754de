"""What an agent may do by itself: bytes a day, tests at a time, and the conferences it was told of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from agenthub import until

from netmon.agent.heavy.budget import DAY_S, ZONE_S, LocalBudget
from netmon.agent.heavy.permit import Denied, Permit
from netmon.config.agent import HeavyConfig
from probes.base import Cost

MIDNIGHT_S = 1_795_539_600  # 2026-11-25T00:00:00+07:00
COST = Cost(1000, 10.0)


class At:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now_s = MIDNIGHT_S + 8 * 3600.0

    def __call__(self) -> float:
        return self.now_s


def budget(folder: Path, at: At, **terms: int) -> LocalBudget:
    return LocalBudget(folder / "heavy.json", HeavyConfig(**{"bytes_per_day": 2500, **terms}), at)


def granted(got: Permit | Denied) -> Permit:
    assert isinstance(got, Permit), got
    return got


def why(got: Permit | Denied) -> str:
    assert isinstance(got, Denied)
    return got.why


def used(folder: Path) -> int:
    return int(json.loads((folder / "heavy.json").read_text())["used"])


def test_a_restart_does_not_refill_what_was_used(tmp_path: Path) -> None:
    at = At()
    granted(budget(tmp_path, at).ask("a", COST))  # died in its test: all of it counts
    granted(budget(tmp_path, at).ask("a", COST))
    assert "heavy.bytes_per_day" in why(budget(tmp_path, at).ask("a", COST))


def test_a_new_day_of_viet_nam_refills_it(tmp_path: Path) -> None:
    at = At()
    assert (MIDNIGHT_S + ZONE_S) % DAY_S == 0
    one = budget(tmp_path, at)
    for _ in range(2):
        granted(one.ask("a", COST)).done(None)
        assert until(lambda: one._running == 0)
    at.now_s = MIDNIGHT_S + DAY_S - 1
    assert why(one.ask("a", COST))
    at.now_s += 1
    granted(one.ask("a", COST))


def test_what_was_really_sent_is_what_counts(tmp_path: Path) -> None:
    one = budget(tmp_path, At())
    granted(one.ask("a", COST)).done(300)
    assert until(lambda: used(tmp_path) == 300)


def test_a_test_of_unknown_size_runs_while_anything_is_left(tmp_path: Path) -> None:
    one = budget(tmp_path, At())
    granted(one.ask("a", Cost(None, 10.0))).done(9000)
    assert until(lambda: used(tmp_path) == 9000)
    assert why(one.ask("a", Cost(None, 10.0)))


def test_one_test_runs_at_a_time_and_the_next_may_ask_again_soon(tmp_path: Path) -> None:
    one = budget(tmp_path, At())
    first = granted(one.ask("a", COST))
    got = one.ask("b", COST)
    assert isinstance(got, Denied) and "heavy.at_once" in got.why and 0 < got.retry_after_s <= 60
    first.done(0)
    assert until(lambda: isinstance(one.ask("b", COST), Permit), 5)


def test_nothing_runs_without_a_hub_when_the_budget_is_nothing(tmp_path: Path) -> None:
    assert why(budget(tmp_path, At(), bytes_per_day=0).ask("a", Cost(None, 1.0)))


def test_conferences_the_hub_told_of_are_kept_to_after_a_restart(tmp_path: Path) -> None:
    at = At()
    budget(tmp_path, at).keep_quiet("a", [(at.now_s + 100, at.now_s + 200)])
    again = budget(tmp_path, at)
    granted(again.ask("a", COST)).done(0)
    for after_s in (91, 150, 199):
        at.now_s = MIDNIGHT_S + 8 * 3600 + after_s
        assert "conference" in why(again.ask("a", COST))
        assert until(lambda: isinstance(again.ask("b", Cost(1, 1.0)), Permit), 5)
        again._running = 0
    at.now_s = MIDNIGHT_S + 8 * 3600 + 200
    granted(again.ask("a", COST))


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "\x00", "[" * 5000),
        '{"day": 1, "used": "x", "quiet": {}}',
        '{"day": 1, "used": 1, "quiet": {"a": 3}}',
        '{"day": Infinity, "used": 1, "quiet": {}}',
        f'{{"day": 1, "used": 1, "quiet": {{"a": [[0, 1{"0" * 400}]]}}}}',
        '{"day": 1, "used": 1, "quiet": {"a": [[0, Infinity]]}}',
    ],
)
def test_a_file_that_says_nothing_is_begun_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "heavy.json").write_text(text)
    granted(budget(tmp_path, At()).ask("a", COST))
    assert used(tmp_path) == 1000


def test_what_cannot_be_kept_is_not_sent(tmp_path: Path) -> None:
    one = LocalBudget(tmp_path / "no-such-folder" / "heavy.json", HeavyConfig(), At())
    assert "cannot be kept" in why(one.ask("a", COST))
