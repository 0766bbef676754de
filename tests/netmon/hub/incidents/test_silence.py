"""A dead agent stays dead through any number of restarts of its hub, until it speaks again."""

from __future__ import annotations

from pathlib import Path

import pytest
from evaluations import Hub, Measured


def test_a_restart_does_not_call_a_dead_agent_back_to_life(tmp_path: Path) -> None:
    world = Measured(3, 1)
    world.dead = {"c2": 60_000}
    one = Hub(tmp_path, world).run(130_000)
    assert [(row["element"], row["state"]) for row in one.rows] == [("agent:c2", "open")]
    one.run(320_000)  # what it said last is behind the window that a restart reads back
    one.restart().run(400_000).restart().run(460_000)
    assert [(row["element"], row["state"]) for row in one.rows] == [("agent:c2", "open")]
    world.dead = {}
    one.run(480_000)
    assert [(row["element"], row["state"]) for row in one.rows] == [("agent:c2", "resolved")]
    assert [status for _, _, status in one.pages()] == ["firing", "resolved"]


@pytest.mark.parametrize("set_s", [3600.0, -3600.0])
def test_a_silence_lasts_as_long_as_it_was_meant_to_though_the_clock_is_set(tmp_path: Path, set_s: float) -> None:
    one = Hub(tmp_path, Measured(3, 1)).run(5_000)
    evaluator, now_s = one.evaluator, one.now_s
    evaluator.tick(now_s, 50.0)
    one.actions.silence("commune:c1", now_s + 60, "lan", "", now_s)
    evaluator.tick(now_s + 1 + set_s, 51.0)
    [silence] = evaluator.board.tables.silences()
    assert silence.until_s - (now_s + set_s) == pytest.approx(60, abs=0.1)
    assert [row["element"] for row in evaluator.view(now_s + set_s + 59)["silences"]] == ["commune:c1"]
    evaluator.tick(now_s + set_s + 62, 112.0)
    assert evaluator.board.tables.silences() == []
