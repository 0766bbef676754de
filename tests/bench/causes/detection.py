"""Real time: a cable of the lab is cut; when has the webhook come, netmon's with the default pack and that of Debian's Prometheus?"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from causes import peers
from causes.play import at, table

from netmon.lab.plan import LabPlan, plan
from netmon.lab.run import Lab
from netmon.lab.space import Space, choose

COMMUNES = 4
WAIT_S, REST_S, SETTLE_S = 25.0, 12.0, 15.0


class Cut(NamedTuple):
    """One cut: the first firing page of each after it (s), None without one; and how many told of it."""

    wire: str
    ours_s: float | None
    theirs_s: float | None
    our_pages: int
    their_alerts: int  # instances that fire


def measure(number: int, keep: Path | None) -> None:
    """Print the table: `number` labs, each with every commune's link cut once and then the uplink."""
    del keep
    mode = choose("auto")
    if mode == "loopback":
        print("no namespaces here: nothing can be cut")
        return
    if peers.missing():
        print(f"not installed, so only netmon is measured: {', '.join(peers.missing())}")
    cuts = [cut for lab in range(1, number + 1) for cut in _lab_cuts(mode, random.Random(f"detection {lab}"))]
    print(
        f"{number} labs of {COMMUNES} communes, packets each second; Prometheus: scrape and evaluation 1 s, for 3 s, group_wait 0 s"
    )
    heads = ("cut", "times", "netmon: p50", "p99", "pages (mean)", "Prometheus: p50", "p99", "alerts firing (mean)")
    table(heads, [_row(name, cuts) for name in ("a commune's link", "the uplink")])


def _row(name: str, cuts: list[Cut]) -> tuple[object, ...]:
    mine = [cut for cut in cuts if (cut.wire == "core-province") == (name == "the uplink")]
    ours = [float("inf") if cut.ours_s is None else cut.ours_s for cut in mine]
    theirs = [float("inf") if cut.theirs_s is None else cut.theirs_s for cut in mine]
    return (name, len(mine), at(0.5, ours), at(0.99, ours), _mean([cut.our_pages for cut in mine]),
            at(0.5, theirs), at(0.99, theirs), _mean([cut.their_alerts for cut in mine]))  # fmt: skip


def _mean(counts: list[int]) -> str:
    return f"{statistics.fmean(counts):.1f}"


def _lab_cuts(mode: str, draw: random.Random) -> Iterator[Cut]:
    paper = plan(COMMUNES)
    with TemporaryDirectory(prefix="netmon-detection-") as name:
        folder, processes = Path(name), list[subprocess.Popen[bytes]]()
        (folder / "peers").mkdir()
        lab = Lab(paper, Space(paper, mode), folder, lambda event: None)
        try:
            lab.start()
            if not peers.missing():
                processes = peers.start(lab.space.inside("core"), _targets(paper), folder / "peers")
            time.sleep(SETTLE_S)
            for wire in [*(f"province-c{number}" for number in range(1, COMMUNES + 1)), "core-province"]:
                time.sleep(draw.uniform(0, 2))
                yield _cut(lab, wire, folder / "peers")
        finally:
            for process in processes:
                process.terminate()
                process.wait()
            lab.close()


def _targets(paper: LabPlan) -> list[str]:
    return [wire.far_ip for wire in paper.wires if wire.id.startswith(("province-", "core-province"))]


def _cut(lab: Lab, wire: str, folder: Path) -> Cut:
    """Cut it, wait for both, mend it."""
    cut_s = time.time()
    lab.space.cut(lab.lab.wire(wire))
    time.sleep(WAIT_S)
    ours = [page.at_s - cut_s for page in lab.tally.pages if page.status == "firing" and page.at_s >= cut_s]
    told = [(at_s - cut_s, firing) for at_s, firing in peers.alerts(folder) if at_s >= cut_s and firing]
    lab.space.mend(lab.lab.wire(wire))
    time.sleep(REST_S)
    instances = {instance for _, firing in told for instance in firing}
    made = Cut(wire, min(ours, default=None), min((at_s for at_s, _ in told), default=None), len(ours), len(instances))
    print(f"{wire}: {made}", file=sys.stderr)
    return made
