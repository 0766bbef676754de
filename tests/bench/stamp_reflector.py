"""How many tests a reflector answers on one core, open and with HMAC. `python tests/bench/stamp_reflector.py [SECONDS]`

`netmon reflector` in one namespace, a flood of 64 tests at a time from another. Prints answers a second, CPU for each
answer and so answers a second of one core, beside a bare Python echo (recvfrom, sendto, nothing else) in the same run: no
Python reflector can be cheaper. Goals: 25,000 a second open, 10,000 authenticated. Needs root.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from nets import Pair, pair  # noqa: E402
from netthread import within  # noqa: E402

from probes.wire import stamp  # noqa: E402

KEY, WINDOW = "a key of sixteen", 64
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


def main() -> None:
    """Echo, open, authenticated; twice, in turns."""
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


if __name__ == "__main__":
    main()
