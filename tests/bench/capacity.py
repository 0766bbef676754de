"""netmon's capacity figures against the token bucket they came through. `tests/bench/capacity.py [RUNS [RATES [BURSTS]]]`

Two namespaces, tbf at both ends, `netmon probe capacity` against `netmon reflector --train`; RATES in Mbit/s and BURSTS in
KiB, with commas. For each: how many of the figures (two a run, there and back) are known, their error against tbf's own
rate in % (median and worst), the bucket's median, and the bytes of a run in kB. Goal: within 2 % or unknown, never wrong by
more than 5 %, at most 1 MB each way; fails when a figure is. Needs root.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from nets import Pair, pair  # noqa: E402
from trainfar import NETMON, reflector  # noqa: E402

RUNS, RATES, BURSTS = 3, (10, 20, 50, 100), (5, 32, 128)
GOAL, NEVER, MOST_BYTES = 2.0, 5.0, 2_000_000


def _probe(both: Pair) -> dict[str, Any]:
    out = both.run("left", [*NETMON, "probe", "capacity", both.right_ip, "-o", "json"]).stdout
    told: dict[str, Any] = json.loads(out)
    if told["outcome"] not in ("OK", "LOCAL"):
        raise SystemExit(f"{told['outcome']} {told['why']}")
    values: dict[str, Any] = told["values"]
    return values


def _case(both: Pair, rate: int, burst: int, runs: int) -> tuple[list[float], int]:
    """Prints one line; (errors in % of what is known, most bytes of a run)."""
    both.tbf(f"{rate}mbit", f"{burst}kb", "300ms")
    told = [_probe(both) for _ in range(runs)]
    ways = ("fwd", "bwd")
    errors = [
        (one[f"rate_l2_{way}_bps"] / rate / 1e4) - 100 for one in told for way in ways if f"rate_l2_{way}_bps" in one
    ]
    buckets = [one[f"bucket_{way}_bytes"] / 1024 for one in told for way in ways if f"bucket_{way}_bytes" in one]
    used = [one["bytes_used"] for one in told]
    middle, worst = (statistics.median(errors), max(errors, key=abs)) if errors else (float("nan"), float("nan"))
    bucket = statistics.median(buckets) if buckets else float("nan")
    print(
        f"{rate:>5}{burst:>7}{len(errors):>6} of {2 * runs:<4}{middle:>+9.2f}{worst:>+9.2f}{bucket:>9.1f}"
        f"{statistics.median(used) / 1000:>9.0f}{max(used) / 1000:>9.0f}   load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    return errors, max(used)


def main() -> None:
    """Run all cases; exit 1 when a figure is wrong by more than 5 % or a run used too much."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    rates, bursts = (
        tuple(map(int, given.split(","))) if given else usual
        for given, usual in zip((*sys.argv[2:4], "", "")[:2], (RATES, BURSTS), strict=True)
    )
    print(f"{'Mbit':>5}{'KiB':>7}{'known':>12}{'median %':>11}{'worst %':>9}{'bucket':>8}{'kB':>9}{'most kB':>9}")
    errors, used = list[float](), 0
    with pair() as both, reflector(both):
        for rate in rates:
            for burst in bursts:
                found, most = _case(both, rate, burst, runs)
                errors, used = errors + found, max(used, most)
    all_ = 2 * runs * len(rates) * len(bursts)
    within = sum(abs(one) <= GOAL for one in errors)
    worst = max(map(abs, errors), default=0.0)
    print(f"{len(errors)} of {all_} known, {within} within {GOAL} %, worst {worst:.2f} %, most {used / 1000:.0f} kB")
    sys.exit(worst > NEVER or used > MOST_BYTES * 1.03 or not errors)


if __name__ == "__main__":
    main()
