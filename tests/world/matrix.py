"""Every scenario of the lab in both kinds of namespaces: incidents, pages, time to the first page."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from datetime import UTC, datetime

SCENARIOS = ("uplink-cut", "commune-cut", "mcu-down", "lossy-link")


def run(mode: str, scenario: str) -> dict[str, object]:
    """The summary of one run."""
    words = ["--lab", "6", "--scenario", scenario, "--for", "60s", "--no-console", "-o", "jsonl", "--namespaces", mode]
    done = subprocess.run([sys.executable, "-m", "netmon", "up", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        return {"fault": done.stderr.strip()[-200:]}
    return dict(json.loads(done.stdout.splitlines()[-1])["summary"])


def main() -> None:
    """One row per run."""
    print(f"{datetime.now(UTC):%Y-%m-%d} {platform.platform()} {platform.machine()}")
    print(f"{'mode':6} {'scenario':12} {'detection_s':>11} {'pages':>5} {'sent':>6} {'stored':>6}  incidents")
    for mode in ("root", "user"):
        for scenario in SCENARIOS:
            row = run(mode, scenario)
            found = [f"{one['element']}({len(one['symptoms'])})" for one in row.get("incidents", [])]  # type: ignore[attr-defined]
            print(
                f"{mode:6} {scenario:12} {row.get('detection_s')!s:>11} {row.get('pages')!s:>5} {row.get('points_sent')!s:>6} {row.get('points_stored')!s:>6}  {', '.join(found) or row.get('fault')}",
                flush=True,
            )


if __name__ == "__main__":
    main()
