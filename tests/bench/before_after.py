"""Two trees of netmon side by side, each with its own .venv: `python tests/bench/before_after.py BEFORE [AFTER]`

An agent's memory (median of ten seconds after it settled), CPU of verbs that start and end (median of seven, in turns), and
the size of the product: lines, modules, lines of a file and of a function. Exit code 1 when a goal is missed: agent ≤
26 MB, `netmon --help` ≤ 60 ms of CPU, and nothing of AFTER more than 3 % and 2 ms (0.3 MB) above BEFORE.
"""

from __future__ import annotations

import ast
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOMS = ("netmon", "probes", "inventory", "alerts")
VERBS = {
    "--help": "--help",
    "config check": "config check agent.yaml",
    "status (no agent)": "status --config agent.yaml",
    "probe host": "probe host -o json",
    "probe tcp": "probe tcp 127.0.0.1:9 -n 1 -o json",
    "conference plan": "conference plan hn-next --inventory inventory.yaml -o json",
}
FILES = Path(__file__).parents[1] / "golden" / "state-2026-12"
TURNS, SETTLE_S, LOOKS = 7, 12, 10
SLACK, MAX_AGENT_MB, MAX_HELP_MS = 0.03, 26.0, 60.0


def agent_file(folder: Path) -> Path:
    """Twenty targets on loopback each second, and this machine; nobody takes the points."""
    checks = [
        {"check": f"t{number}", "kind": "ping", "target": f"127.0.1.{number}", "every": "1s"} for number in range(1, 21)
    ]
    checks.append({"check": "host", "kind": "host", "target": "", "every": "10s"})
    hub = {"name": "hub", "url": "http://127.0.0.1:9"}
    plain = {"agent": "a", "site": "a", "state_dir": str(folder / "state"), "flush_every": "1s"}
    path = folder / "measured.yaml"
    path.write_text(json.dumps({**plain, "destinations": [hub], "checks": checks}))
    return path


def agent_mb(tree: Path) -> float:
    """Resident memory of an agent."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [tree / ".venv/bin/python", "-I", "-m", "netmon", "agent", "--config", agent_file(Path(scratch))]
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(SETTLE_S)
            looks = []
            for _ in range(LOOKS):
                status = Path(f"/proc/{child.pid}/status").read_text()
                looks.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
                time.sleep(1)
        finally:
            child.terminate()
            child.wait(30)
    return statistics.median(looks)


def cpu_ms(tree: Path, words: str) -> float:
    """CPU of one run of the command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [tree / ".venv/bin/python", "-I", "-m", "netmon", *words.split()]
    subprocess.run(command, cwd=FILES, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def in_turns(trees: list[Path], measure: Callable[[Path], float], turns: int) -> list[float]:
    """The median of each tree; one after the other, so that what else the machine does meets both."""
    seen: list[list[float]] = [[] for _ in trees]
    for _ in range(turns):
        for tree, row in zip(trees, seen, strict=True):
            row.append(measure(tree))
    return [statistics.median(row) for row in seen]


def sizes(tree: Path) -> dict[str, float]:
    """Lines and modules of the product."""
    texts = [path.read_text() for room in ROOMS for path in (tree / room).rglob("*.py")]
    nodes = [node for text in texts for node in ast.walk(ast.parse(text))]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [(node.end_lineno or 0) - node.lineno + 1 for node in nodes if isinstance(node, kinds)]
    files = [text.count("\n") for text in texts]
    return {
        "lines": sum(files),
        "modules": len([lines for lines in files if lines > 1]),
        "file, median": statistics.median(files),
        "file, longest": max(files),
        "functions": len(functions),
        "function, median": statistics.median(functions),
        "function, p90": statistics.quantiles(functions, n=10)[-1],
        "function, longest": max(functions),
    }


def main(before: Path, after: Path) -> int:
    """Print the table; the exit code."""
    trees, missed = [before, after], list[str]()
    for tree in trees:  # who compiles first is larger
        subprocess.run([tree / ".venv/bin/python", "-m", "compileall", "-q", *ROOMS], cwd=tree, check=True)
    print(f"load {os.getloadavg()[0]:.1f}", f"{'':24} {'before':>10} {'after':>10}", sep="\n")

    def row(name: str, both: list[float], room: float = 0.0, most: float = 0.0) -> None:
        bound = max(both[0] * (1 + SLACK), both[0] + room) if room else 0.0
        is_over = (bound and both[1] > bound) or (most and both[1] > most)
        missed.extend([name] * bool(is_over))
        print(f"{name:24} {both[0]:10.1f} {both[1]:10.1f}{'  MISSED' if is_over else ''}", flush=True)

    row("agent, MB", in_turns(trees, agent_mb, 1), 0.3, MAX_AGENT_MB)
    for name, words in VERBS.items():
        most = MAX_HELP_MS if name == "--help" else 0.0
        row(f"{name}, ms", in_turns(trees, lambda tree, words=words: cpu_ms(tree, words), TURNS), 2.0, most)  # type: ignore[misc]
    measured = [sizes(tree) for tree in trees]
    for name in measured[0]:
        row(name, [one[name] for one in measured])
    return 1 if missed else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:  # `make bench` has no other tree
        print(__doc__)
        sys.exit(0)
    here = Path(__file__).resolve().parents[2]
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else here))
