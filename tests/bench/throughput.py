"""netmon's throughput figures beside iperf3's own. `tests/bench/throughput.py [short | SECONDS [ROUNDS]]`

Two namespaces. First a link of 20 Mbit/s (tbf, burst 32 kB, latency 50 ms, at both ends): TCP and UDP, both directions, one
and three streams. Each case is measured by iperf3 against itself, by netmon against an iperf3 server, and by an iperf3
client against netmon's server, one after the other, in some rounds. All figures are what the receiver counted in Mbit/s of
payload (layer 4), medians of the rounds; beside them what that is with IP headers (layer 3) and on the wire (layer 2: Ethernet
without preamble and FCS). A single TCP run may be 9 % low, whoever receives: BBR may run into a timeout early on
and leave the link idle for 0.2 s. Goal: within 2 % of iperf3 against itself.

Then UDP at 500 Mbit/s without a shaper: rate, loss, and CPU per packet of netmon's sender and receiver beside iperf3's, each
with iperf3 at the other end. Goal: 0.5 %, and 0.6 times iperf3's CPU. Needs root; `short` is 3 s and 1 round.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2])]

from nets import Pair, pair

LINK, GOAL = "20mbit", 2.0
DEFAULTS, SHORT = (3, 3), (3, 1)
FAST_BPS, FAST_GOAL, CPU_GOAL = 500e6, 0.5, 0.6
TCP_TRUTH = 20 * 1448 / 1514  # a full segment's payload by its Ethernet frame
TCP_LAYERS = (1500 / 1448, 1514 / 1448)  # a full segment with its IP header, and on the wire, by its payload
UDP_LAYERS = (1488 / 1460, 1502 / 1460)
_TCP, _UDP = ("", ""), ("protocol=udp rate=15Mbit", "-u -l 1460")
CASES = {  # name: (netmon's settings, iperf3's words); iperf3's rate is each stream's
    "tcp": _TCP,
    "tcp reverse": (f"{_TCP[0]} reverse=true", f"{_TCP[1]} -R"),
    "tcp x3": (f"{_TCP[0]} parallel=3", f"{_TCP[1]} -P 3"),
    "tcp x3 reverse": (f"{_TCP[0]} parallel=3 reverse=true", f"{_TCP[1]} -P 3 -R"),
    "udp 15M": (_UDP[0], f"{_UDP[1]} -b 15M"),
    "udp 15M reverse": (f"{_UDP[0]} reverse=true", f"{_UDP[1]} -b 15M -R"),
    "udp 15M x3": (f"{_UDP[0]} parallel=3", f"{_UDP[1]} -b 5M -P 3"),
    "udp 15M x3 reverse": (f"{_UDP[0]} parallel=3 reverse=true", f"{_UDP[1]} -b 5M -P 3 -R"),
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
        with _server(both, _reflector()):
            for name, (_, words) in CASES.items():
                found[name][2].append(_iperf3(both, words, seconds))
    return found


def _reflector() -> list[str]:
    return [sys.executable, "-m", "netmon", "reflector", "--listen", "0.0.0.0:8620", "--throughput", "0.0.0.0:5201"]


def _table(found: dict[str, list[list[float]]]) -> float:
    """Print the cases; the worst difference, in %."""
    print(f"{'payload (layer 4), Mbit/s':<26}{'iperf3':>9}{'netmon':>9}{'diff':>8}{'netmon -s':>11}{'diff':>8}{'layer 3':>9}{'layer 2':>9}")  # fmt: skip
    worst = 0.0
    for name, figures in found.items():
        theirs, client, server = map(statistics.median, figures)
        diffs = [(one / theirs - 1) * 100 for one in (client, server)]
        worst = max(worst, *map(abs, diffs))
        ip, wire = (client * share for share in (TCP_LAYERS if name.startswith("tcp") else UDP_LAYERS))
        spread = " ".join(f"{min(one):.2f}-{max(one):.2f}" for one in figures)
        print(f"{name:<26}{theirs:>9.3f}{client:>9.3f}{diffs[0]:>+7.2f}%{server:>11.3f}{diffs[1]:>+7.2f}%{ip:>9.3f}{wire:>9.3f}   {spread}")  # fmt: skip
    return worst


# --- 500 Mbit/s ---


class Fast(NamedTuple):
    """One run: what arrived, what was lost of how many packets, what the client's end cost."""

    rate_bps: float
    lost: int
    packets: int
    cpu_us: float


