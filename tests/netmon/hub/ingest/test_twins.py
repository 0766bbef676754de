"""Two agents under one name are told; one that is started anew is not."""

from __future__ import annotations

from netmon.hub.ingest.twins import AGAIN_S, WITHIN_S, Twins


def test_boots_that_take_turns_are_two_agents_and_told_once_a_minute() -> None:
    twins = Twins()
    told = [twins.note("c1", "ab"[second % 2], float(second)) for second in range(100)]
    assert sum(map(bool, told)) == 2 and "two agents run under the name c1" in max(told)
    assert twins.note("c2", "a", 100.0) == "" and AGAIN_S < 100


def test_restarts_and_a_late_write_of_the_last_run_are_one_agent() -> None:
    twins = Twins()
    boots = ["a"] * 5 + ["b", "a"] + ["b"] * 5 + ["c"] * 5 + ["d"]
    assert not any(twins.note("c1", boot, float(second)) for second, boot in enumerate(boots))


def test_rare_returns_are_no_twins() -> None:
    twins = Twins()
    assert not any(twins.note("c1", "ab"[turn % 2], turn * (WITHIN_S + 1)) for turn in range(20))
