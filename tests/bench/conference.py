"""A readiness run over 124 rooms with six different faults planted: found, false, time, streams at once, CPU.

`tests/bench/conference.py [ROOMS] [STREAMS]`. Rooms and media responders live in a second namespace, in one process of their own.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

import meeting
from nets import Pair, inside, pair

from probes.answer.streams import media

PLANTED: dict[int, tuple[str, str, dict[str, Any] | None]] = {  # room number → rung, owner, what its stand-in does
    7: ("signalling", "Xa 00008", None),
    21: ("signalling", "Xa 00022", {"answer": "503"}),
    40: ("alias", "MCU team", {"alias": "another"}),
    63: ("call", "Xa 00064", {"call": "486"}),
    88: ("media", "Xa 00089", {"dumb": True}),
    110: ("quality", "Viettel", {}),
}
PORT = 8622


async def far_side(rooms: int) -> None:
    """All rooms, and the media responder beside each (one socket that answers from the address it was asked at)."""
    limits = media.MediaLimits(streams=64, streams_per_source=64, bytes_per_minute=4_000_000_000)
    faults = {number: how for number, (_, _, how) in PLANTED.items()}
    await asyncio.gather(meeting.serve(rooms, faults), media.serve("", PORT, limits=limits))


def prepare(link: Pair) -> None:
    """Addresses of the rooms, and the loss of one room's stream."""
    link.run("right", ["ip", "route", "add", "local", "10.98.0.0/16", "dev", "lo"])
    link.run("left", ["ip", "route", "add", "10.98.0.0/16", "via", link.right_ip])
    lossy, off = meeting.address(110), meeting.address(7)
    rule = f"ip daddr {off} drop; ip daddr {lossy} udp dport {PORT} numgen random mod 100 < 5 drop"
    link.nft("right", f"table inet loss {{\n chain c {{\n type filter hook input priority 0;\n {rule}\n }}\n}}\n")


def main() -> int:
    rooms, streams = (int(word) for word in [*sys.argv[1:], "124", "12"][:2]) if len(sys.argv) > 1 else (124, 12)
    with pair() as link, tempfile.TemporaryDirectory() as folder:
        prepare(link)
        path = Path(folder) / "inventory.yaml"
        path.write_text(meeting.as_yaml(meeting.inventory(rooms, responder="{ip}:" + str(PORT))), encoding="utf-8")
        far = subprocess.Popen([*inside(link.right), sys.executable, __file__, "serve", str(rooms)])
        time.sleep(3.0)
        command = [*inside(link.left), sys.executable, "-m", "netmon", "conference", "check", "hn", "--inventory", str(path),
                   "--streams", str(streams), "-o", "json"]  # fmt: skip
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        took_s, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        far.terminate()
        far.wait()
    if done.returncode not in (0, 1):
        print(done.stderr, file=sys.stderr)
        return 1
    whole = json.loads(done.stdout)
    show(whole, took_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, rooms, streams)
    return 0


def show(whole: dict[str, Any], took_s: float, cpu_s: float, rooms: int, streams: int) -> None:
    """The figures, the goals beside them."""
    wanted = {f"r{number + 1:05}": (rung, owner) for number, (rung, owner, _) in PLANTED.items() if number < rooms}
    found = {
        row["room"]: (row["rung"], row["owner"])
        for row in whole["rooms"]
        if row["state"] in ("not_ready", "not_measured")
    }
    right = sum(found.get(room) == one for room, one in wanted.items())
    print(f"{rooms} rooms, {len(wanted)} faults, at most {streams} streams at one time")
    print(f"  took                 {took_s:6.1f} s    (goal 90)")
    print(f"  found with owner     {right:6} of {len(wanted)}")
    print(f"  false                {len(set(found) - set(wanted)):6}      (goal 0)")
    print(f"  at risk              {whole['summary']['risk']:6}")
    print(f"  streams at one time  {whole['streams_most']:6}      (budget {streams})")
    print(f"  CPU                  {cpu_s:6.1f} s")
    for row in whole["rooms"]:
        if row["state"] != "ready":
            print(f"    {row['room']} {row['state']}: {row['rung']} ({row['owner']}) {row['why']}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(far_side(int(sys.argv[2])))
    else:
        sys.exit(main())
