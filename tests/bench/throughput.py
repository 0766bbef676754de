"""netmon's throughput figures beside iperf3's own, over a 20 Mbit/s link. `sudo python tests/bench/throughput.py [SECONDS]`

Two namespaces, tbf of 20 Mbit/s (burst 32 kB, latency 50 ms) at both ends. Each case is measured by iperf3 against
itself, by netmon against an iperf3 server, and by an iperf3 client against netmon's server, one after the other; all
figures are what the receiver counted, in Mbit/s of payload. Goal: within 3 % of iperf3 against itself.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from nets import Pair, pair  # noqa: E402

LINK, GOAL = "20mbit", 3.0
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


def main() -> None:
    """Run all cases and print them."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    theirs, as_client, as_server = {}, {}, {}
    with pair() as both:
        both.tbf(LINK)
        with _server(both, ["iperf3", "-s"]):
            for name, (settings, words) in CASES.items():
                theirs[name] = _iperf3(both, words, seconds)
                as_client[name] = _netmon(both, settings, seconds)
        reflector = ["-m", "netmon", "reflector", "--listen", "0.0.0.0:8620", "--throughput", "0.0.0.0:5201"]
        with _server(both, [sys.executable, *reflector]):
            for name, (_, words) in CASES.items():
                as_server[name] = _iperf3(both, words, seconds)
    print(
        f"{seconds} s each, link {LINK}; TCP payload it can carry: {TCP_TRUTH:.3f} Mbit/s; load {os.getloadavg()[0]:.1f}"
    )
    print(f"{'case':<16}{'iperf3':>9}{'netmon':>9}{'diff':>9}{'netmon -s':>11}{'diff':>9}")
    worst = 0.0
    for name, rate in theirs.items():
        diffs = [(one[name] / rate - 1) * 100 for one in (as_client, as_server)]
        worst = max(worst, *map(abs, diffs))
        print(
            f"{name:<16}{rate:>9.3f}{as_client[name]:>9.3f}{diffs[0]:>+8.2f}%{as_server[name]:>11.3f}{diffs[1]:>+8.2f}%"
        )
    print(f"worst {worst:.2f} % (goal {GOAL} %)")
    sys.exit(worst > GOAL)


if __name__ == "__main__":
    main()
