"""Traps: each is a point, and the reason to ask its sender at once; what it claims is believed by nobody."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import snmpagent as fake
from agenthub import FakeHub, check, config, running, serving, until
from hypothesis import given
from hypothesis import strategies as st

from netmon.agent.measure import traps
from netmon.agent.measure.frontier import Frontier
from netmon.agent.measure.runner import Runner
from netmon.config import files
from netmon.config.agent import CheckConfig, TrapsConfig
from netmon.errors import ConfigError
from netmon.line import Line, decode
from netmon.process.troubles import Troubles
from probes import catalog
from probes.base import Kind, Measurement, Outcome, Target
from probes.kinds.snmp.kind import SnmpSettings

LINK_DOWN, ON_BATTERY = "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.33.2.1"


def test_an_event_is_a_count_of_its_name_with_its_numbers_and_no_text() -> None:
    event = {"name": "link_down", "interface": "2", "uptime_s": 9, "values": {"if_oper": 2, "strange": 1}, "oid": "1.3"}
    assert traps.fields(event, True) == {"link_down": 1, "known": 1, "if_index": 2, "if_oper": 2, "uptime_s": 9}
    assert traps.fields({"name": "link_up", "interface": "wan0"}, False) == {"link_up": 1, "known": 0}
    assert traps.fields({"name": "x y=1", "values": [1]}, False) == {"other": 1, "known": 0}


@given(st.dictionaries(st.sampled_from(["name", "interface", "uptime_s", "values"]), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda some: st.lists(some) | st.dictionaries(
        st.sampled_from(["if_oper", "on_battery_s"]), some))))  # fmt: skip
def test_whatever_an_event_holds_its_fields_are_whole_numbers_that_fit(event: dict[str, Any]) -> None:
    told = traps.fields(event, False)
    assert all(type(value) is int and -(2**63) <= value < 2**63 for value in told.values())


def test_secrets_stay_in_their_files() -> None:
    one = TrapsConfig(listen="0.0.0.0:1162", community_file="/c", user="u", engines=("8000000001020304",))
    words = traps.command(one)
    assert words[:4] == [sys.executable, "-I", "-m", "probes.answer.traps"]
    assert " ".join(words[4:]) == (
        "--attached --listen 0.0.0.0:1162 --community-file /c --user u --auth sha256 --priv aes --engine 8000000001020304"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('listen: "1162", community_file: c', "'1162' is not ADDRESS:PORT"),
        ('listen: "0.0.0.0:1162"', "nobody's traps would be heard"),
        ('listen: "0.0.0.0:1162", user: u, engines: [zz]', "'zz' is not an engine id in hex"),
        ('listen: "0.0.0.0:1162", user: u, auth: rot13', "'rot13' is not known"),
    ],
)
def test_a_file_that_asks_for_traps_in_vain_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(
        f"agent: a\nsite: a\ntraps: {{{text}}}\ndestinations: [{{name: h, url: 'http://h:1'}}]\n"
        "checks: [{check: k, kind: ping, target: h}]\n"
    )
    with pytest.raises(ConfigError, match="traps") as caught:
        files.load_agent(path)
    assert said in str(caught.value)


class Woken:
    """A kind that counts its runs."""

    def __init__(self, run_s: float = 0.0) -> None:
        self.at = list[float]()
        self.ended, self.run_s = 0, run_s
        self.kind = Kind("single", SnmpSettings, (), self.run)

    async def run(self, target: Target, settings: Any, count: int) -> Measurement:
        self.at.append(time.monotonic())
        await asyncio.sleep(self.run_s)
        self.ended += 1
        return Measurement("single", target.text, time.time_ns(), 0.0, Outcome.OK)

    def runner(self, tmp_path: Path, every_s: float) -> Runner:
        one = config(tmp_path, "http://h", check("k", "t", kind="single", every_s=every_s))
        return Runner(one, {"single": self.kind}, Frontier(), lambda check, measured: None)

    def after(self, runner: Runner, wakes_s: Sequence[float], for_s: float) -> None:
        async def live() -> None:
            task = asyncio.create_task(runner.run())
            began = time.monotonic()
            for at_s in wakes_s:
                await asyncio.sleep(max(0.0, began + at_s - time.monotonic()))
                runner.wake("k")
            await asyncio.sleep(max(0.0, began + for_s - time.monotonic()))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(live())


def test_a_check_with_a_reason_is_measured_at_once_and_a_storm_of_reasons_is_one(tmp_path: Path) -> None:
    woken = Woken()
    began = time.monotonic()
    woken.after(woken.runner(tmp_path, 86_400.0), [0.2, 0.21, 0.3, 0.4], 1.0)
    assert len(woken.at) == 1 and woken.at[0] - began < 10  # its turn comes once a day


def test_a_run_out_of_turn_is_never_cut_short_by_its_turn(tmp_path: Path) -> None:
    woken = Woken(run_s=0.6)
    woken.after(woken.runner(tmp_path, 1.0), [0.0, 1.3], 3.3)
    assert 3 <= len(woken.at) <= 7 and woken.ended >= len(woken.at) - 1  # the last was cut by the end of the test
    assert all(later - earlier >= 0.6 for earlier, later in zip(woken.at, woken.at[1:], strict=False))


def test_a_clock_that_is_set_back_does_not_leave_traps_in_the_future() -> None:
    at_ms = list[int]()
    heard = traps.Traps(TrapsConfig(), [], lambda told, ms: at_ms.append(ms), lambda check: None)

    async def hear() -> None:
        for at_s in (90_000, 90_000, 1_000, 1_000):
            await heard._heard(b'{"source": "10.0.0.1", "at_ns": %d}' % (at_s * 10**9))

    asyncio.run(hear())
    assert at_ms == [90_000_000, 90_000_001, 1_000_000, 1_000_001]


def _send(port: int, words: str) -> None:
    command = ["snmptrap", "-m", "", "-v2c", "-c", "trapcomm", f"127.0.0.1:{port}", "12345", *words.split()]
    subprocess.run(command, check=True, capture_output=True, timeout=20)


@pytest.mark.needs("snmptrap")
@pytest.mark.world
def test_a_trap_is_a_point_and_makes_the_agent_ask_its_device_at_once(tmp_path: Path) -> None:
    """The check's own turn is a day away: what the hub gets of it, the trap has brought about."""
    (tmp_path / "community").write_text("trapcomm\n")
    device = fake.Agent(fake.router(["lan", "wan0"]))
    with fake.speaking(device.answer) as port, serving(FakeHub()) as hub:
        trap_port = _free_udp()
        wan = CheckConfig(
            check="wan", kind="snmp", target=f"127.0.0.1:{port}", every_s=86_400.0,
            settings=SnmpSettings(interface="wan0"),
        )  # fmt: skip
        one = config(tmp_path, hub.url, wan, flush_s=60.0)
        listens = TrapsConfig(listen=f"127.0.0.1:{trap_port}", community_file=str(tmp_path / "community"))
        told: Any = SimpleNamespace(kinds=lambda: {"snmp": catalog.load("snmp")})
        with running(_with(one, listens), told):
            device.table[f"{fake.IF}.8.2"] = (fake.INTEGER, 2)  # no signal any more
            began = time.monotonic()

            def came() -> bool:
                _send(
                    trap_port, f"{LINK_DOWN} 1.3.6.1.2.1.2.2.1.1.2 i 2 1.3.6.1.2.1.2.2.1.8.2 i 1"
                )  # and lies about it
                time.sleep(0.3)
                return bool(_of(hub, "netmon_snmp"))

            assert until(came, 30.0), time.monotonic() - began
        point = _of(hub, "netmon_snmp")[0]
        assert point.tags["check"] == "wan" and (point.fields["if_state"], point.fields["outcome"]) == (2, 0)
        traps_told = _of(hub, "netmon_trap")
        assert traps_told[0].fields == {"link_down": 1, "known": 1, "if_index": 2, "if_oper": 1, "uptime_s": 123}
        assert traps_told[0].tags["check"] == "-" and traps_told[0].tags["site"] == "c1"
        assert len({one.time for one in traps_told}) == len(traps_told)


