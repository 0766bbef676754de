"""Real agents and a real hub: tests over one uplink never overlap, and a conference keeps them all away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agenthub import Told, check, config, running, until
from hubs import INVENTORY, HubProcess, eventually, hub

from netmon.agent.agent import RunningAgent
from netmon.config.agent import HeavyConfig
from probes.base import Measurement, Target

CODES = {"c1": "26734", "c2": "26737"}
CHECKS = "  - {check: c1-core, agent: c1, to: core}\n  - {check: c2-core, agent: c2, to: core}\n"
MEETING = """\
mcus:
  - {{id: mcu-1, site: core}}
rooms:
  - {{id: r1, site: p79}}
conferences:
  - {{id: m, name: Giao ban, starts: "{now}", ends: "{later}", mcus: [mcu-1], rooms: [r1]}}
"""


class Diary(Told):
    """Remembers when each heavy run began and ended."""

    def __init__(self, run_s: float) -> None:
        super().__init__(run_s=run_s)
        self.runs = list[tuple[float, float]]()

    def measure(self, kind: str, target: Target) -> Measurement:
        """One run is over."""
        now_s = time.monotonic()
        self.runs.append((now_s - self.run_s, now_s))
        return super().measure(kind, target)


@contextmanager
def agents(
    one: HubProcess, folder: Path, diaries: dict[str, Diary], every_s: float
) -> Iterator[dict[str, RunningAgent]]:
    """Agents c1 and c2, each with one heavy check on its way to the core."""
    with ExitStack() as stack:
        made = {}
        for name, diary in diaries.items():
            told = config(folder / name, f"http://127.0.0.1:{one.port}", check(f"{name}-core", "far", kind="heavy"))
            token = str(one.state / "trust" / "tokens" / f"{name}.token")
            told = replace(
                told,
                agent=name,
                site=name,
                commune=CODES[name],
                lang="en",
                heavy=HeavyConfig(bytes_per_day=0),
                destinations=(replace(told.destinations[0], token_file=token),),
                checks=(replace(told.checks[0], every_s=every_s),),
            )
            made[name] = stack.enter_context(running(told, diary))
        yield made


def used(one: HubProcess) -> dict[str, int]:
    return {row["link"]: row["used_bytes"] for row in one.read("/api/v1/leases")["links"]}


def outcomes(one: HubProcess) -> dict[str, dict[str, Any]]:
    return {row["check"]: row for row in one.read()["checks"]}


def test_two_agents_behind_one_uplink_never_test_at_the_same_time(tmp_path: Path) -> None:
    with hub(tmp_path / "hub", start=False) as one:
        (one.folder / "inventory.yaml").write_text(INVENTORY + CHECKS)
        one.start()
        diaries = {name: Diary(0.3) for name in CODES}
        with agents(one, tmp_path, diaries, every_s=2.5):
            assert until(lambda: all(len(diary.runs) >= 2 for diary in diaries.values()), 40)
        runs = sorted(run for diary in diaries.values() for run in diary.runs)
        assert all(ends <= begins for (_, ends), (begins, _) in zip(runs, runs[1:], strict=False))
        assert eventually(lambda: used(one).get("link:core-province", 0) >= 700 * 4)
        assert used(one)["link:core-province"] == used(one)["link:province-c1"] + used(one)["link:province-c2"]


def test_during_a_conference_nothing_heavy_runs_and_nobody_is_paged(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    told = MEETING.format(now=now.isoformat(), later=(now + timedelta(hours=1)).isoformat())
    with hub(tmp_path / "hub", start=False) as one:
        (one.folder / "inventory.yaml").write_text(INVENTORY + CHECKS + told)
        one.start()
        diaries = {name: Diary(0.1) for name in CODES}
        with agents(one, tmp_path, diaries, every_s=0.5) as made:
            assert eventually(lambda: len(outcomes(one)) == 2)
            first_ms = outcomes(one)["c1-core"]["at_ms"]
            assert eventually(lambda: outcomes(one)["c1-core"]["at_ms"] > first_ms + 1500)
            why = made["c1"].view()["checks"][0]["why"]
        assert all(not diary.runs for diary in diaries.values())
        assert why.startswith("not run: conference Giao ban is on, or soon, on link:core-province")
        assert {row["outcome"] for row in outcomes(one).values()} == {5}
        assert all(row["values"] == {"deferred": 1} for row in outcomes(one).values())
        assert one.read("/api/v1/incidents")["incidents"] == []
        assert used(one) == {}
