"""What an agent costs with 20 ping targets each second, beside fping for the same. `python tests/bench/footprint.py [SECONDS]`

The agent spools every point to disk and delivers it; fping pings and forgets. CPU is of one core, after ten seconds of
settling. Goals: the agent ≤ 40 MB and ≤ 3 % of a core, `netmon --help` ≤ 200 ms of CPU. Needs ICMP sockets, fping.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from agenthub import FakeHub, serving  # noqa: E402

NETMON = [sys.executable, "-I", "-m", "netmon"]
TARGETS = [f"127.0.1.{number}" for number in range(1, 21)]
SETTLE_S = 10.0


def usage(pid: int) -> dict[str, float]:
    """CPU seconds, resident and anonymous MB, and context switches of a process so far."""
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    threads = list(Path(f"/proc/{pid}/task").iterdir())
    cpu_ns = sum(int((one / "schedstat").read_text().split()[0]) for one in threads)
    wakes = [line for one in threads for line in (one / "status").read_text().splitlines() if line.startswith("vol")]
    switches = sum(int(line.split()[1]) for line in wakes)
    megabytes = {name: int(status[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon")}
    return {"cpu_s": cpu_ns / 1e9, "rss_mb": megabytes["VmRSS"], "anon_mb": megabytes["RssAnon"], "switches": switches}


def watched(words: list[str], seconds: float) -> dict[str, float]:
    """What a program uses while it runs."""
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(SETTLE_S)
        before, began = usage(child.pid), time.monotonic()
        time.sleep(seconds)
        after, took = usage(child.pid), time.monotonic() - began
        assert child.poll() is None, f"{words[0]} ended"
    finally:
        child.kill()
        child.wait()
    return {
        "cpu_percent": round((after["cpu_s"] - before["cpu_s"]) / took * 100, 3),
        "switches_per_s": round((after["switches"] - before["switches"]) / took, 1),
        "rss_mb": round(after["rss_mb"], 1),
        "anon_mb": round(after["anon_mb"], 1),
    }


def agent(seconds: float) -> dict[str, Any]:
    """The agent and a hub that takes everything."""
    with tempfile.TemporaryDirectory() as folder, serving(FakeHub()) as hub:
        checks = [{"check": f"c1-{at}", "kind": "ping", "target": ip, "every": "1s"} for at, ip in enumerate(TARGETS)]
        told = {"agent": "c1", "site": "c1", "state_dir": f"{folder}/state", "flush_every": "10s", "checks": checks}
        path = Path(folder) / "agent.yaml"
        path.write_text(json.dumps({**told, "destinations": [{"name": "hub", "url": hub.url}]}))
        found = watched([*NETMON, "agent", "--config", str(path)], seconds)
        good = sum(" outcome=0i" in line or ",outcome=0i" in line for line in hub.stored.values())
        return {**found, "points": len(hub.stored), "points_ok": good}


def help_ms() -> float:
    """CPU of `netmon --help`, the better of three."""
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*NETMON, "--help"], stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return round(min(times) * 1000, 1)


def main() -> None:
    """The agent, then fping; then help."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 15.0
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, {platform.release()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}")  # fmt: skip
    print(f"agent  {json.dumps(agent(seconds))}", flush=True)
    print(f"fping  {json.dumps(watched(['fping', '-l', '-Q', '10', '-p', '1000', *TARGETS], seconds))}")
    print(f"netmon --help: {help_ms()} ms of CPU")


if __name__ == "__main__":
    main()
