"""What an agent costs beside fping for the same targets. `python tests/bench/footprint.py [SECONDS]` (default 40)

20 ping targets each 10 s, host metrics, self-proof on, every point spooled to disk and delivered over TLS to a real hub;
fping pings and forgets. Then the same each second. CPU and switches (voluntary and involuntary) are of all threads, after
settling. Goals at 10 s: ≤ 26 MB, ≤ 1.0 ms of CPU a second, ≤ 3 switches a second; `netmon --help` ≤ 200 ms of CPU. Needs
ICMP sockets, fping.
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

from hubs import hub

NETMON = [sys.executable, "-I", "-m", "netmon"]
TARGETS = [f"127.0.1.{number}" for number in range(1, 21)]
NAMES = 'server_names: ["0.0.0.0"]\n'
SETTLE_S = 12.0
GOALS = {"rss_mb": 26.0, "cpu_ms_per_s": 1.0, "switches_per_s": 3.0}


def usage(pid: int) -> dict[str, float]:
    """CPU seconds, resident and anonymous MB, and context switches of a process so far."""
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    threads = list(Path(f"/proc/{pid}/task").iterdir())
    cpu_ns = sum(int((one / "schedstat").read_text().split()[0]) for one in threads)
    switches = [
        line.split() for one in threads for line in (one / "status").read_text().splitlines() if "_ctxt_" in line
    ]
    megabytes = {name: int(status[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon")}
    found = {"cpu_s": cpu_ns / 1e9, "rss_mb": megabytes["VmRSS"], "anon_mb": megabytes["RssAnon"]}
    return found | {name: sum(int(many) for key, many in switches if key == f"{name}:") for name in _SWITCHES}


_SWITCHES = ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")


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
    switches = {name: (after[name] - before[name]) / took for name in _SWITCHES}
    return {
        "cpu_ms_per_s": round((after["cpu_s"] - before["cpu_s"]) / took * 1000, 2),
        "switches_per_s": round(sum(switches.values()), 2),
        "of_them_involuntary": round(switches[_SWITCHES[1]], 2),
        "rss_mb": round(after["rss_mb"], 1),
        "anon_mb": round(after["anon_mb"], 1),
    }


def agent(every: str, seconds: float) -> dict[str, Any]:
    """The agent, and a real hub that takes its points over TLS."""
    with tempfile.TemporaryDirectory() as folder, hub(Path(folder) / "hub", host="0.0.0.0", extra=NAMES) as far:  # noqa: S104
        token = Path(folder) / "token"
        token.write_text(far.token("c1"))
        checks = [{"check": f"c1-{at}", "kind": "ping", "target": ip, "every": every} for at, ip in enumerate(TARGETS)]
        checks.append({"check": "c1-host", "kind": "host", "every": "60s", "about": "self"})
        told = {"agent": "c1", "site": "c1", "commune": "26734", "province": "79", "flush_every": "10s"}
        ca = str(far.state / "trust" / "ca.pem")
        where = {"name": "hub", "url": f"https://{far.host}:{far.port}", "token_file": str(token), "ca_file": ca}
        path = Path(folder) / "agent.yaml"
        path.write_text(json.dumps({**told, "state_dir": f"{folder}/state", "destinations": [where], "checks": checks}))
        found = watched([*NETMON, "agent", "--config", str(path)], seconds)
        return {**found, "points_at_the_hub": far.figures["points_stored"]}


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
    """The agent and fping each 10 s, then each second; then help."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 40.0
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, {platform.release()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}")  # fmt: skip
    for every_ms in (10_000, 1_000):
        found = agent(f"{every_ms // 1000}s", seconds)
        missed = [name for name, most in GOALS.items() if found[name] > most] if every_ms == 10_000 else []
        print(f"agent, each {every_ms} ms  {json.dumps(found)}{f'  MISSED: {missed}' if missed else ''}", flush=True)
        fping = watched(["fping", "-l", "-Q", "10", "-p", str(every_ms), *TARGETS], seconds)
        print(f"fping, each {every_ms} ms  {json.dumps(fping)}", flush=True)
    print(f"netmon --help: {help_ms()} ms of CPU")


if __name__ == "__main__":
    main()
