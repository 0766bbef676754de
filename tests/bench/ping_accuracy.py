"""1,000 targets on veth at two rates: netmon and fping in turns.

`python tests/bench/ping_accuracy.py [SECONDS [ROUNDS]] [--rate 1000|3300] [--no-spin]`

At 1,000/s each target gets a packet a second, at 3,300/s one each 300 ms. The yardstick is the same packet's round trip by
the kernel's AF_PACKET stamps on the sender's own veth. Prints for each prober |reported − yardstick| p50 and p99 (µs), false
loss (the answer was on the wire), and CPU for each ping (user and system, the far end's answer included, as veth runs it
inside the sender's call; the same for both). `engine` is the probe kind with its measurements, `agent` all of an agent up
to its spool (points made, stored, synced), `spin` the engine beside a thread that never stops (its CPU says nothing, nor
does that of what runs beside it). Needs root, fping.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import math
import os
import platform
import re
import resource
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from nets import Pair, pair, sh

from netmon.agent.health.usage import calm_collector, rss_bytes
from probes.base import Job, Measurement, Target
from probes.kinds.ping import PingSettings, watch
from probes.kinds.shared import packets
from probes.wire.fleet.fleet import Interval

TARGETS = [f"10.98.{number >> 8}.{number & 255}" for number in range(1, 1001)]
EVERY_S = {1000: 1.0, 3300: 0.3}  # packets a second of all → time between one target's
LOSSY = -1.0  # answered, but in an interval with losses nobody knows which packet
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


def engine(rate: int, seconds: float, spin: bool) -> None:
    """netmon's own watch; prints round trips and its CPU over the time measured."""
    seen = Seen()
    every_s = EVERY_S[rate]
    jobs = [
        Job(ip, Target(ip), PingSettings(timeout_s=0.9), every_s, 1.0, at / len(TARGETS))
        for at, ip in enumerate(TARGETS)
    ]
    if spin:
        threading.Thread(target=forever, daemon=True).start()
    calm_collector()  # as an agent runs it
    seen.print(asyncio.run(measured(lambda: watch(jobs, seen.emit), rate, seconds)))


def agent(rate: int, seconds: float) -> None:
    """A whole agent but for its senders: points, spool and its own book-keeping."""
    from netmon.agent.agent import RunningAgent
    from netmon.config.agent import AgentConfig, CheckConfig
    from probes.kinds.ping import PING

    seen = Seen()
    with tempfile.TemporaryDirectory() as folder:
        settings = PingSettings(timeout_s=0.9)
        checks = tuple(
            CheckConfig(check=f"c-{ip}", kind="ping", target=ip, every_s=EVERY_S[rate], settings=settings)
            for ip in TARGETS
        )
        config = AgentConfig(agent="c1", site="c1", state_dir=folder, flush_every_s=5.0, destinations=(), checks=checks)
        one = RunningAgent(config, {"ping": PING})
        calm_collector()

        async def work() -> None:
            await asyncio.gather(one.runner.run(), one.flush_for_ever())

        seen.print(asyncio.run(measured(work, rate, seconds)) | {"points": one.spool.stored})


class Seen:
    """What a run of ours told, packet by packet: taken where intervals become measurements."""

    def __init__(self) -> None:
        # Four bytes a packet, so that the memory told is the prober's: 60 s at 3,300/s are 200,000 packets.
        self.trips = {target: array("f") for target in TARGETS}
        self.strange = 0
        make = packets.measurement

        def noted(recipe: Any, target: str, interval: Interval) -> Measurement:
            window = interval.window
            told: list[float | None] = [*window.rtts_ms]
            if len(told) != window.sent:
                told = [LOSSY] * len(told) + [None] * (window.sent - len(told))
            self.trips[target].extend(math.nan if one is None else one for one in told)
            self.strange += bool(window.unstamped or window.overflow or window.ours or window.late)
            return make(recipe, target, interval)

        packets.measurement = noted

    def emit(self, id: str, got: Measurement) -> None:
        """The trips were noted already."""

    def print(self, more: dict[str, Any]) -> None:
        """Everything, for `judged`."""
        many = sum(map(len, self.trips.values()))
        trips = {host: [None if math.isnan(one) else one for one in each] for host, each in self.trips.items()}
        print(json.dumps({"trips": trips, "sent": many, "strange": self.strange, **more}))


async def measured(work: Callable[[], Coroutine[Any, Any, None]], rate: int, seconds: float) -> dict[str, Any]:
    """Run it for so long; CPU for each ping and memory once everything is set up."""
    task = asyncio.create_task(work())
    await asyncio.sleep(1.2)
    used, began = spent(), time.monotonic()
    await asyncio.sleep(seconds)
    used, took = spent() - used, time.monotonic() - began
    task.cancel()
    return {"cpu_us": used * 1e6 / (len(TARGETS) / EVERY_S[rate] * took), "rss_mb": rss_bytes() / 1e6}


