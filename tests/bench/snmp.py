"""Walks a second on one core against snmpd with 50 interfaces, beside snmpbulkwalk. `tests/bench/snmp.py [SECONDS]`

A walk is the whole of ifTable, 22 columns, by GETBULK of 50 rows. Cases: v2c and v3 (SHA-256, AES), our walker over gufo-snmp, snmpbulkwalk started anew for each walk. CPU is the
client's alone, user and system; "walks/s" is by the wall, snmpd sharing the machine; "walks/s of a core" is 1 / CPU. Beside
them one look of the kind, an interface and the whole device. Goal: 50 walks/s. Needs root, snmpd, snmp.
"""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

import snmpd
from nets import ENV, Pair
from netthread import awaited, within

from probes.base import Outcome, Target
from probes.io.snmp.device import SnmpAccess
from probes.io.snmp.open import open_device
from probes.io.snmp.walk import Walker
from probes.kinds.snmp.kind import SnmpSettings, run

TABLE, GOAL = "1.3.6.1.2.1.2.2.1", 50.0
ACCESS = {
    "v2c": SnmpAccess(snmpd.COMMUNITY),
    "v3": SnmpAccess("", snmpd.USER, "sha256", snmpd.AUTH, "aes", snmpd.PRIV),
}
WORDS = {
    "v2c": ["-v2c", "-c", snmpd.COMMUNITY],
    "v3": ["-v3", "-u", snmpd.USER, "-l", "authPriv", "-a", "SHA-256", "-A", snmpd.AUTH, "-x", "AES", "-X", snmpd.PRIV],
}


def cpu_s(who: int) -> float:
    """CPU seconds so far, of this process or of its ended children."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def report(name: str, walks: int, rows: int, took_s: float, used_s: float) -> float:
    """One line; walks a second by the wall."""
    each = f"{1000 * used_s / walks:6.2f} ms CPU each, {walks / used_s:6.0f}/s of a core"
    print(f"{name:28} {walks / took_s:7.1f}/s  {each}  ({rows} rows)", flush=True)
    return walks / took_s


def ours(made: Pair, version: str, seconds: float) -> float:
    """Walks by our walker in one conversation."""

    async def walk_for() -> tuple[int, int, float, float]:
        device = await open_device(socket.AF_INET, (made.right_ip, 161), ACCESS[version], 2.0)
        walker, walks, rows = Walker(), 0, 0
        for _ in range(3):  # until it has learned what the device bears
            await walker.column(device, TABLE)
        began, used = time.monotonic(), cpu_s(resource.RUSAGE_THREAD)
        while time.monotonic() - began < seconds:
            rows = len(await walker.column(device, TABLE))
            walks += 1
        told = walks, rows, time.monotonic() - began, cpu_s(resource.RUSAGE_THREAD) - used
        await device.close()
        return told

    return report(f"netmon {version}", *awaited(made.left, walk_for))


def theirs(made: Pair, version: str, seconds: float) -> None:
    """Walks by snmpbulkwalk, a process each."""
    command = ["snmpbulkwalk", "-m", "", "-On", "-Cr50", *WORDS[version], made.right_ip, TABLE]

    def walk_for() -> tuple[int, int, float, float]:
        walks, rows, began, used = 0, 0, time.monotonic(), cpu_s(resource.RUSAGE_CHILDREN)
        while time.monotonic() - began < seconds:
            done = subprocess.run(command, capture_output=True, check=True, env=ENV)
            rows, walks = done.stdout.count(b"\n"), walks + 1
        return walks, rows, time.monotonic() - began, cpu_s(resource.RUSAGE_CHILDREN) - used

    report(f"snmpbulkwalk {version}", *within(made.left, walk_for))


def looks(made: Pair, name: str, settings: SnmpSettings, seconds: float) -> None:
    """Looks of the kind, a conversation each, as an agent takes them."""

    async def look_for() -> tuple[int, int, float, float]:
        ask: Callable[[], Awaitable[Any]] = lambda: run(Target(made.right_ip), settings, 1)  # noqa: E731
        assert (await ask()).outcome is Outcome.OK
        walks, began, used = 0, time.monotonic(), cpu_s(resource.RUSAGE_THREAD)
        while time.monotonic() - began < seconds:
            await ask()
            walks += 1
        return walks, 1, time.monotonic() - began, cpu_s(resource.RUSAGE_THREAD) - used

    report(name, *awaited(made.left, look_for))


def main(words: list[str]) -> None:
    """All cases, one after the other."""
    seconds = float(words[0]) if words else 3.0
    with snmpd.device() as made, tempfile.TemporaryDirectory() as folder:
        files = {name: f"{folder}/{name}" for name in ("community", "auth", "priv")}
        for name, secret in zip(files, (snmpd.COMMUNITY, snmpd.AUTH, snmpd.PRIV), strict=True):
            Path(files[name]).write_text(secret)
        v3 = {"version": "v3", "user": snmpd.USER}
        v3 |= {"auth_password_file": files["auth"], "priv_password_file": files["priv"]}
        reached = []
        for version in ACCESS:
            reached.append(ours(made, version, seconds))
            theirs(made, version, seconds)
        for version, access in (("v2c", {"community_file": files["community"]}), ("v3", v3)):
            looks(made, f"look at an interface {version}", SnmpSettings(interface="v0", **access), seconds / 2)
            looks(made, f"look at the device {version}", SnmpSettings(**access), seconds / 2)
    print(f"goal {GOAL:.0f} walks/s: {'kept' if min(reached) >= GOAL else 'MISSED'}")


if __name__ == "__main__":
    main(sys.argv[1:])
