"""Emulated links against what netmon says of them. `tests/bench/links.py [PACKETS]` (2,000 as a rule)

Delay of 5, 20, 80 ms, jitter of 0, 5 ms, loss of 0, 0.5, 5 %, each in one direction alone, there and back: STAMP over 36 such
links, ping beside it. Goals: the RTT's median and least within 0.2 ms of the truth (with jitter, and what chance adds) and
of ping's; the losses those the emulator made, inside the 99 % binomial interval of the share set; none of the other
direction. A link that misses is measured once more (a stalled machine delays by itself), which is printed. The emulator
stands outside the project: `NETMON_LAB` names its folder. Needs root; 10 minutes.
"""

from __future__ import annotations

import datetime
import itertools
import os
import platform
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from emulator import emulated, missing
from links import OTHER, Link, Seen, answering, faults, measured

PACKETS, TRIES = 2000, 2
LINKS = [Link(*one) for one in itertools.product((5, 20, 80), (0, 5), (0.0, 0.005, 0.05), ("fwd", "bwd"))]


def row(link: Link, seen: Seen, tries: int, wrong: list[str]) -> str:
    """The line to print."""
    values, way = seen.values, link.direction
    return (
        f"{link.delay_ms:>5}{link.jitter_ms:>7}{link.loss * 100:>7.1f}  {way}{values['rtt_min_ms']:>10.3f}{values['rtt_p50_ms']:>9.3f}"
        f"{seen.ping_ms[0]:>10.3f}{seen.ping_ms[1]:>9.3f}{values[f'lost_{way}'] + values['lost_unknown']:>7}{seen.lost[way]:>6}"
        f"{values[f'lost_{OTHER[way]}']:>6}{tries:>6}  {'; '.join(wrong) or 'good'}"
    )


def judged(lab: Any, link: Link, packets: int) -> bool:
    """Measure a link and print its line; True when all was right."""
    tries, wrong = 0, ["not measured"]
    while wrong and tries < TRIES:
        tries += 1
        seen = measured(lab, "site1", link, packets)
        wrong = faults(link, seen)
    print(row(link, seen, tries, wrong), flush=True)
    return not wrong


def main() -> None:
    """All links; exit 1 when one is told wrong."""
    if why := missing():
        print(f"skipped: {why}")
        return
    packets = int(sys.argv[1]) if len(sys.argv) > 1 else PACKETS
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, {platform.release()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}, {packets} packets each")  # fmt: skip
    print(f"{'delay':>5}{'jitter':>7}{'loss%':>7}  way{'rtt min':>10}{'p50':>9}{'ping min':>10}{'mean':>9}{'lost':>7}{'truth':>6}{'other':>6}{'tries':>6}")  # fmt: skip
    with emulated() as lab, answering(lab, "site1"):
        good = [judged(lab, link, packets) for link in LINKS]
    print(f"{sum(good)} of {len(good)} links told as they are")
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
