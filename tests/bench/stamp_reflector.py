"""How many tests a reflector answers on one core, and how near its round trip is to ping's. `stamp_reflector.py [SECONDS]`

`netmon reflector` in one namespace, a flood of 64 tests at a time from another. Prints answers a second, CPU for each
answer and so answers a second of one core, beside a bare Python echo (recvfrom, sendto, nothing else) in the same run: no
Python reflector can be cheaper. Then ping and STAMP on the same veth in turns: the RTT without the reflector's residence
beside ping's, median and least. Goals: 25,000 a second open, 10,000 authenticated, medians within 30 µs. Needs root.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from nets import Pair, pair
from netthread import within

from probes.wire.stamp import packet as stamp

KEY, WINDOW = "a key of sixteen", 64
ROUNDS, MANY, NEAR_US = 5, 200, 30.0
ECHO = (
    "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('10.99.0.2', 8620))\n"
    "while True:\n    s.sendto(*s.recvfrom(2048))"
)


def flood(seconds: float, key: bytes) -> int:
    """Answers to tests sent as fast as they are answered."""
    many = seq = 0
    packet = stamp.encode_test(stamp.Test(1, time.time_ns(), 0x1601, 1))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("10.99.0.2", 8620))
        sock.settimeout(0.2)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(TimeoutError, ConnectionRefusedError):
                for _ in range(WINDOW):
                    seq += 1
                    # an authenticated test is answered once only
                    sock.send(stamp.encode_test(stamp.Test(seq, time.time_ns(), 0x1601, 1), key) if key else packet)
                for _ in range(WINDOW):
                    sock.recv(2048)
                    many += 1
    return many


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    return sum(int((one / "schedstat").read_text().split()[0]) for one in Path(f"/proc/{pid}/task").iterdir()) / 1e9


def measured(made: Pair, words: list[str], seconds: float, key: bytes = b"") -> dict[str, float]:
    """One far side under the flood."""
    child = made.start("right", words, stderr=subprocess.DEVNULL)
    try:
        within(made.left, lambda: flood(2.0, key))
        before, began = cpu_s(child.pid), time.monotonic()
        many = within(made.left, lambda: flood(seconds, key))
        took, used = time.monotonic() - began, cpu_s(child.pid) - before
    finally:
        child.kill()
        child.wait()
    return {"per_s": round(many / took), "cpu_us": round(used / many * 1e6, 1), "per_s_of_a_core": round(many / used)}


def round_trips(made: Pair, words: list[str]) -> dict[str, float]:
    """Medians over the rounds of the RTT by ping and by STAMP, µs."""
    found: dict[str, list[float]] = {"ping_min_us": [], "ping_p50_us": [], "stamp_min_us": [], "stamp_p50_us": []}
    child = made.start("right", words, stderr=subprocess.DEVNULL)
    try:
        while ":8620" not in made.run("right", ["ss", "-lunH"]).stdout:
            time.sleep(0.1)
        for _ in range(ROUNDS):
            told = made.run("left", ["ping", "-c", str(MANY), "-i", "0.005", "10.99.0.2"]).stdout
            pings = [float(one) * 1000 for one in re.findall(r"time=([\d.]+)", told)]
            asked = [sys.executable, "-I", "-m", "netmon", "probe", "stamp", "10.99.0.2:8620", "-n", str(MANY), "--set=every=5ms", "-o", "json"]  # fmt: skip
            values = json.loads(made.run("left", asked).stdout)["values"]
            for name, one in zip(found, (min(pings), statistics.median(pings), values["rtt_min_ms"] * 1000, values["rtt_p50_ms"] * 1000), strict=True):  # fmt: skip
                found[name].append(one)
    finally:
        child.kill()
        child.wait()
    medians = {name: round(statistics.median(ones), 1) for name, ones in found.items()}
    return {**medians, "apart_us": round(abs(medians["stamp_p50_us"] - medians["ping_p50_us"]), 1)}


def main() -> None:
    """Echo, open, authenticated; twice, in turns. Then round trips. Exit 1 when these are more than 30 µs from ping's."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, {platform.release()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}")  # fmt: skip
    with pair() as made, tempfile.NamedTemporaryFile("w", suffix=".key") as file:
        file.write(KEY)
        file.flush()
        words = [
            sys.executable,
            "-I",
            "-m",
            "netmon",
            "reflector",
            "--listen",
            "10.99.0.2:8620",
            "--source-rate",
            "1e9",
            "--rate",
            "1e9",
        ]
        for _ in range(2):
            print(f"echo           {json.dumps(measured(made, [sys.executable, '-c', ECHO], seconds))}")
            print(f"open           {json.dumps(measured(made, words, seconds))}")
            print(f"authenticated  {json.dumps(measured(made, [*words, '--key-file', file.name], seconds, KEY.encode()))}", flush=True)  # fmt: skip
        apart = round_trips(made, words)
        print(f"round trips    {json.dumps(apart)}")
    sys.exit(apart["apart_us"] > NEAR_US)


if __name__ == "__main__":
    main()
