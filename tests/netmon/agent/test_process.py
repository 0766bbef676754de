"""The agent as a program: signals, kills, its lock, its socket, what it imports and what it costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from agenthub import FakeHub, serving, until

pytestmark = pytest.mark.world
NETMON = [sys.executable, "-I", "-m", "netmon"]


def _write(folder: Path, url: str, checks: int = 1) -> Path:
    rows = [
        {"check": f"c1-{number}", "kind": "tcp", "target": f"127.0.0.1:{number}", "every": "1s", "timeout": "1s"}
        for number in range(1, checks + 1)
    ]
    hub = {"name": "hub", "url": url, "timeout": "2s"}
    told = {"agent": "c1", "site": "c1", "state_dir": str(folder / "state"), "flush_every": "0.3s"}
    path = folder / "agent.yaml"
    path.write_text(json.dumps({**told, "destinations": [hub], "checks": rows}))
    return path


@contextmanager
def program(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """An agent's process."""
    with (path.parent / "log").open("ab") as log:
        child = subprocess.Popen([*NETMON, "agent", "--config", str(path)], stdout=log, stderr=log)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def _status(path: Path) -> subprocess.CompletedProcess[str]:
    command = [*NETMON, "--lang", "en", "status", "--config", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_stopped_agent_has_handed_over_what_it_measured(tmp_path: Path) -> None:
    with serving(FakeHub()) as hub:
        path = _write(tmp_path, hub.url)
        with program(path) as child:
            assert until(lambda: len(hub.stored) > 5)
            assert oct((tmp_path / "state" / "agent.sock").stat().st_mode & 0o777) == "0o600"
            told = _status(path)
            assert told.returncode in (0, 1) and len(told.stdout.splitlines()) == 5
            second = subprocess.run([*NETMON, "agent", "--config", str(path)], capture_output=True, check=False)
            assert second.returncode == 3 and b"another agent" in second.stderr
            child.terminate()
            assert child.wait(20) == 0
    account = json.loads((tmp_path / "state" / "account.json").read_text())
    assert account["sent"] == len(hub.stored) == account["delivered"]["hub"] and account["waiting"] == {"hub": 0}
    assert _status(path).returncode == 3


def test_kills_lose_no_point_that_was_stored_and_double_none(tmp_path: Path) -> None:
    with serving(FakeHub()) as hub:
        path = _write(tmp_path, hub.url, checks=5)
        for _ in range(4):
            before = len(hub.stored)
            with program(path) as child:
                assert until(lambda: len(hub.stored) > before + 5)  # noqa: B023
                child.kill()
        with program(path) as child:
            before = len(hub.stored)
            assert until(lambda: len(hub.stored) > before + 5)
            child.terminate()
            assert child.wait(20) == 0
    numbers = sorted(number for _, number in hub.stored)
    assert len({boot for boot, _ in hub.stored}) == 5 and numbers == list(range(1, len(numbers) + 1))


def test_a_new_file_is_taken_over_and_a_bad_one_is_not(tmp_path: Path) -> None:
    with serving(FakeHub()) as hub:
        path = _write(tmp_path, hub.url)
        with program(path) as child:
            assert until(lambda: len(hub.stored) > 2)
            good = path.read_text()
            path.write_text("agent: [")
            child.send_signal(signal.SIGHUP)
            assert until(lambda: "not taken over" in (tmp_path / "log").read_text())
            path.write_text(good.replace('"c1-1"', '"c1-new"'))
            child.send_signal(signal.SIGHUP)
            assert until(lambda: any("check=c1-new" in line for line in list(hub.stored.values())))
            assert child.poll() is None


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    path = _write(tmp_path, "http://127.0.0.1:9")
    (tmp_path / "state").write_text("")
    done = subprocess.run([*NETMON, "agent", "--config", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 3 and "state_dir" in done.stderr


def test_an_agent_with_twenty_targets_stays_small(tmp_path: Path) -> None:
    heavy = {"alerts", "rich", "numpy", "cryptography", "duckdb", "starlette", "uvicorn", "uvloop", "psutil"}
    with serving(FakeHub()) as hub, program(_write(tmp_path, hub.url, checks=20)) as child:
        assert until(lambda: len(hub.stored) > 60)
        status = Path(f"/proc/{child.pid}/status").read_text()
        maps = Path(f"/proc/{child.pid}/maps").read_text()
    rss_kb = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    assert rss_kb <= 40 * 1024
    code = "import sys, netmon.agent.main, probes.kinds.tcp, probes.kinds.ping; print(*{n.split('.')[0] for n in sys.modules})"
    loaded = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(loaded.split()) & heavy == set() and "numpy" not in maps and os.getpid() != child.pid
