"""The machine the agent runs on: a starved box measures badly, and its owner should know."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

from probes.base import Field, Kind, Measurement, Outcome, Target, Value
from probes.errors import BadTarget
from probes.io import machine
from probes.io.machine import Machine
from probes.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """Settings of `host`."""

    every_s: float = setting("time between measurements", unit="s", key="every", low=1, high=86400, default=60.0)
    disk: str = setting("path whose file system is looked at", default="/")


FIELDS = (
    Field("cpu_share", "", "share of the machine's CPU time in use since the last measurement (0 to 1)"),
    Field("load1", "", "run queue, one-minute average"),
    Field("mem_used_share", "", "share of memory that is not available (0 to 1)"),
    Field("disk_used_share", "", "share of the disk in use (0 to 1)"),
    Field("net_rx_bytes", "B", "bytes received on all interfaces but loopback since boot", "int"),
    Field("net_tx_bytes", "B", "bytes sent on all interfaces but loopback since boot", "int"),
    Field("net_err_drop", "packets", "errors and drops on all interfaces since boot", "int"),
    Field("uptime_s", "s", "since the machine started", "int"),
)


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """One look at this machine; `count` does not matter."""
    at_ns, began = time.time_ns(), time.monotonic()
    if target.text not in ("", "localhost"):
        raise BadTarget(f"host measures the machine it runs on: leave the target out, not {target.text[:60]!r}")
    seen = machine.look()
    values: dict[str, Value] = {
        "load1": round(os.getloadavg()[0], 3),
        "mem_used_share": round(seen.mem_used_share, 4),
        "uptime_s": int(seen.uptime_s),
    }
    cpu = _cpu_share(seen)
    values |= {} if cpu is None else {"cpu_share": cpu}
    why = ""
    try:
        values["disk_used_share"] = round(machine.disk_used_share(settings.disk), 4)
    except OSError as fault:
        why = f"disk {settings.disk}: {fault.strerror}"
    values |= {"net_rx_bytes": seen.rx_bytes, "net_tx_bytes": seen.tx_bytes, "net_err_drop": seen.err_drop}
    outcome = Outcome.LOCAL if why else Outcome.OK
    return Measurement("host", target.text, at_ns, round((time.monotonic() - began) * 1000, 3), outcome, values, why)


_last_cpu: list[tuple[float, float]] = []  # (busy, all) CPU seconds of the machine at the last look


def _cpu_share(seen: Machine) -> float | None:
    """Since the last look; the first look has nothing to compare with, so there is no number."""
    before = _last_cpu.pop() if _last_cpu else None
    _last_cpu.append((seen.busy_s, seen.cpu_s))
    if before is None or seen.cpu_s <= before[1]:
        return None
    share = (seen.busy_s - before[0]) / (seen.cpu_s - before[1])
    return round(min(1.0, max(0.0, share)), 4)


HOST = Kind("host", HostSettings, FIELDS, run, None, "the machine the agent runs on")
