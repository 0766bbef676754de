"""1,000 targets at 1/s on veth: netmon and fping in turns. `python tests/bench/ping_accuracy.py [SECONDS [ROUNDS]] [--spin]`

The yardstick is the same packet's round trip by the kernel's AF_PACKET stamps on the sender's own veth. Prints for each
prober |reported − yardstick| p50 and p99 (µs), false loss (the answer was on the wire), and CPU for each ping (user and
system, the far end's answer included, as veth runs it inside the sender's call; the same for both). `--spin` runs a thread
that never stops beside the engine (its CPU says nothing then). Needs root, fping.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import platform
import re
import resource
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from nets import Pair, pair, sh  # noqa: E402

from netmon.agent.selfwatch import calm_collector  # noqa: E402
from probes.base import Job, Measurement, Target  # noqa: E402
from probes.kinds.ping import PingSettings, watch  # noqa: E402

TARGETS = [f"10.98.{number >> 8}.{number & 255}" for number in range(1, 1001)]
Trips = dict[str, list[float | None]]  # target → round trip (ms) of each packet in the order of sending


# --- the yardstick ---


def sniff() -> None:
    """Until stdin closes: every echo and its answer on v0, then their round trips as JSON."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    sock.setsockopt(socket.SOL_SOCKET, 33, 64 * 1024 * 1024)  # SO_RCVBUFFORCE
    sock.bind(("v0", 3))  # ETH_P_ALL: only then what leaves is seen too
    sock.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
    sock.setblocking(False)
    threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
    print("ready", flush=True)
    sent: dict[tuple[bytes, bytes], tuple[int, int]] = {}
    trips: dict[str, list[float | None]] = {}
    while not done.is_set():
        try:
            data, control, _, _ = sock.recvmsg(128, 128)
        except BlockingIOError:
            time.sleep(
                0.02
            )  # never wait in recv: waking us would delay the packet between its stamp here and its device's
            continue
        seconds, nanos = struct.unpack("=qq", control[0][2])
        at_ns, what = seconds * 1_000_000_000 + nanos, data[20]
        if data[9] != 1 or what not in (0, 8):
            continue
        host, number = (data[16:20], data[24:28]) if what == 8 else (data[12:16], data[24:28])
        each = trips.setdefault(socket.inet_ntoa(host), [])
        if what == 8:
            sent[host, number] = at_ns, len(each)
            each.append(None)
        elif (host, number) in sent:
            began, place = sent.pop((host, number))
            each[place] = (at_ns - began) / 1e6
    drops = struct.unpack("=II", sock.getsockopt(263, 6, 8))[1]  # PACKET_STATISTICS
    print(json.dumps({"trips": trips, "drops": drops}), flush=True)


done = threading.Event()


# --- the probers ---


def engine(seconds: float, spin: bool) -> None:
    """netmon's own watch; prints round trips and its CPU over the time measured."""
    told: dict[str, list[float | None]] = {target: [] for target in TARGETS}
    strange: list[dict[str, Any]] = []
    jobs = [
        Job(ip, Target(ip), PingSettings(timeout_s=0.9), 1.0, 1.0, at / len(TARGETS)) for at, ip in enumerate(TARGETS)
    ]

    def emit(id: str, got: Measurement) -> None:
        values = got.values
        told[id].append(values.get("rtt_min_ms"))
        if values["unstamped"] or values["local_drop"] or values["late"] or values["sent"] != 1:
            strange.append(values)

    async def main() -> float:
        work = asyncio.create_task(watch(jobs, emit))
        await asyncio.sleep(1.0)  # everything is set up by then
        used = spent()
        await asyncio.sleep(seconds)
        used = spent() - used
        work.cancel()
        return used

    if spin:
        threading.Thread(target=forever, daemon=True).start()
    calm_collector()  # as an agent runs it
    used = asyncio.run(main())
    many = sum(map(len, told.values()))
    rss_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps(
            {
                "trips": told,
                "cpu_us": used * 1e6 / (len(TARGETS) * seconds),
                "sent": many,
                "rss_mb": rss_kb / 1024,
                "strange": len(strange),
            }
        )
    )