def _with(one: Any, listens: TrapsConfig) -> Any:
    from dataclasses import replace

    return replace(one, traps=listens)


def _of(hub: FakeHub, name: str) -> list[Line]:
    lines = (one for text in list(hub.stored.values()) for one in decode(text))
    return [one for one in lines if isinstance(one, Line) and one.name == name]


def _free_udp() -> int:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def test_the_receiver_never_outlives_its_agent(tmp_path: Path) -> None:
    """Also when the agent is killed: nobody then holds the port against the next one."""
    (tmp_path / "c").write_text("trapcomm\n")
    words = traps.command(TrapsConfig(listen=f"127.0.0.1:{_free_udp()}", community_file=str(tmp_path / "c")))
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stderr is not None and child.stdin is not None
        assert "listening" in child.stderr.readline()
        child.stdin.close()
        assert child.wait(10) == 0
    finally:
        child.kill()
        child.wait()


def test_a_receiver_that_cannot_listen_is_tried_again_and_the_agent_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started, board = [], Troubles()

    def command(config: TrapsConfig) -> list[str]:
        started.append(1)
        return [sys.executable, "-I", "-c", "print('no json'); exit(1)"]

    monkeypatch.setattr(traps, "command", command)
    monkeypatch.setattr(traps, "AGAIN_S", (0.05, 0.1))

    async def live() -> None:
        one = traps.Traps(TrapsConfig(listen="x:1"), (), lambda fields, at: None, lambda check: None, board)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await one.run()

    asyncio.run(live())
    assert len(started) >= 2
    (row,) = board.rows()  # its code is 255 where somebody else in this process saw the child end first
    assert row["part"] == "traps" and row["why"].startswith("they are not heard: the receiver ended with ")
