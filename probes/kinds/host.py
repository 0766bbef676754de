"""The machine the agent runs on (psutil): a starved box measures badly, and its owner should know."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from probes.base import Field, Kind, Measurement, Outcome, Target, Value
from probes.errors import BadTarget
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
    import psutil

    at_ns, began = time.time_ns(), time.monotonic()
    if target.text not in ("", "localhost"):
        raise BadTarget(f"host measures the machine it runs on: leave the target out, not {target.text[:60]!r}")
    values: dict[str, Value] = {
        "load1": round(psutil.getloadavg()[0], 3),
        "mem_used_share": round(psutil.virtual_memory().percent / 100.0, 4),
        "uptime_s": int(time.time() - psutil.boot_time()),
    }
    cpu = _cpu_share(psutil)
    values |= {} if cpu is None else {"cpu_share": cpu}
    why = ""
    try:
        values["disk_used_share"] = round(psutil.disk_usage(settings.disk).percent / 100.0, 4)
    except OSError as fault:
        why = f"disk {settings.disk}: {fault.strerror}"
    values |= _net(psutil)
    outcome = Outcome.LOCAL if why else Outcome.OK
    return Measurement("host", target.text, at_ns, round((time.monotonic() - began) * 1000, 3), outcome, values, why)


_last_cpu: list[tuple[float, float]] = []  # (busy, all) CPU seconds of the machine at the last look


def _cpu_share(psutil: Any) -> float | None:
    """Since the last look; the first look has nothing to compare with, so there is no number."""
    times = psutil.cpu_times()
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    idle = times.idle + getattr(times, "iowait", 0.0)
    before = _last_cpu.pop() if _last_cpu else None
    _last_cpu.append((total - idle, total))
    if before is None or total <= before[1]:
        return None
    share = float((total - idle - before[0]) / (total - before[1]))
    return round(min(1.0, max(0.0, share)), 4)


def _net(psutil: Any) -> dict[str, Value]:
    counters = [one for name, one in psutil.net_io_counters(pernic=True).items() if name != "lo"]
    return {
        "net_rx_bytes": sum(one.bytes_recv for one in counters),
        "net_tx_bytes": sum(one.bytes_sent for one in counters),
        "net_err_drop": sum(one.errin + one.errout + one.dropin + one.dropout for one in counters),
    }


HOST = Kind("host", HostSettings, FIELDS, run, None, "the machine the agent runs on")
