"""netmon's capacity figures against the token bucket they came through. `tests/bench/capacity.py [RUNS [RATES [BURSTS [CROSS]]]]`

Two namespaces, tbf at both ends, `netmon probe capacity` against a responder of its own process; RATES in Mbit/s, BURSTS in KiB
and CROSS, others' traffic both ways in % of the rate, with commas. For each: how many of the figures (two a run, there and
back) are known, their error against tbf's own rate in % (median and worst), the bucket's (worst, and how many within 15 %),
the kB one direction cost, and the kB iperf3 had received on the same link, just before, when its figure came within 1 % and
stayed there (`-`: not in its time). Goals: each figure within 1 % (5 Mbit/s: 2 %) or unknown, never wrong by more than 5 %,
at most 1 MB each way. Last, 5 ms of jitter behind the bottleneck, by the emulator where there is one (`NETMON_LAB`): all of
these are to be unknown. A figure that is wrong, or too dear, fails it. 20 runs make the full table. Needs root.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from crosstraffic import crossing
from emulator import emulated, missing
from links import answering
from nets import Pair, pair
from trainfar import NETMON, unbounded

USUAL = ("1", "5,10,20,50,100", "5,32,128", "0,25")
GOAL, SLOW_GOAL, NEVER, BUCKET_GOAL, MOST_BYTES = 1.0, 2.0, 5.0, 15.0, 1_000_000
JITTERED, PAUSE_S = (5, 20, 100), 4.0  # Mbit/s; a responder gives a source 24 MB a minute
IPERF_S, PAYLOAD_SHARE = 6, 1448 / 1514  # TCP payload in an Ethernet frame


@dataclass
class Case:
    """One row: a link and what was found on it. Errors in %."""

    rate: int
    burst: int
    cross: int
    errors: list[float] = field(default_factory=list)
    buckets: list[float] = field(default_factory=list)
    used: list[int] = field(default_factory=list)
    why: list[str] = field(default_factory=list)

    @property
    def goal(self) -> float:
        """How near a figure is to be, %."""
        return SLOW_GOAL if self.rate <= 5 else GOAL

    def take(self, direction: str, told: dict[str, Any]) -> None:
        """One direction's answer."""
        if told["outcome"] not in ("OK", "LOCAL"):
            raise SystemExit(f"{told['outcome']} {told['why']}")
        values, way = told["values"], {"forward": "fwd", "reverse": "bwd"}[direction]
        self.used.append(values["bytes_used"])
        if told["why"]:
            self.why.append(told["why"])
        if f"rate_l2_{way}_bps" in values:
            self.errors.append(values[f"rate_l2_{way}_bps"] / self.rate / 1e4 - 100)
        if f"bucket_{way}_bytes" in values:
            self.buckets.append(values[f"bucket_{way}_bytes"] / self.burst / 10.24 - 100)

    def row(self, iperf3: str) -> str:
        """The line to print."""
        errors, buckets = self.errors or [float("nan")], self.buckets or [float("nan")]
        within = sum(abs(one) <= BUCKET_GOAL for one in self.buckets)
        return (
            f"{self.rate:>5}{self.burst:>5}{self.cross:>7}{len(self.errors):>7} of {len(self.used):<3}"
            f"{statistics.median(errors):>+9.2f}{max(errors, key=abs):>+8.2f}{max(buckets, key=abs):>+9.1f}{within:>4}"
            f"{statistics.median(self.used) / 1000:>7.0f}{max(self.used) / 1000:>6.0f}{iperf3:>8}"
            f"   load {os.getloadavg()[0]:.1f}  {'; '.join(sorted(set(self.why)))}"
        )


def probe(both: Pair, direction: str) -> dict[str, Any]:
    """One direction, by the command."""
    words = [*NETMON, "probe", "capacity", both.right_ip, "-o", "json", f"--set=direction={direction}"]
    told: dict[str, Any] = json.loads(both.run("left", words).stdout)
    return told


