"""The agent proves its own floor, and tells what it dropped and sent late itself."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from agenthub import FakeHub, serving, until

from netmon.agent.health import self_test
from netmon.agent.health.self_test import Floor, SelfTest, floor
from netmon.line import Value
from probes.base import Measurement, Outcome
from probes.errors import NeedsPrivilege
from probes.io.datagram.socket import PacketSocket
from probes.kinds import ping
from probes.wire.fleet.track import FleetWindow

NAMES = {"floor_p50_us", "floor_p99_us", "cpu_per_1000_ms", "local_drop", "late_sends"}


def _window(sent: int, *trips_ms: float) -> FleetWindow:
    return FleetWindow(0, 0.0, 1.0, sent=sent, rcvd=len(trips_ms), rtts_ms=list(trips_ms))


def _measured(**values: Value) -> Measurement:
    return Measurement("ping", "t", 0, 1.0, Outcome.OK, dict(values))


def test_a_proof_tells_the_floor_what_a_packet_costs_and_what_was_dropped_here() -> None:
    proof = Floor(_window(4, 0.03, 0.01, 0.02), 400_000)
    assert proof.values() == {"floor_p50_us": 20.0, "floor_p99_us": 30.0, "cpu_per_1000_ms": 100.0}
    assert proof.dropped == 1 and Floor(_window(0), 5).values() == {}


def test_what_a_proof_opened_is_gone_with_it_and_needs_no_collector() -> None:
    def sockets() -> int:
        return sum(isinstance(thing, PacketSocket) for thing in gc.get_objects())

    gc.collect()
    before = sockets()
    gc.disable()  # an agent's looks every few hours; each proof has a socket with memory for packets
    try:
        asyncio.run(floor())
        assert sockets() == before
    finally:
        gc.enable()


def test_between_two_proofs_the_checks_own_drops_and_late_sends_are_counted_once() -> None:
    async def prove() -> Floor:
        return Floor(_window(2, 0.01), 1000)

    proof = SelfTest(60.0, prove)
    for measured in (_measured(local_drop=3, send_late_ms=9.0), _measured(send_late_ms=80.0), _measured()):
        proof.note(measured)
    asyncio.run(proof.once())
    told = proof.take()
    assert set(told) == NAMES and (told["local_drop"], told["late_sends"]) == (4, 1)
    assert proof.take() == {}
    asyncio.run(proof.once())
    assert (told := proof.take())["late_sends"] == 0 and told["local_drop"] == 1


def test_a_floor_that_cannot_be_measured_is_absent_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async def prove() -> Floor:
        raise NeedsPrivilege("closed")

    proof = SelfTest(60.0, prove)
    asyncio.run(proof.once())
    asyncio.run(proof.once())
    assert proof.take() == {"local_drop": 0, "late_sends": 0} and len(caplog.records) == 1


def _is_real(found: Floor) -> bool:
    values = found.values()
    return found.window.rcvd == self_test.PACKETS and 0 < values["floor_p50_us"] <= values["floor_p99_us"] < 1e5


@pytest.mark.needs("linux")
def test_the_floor_is_measured_through_the_checks_own_sockets() -> None:
    found = asyncio.run(floor())
    assert _is_real(found) and 0 < found.values()["cpu_per_1000_ms"] < 10_000


def test_where_icmp_is_closed_the_agent_answers_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(family: int) -> Any:
        raise NeedsPrivilege("closed")

    monkeypatch.setattr(ping, "RECIPE", ping.RECIPE.__class__("ping", 0, closed, ping._fit, ping._more))
    assert _is_real(asyncio.run(floor()))


# --- the whole program, stopped and starved ---


@contextmanager
def _slow_service(answer_s: float) -> Iterator[int]:
    """HTTP that answers well, and slowly."""

    def serve(sock: socket.socket) -> None:
        while True:
            try:
                peer, _ = sock.accept()
            except OSError:
                return
            with peer:
                peer.recv(4096)
                time.sleep(answer_s)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with closing(socket.create_server(("127.0.0.1", 0))) as sock:
        threading.Thread(target=serve, args=(sock,), daemon=True).start()
        yield sock.getsockname()[1]


def _write(folder: Path, url: str, port: int) -> Path:
    checks = [
        {"check": "c1-ping", "kind": "ping", "target": "127.0.0.1", "every": "0.1s", "timeout": "0.5s"},
        {"check": "c1-web", "kind": "http", "target": f"http://127.0.0.1:{port}/", "every": "1s", "timeout": "0.9s"},
    ]
    told = {"agent": "c1", "site": "c1", "state_dir": str(folder / "state"), "flush_every": "0.3s"}
    path = folder / "agent.yaml"
    more = {"proof_every": "1s", "destinations": [{"name": "hub", "url": url, "timeout": "2s"}], "checks": checks}
    path.write_text(json.dumps({**told, **more}))
    return path


def _of(hub: FakeHub, name: str) -> list[str]:
    return [line for line in list(hub.stored.values()) if line.startswith(name)]


@pytest.mark.world
@pytest.mark.needs("linux")
def test_a_stopped_agent_accuses_nobody_and_proves_itself_afterwards(tmp_path: Path) -> None:
    with serving(FakeHub()) as hub, _slow_service(0.5) as port:
        command = [sys.executable, "-I", "-m", "netmon", "agent", "--config", str(_write(tmp_path, hub.url, port))]
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert until(lambda: len(_of(hub, "netmon_http")) > 1)
            for _ in range(3):
                time.sleep(0.35)  # another moment of the slow answer each time
                os.kill(child.pid, signal.SIGSTOP)
                time.sleep(1.6)
                os.kill(child.pid, signal.SIGCONT)
            before = len(_of(hub, "netmon_http"))
            assert until(lambda: len(_of(hub, "netmon_http")) > before + 1)
            assert until(lambda: any("floor_p50_us" in line for line in _of(hub, "netmon_agent")))
        finally:
            child.kill()
            child.wait()
        lines = _of(hub, "netmon_http") + _of(hub, "netmon_ping")
        assert not [line for line in lines if "outcome=0i" not in line and "outcome=5i" not in line]
        assert any("outcome=5i" in line for line in _of(hub, "netmon_http"))
    proofs = [line for line in _of(hub, "netmon_agent") if "floor_p50_us" in line]
    assert all(all(f"{name}=" in line for name in NAMES) for line in proofs)


def test_neither_a_fault_of_ours_nor_a_proof_without_an_end_ends_the_proofs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netmon.agent.health.self_test.MAX_S", 0.05)

    async def broken() -> Floor:
        raise ZeroDivisionError

    async def endless() -> Floor:
        await asyncio.Event().wait()
        raise AssertionError

    for prove in (broken, endless):
        proof = SelfTest(60.0, prove)
        asyncio.run(asyncio.wait_for(proof.once(), 5.0))
        assert proof.take() == {"local_drop": 0, "late_sends": 0}
