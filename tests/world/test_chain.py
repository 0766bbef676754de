"""Agent and hub as programs, killed at random and out of disk: what was acknowledged arrives, and once."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hubs import HubProcess, eventually, hub

from netmon.hub.ingest.batch import Batch, replay
from netmon.segments.position import Position
from netmon.segments.segments import Segments

pytestmark = pytest.mark.world
NETMON = [sys.executable, "-I", "-m", "netmon"]
KILLS = 20


class AgentProcess:
    """An agent of site c1 whose checks never wait for anything: closed ports of this machine."""

    def __init__(self, folder: Path, one: HubProcess, *, checks: int, every: str, segment: str = "1MB") -> None:
        self.folder = folder
        self.state = folder / "state"
        self.child: subprocess.Popen[bytes] | None = None
        folder.mkdir(exist_ok=True)
        rows = [
            {"check": f"c1-{number}", "kind": "tcp", "target": f"127.0.0.1:{number}", "every": every}
            for number in range(1, checks + 1)
        ]
        token = str(one.state / "trust" / "tokens" / "c1.token")
        to = {"name": "hub", "url": f"http://127.0.0.1:{one.port}", "token_file": token, "timeout": "2s"}
        told = {"agent": "c1", "site": "c1", "commune": "26734", "province": "79", "state_dir": str(self.state)}
        spool = {"segment": segment, "backlog_rate": "50Mbit"}
        text = json.dumps({**told, "flush_every": "0.3s", "spool": spool, "destinations": [to], "checks": rows})
        (folder / "agent.yaml").write_text(text)

    def start(self) -> None:
        """Start it; it needs no hub to run."""
        with (self.folder / "log").open("ab") as log:
            command = [*NETMON, "agent", "--config", str(self.folder / "agent.yaml")]
            self.child = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.child is not None
        self.child.kill()
        self.child.wait(30)

    def stop(self) -> dict[str, Any]:
        """SIGTERM; its account of this run."""
        assert self.child is not None
        self.child.terminate()
        assert self.child.wait(30) == 0, (self.folder / "log").read_text()[-2000:]
        return dict(json.loads((self.state / "account.json").read_text()))

    def status(self) -> dict[str, Any]:
        """What it says of itself; {} while it does not answer."""
        command = [*NETMON, "status", "--socket", str(self.state / "agent.sock"), "-o", "json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return dict(json.loads(done.stdout)) if done.stdout else {}


@contextmanager
def agent(folder: Path, one: HubProcess, **how: Any) -> Iterator[AgentProcess]:
    """Started, and killed afterwards."""
    made = AgentProcess(folder, one, **how)
    made.start()
    try:
        yield made
    finally:
        if made.child is not None and made.child.poll() is None:
            made.kill()


def batches(one: HubProcess) -> list[Batch]:
    """All the hub ever stored, as it stands in its segments."""
    segments = Segments(one.state / "segments", segment_bytes=4_000_000, quota_bytes=4_000_000_000)
    return list(replay(segments, Position(0, 0)))


def numbers(found: list[Batch]) -> list[int]:
    """The agent's numbers the hub holds, in order."""
    return sorted(
        {n for batch in found if batch.header.agent == "c1" for n in range(batch.header.first, batch.header.last + 1)}
    )


def points(found: list[Batch]) -> list[tuple[str, str, int | None]]:
    """Every stored point by what makes it one: measurement, check and time."""
    return [(line.name, line.tags["check"], line.time) for batch in found for line in batch.lines]


def test_twenty_random_kills_of_agent_and_hub_lose_no_acknowledged_point_and_double_none(tmp_path: Path) -> None:
    chance = random.Random(20)
    with hub(tmp_path / "hub") as one, agent(tmp_path / "agent", one, checks=6, every="0.2s") as measuring:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.2, 1.2))
            victim: Any = chance.choice([measuring, one])
            victim.kill()
            victim.start()
        assert eventually(lambda: measuring.status().get("spool", {}).get("points", 10_000) < 30)
        account = measuring.stop()
        assert account["waiting"] == {"hub": 0} and account["dropped"] == 0
        figures = one.figures
        one.kill()
    held = numbers(found := batches(one))
    assert len(held) > 200
    assert held == list(range(1, held[-1] + 1)), "every number the agent gave out is here"
    told = points(found)
    assert len(told) == len(set(told)) == len(held) == figures["points_stored"], "each of them once"


@pytest.mark.long
@pytest.mark.needs("tmpfs")
def test_on_a_full_disk_an_agent_keeps_the_newest_counts_the_rest_and_recovers_alone(tmp_path: Path) -> None:
    state = tmp_path / "agent" / "state"
    state.mkdir(parents=True)
    with hub(tmp_path / "hub") as one:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(state)], check=True)
        try:
            (state / "ballast").write_bytes(b"x" * 3_090_000)
            with agent(tmp_path / "agent", one, checks=20, every="0.1s", segment="8kB") as measuring:
                one.kill()
                assert eventually(lambda: measuring.status().get("spool", {}).get("dropped", 0) > 500, 60)
                assert measuring.status()["spool"]["trouble"] == ""
                one.start()
                assert eventually(lambda: measuring.status()["spool"]["points"] < 200, 30)
                dropped = measuring.status()["spool"]["dropped"]
                (state / "ballast").unlink()
                account = measuring.stop()
            assert account["waiting"] == {"hub": 0}
        finally:
            subprocess.run(["umount", "-l", str(state)], check=False)
        one.kill()
    found = batches(one)
    held, told = numbers(found), points(found)
    missing = set(range(1, held[-1] + 1)) - set(held)
    assert len(told) == len(set(told)) == len(held), "nothing is held twice"
    assert len(missing) == account["dropped"] >= dropped > 0
    assert max(missing) < held[-1] - 100, "what is missing is old, the newest is there"
    gaps = [line for batch in found for line in batch.lines if line.name == "netmon_gap"]
    assert sum(int(gap.fields["last"]) - int(gap.fields["first"]) + 1 for gap in gaps) == len(missing)
