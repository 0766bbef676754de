"""netmon's throughput figures beside iperf3's own, over a 20 Mbit/s link. `tests/bench/throughput.py [SECONDS [ROUNDS]]`

Two namespaces, tbf of 20 Mbit/s (burst 32 kB, latency 50 ms) at both ends. Each case is measured by iperf3 against
itself, by netmon against an iperf3 server, and by an iperf3 client against netmon's server, one after the other, in some
rounds; all figures are what the receiver counted, in Mbit/s of payload, medians of the rounds. Goal: within 3 % of iperf3
against itself. Needs root.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from nets import Pair, pair  # noqa: E402

LINK, GOAL = "20mbit", 3.0
DEFAULTS = (3, 3)
TCP_TRUTH = 20 * 1448 / 1514  # a full segment's payload by its Ethernet frame
CASES = {  # name: (netmon's settings, iperf3's words)
    "tcp": ("", ""),
    "tcp reverse": ("reverse=true", "-R"),
    "tcp x3": ("parallel=3", "-P 3"),
    "tcp x3 reverse": ("parallel=3 reverse=true", "-P 3 -R"),
    "udp 15M": ("protocol=udp rate=15Mbit", "-u -b 15M"),
    "udp 15M reverse": ("protocol=udp rate=15Mbit reverse=true", "-u -b 15M -R"),
    "udp 22M": ("protocol=udp rate=22Mbit", "-u -b 22M"),
    "udp 22M reverse": ("protocol=udp rate=22Mbit reverse=true", "-u -b 22M -R"),
}


@contextmanager
def _server(both: Pair, words: list[str]) -> Iterator[None]:
    process = both.start("right", words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while ":5201 " not in both.run("right", ["ss", "-ltnH"]).stdout:
        if time.monotonic() > deadline or process.poll() is not None:
            raise SystemExit(f"{' '.join(words)} does not listen")
        time.sleep(0.1)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def _iperf3(both: Pair, words: str, seconds: int) -> float:
    """Mbit/s as its receiver says."""
    command = ["iperf3", "-c", both.right_ip, "-f", "k", "-i", "0", "-t", str(seconds), *words.split()]
    out = both.run("left", command, timeout=seconds + 30).stdout
    found = re.findall(r"([\d.]+) Kbits/sec.*receiver", out)
    if not found:
        raise SystemExit(out)
    return float(found[-1]) / 1000


def _netmon(both: Pair, settings: str, seconds: int) -> float:
    command = [sys.executable, "-m", "netmon", "probe", "throughput", both.right_ip, "-o", "json"]
    command += [f"--set={word}" for word in (f"duration={seconds}s", *settings.split())]
    told = json.loads(both.run("left", command, timeout=seconds + 30).stdout)
    if told["outcome"] != "OK":
        raise SystemExit(f"{settings}: {told['outcome']} {told['why']}")
    return float(told["values"]["rate_bps"]) / 1e6


def _rounds(both: Pair, seconds: int, rounds: int) -> dict[str, list[list[float]]]:
    """Case → figures of iperf3, of netmon as client, of netmon as server; one of each a round."""
    found: dict[str, list[list[float]]] = {name: [[], [], []] for name in CASES}
    for _ in range(rounds):
        with _server(both, ["iperf3", "-s"]):
            for name, (settings, words) in CASES.items():
                found[name][0].append(_iperf3(both, words, seconds))
                found[name][1].append(_netmon(both, settings, seconds))
        reflector = ["-m", "netmon", "reflector", "--listen", "0.0.0.0:8620", "--throughput", "0.0.0.0:5201"]
        with _server(both, [sys.executable, *reflector]):
            for name, (_, words) in CASES.items():
                found[name][2].append(_iperf3(both, words, seconds))
    return found


def main() -> None:
    """Run all cases and print them."""
    given = [int(word) for word in sys.argv[1:3]]
    seconds, rounds = (*given, *DEFAULTS[len(given) :])
    with pair() as both:
        both.tbf(LINK)
        found = _rounds(both, seconds, rounds)
    print(f"{rounds} rounds of {seconds} s, link {LINK}, which carries {TCP_TRUTH:.3f} Mbit/s of TCP payload")
    print(
        f"{'case':<16}{'iperf3':>9}{'netmon':>9}{'diff':>9}{'netmon -s':>11}{'diff':>9}   load {os.getloadavg()[0]:.1f}"
    )
    worst = 0.0
    for name, figures in found.items():
        theirs, client, server = map(statistics.median, figures)
        diffs = [(one / theirs - 1) * 100 for one in (client, server)]
        worst = max(worst, *map(abs, diffs))
        spread = " ".join(f"{min(one):.2f}-{max(one):.2f}" for one in figures)
        print(f"{name:<16}{theirs:>9.3f}{client:>9.3f}{diffs[0]:>+8.2f}%{server:>11.3f}{diffs[1]:>+8.2f}%   {spread}")
    print(f"worst {worst:.2f} % (goal {GOAL} %)")
    sys.exit(worst > GOAL)


if __name__ == "__main__":
    main()
