"""Whether one site can hold up or fill the hub. `python tests/bench/hub_attacks.py [SECONDS [NAME…]]`

For each attack four connections of site c1 send it over and over while agent c2 writes 40 points 20 times a second. Prints
a JSON object a line: the longest time the hub's event loop was not free (by the wall clock, and of its own CPU time, which a
busy machine does not disturb), how much its memory grew, how long the good writes took, and what was answered.
"""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from hubs import HubProcess, hub, line, now_ms

CONNECTIONS = 4
MB = 1024 * 1024
Attack = Callable[[int], tuple[dict[str, str], bytes]]  # the number of the write → headers, body


def _packed(text: str | bytes, **headers: str) -> tuple[dict[str, str], bytes]:
    body = text.encode() if isinstance(text, str) else text
    return {"Content-Encoding": "gzip", **headers}, gzip.compress(body, 6)


def _texts(number: int) -> tuple[dict[str, str], bytes]:
    pad, at = "p" * 280, now_ms()
    return _packed("\n".join(f'log,host=a,pad={pad} value={n}i,msg="x" {at + n % 1000}' for n in range(45_000)))


def _tags(number: int) -> tuple[dict[str, str], bytes]:
    tags = ",".join(f"t{n}=1" for n in range(4_000))
    return _packed("\n".join(f"m,check=b{number}x{n},{tags} v=1" for n in range(500)))


def _fewer_tags(number: int) -> tuple[dict[str, str], bytes]:
    tags = ",".join(f"t{n}=1" for n in range(100))
    return _packed("\n".join(f"m,check=b{number}x{n},{tags} v=1" for n in range(5_000)))


def _checks(number: int) -> tuple[dict[str, str], bytes]:
    """Series the hub shows and judges, with many values each."""
    values = ",".join(f"v{n}=1i" for n in range(200))
    return _packed("\n".join(f"netmon_ping,check=b{n} sent=1i,{values} {now_ms()}" for n in range(2_000)))


def _own_points(number: int) -> tuple[dict[str, str], bytes]:
    at = now_ms()
    lines = "\n".join(f"netmon_ping,check=k{n % 50} sent=1i,rcvd=1i,outcome=0i {at + n // 50}" for n in range(45_000))
    return _packed(lines, **{"X-Netmon-Agent": "c1"})


ATTACKS: dict[str, Attack] = {
    "nothing": lambda number: ({}, b""),
    "small writes": lambda number: ({}, line("c1", number, now_ms()).encode()),
    "an open quote": lambda number: _packed('m,check=a "' + "a=1," * 4_000_000),
    "an open text": lambda number: _packed('m v="' + "a=1\n" * 40_000 + "x" * 15_000_000),
    "texts": _texts,
    "tags": _tags,
    "fewer tags": _fewer_tags,
    "checks with many values": _checks,
    "an agent's 45,000 points": _own_points,
    "fields": lambda number: _packed("\n".join(["m " + ",".join(f"f{n}=1" for n in range(2_000))] * 900)),
    "names of fields": lambda number: _packed("m " + ",".join(f"{'n' * 180}{number}x{n}=1" for n in range(300))),
    "backslashes": lambda number: _packed(b"m a=" + b"\\" * (16 * MB - 100)),
    "bad lines": lambda number: _packed(b"m,t=\x01 v=1\n" * 49_000),
    "forged lines": lambda number: _packed("\n".join(f"m,site=c2,n=x{n} v=1" for n in range(49_000))),
    "empty gzip members": lambda number: ({"Content-Encoding": "gzip"}, gzip.compress(b"") * 50_000),
    "a bomb": lambda number: _packed(bytes(200 * MB)),
    "large heads": lambda number: ({f"X-A{n}": "a" * 1_000 for n in range(14)}, b"m v=1"),
}  # fmt: skip


