"""Whole hubs for tests: files in a folder, a child process, and plain HTTP to it."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ports import free_port

INVENTORY = """\
hub_site: core
contacts:
  - {id: vnpt, name: VNPT, phone: "024 1234"}
sites:
  - {id: core, kind: core, name: Trung tâm, owner: CBDTW, contact: vnpt}
  - {id: p79, kind: province, code: "79", name: TP. Hồ Chí Minh, owner: so-tttt, contact: vnpt}
  - {id: c1, kind: commune, code: "26734", province: "79", name: Phường Sài Gòn, owner: xa, contact: vnpt}
  - {id: c2, kind: commune, code: "26737", province: "79", name: Phường Tân Định, owner: xa, contact: vnpt}
links:
  - {id: core-province, from: core, to: p79, carrier: VNPT, circuit: TSL-1, capacity: 20Mbit, owner: vnpt, contact: vnpt}
  - {id: province-c1, from: p79, to: c1, carrier: VNPT, circuit: TSL-2, capacity: 10Mbit, owner: vnpt, contact: vnpt}
  - {id: province-c2, from: p79, to: c2, carrier: VNPT, circuit: TSL-3, capacity: 10Mbit, owner: vnpt, contact: vnpt}
agents:
  - {agent: c1, site: c1}
  - {agent: c2, site: c2}
checks:
  - {check: c1-uplink, agent: c1, to: p79}
  - {check: c2-uplink, agent: c2, to: p79}
"""


def line(agent: str, number: int, at_ms: int, *, check: str = "", more: str = "") -> str:
    """One ping point of an agent of `INVENTORY`, canonical; `number` is its `sent`, so points can be told apart."""
    code = {"c1": "26734", "c2": "26737"}[agent]
    tags = f"agent={agent},check={check or agent + '-uplink'},commune={code},province=79,site={agent},target=p79"
    return f"netmon_ping,{tags} sent={number}i,rcvd={number}i,rtt_p50_ms=1.5,outcome=0i{more} {at_ms}"


@dataclass
class HubProcess:
    """A hub as a child process. `state` is its state_dir."""

    folder: Path
    host: str
    port: int
    tls: bool = False
    extra: str = ""
    child: subprocess.Popen[bytes] | None = None
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.state = self.folder / "state"
        self.log = self.folder / "hub.log"
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "inventory.yaml").write_text(INVENTORY)
        host = f"[{self.host}]" if ":" in self.host else self.host
        (self.folder / "hub.yaml").write_text(
            f'name: test\nlisten: "{host}:{self.port}"\nstate_dir: "{self.state}"\n'
            f'socket: "{self.folder}/hub.sock"\ninventory: inventory.yaml\n{self.extra}'
        )

    def start(self, wait_s: float = 60.0, program: Sequence[str] = ("-m", "netmon", "hub", "--config")) -> HubProcess:
        """Start and wait until it answers; `program`: what python runs on the hub's file."""
        with self.log.open("ab") as log:
            command = [sys.executable, *program, str(self.folder / "hub.yaml")]
            self.child = subprocess.Popen(command, stderr=log, stdout=log)
        until = time.monotonic() + wait_s
        while time.monotonic() < until:
            if self.child.poll() is not None:
                break
            try:
                self.request("GET", "/ping")
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
            else:
                return self
        raise AssertionError(f"the hub did not start: {self.log.read_text()}")

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.child is not None
        self.child.terminate()
        return self.child.wait(30)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.child is not None
        self.child.send_signal(signal.SIGKILL)
        self.child.wait(30)

    def token(self, site: str) -> str:
        """A site's write token."""
        return (self.state / "trust" / "tokens" / f"{site}.token").read_text().strip()

    @property
    def read_token(self) -> str:
        """The read token."""
        return (self.state / "trust" / "read.token").read_text().strip()

    def connect(self, timeout: float = 20.0) -> http.client.HTTPConnection:
        """A connection, TLS with the pinned CA off loopback."""
        if not self.tls:
            return http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        context = ssl.create_default_context(cafile=str(self.state / "trust" / "ca.pem"))
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=context)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One request on its own connection: status, headers (lower case), body."""
        connection = self.connect()
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def write(
        self, agent: str, lines: Sequence[str], seq: str = "", *, token: str = "", boot: str = "b00t", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """What an agent sends."""
        told = {"Authorization": f"Token {token or self.token(agent)}", "Content-Encoding": "gzip"}
        told |= {"X-Netmon-Agent": agent}
        told |= {"X-Netmon-Boot": boot, "X-Netmon-Seq": seq} if seq else {}
        told |= {f"X-Netmon-{key.capitalize()}": value for key, value in headers.items()}
        body = gzip.compress("\n".join(lines).encode(), 1)
        return self.request("POST", "/api/v2/write?org=-&bucket=netmon&precision=ms", body, told)

    def read(self, path: str = "/api/v1/state") -> Any:
        """JSON of the state API by the read token."""
        status, _, body = self.request("GET", path, headers={"Authorization": f"Token {self.read_token}"})
        assert status == 200, (status, body)
        return json.loads(body)

    @property
    def figures(self) -> dict[str, Any]:
        """The hub's own row."""
        return dict(self.read()["hub"])


@contextmanager
def hub(folder: Path, *, host: str = "127.0.0.1", extra: str = "", start: bool = True) -> Iterator[HubProcess]:
    """A hub on a free port, killed afterwards. Off loopback (`host="0.0.0.0"` is reached as itself) it speaks TLS."""
    one = HubProcess(folder, host, free_port(host), tls=not host.startswith("127.") and host != "::1", extra=extra)
    try:
        yield one.start() if start else one
    finally:
        if one.child is not None and one.child.poll() is None:
            one.kill()


@contextmanager
def program(command: Sequence[str], folder: Path, ready: tuple[str, int]) -> Iterator[subprocess.Popen[bytes]]:
    """A real server in its own folder, up when its port answers, killed afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env={**os.environ, "PATH": path})
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until and child.poll() is None:
            try:
                socket.create_connection(ready, 1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise AssertionError(f"{command[0]} did not start: {(folder / 'log').read_text()[-2000:]}")
        yield child
    finally:
        child.kill()
        child.wait(30)


def eventually(check: Any, within_s: float = 30.0, every_s: float = 0.2) -> Any:
    """The first true answer of `check()`, or its last one when time is over."""
    until = time.monotonic() + within_s
    while not (found := check()) and time.monotonic() < until:
        time.sleep(every_s)
    return found


def now_ms() -> int:
    """Unix time in ms."""
    return time.time_ns() // 1_000_000


def get(url: str, headers: Mapping[str, str] | None = None) -> str:
    """The text at an http:// address."""
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=20)
    try:
        connection.request("GET", "/" + path, headers=dict(headers or {}))
        return connection.getresponse().read().decode()
    finally:
        connection.close()
