"""What the H.323 codec costs: memory of its import, and microseconds a message. `tests/bench/h323.py [TURNS]`

RSS is of a fresh interpreter that has what every kind has (dataclasses, ipaddress, struct), before and after the codec is
imported, the middle one of five. Times are the best of five runs on one core. Goal: 2 MB, 100 µs to make a SETUP, 50 µs to read a GCF.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from h323bytes import RECORDED

from probes.wire.h323 import (
    fast_connect,
    h225,
    q931,
)
from probes.wire.h323.h225 import Ids

GOAL_KB = 2048
_RSS = """
import sys, time, dataclasses, ipaddress, struct, zlib, typing, probes.errors, probes.wire.session
def rss_kb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4
before, began = rss_kb(), time.perf_counter()
import probes.wire.h323.h225, probes.wire.h323.fast_connect, probes.wire.h323.call
print(rss_kb() - before, round(1000 * (time.perf_counter() - began), 1))
"""


def imported() -> tuple[int, float]:
    """(kB of RSS, ms) that importing the codec costs; the middle one of five interpreters."""
    found = []
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", _RSS], capture_output=True, text=True, check=True, cwd=ROOT)
        kilobytes, took_ms = done.stdout.split()
        found.append((int(kilobytes), float(took_ms)))
    return sorted(found)[len(found) // 2]


def each_us(turns: int, call: Callable[[], object]) -> float:
    """Microseconds a call, the best of five runs."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(turns):
            call()
        best = min(best, time.perf_counter() - began)
    return 1e6 * best / turns


def main(turns: int) -> int:
    """Print the figures; 1 when the memory's goal is missed."""
    us, far, ids = ("10.99.0.2", 5), ("10.99.0.1", 1720), Ids(bytes(16), bytes(16))
    fast = fast_connect.offers(us, us)
    (connect,) = q931.tpkt_framer().feed(RECORDED["h323plus connect"])
    cases: dict[str, Callable[[], object]] = {
        "make a GRQ": lambda: h225.gatekeeper_request(1, us, alias="netmon"),
        "make an LRQ": lambda: h225.location_request(1, us, "8001"),
        "make a SETUP with fast connect": lambda: h225.setup(ids, "8001", far, us, fast=fast),
        "make the two channels": lambda: fast_connect.offers(us, us),
        "make a RELEASE COMPLETE": lambda: h225.release(ids),
        "read a GCF": lambda: h225.read_ras(RECORDED["gnugk gcf"]),
        "read a CONNECT": lambda: h225.read_call(connect.user or b""),
        "cut a CONNECT out of a stream": lambda: list(q931.tpkt_framer().feed(RECORDED["h323plus connect"])),
    }
    kilobytes, took_ms = imported()
    print(f"{'import of the codec':32} {kilobytes:6} kB RSS, {took_ms} ms")
    for name, call in cases.items():
        print(f"{name:32} {each_us(turns, call):6.1f} µs")
    return 0 if kilobytes <= GOAL_KB else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
