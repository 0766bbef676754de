"""A dead agent stays dead through any number of restarts of its hub, until it speaks again."""

from __future__ import annotations

from pathlib import Path

from evaluations import Hub, Measured


def test_a_restart_does_not_call_a_dead_agent_back_to_life(tmp_path: Path) -> None:
    world = Measured(3, 1)
    world.dead = {"c2": 60_000}
    one = Hub(tmp_path, world).run(100_000)
    assert [(row["element"], row["state"]) for row in one.rows] == [("agent:c2", "open")]
    one.run(320_000)  # what it said last is behind the window that a restart reads back
    one.restart().run(400_000).restart().run(460_000)
    assert [(row["element"], row["state"]) for row in one.rows] == [("agent:c2", "open")]
    world.dead = {}
    one.run(480_000)
    assert [(row["element"], row["state"]) for row in one.rows] == [("agent:c2", "resolved")]
    assert [status for _, _, status in one.pages()] == ["firing", "resolved"]