def attack(name: str, port: int, token: str, seconds: float) -> None:
    """A child of the bench: send one kind over and over; prints the answers' statuses and how many bytes were sent."""
    statuses: Counter[str] = Counter()
    sent = 0
    bodies = [ATTACKS[name](number) for number in range(4)] if name != "nothing" else []
    end = time.monotonic() + seconds

    def send_on(first: int) -> None:
        nonlocal sent
        number = first
        while time.monotonic() < end and bodies:
            headers, body = bodies[number % len(bodies)]
            number += 1
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                told = {"Authorization": f"Token {token}", **headers}
                connection.request("POST", "/api/v2/write?precision=ms", body, told)
                statuses[str(connection.getresponse().status)] += 1
                connection.close()
                sent += len(body)
            except OSError as fault:
                statuses[type(fault).__name__] += 1

    threads = [threading.Thread(target=send_on, args=(first,)) for first in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"answers": dict(statuses), "sent_kb": sent // 1000}))


async def _watch(folder: Path) -> None:
    """In the hub: how long its loop was not free."""
    loop, said = asyncio.get_running_loop(), 0.0
    wall = cpu = 0.0
    while True:
        due, used = loop.time() + 0.002, time.thread_time()
        await asyncio.sleep(0.002)
        wall, cpu = max(wall, loop.time() - due), max(cpu, time.thread_time() - used)
        if (folder / "anew").exists():
            (folder / "anew").unlink()
            wall = cpu = 0.0
        if loop.time() - said > 0.2:
            said = loop.time()
            (folder / "stalls.new").write_text(json.dumps({"loop_ms": wall * 1000, "loop_cpu_ms": cpu * 1000}))
            os.replace(folder / "stalls.new", folder / "stalls.json")


def watched_hub(config: Path) -> None:
    """A child of the bench: the hub itself, watched from within."""
    from netmon.hub import main

    serve = main.serve

    async def both(running: object) -> int:
        watching = asyncio.create_task(_watch(config.parent))
        try:
            return await serve(running)  # type: ignore[arg-type]
        finally:
            watching.cancel()

    main.serve = both
    sys.exit(main.run(config))


def _memory(pid: int, key: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(row.split()[1]) / 1024 for row in status.splitlines() if row.startswith(key))


def _good_writes(one: HubProcess, attacking: subprocess.Popen[str]) -> list[float]:
    took, number = [], 0
    while attacking.poll() is None:
        number += 1
        lines = [line("c2", number, now_ms() + n, check=f"k{n}") for n in range(40)]
        began = time.perf_counter()
        status = one.write("c2", lines)[0]
        took.append(time.perf_counter() - began)
        assert status == 204, status
        time.sleep(0.05)
    return sorted(took)


def measure(one: HubProcess, name: str, seconds: float) -> dict[str, object]:
    """One attack on a running hub."""
    assert one.child is not None
    pid = one.child.pid
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew
    before = _memory(pid, "VmRSS")
    (one.folder / "anew").touch()
    command = [sys.executable, __file__, "--attack", name, str(one.port), one.token("c1"), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as attacking:
        took = _good_writes(one, attacking)
        told = json.loads(attacking.communicate()[0])
    time.sleep(0.5)
    stalls = json.loads((one.folder / "stalls.json").read_text())
    return {
        "attack": name,
        **{key: round(value, 1) for key, value in stalls.items()},
        "rss_peak_mb": round(_memory(pid, "VmHWM") - before, 1),
        "rss_after_mb": round(_memory(pid, "VmRSS") - before, 1),
        "good_writes": len(took),
        "good_p50_ms": round(took[len(took) // 2] * 1000, 1),
        "good_p99_ms": round(took[int(len(took) * 0.99)] * 1000, 1),
        **told,
    }


def main() -> None:
    """Every attack, on a hub of its own."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    for name in sys.argv[2:] or ATTACKS:
        with tempfile.TemporaryDirectory() as folder, hub(Path(folder) / "hub", start=False) as one:
            one.start(program=(__file__, "--hub"))
            one.write("c2", [line("c2", 1, now_ms(), check=f"k{n}") for n in range(40)])
            time.sleep(1.5)
            print(json.dumps(measure(one, name, seconds)), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--attack"]:
        attack(sys.argv[2], int(sys.argv[3]), sys.argv[4], float(sys.argv[5]))
    elif sys.argv[1:2] == ["--hub"]:
        watched_hub(Path(sys.argv[2]))
    else:
        main()
