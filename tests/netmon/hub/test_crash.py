"""Killed and restarted hubs: what was acknowledged is there, once."""

from __future__ import annotations

import http.client
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from hubs import HubProcess, hub, line, now_ms

from netmon.hub.ingest.batch import replay
from netmon.segments.position import Position
from netmon.segments.segments import Segments

pytestmark = pytest.mark.world


class Agent(threading.Thread):
    """Posts points with ever higher numbers, repeats until acknowledged, as an agent does."""

    def __init__(self, one: HubProcess, name: str, token: str) -> None:
        super().__init__(daemon=True)
        self.one, self.agent, self.token = one, name, token
        self.acknowledged = 0
        self.stop = threading.Event()

    def run(self) -> None:
        chance = random.Random(self.agent)
        while not self.stop.is_set():
            first = self.acknowledged + 1
            last = first + chance.randrange(1, 30)
            lines = [line(self.agent, number, now_ms()) for number in range(first, last + 1)]
            while not self.stop.is_set():
                try:
                    status = self.one.write(self.agent, lines, f"{first}-{last}", token=self.token)[0]
                except (OSError, http.client.HTTPException):
                    time.sleep(0.02)
                    continue
                if status == 204:
                    self.acknowledged = last
                    break


def _stored(one: HubProcess) -> Counter[tuple[str, int]]:
    segments = Segments(one.state / "segments", segment_bytes=4_000_000, quota_bytes=4_000_000_000)
    batches = replay(segments, Position(0, 0))
    return Counter((batch.header.agent, int(found.fields["sent"])) for batch in batches for found in batch.lines)


def test_no_acknowledged_point_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    with hub(tmp_path) as one:
        agents = [Agent(one, name, one.token(name)) for name in ("c1", "c2")]
        for agent in agents:
            agent.start()
        chance = random.Random(1)
        for _ in range(6):
            time.sleep(chance.uniform(0.1, 0.8))
            one.kill()
            one.start()
        time.sleep(0.3)
        for agent in agents:
            agent.stop.set()
            agent.join(60)
        total = one.figures["points_stored"]
        one.kill()
    stored = _stored(one)
    acknowledged = {(agent.agent, number) for agent in agents for number in range(1, agent.acknowledged + 1)}
    assert min(agent.acknowledged for agent in agents) > 20
    assert acknowledged - set(stored) == set()
    assert [point for point, many in stored.items() if many > 1] == []
    assert total == sum(stored.values())


def test_a_repeat_across_restarts_is_counted_once(tmp_path: Path) -> None:
    lines = [line("c1", number, now_ms()) for number in range(1, 41)]
    with hub(tmp_path) as one:
        assert one.write("c1", lines, "1-40")[0] == 204
        one.kill()
        one.start()
        assert one.write("c1", lines, "1-40")[0] == 204
        assert one.stop() == 0
        one.start()
        assert one.write("c1", lines, "1-40")[0] == 204
        figures = one.figures
        assert figures["points_stored"] == 40 and figures["points_repeated"] == 40
        assert one.read()["checks"][0]["values"]["sent"] == 40
    assert sum(_stored(one).values()) == 40


def test_sealed_and_pruned_segments_do_not_forget_what_was_seen(tmp_path: Path) -> None:
    lines = [line("c1", number, now_ms()) for number in range(1, 41)]
    with hub(tmp_path, extra="seal_every: 1s\n") as one:
        assert one.write("c1", lines, "1-40")[0] == 204
        until = time.monotonic() + 30
        while not list((one.state / "store").glob("day=*/*.parquet")) and time.monotonic() < until:
            time.sleep(0.2)
        one.kill()
        one.start()
        assert one.write("c1", lines, "1-40")[0] == 204
        assert one.figures["points_stored"] == 40
        from netmon.store import read

        found = read.range(one.state / "store", "netmon_ping", "sent", 0, now_ms() + 1, agent="c1")
        assert sorted(sample.value for sample in found) == [float(number) for number in range(1, 41)]


@pytest.mark.needs("tmpfs")
def test_on_a_full_disk_the_newest_points_are_kept_and_the_dropped_ones_counted(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(state)], check=True)
    try:
        chance, last = random.Random(5), 0
        with hub(tmp_path) as one:
            for _ in range(400):  # about 8 MB that gzip cannot make smaller
                noise = [",".join(f"x{n}={chance.random()}" for n in range(60)) for _ in range(30)]
                lines = [line("c1", last + n, now_ms(), more="," + text) for n, text in enumerate(noise, 1)]
                if one.write("c1", lines, f"{last + 1}-{last + 30}")[0] == 204:
                    last += 30
            figures = one.figures
            assert last == 400 * 30 and figures["points_stored"] == last
            assert figures["segments"]["dropped"] > 0
            assert one.write("c1", lines[-1:], f"{last}-{last}")[0] == 204
            assert one.figures["points_repeated"] == 1
            one.kill()
            one.start()
            assert next(row for row in one.read()["checks"])["values"]["sent"] == last
        kept = sorted(number for _, number in _stored(one))
        assert kept == list(range(kept[0], last + 1)) and len(kept) > 1000
    finally:
        subprocess.run(["umount", "-l", str(state)], check=False)


def test_a_second_hub_in_the_same_folder_refuses_to_start(tmp_path: Path) -> None:
    with hub(tmp_path) as one:
        command = [sys.executable, "-m", "netmon", "hub", "--config", str(tmp_path / "hub.yaml")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 3 and "another hub works here" in done.stderr
        assert one.figures["name"] == "test"


def test_a_new_site_gets_a_token_and_the_certificate_follows_the_names(tmp_path: Path) -> None:
    extra = 'server_names: ["0.0.0.0"]\n'
    with hub(tmp_path, host="0.0.0.0", extra=extra) as one:
        authority = (one.state / "trust" / "ca.pem").read_bytes()
        certificate = (one.state / "trust" / "server.pem").read_bytes()
        token = one.token("c1")
        assert one.stop() == 0
        text = (tmp_path / "hub.yaml").read_text().replace('["0.0.0.0"]', '["0.0.0.0", "hub.example"]')
        (tmp_path / "hub.yaml").write_text(text)
        sites = (tmp_path / "inventory.yaml").read_text()
        (tmp_path / "inventory.yaml").write_text(sites.replace("agents:\n", "agents:\n  - {agent: core, site: core}\n"))
        one.start()
        assert (one.state / "trust" / "ca.pem").read_bytes() == authority
        assert (one.state / "trust" / "server.pem").read_bytes() != certificate
        assert one.token("c1") == token and len(one.token("core")) >= 32
