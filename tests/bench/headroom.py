"""Does `headroom` say right what fits? `tests/bench/headroom.py [RUNS [BURSTS]]`

A link of 20 Mbit/s (tbf both ways, BURSTS in KiB with commas) that others use at 5 Mbit/s both ways: streams of 4, 8 and 14
Mbit/s fit (14 in packets of 1200 bytes are 14.5 on the wire), 18 and 22 do not. For each: the right answers, most bytes of
a direction in kB, the most delay a packet met above the least (`headroom`'s own figure, either way) and how many tests were
cut short. A test this machine was too busy for is made again, twice at most. Goals: right each time, at most 1 MB each
way, at most 30 ms. Needs root.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from crosstraffic import crossing
from nets import Pair, pair
from trainfar import NETMON, unbounded

RUNS, BURSTS = 3, "5,32"
LINK, OTHERS_BPS = "20mbit", 5e6
STREAMS = ((4, 1), (8, 1), (14, 1), (18, 0), (22, 0))  # Mbit/s, fits
MOST_BYTES, MOST_MS = 1_000_000, 30.0


def probe(both: Pair, rate: int) -> dict[str, Any]:
    """One test by the command; again when this machine was too busy."""
    words = [*NETMON, "probe", "headroom", both.right_ip, "-o", "json", f"--set=rate={rate}Mbit"]
    for _ in range(3):
        told: dict[str, Any] = json.loads(both.run("left", words).stdout)
        if told["outcome"] != "LOCAL":
            break
    return told


def row(both: Pair, burst: int, rate: int, fits: int, runs: int) -> bool:
    """Prints one line; True when every answer was right, cheap and gentle."""
    told = [probe(both, rate) for _ in range(runs)]
    values = [one["values"] for one in told]
    right = sum(one.get("fits") == fits for one in values)
    most = max(one.get("bytes_used", 0) for one in values) / 2
    queues = [one[name] for one in values for name in ("queue_fwd_ms", "queue_bwd_ms") if name in one]
    cut = sum(one.get("aborted", 0) for one in values)
    whys = sorted({one["why"] for one in told if one["values"].get("fits") != fits})
    print(f"{burst:>5}{rate:>6}{'yes' if fits else 'no':>6}{right:>7} of {runs:<3}{most / 1000:>7.0f}{max(queues, default=float('nan')):>9.1f}{cut:>5}   load {os.getloadavg()[0]:.1f}  {'; '.join(whys)}", flush=True)  # fmt: skip
    return right == runs and most <= MOST_BYTES and max(queues, default=0.0) <= MOST_MS


def main() -> None:
    """All streams behind all buckets; exit 1 when one missed a goal."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    bursts = [int(one) for one in (sys.argv[2] if len(sys.argv) > 2 else BURSTS).split(",")]
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, {platform.release()}, {os.cpu_count()} cores, Python {platform.python_version()}, {runs} runs")  # fmt: skip
    print(f"{'KiB':>5}{'Mbit':>6}{'fits':>6}{'right':>14}{'kB':>7}{'most ms':>9}{'cut':>5}")
    good = []
    with pair() as both, unbounded(both):
        for burst in bursts:
            both.tbf(LINK, f"{burst}kb", "300ms")
            with crossing(both, OTHERS_BPS, seed=0):
                good += [row(both, burst, rate, fits, runs) for rate, fits in STREAMS]
    print(f"{sum(good)} of {len(good)} rows met every goal")
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