def inner(host: str, seconds: str, reverse: str) -> None:
    """In the left namespace: one test in this process, so that its CPU is the test's alone."""
    from probes.base import Target
    from probes.kinds.throughput.kind import ThroughputSettings, run

    settings = ThroughputSettings(duration_s=float(seconds), protocol="udp", rate_bps=FAST_BPS, reverse=reverse == "1")
    asyncio.run(run(Target(host), replace(settings, duration_s=0.5, rate_bps=1e6), 1))  # imports are not the test's
    before = time.process_time()
    told = asyncio.run(run(Target(host), settings, 1))
    values = {key: told.values.get(key, 0) for key in ("rate_bps", "lost", "packets")}
    print(json.dumps({"cpu_s": time.process_time() - before, "why": told.why, **values}))


def _fast_netmon(both: Pair, seconds: int, reverse: bool) -> Fast:
    words = [sys.executable, __file__, "inner", both.right_ip, str(seconds), str(int(reverse))]
    told = json.loads(both.run("left", words, timeout=seconds + 30).stdout)
    if not told["rate_bps"]:
        raise SystemExit(told["why"])
    return Fast(told["rate_bps"], told["lost"], told["packets"], told["cpu_s"] / told["packets"] * 1e6)


def _fast_iperf3(both: Pair, seconds: int, reverse: bool) -> Fast:
    command = ["iperf3", "-c", both.right_ip, "-J", "-i", "0", "-u", "-l", "1460", "-b", str(int(FAST_BPS))]
    words = ["-t", str(seconds), *(["-R"] if reverse else [])]
    end = json.loads(both.run("left", [*command, *words], timeout=seconds + 30).stdout)["end"]
    packets, lost = end["sum"]["packets"], end["sum"]["lost_packets"]
    cpu_s = end["cpu_utilization_percent"]["host_total"] / 100 * end["sum"]["seconds"]
    return Fast(end["sum"]["bits_per_second"] * (1 - lost / packets), lost, packets, cpu_s / packets * 1e6)


def _fast(both: Pair, seconds: int, rounds: int) -> bool:
    """Each end at 500 Mbit/s against iperf3's other end, then both ends netmon's; were the goals met?"""
    print(f"{'udp 500M, payload (layer 4)':<30}{'sent Mbit/s':>12}{'arrived':>9}{'lost':>8}{'CPU us/packet':>15}")
    good = True
    with _server(both, ["iperf3", "-s"]):
        for name, reverse in (("sender", False), ("receiver", True)):
            theirs, ours = _in_turn(both, seconds, rounds, reverse)
            _row(f"{name} iperf3", theirs)
            off = _row(f"{name} netmon", ours)
            share = statistics.median(one.cpu_us for one in ours) / statistics.median(one.cpu_us for one in theirs)
            good = good and share <= CPU_GOAL and abs(off) <= FAST_GOAL
            print(f"{'':<30}{share:.2f} times iperf3's CPU (goal {CPU_GOAL}), sent {off:+.2f} % (goal {FAST_GOAL} %)")
    with _server(both, _reflector()):
        off = _row("both ends netmon", [_fast_netmon(both, seconds, False) for _ in range(rounds)])
    return good and abs(off) <= FAST_GOAL


def _in_turn(both: Pair, seconds: int, rounds: int, reverse: bool) -> tuple[list[Fast], list[Fast]]:
    """iperf3's runs and netmon's."""
    theirs, ours = [], []
    for _ in range(rounds):
        for measure, found in ((_fast_iperf3, theirs), (_fast_netmon, ours)):
            found.append(measure(both, seconds, reverse))
            time.sleep(0.5)
    return theirs, ours


def _row(name: str, found: list[Fast]) -> float:
    """Print it; how far what was sent is off the rate, in %. What iperf3's small buffer drops was sent nevertheless."""
    arrived = statistics.median(one.rate_bps for one in found)
    lost = sum(one.lost for one in found) / sum(one.packets for one in found)
    sent = statistics.median(one.rate_bps / (1 - one.lost / one.packets) for one in found)
    cpu_us = statistics.median(one.cpu_us for one in found)
    print(f"{name:<30}{sent / 1e6:>12.2f}{arrived / 1e6:>9.2f}{lost:>8.2%}{cpu_us:>15.2f}")
    return sent / FAST_BPS * 100 - 100


def main() -> None:
    """Run all cases and print them."""
    given = [str(one) for one in SHORT] if sys.argv[1:2] == ["short"] else sys.argv[1:3]
    seconds, rounds = (*map(int, given), *DEFAULTS[len(given) :])
    with pair() as both:
        good = _fast(both, seconds, rounds)
        both.tbf(LINK)
        found = _rounds(both, seconds, rounds)
    print(f"{rounds} rounds of {seconds} s, link {LINK}, which carries {TCP_TRUTH:.3f} Mbit/s of TCP payload; load {os.getloadavg()[0]:.1f}")  # fmt: skip
    worst = _table(found)
    print(f"worst {worst:.2f} % (goal {GOAL} %)")
    sys.exit(worst > GOAL or not good)


if __name__ == "__main__":
    inner(*sys.argv[2:]) if sys.argv[1:2] == ["inner"] else main()
