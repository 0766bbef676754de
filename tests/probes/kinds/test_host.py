"""`host`: this machine, told in shares and counters."""

from __future__ import annotations

import asyncio
import time

import psutil
import pytest

from probes.base import Measurement, Outcome, Target
from probes.errors import BadTarget
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