def forever() -> None:
    while True:
        pass


def spent() -> float:
    """CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def fping(made: Pair, seconds: float) -> dict[str, Any]:
    """The same targets and rate by fping."""
    count = int(seconds) + 1
    words = ["fping", "-q", "-C", str(count), "-p", "1000", "-i", "1", "-t", "900", *TARGETS]
    child = made.start("left", words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert child.stderr is not None
    text = child.stderr.read()
    _, _, used = os.wait4(child.pid, 0)
    trips: Trips = {}
    for host, values in re.findall(r"^(\S+)\s*: ([\d.\- ]+)$", text, re.MULTILINE):
        trips[host] = [None if one == "-" else float(one) for one in values.split()]
    many = sum(map(len, trips.values()))
    return {
        "trips": trips,
        "cpu_us": (used.ru_utime + used.ru_stime) * 1e6 / many,
        "sent": many,
        "rss_mb": used.ru_maxrss / 1024,
    }


def netmon(made: Pair, seconds: float, spin: bool) -> dict[str, Any]:
    """The engine in a process of its own."""
    words = [sys.executable, __file__, "--engine", str(seconds), *(["--spin"] if spin else [])]
    child = made.run("left", words, check=True)
    answer: dict[str, Any] = json.loads(child.stdout)
    return answer


# --- one round, and what it says ---


def judged(made: Pair, probe: Any) -> dict[str, Any]:
    """A prober's run held against the wire."""
    with made.start(
        "left", [sys.executable, __file__, "--sniff"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as wire:
        assert wire.stdout is not None and wire.stdin is not None
        wire.stdout.readline()
        got = probe()
        wire.stdin.close()
        seen = json.loads(wire.stdout.readline())
    errors, false_loss = list[float](), 0
    for host, trips in got.pop("trips").items():
        for said, true in zip(trips, seen["trips"].get(host, ()), strict=False):
            if said is not None and true is not None:
                errors.append(abs(said - true) * 1000)
            elif said is None and true is not None:
                false_loss += 1
    errors.sort()
    got |= {"p50_us": at(errors, 0.5), "p99_us": at(errors, 0.99), "max_us": at(errors, 1.0), "false_loss": false_loss}
    return {name: round(value, 1) for name, value in got.items()} | {"yardstick_drops": seen["drops"]}


def at(ordered: Sequence[float], share: float) -> float:
    """Nearest-rank quantile."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def main(words: list[str]) -> None:
    """Both probers in turns; then the medians side by side."""
    spin = "--spin" in words
    numbers = [float(one) for one in words if not one.startswith("-")]
    seconds, rounds = numbers[0] if numbers else 10.0, int(numbers[1]) if len(numbers) > 1 else 2
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, {platform.release()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}")  # fmt: skip
    with pair() as made:
        sh(
            f"ip -n {made.right} route add local 10.98.0.0/16 dev lo; ip -n {made.left} route add 10.98.0.0/16 via 10.99.0.2"
        )
        found: dict[str, list[dict[str, Any]]] = {"netmon": [], "fping": []}
        for _ in range(rounds):
            for name, probe in (
                ("netmon", lambda: netmon(made, seconds, spin)),
                ("fping", lambda: fping(made, seconds)),
            ):
                found[name].append(judged(made, probe))
                print(f"{name:7} {json.dumps(found[name][-1])}", flush=True)
    cpu = {name: statistics.median(one["cpu_us"] for one in each) for name, each in found.items()}
    print(
        f"CPU for each ping: netmon {cpu['netmon']:.1f} µs, fping {cpu['fping']:.1f} µs, ratio {cpu['netmon'] / cpu['fping']:.2f}"
    )


if __name__ == "__main__":
    if "--sniff" in sys.argv:
        sniff()
    elif "--engine" in sys.argv:
        engine(float(sys.argv[2]), "--spin" in sys.argv)
    else:
        main(sys.argv[1:])
