"""`host`: this machine, told in shares and counters."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import psutil
import pytest

from probes.base import Measurement, Outcome, Target
from probes.errors import BadTarget
from probes.io import machine
from probes.kinds import host
from probes.kinds.host import HOST, HostSettings, run


def measure(target: str = "", disk: str = "/") -> Measurement:
    return asyncio.run(run(Target(target), HostSettings(disk=disk), 1))


def test_shares_are_shares_and_counters_count() -> None:
    got = measure()
    assert (got.outcome, got.why) == (Outcome.OK, "")
    assert set(got.values) | {"cpu_share"} == {one.name for one in HOST.fields}
    assert all(0 <= value <= 1 for name, value in got.values.items() if name.endswith("share"))
    assert got.values["mem_used_share"] == pytest.approx(psutil.virtual_memory().percent / 100, abs=0.05)
    assert got.values["uptime_s"] == pytest.approx(time.time() - psutil.boot_time(), abs=5)
    again = measure()
    for name in ("net_rx_bytes", "net_tx_bytes", "uptime_s"):
        assert again.values[name] >= got.values[name]


def test_the_first_look_has_nothing_to_compare_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_last_cpu", [])
    assert "cpu_share" not in measure().values
    until = time.monotonic() + 0.15
    while time.monotonic() < until:
        pass
    assert 0.1 < measure("localhost").values["cpu_share"] <= 1


def test_a_disk_that_is_not_there_is_our_own_fault() -> None:
    got = measure(disk="/no/such/place")
    assert got.outcome == Outcome.LOCAL and "/no/such/place" in got.why
    assert "disk_used_share" not in got.values and "load1" in got.values


def test_another_machine_cannot_be_looked_at() -> None:
    with pytest.raises(BadTarget, match="leave the target out"):
        measure("192.0.2.1")


def test_the_kernels_files_say_what_psutil_says() -> None:
    ours, theirs = machine.look(), machine._by_psutil()
    assert ours.mem_used_share == pytest.approx(theirs.mem_used_share, abs=0.05)
    assert ours.uptime_s == pytest.approx(theirs.uptime_s, abs=5)
    assert ours.cpu_s == pytest.approx(theirs.cpu_s, rel=0.01) and ours.busy_s == pytest.approx(theirs.busy_s, rel=0.05)
    assert (ours.rx_bytes, ours.tx_bytes) == pytest.approx((theirs.rx_bytes, theirs.tx_bytes), rel=0.05, abs=1e6)
    assert machine.disk_used_share("/") == pytest.approx(psutil.disk_usage("/").percent / 100, abs=0.01)


def test_where_the_kernels_files_are_hidden_psutil_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    assert 0 < machine.look().mem_used_share < 1