def forever() -> None:
    while True:
        pass


def spent() -> float:
    """CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def fping(made: Pair, rate: int, seconds: float) -> dict[str, Any]:
    """The same targets and rate by fping."""
    every_s = EVERY_S[rate]
    count = str(round((seconds + 1) / every_s))
    words = ["fping", "-q", "-C", count, "-p", f"{every_s * 1000:g}", "-i", f"{every_s:g}", "-t", "900", *TARGETS]
    child = made.start("left", words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert child.stderr is not None
    text = child.stderr.read()
    _, _, used = os.wait4(child.pid, 0)
    trips: Trips = {}
    for host, values in re.findall(r"^(\S+)\s*: ([\d.\- ]+)$", text, re.MULTILINE):
        trips[host] = [None if one == "-" else float(one) for one in values.split()]
    many = sum(map(len, trips.values()))
    return {"trips": trips, "cpu_us": (used.ru_utime + used.ru_stime) * 1e6 / many, "sent": many}


def netmon(made: Pair, what: str, rate: int, seconds: float) -> dict[str, Any]:
    """`engine`, `agent` or `spin` in a process of its own."""
    child = made.run("left", [sys.executable, __file__, f"--{what}", str(rate), str(seconds)], check=True)
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
            if said is not None and true is not None and said >= 0:
                errors.append(abs(said - true) * 1000)
        there = seen["trips"].get(host, ())[: len(trips)]
        false_loss += max(0, sum(one is None for one in trips) - sum(one is None for one in there))
    errors.sort()
    got |= {"p50_us": at(errors, 0.5), "p99_us": at(errors, 0.99), "max_us": at(errors, 1.0), "false_loss": false_loss}
    return {name: round(value, 1) for name, value in got.items()} | {"yardstick_drops": seen["drops"]}


def at(ordered: Sequence[float], share: float) -> float:
    """Nearest-rank quantile."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def main(words: list[str]) -> None:
    """All probers in turns at each rate; then the medians side by side."""
    chosen = {int(words.pop(at + 1)) for at in [words.index("--rate")]} if "--rate" in words else set(EVERY_S)
    numbers = [float(one) for one in words if not one.startswith("-")]
    seconds, rounds = numbers[0] if numbers else 10.0, int(numbers[1]) if len(numbers) > 1 else 2
    names = ["engine", "fping", "agent", *([] if "--no-spin" in words else ["spin"])]
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, {platform.release()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}")  # fmt: skip
    with pair() as made:
        sh(f"ip -n {made.right} route add local 10.98.0.0/16 dev lo; ip -n {made.left} route add 10.98.0.0/16 via 10.99.0.2")  # fmt: skip
        for rate in sorted(chosen):
            found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
            for _ in range(rounds):
                for name in names:
                    found[name].append(judged(made, run_of(made, name, rate, seconds)))
                    print(f"{rate:5}/s {name:6} {json.dumps(found[name][-1])}", flush=True)
            summed(rate, found)


def run_of(made: Pair, name: str, rate: int, seconds: float) -> Callable[[], dict[str, Any]]:
    """One prober's run."""
    return lambda: fping(made, rate, seconds) if name == "fping" else netmon(made, name, rate, seconds)


def summed(rate: int, found: dict[str, list[dict[str, Any]]]) -> None:
    """The medians of a rate's rounds. A ratio is a round's own: both ran side by side."""
    for name, each in found.items():
        middle = {key: statistics.median(one[key] for one in each) for key in each[0] if key not in ("sent", "points")}
        ratio = statistics.median(
            one["cpu_us"] / other["cpu_us"] for one, other in zip(each, found["fping"], strict=True)
        )
        told = "" if name in ("spin", "fping") else f", {ratio:.2f} × fping"
        print(f"{rate:5}/s {name:6} median: {middle['cpu_us']:.1f} µs CPU for each ping{told}, error p50 {middle['p50_us']:.1f} p99 {middle['p99_us']:.1f} µs, false loss {sum(one['false_loss'] for one in each)}" + (f", {middle['rss_mb']:.1f} MB" if "rss_mb" in middle else ""))  # fmt: skip


if __name__ == "__main__":
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what == "--sniff":
        sniff()
    elif what in ("--engine", "--spin"):
        engine(int(sys.argv[2]), float(sys.argv[3]), what == "--spin")
    elif what == "--agent":
        agent(int(sys.argv[2]), float(sys.argv[3]))
    else:
        main(sys.argv[1:])
