"""No loop of an agent ends in silence: an exception in each of them is told, and every point is delivered."""

from __future__ import annotations

from pathlib import Path

import agentdeaths
from agenthub import FakeHub, Told, running, serving


def test_an_exception_in_every_loop_of_an_agent_is_told_and_its_work_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    with serving(FakeHub()) as hub, running(agentdeaths.settings(tmp_path, hub.url), Told()) as agent:
        assert agentdeaths.goes_on(agent, hub, path)
        assert agentdeaths.run_at_once(agent, path, lambda: RuntimeError("put in")) == set()
        assert agentdeaths.goes_on(agent, hub, path)
        assert any("troubles=" in line for line in hub.stored.values())  # the hub hears of it
    numbers = sorted(number for _, number in hub.stored)
    assert numbers == list(range(1, agent.spool.end.seq))