def iperf3_kb(both: Pair, rate: int) -> str:
    """kB iperf3's receiver had when its figure, in Ethernet bits, came within 1 % of the rate to stay."""
    words = ["iperf3", "-c", both.right_ip, "-R", "-J", "-i", "0.1", "-t", str(IPERF_S)]
    steps = json.loads(both.run("left", words).stdout).get("intervals", [])
    got, took_s, since = 0, 0.0, ""
    for one in steps:
        got, took_s = got + one["sum"]["bytes"], took_s + one["sum"]["seconds"]
        near = abs(got * 8 / took_s / PAYLOAD_SHARE / rate / 1e4 - 100) <= GOAL
        since = (since or f"{got / 1000:.0f}") if near else ""
    return since or "-"


def measured(both: Pair, case: Case, runs: int) -> str:
    """All runs of a row, iperf3 first; the line."""
    both.tbf(f"{case.rate}mbit", f"{case.burst}kb", "300ms")
    with crossing(both, case.rate * case.cross * 1e4):
        iperf3 = "" if case.cross else iperf3_kb(both, case.rate)
        for _ in range(runs):
            for direction in ("forward", "reverse"):
                case.take(direction, probe(both, direction))
    return case.row(iperf3)


def main() -> None:
    """Run all cases; exit 1 when a figure is wrong by more than 5 %, too dear, or none is known."""
    given = [*sys.argv[1:5], *USUAL[len(sys.argv[1:5]) :]]
    runs, rates, bursts, crosses = int(given[0]), *(tuple(map(int, one.split(","))) for one in given[1:])  # fmt: skip
    cases = [Case(rate, burst, cross) for cross in crosses for rate in rates for burst in bursts]
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, {platform.release()}, {os.cpu_count()} cores, Python {platform.python_version()}, {runs} runs")  # fmt: skip
    print(f"{'Mbit':>5}{'KiB':>5}{'cross%':>7}{'known':>14}{'median%':>9}{'worst%':>8}{'bucket%':>9}{'ok':>4}{'kB':>7}{'most':>6}{'iperf3':>8}")  # fmt: skip
    with pair() as both, unbounded(both):
        server = both.start("right", ["iperf3", "-s"], stdout=subprocess.DEVNULL)
        time.sleep(0.3)
        try:
            for case in cases:
                print(measured(both, case, runs), flush=True)
        finally:
            server.kill()
            server.wait()
    sys.exit(not (said(cases) and jittered(runs)))


def jittered(runs: int) -> bool:
    """Print how many figures came from links whose packets come unevenly; True when there is none."""
    if why := missing():
        print(f"jitter behind the bottleneck: {why}")
        return True
    known = asked = 0
    with emulated() as lab, answering(lab, "site1", "--train", "0.0.0.0:8621"):
        lab.set("site1", "both", delay="10ms", jitter="5ms")
        for rate in JITTERED:
            lab.tbf("site1", f"{rate}mbit", "32kb", "300ms")
            for _ in range(runs):
                words = [*NETMON, "probe", "capacity", lab.address("site1"), "-o", "json"]
                values = json.loads(lab.run("hub", *words, check=False))["values"]
                known, asked = known + sum(name.startswith("rate_l2") for name in values), asked + 2
                time.sleep(PAUSE_S)
    print(f"5 ms of jitter behind the bottleneck: {known} of {asked} known")
    return not known


def said(cases: list[Case]) -> bool:
    """Print the sum of it; True when nothing is wrong and nothing too dear."""
    known, asked = sum(len(one.errors) for one in cases), sum(len(one.used) for one in cases)
    within = sum(abs(error) <= one.goal for one in cases for error in one.errors)
    full = sum(abs(error) <= BUCKET_GOAL for one in cases for error in one.buckets)
    worst = max((abs(error) for one in cases for error in one.errors), default=0.0)
    most = max(used for one in cases for used in one.used)
    print(f"{known} of {asked} known, {within} within {GOAL:g} % ({SLOW_GOAL:g} % at 5 Mbit/s), {full} buckets within {BUCKET_GOAL:g} %, worst {worst:.2f} %, most {most / 1000:.0f} kB one way")  # fmt: skip
    return worst <= NEVER and most <= MOST_BYTES and known > 0


if __name__ == "__main__":
    main()
