"""`snmp` against Debian's snmpd with 50 interfaces: v2c and v3, by both libraries, the same figures as its own tools."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import snmpd
from nets import Pair, sh
from netthread import awaited

from probes.base import Measurement, Outcome, Target
from probes.io.snmp import open as snmp_open
from probes.kinds.snmp import kind
from probes.kinds.snmp.kind import SnmpSettings, run

pytestmark = [pytest.mark.needs("netns", "snmpd", "snmpbulkwalk"), pytest.mark.world]
LIBRARIES = ("gufo", "pysnmp")


@pytest.fixture(scope="module")
def device() -> Iterator[Pair]:
    with snmpd.device() as made:
        yield made


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Only this library is installed."""
    name = str(request.param)
    monkeypatch.setattr(snmp_open, "find_spec", lambda wanted: wanted == name or None)
    kind._memories.clear()
    return name


@pytest.fixture
def access(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    for name, secret in (("community", snmpd.COMMUNITY), ("auth", snmpd.AUTH), ("priv", snmpd.PRIV)):
        (tmp_path / name).write_text(f"{secret}\n")
    (tmp_path / "wrong").write_text("wrong-password\n")
    passwords = {"auth_password_file": f"{tmp_path}/auth", "priv_password_file": f"{tmp_path}/priv"}
    return {
        "v2c": {"community_file": f"{tmp_path}/community"},
        "v3": {"version": "v3", "user": snmpd.USER, **passwords},
        "wrong": f"{tmp_path}/wrong",
    }


def look(made: Pair, target: str = "10.99.0.2", count: int = 1, **settings: Any) -> Measurement:
    chosen = SnmpSettings(**{"timeout_s": 2.0, **settings})
    return awaited(made.left, lambda: run(Target(target), chosen, count))


@pytest.mark.parametrize("version", ["v2c", "v3"])
@pytest.mark.parametrize("ip", ["10.99.0.2", "[fd99::2]"])
def test_the_device_as_a_whole_is_seen(
    device: Pair, access: dict[str, Any], library: str, version: str, ip: str
) -> None:
    got = look(device, ip, **access[version])
    assert (got.outcome, got.why) == (Outcome.OK, "")
    assert (got.values["if_up"], got.values["if_down"], got.values["if_off"]) == (50, 0, 0)
    assert 0 <= got.values["uptime_s"] < 600


def test_a_rate_is_what_was_sent(device: Pair, access: dict[str, Any]) -> None:
    """Ten pings of 8,000 bytes a second for a few seconds, answered: at least 640 kbit/s each way."""
    ping = device.start("left", ["ping", "-q", "-i", "0.1", "-s", "8000", "10.99.0.2"], stdout=subprocess.DEVNULL)
    try:
        began, before = (
            time.monotonic(),
            int(sh(f"ip netns exec {device.right} cat /sys/class/net/v0/statistics/rx_bytes")),
        )
        got = look(device, count=8, interface="v0", capacity_bps=1e7, **access["v3"])
        after = int(sh(f"ip netns exec {device.right} cat /sys/class/net/v0/statistics/rx_bytes"))
        took_s = time.monotonic() - began  # the looks themselves take long on a busy machine
    finally:
        ping.kill()
        ping.wait()
    assert got.outcome == Outcome.OK and got.values["if_state"] == 1
    assert got.values["rx_bps"] == pytest.approx(
        8 * (after - before) / took_s, rel=0.35
    )  # snmpd looks now and then only
    assert got.values["rx_share"] == pytest.approx(got.values["rx_bps"] / 1e7, abs=1e-4)


def test_an_interface_that_goes_down_and_off_is_told(device: Pair, access: dict[str, Any]) -> None:
    sh(f"ip -n {device.right} link add x0 type veth peer name y0; ip -n {device.right} link set y0 up")
    try:
        awaited(device.left, lambda: asyncio.sleep(3.5))  # snmpd keeps its list for so long
        off = look(device, interface="x0", **access["v2c"])
        down = look(device, interface="y0", **access["v2c"])
    finally:
        sh(f"ip -n {device.right} link del x0")
    assert (off.outcome, off.values["if_state"], off.why) == (Outcome.OK, 0, "interface x0 is switched off")
    assert down.values["if_state"] in (2, 7) and "y0" in down.why


def test_a_wrong_community_is_silence(device: Pair, access: dict[str, Any], library: str) -> None:
    got = look(device, timeout_s=0.4, community_file=access["wrong"])
    assert (got.outcome, got.values) == (Outcome.LOST, {}) and "wrong community" in got.why


@pytest.mark.parametrize(
    "wrong",
    [
        {"user": "stranger"},
        {"auth_password_file": "wrong"},
        {"auth": "sha512"},
        {"priv": "none"},
        {"auth": "none"},
        {"user": "nobodys"},
    ],
    ids=["user", "password", "protocol", "no privacy", "no authentication", "no view"],
)
def test_v3_that_is_not_accepted_is_refused(
    device: Pair, access: dict[str, Any], library: str, wrong: dict[str, Any]
) -> None:
    changed = {key: access["wrong"] if value == "wrong" else value for key, value in wrong.items()}
    got = look(device, timeout_s=20.0, **{**access["v3"], **changed})
    assert got.values == {} and got.why and "password-1" not in got.why
    assert got.outcome == Outcome.REFUSED and got.took_ms < 10_000


def test_a_wrong_privacy_password_is_told_from_a_dead_device(device: Pair, access: dict[str, Any]) -> None:
    got = look(device, **{**access["v3"], "priv_password_file": access["wrong"], "timeout_s": 0.4})
    assert got.outcome == Outcome.REFUSED and "privacy password" in got.why


def test_authentication_without_privacy_is_enough_where_the_device_says_so(
    device: Pair, access: dict[str, Any], library: str
) -> None:
    got = look(device, what="system", **{**access["v3"], "user": "authonly", "auth": "sha", "priv": "none"})
    assert got.outcome == Outcome.OK and got.values["rtt_ms"] > 0


def test_what_is_not_there_is_told(device: Pair, access: dict[str, Any], library: str) -> None:
    assert look(device, what="ups", **access["v2c"]).outcome == Outcome.PROTOCOL
    got = look(device, interface="wan9", **access["v2c"])
    assert got.outcome == Outcome.PROTOCOL and "it has lo, v0, a0" in got.why.replace("b0, a0", "a0")


def test_a_closed_port_is_refused(device: Pair) -> None:
    assert look(device, "10.99.0.2:1161").outcome == Outcome.REFUSED


def test_many_devices_at_once_share_a_loop(device: Pair, access: dict[str, Any], library: str) -> None:
    chosen = [SnmpSettings(timeout_s=5.0, interface=f"a{number}", **access["v3"]) for number in range(8)]

    async def all_at_once() -> list[Measurement]:
        return await asyncio.gather(*(run(Target("10.99.0.2"), one, 1) for one in chosen))

    assert {one.outcome for one in awaited(device.left, all_at_once)} == {Outcome.OK}


def test_nothing_of_snmp_is_imported_before_the_first_question() -> None:
    code = (
        "import sys; from probes import catalog; catalog.load('snmp'); "
        "print({one.split('.')[0] for one in sys.modules} & {'gufo', 'pysnmp', 'pyasn1', 'cryptography'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
