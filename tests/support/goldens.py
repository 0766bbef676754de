"""The state folder a netmon of before left behind (`tests/golden/state-*`), and what it is held against: programs with a
clock of their own, far ends that write down what comes, the layouts of that day, and shapes of JSON.

Of netmon only the outer face is used: the command, its files, sockets and HTTP.
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ports import free_ports

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "state-2026-12"
CLOCK = Path(__file__).resolve().parent / "clock"
PORTS = (
    "18443",
    "18086",
    "18087",
    "18090",
    "18091",
    "18092",
)  # hub, databases of agent and hub, receivers and rooms, responder, MCU
Answer = tuple[int, Mapping[str, str], str]


# --- programs ---


@dataclass
class World:
    """A copy of a state folder, its programs, and how far their clock is ahead of this machine's."""

    folder: Path
    ahead_s: float
    ports: dict[str, int] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def now_ms(self) -> int:
        """The programs' clock."""
        return round((time.time() + self.ahead_s) * 1000)

    @property
    def environment(self) -> dict[str, str]:
        """What the programs are started with."""
        told = {"PYTHONPATH": str(CLOCK), "NETMON_TEST_CLOCK_S": str(self.ahead_s), "LANG": "C.UTF-8"}
        return {**os.environ, **told}

    def netmon(self, *words: str, within_s: float = 60) -> subprocess.CompletedProcess[str]:
        """One run of the command, in the folder."""
        command = [sys.executable, "-m", "netmon", *words]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )

    def start(self, name: str, *words: str) -> None:
        """A program that runs on; its log is NAME.log."""
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [sys.executable, "-m", "netmon", *words]
            self.running[name] = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )

    def stop(self, name: str, how: int = signal.SIGTERM) -> int:
        """End a program; its exit code."""
        child = self.running.pop(name)
        child.send_signal(how)
        return child.wait(90)

    def log(self, name: str) -> str:
        """What a program said."""
        return (self.folder / f"{name}.log").read_text()

    def start_hub(self, file: str = "hub.yaml") -> None:
        """The hub, up when it answers."""
        self.start("hub", "hub", "--config", file)
        self.until(lambda: self.request("GET", "/ping")[0] == 204, "hub")

    def until(self, holds: Callable[[], Any], program: str, within_s: float = 90.0) -> Any:
        """The first true answer of `holds`; a far end that is not there yet is none."""
        end = time.monotonic() + within_s
        while True:
            try:
                answer = holds()
            except (OSError, http.client.HTTPException):
                answer = None
            if answer:
                return answer
            child = self.running.get(program)
            if time.monotonic() > end or (child is not None and child.poll() is not None):
                raise AssertionError(f"it did not come to pass; {program} said: {self.log(program)[-3000:]}")
            time.sleep(0.05)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """One request to the hub: status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["18443"], timeout=20)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def read(self, path: str) -> Any:
        """JSON of the hub's state API."""
        token = (self.folder / "hub" / "trust" / "read.token").read_text().strip()
        status, body = self.request("GET", path, headers={"Authorization": f"Token {token}"})
        assert status == 200, (status, body)
        return json.loads(body)

    def post(self, path: str, site: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        """JSON to the hub by the write token of a site's agent."""
        headers = {"Authorization": f"Token {self.token(site)}", "X-Netmon-Agent": site}
        status, raw = self.request("POST", path, json.dumps(body).encode(), headers)
        return status, json.loads(raw) if raw else None

    def token(self, site: str) -> str:
        """A site's write token."""
        return (self.folder / "hub" / "trust" / "tokens" / f"{site}.token").read_text().strip()

    def write(
        self, site: str, lines: Sequence[str], seq: str, boot: str, *, packed: bool = True, **headers: str
    ) -> tuple[int, bytes]:
        """Points as an agent of that name writes them."""
        told = {"Authorization": f"Token {self.token(site)}", "X-Netmon-Agent": site}
        told |= {"X-Netmon-Boot": boot, "X-Netmon-Seq": seq, "X-Netmon-Now": str(self.now_ms)}
        told |= {f"X-Netmon-{name.capitalize()}": value for name, value in headers.items()}
        told |= {"Content-Encoding": "gzip"} if packed else {}
        body = "\n".join(lines).encode()
        path = "/api/v2/write?org=-&bucket=netmon&precision=ms"
        return self.request("POST", path, gzip.compress(body, 6, mtime=0) if packed else body, told)


def copied(folder: Path, source: Path = GOLDEN) -> Path:
    """A copy whose files are their owner's alone, as netmon leaves them; Git keeps no such modes."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


@contextmanager
def world(folder: Path, start_s: float, source: Path = GOLDEN) -> Iterator[World]:
    """A copy of `source` in `folder` with free ports, whose programs' clock says `start_s` now. All end with the block."""
    copied(folder, source)
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    for path in folder.glob("*.yaml"):
        path.write_text(re.sub("|".join(PORTS), lambda port: str(ports[port[0]]), path.read_text()))
    made = World(folder, start_s - time.time(), ports)
    try:
        yield made
    finally:
        for name in list(made.running):
            made.stop(name, signal.SIGKILL)


def answers(port: int) -> bool:
    """Does somebody listen on this TCP port? Raises OSError when not."""
    socket.create_connection(("127.0.0.1", port), 1).close()
    return True


def sealing(made: World) -> None:
    """Start the hub so that all its segments hold is Parquet before long, and wait for that."""
    file = made.folder / "hub.yaml"
    file.write_text(file.read_text().replace("seal_every: 10m", "seal_every: 1s"))
    made.start_hub()
    made.until(lambda: made.read("/api/v1/hub")["segments"]["sealed_rows"], "hub")


# --- far ends ---


@dataclass
class Request:
    """One request as it came: names of headers as they were written, the body without gzip."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def lines(self) -> list[str]:
        """The points of a write."""
        return self.body.decode().split("\n")


def taken(request: Request) -> Answer:
    """Whatever comes is stored."""
    return 204, {}, ""


@dataclass
class Taker:
    """A hub, a database or a receiver of pages that writes down what comes. `answer` may be changed at any time."""

    answer: Callable[[Request], Answer] = taken
    ahead_s: float = 0.0
    requests: list[Request] = field(default_factory=list)
    accepted: list[Request] = field(default_factory=list)

    def take(self, request: Request) -> Answer:
        """One request."""
        answer = self.answer(request)
        self.requests.append(request)
        if 200 <= answer[0] < 300:
            self.accepted.append(request)
        return answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        taker = self.server.taker
        came_ns = time.time_ns() + round(taker.ahead_s * 1e9)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        status, more, text = taker.take(Request(self.path, dict(self.headers.items()), body))
        self.send_response(status)
        for name, value in {"X-Netmon-Clock": f"{came_ns} {came_ns}", **more}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode() if status != 204 else b"")

    do_GET = do_POST

    def log_message(self, format: str, *words: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = allow_reuse_address = True
    taker: Taker

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _Handler)
        self._kept: list[socket.socket] = []

    def process_request(self, request: Any, client_address: Any) -> None:
        self._kept.append(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        """End the connections that are kept alive: a far end that is gone answers nobody."""
        for one in self._kept:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def taking(
    port: int, ahead_s: float = 0.0, answer: Callable[[Request], Answer] = taken, tls: ssl.SSLContext | None = None
) -> Iterator[Taker]:
    """A far end on a port of loopback."""
    with _Server(("127.0.0.1", port)) as server:
        server.taker = Taker(answer, ahead_s)
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.taker
        finally:
            server.shutdown()
            thread.join()
            server.hang_up()


def _dns(query: bytes) -> bytes:
    end = query.index(b"\0", 12) + 5
    record = b"\xc0\x0c\0\1\0\1" + struct.pack(">IH", 300, 4) + bytes([192, 0, 2, 1])
    return query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:end] + record


def _ntp(query: bytes) -> bytes:
    now = struct.pack(">Q", int((time.time() + 2_208_988_800) * (1 << 32)))
    return struct.pack(">BBbbII4s", 0x24, 2, 6, -20, 100, 100, b"\x0a\0\0\1") + now + query[40:48] + now + now


def _sip(query: bytes) -> bytes:
    """200 to OPTIONS, busy to calls, nothing to ACK."""
    text = query.decode()
    method = text.split(" ", 1)[0]
    if method == "ACK":
        return b""
    kept = re.findall(r"(?mi)^(?:via|from|to|call-id|cseq|v|f|t|i):.*\r\n", text)
    status = "200 OK" if method == "OPTIONS" else "486 Busy Here"
    head = "".join(re.sub(r"(?i)^(to|t):(.*)\r\n", r"\1:\2;tag=far\r\n", line) for line in kept)
    return f"SIP/2.0 {status}\r\n{head}Content-Length: 0\r\n\r\n".encode()


@contextmanager
def datagrams(answer: Callable[[bytes], bytes], port: int = 0) -> Iterator[int]:
    """A UDP server on loopback; its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", port))
        sock.settimeout(0.1)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    query, peer = sock.recvfrom(65_535)
                except TimeoutError:
                    continue
                if reply := answer(query):
                    sock.sendto(reply, peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(sock.getsockname()[1])
        finally:
            over.set()
            thread.join()


@contextmanager
def sip_far_end(port: int = 0) -> Iterator[int]:
    """Somebody who says OPTIONS are fine and calls are not; the port."""
    with datagrams(_sip, port) as port:
        yield port


@contextmanager
def far_ends(made: World) -> Iterator[dict[str, str]]:
    """Kind of probe → words of `netmon probe` that find somebody."""
    with ExitStack() as stack:
        dns, ntp, sip = (stack.enter_context(datagrams(answer)) for answer in (_dns, _ntp, _sip))
        web, stamp, train, media, bulk, h323, snmp = free_ports(7)
        stack.enter_context(taking(web, answer=lambda request: (200, {}, "hello")))
        here = "127.0.0.1:"
        ends = [f"--train={here}{train}", f"--media={here}{media}", f"--throughput={here}{bulk}"]
        made.start("reflector", "reflector", f"--listen={here}{stamp}", *ends)
        stack.callback(made.stop, "reflector")
        made.until(lambda: answers(bulk), "reflector")
        yield {
            "capacity": f"{here}{train}",
            "dns": f"{here}{dns} --set name=portal.example.vn",
            "h323": f"{here}{h323} -n 1",
            "host": "",
            "http": f"http://{here}{web}/ -n 2",
            "media": f"{here}{media} --set duration=2s",
            "ntp": f"{here}{ntp} -n 2",
            "path": "127.0.0.1",
            "ping": "127.0.0.1 -n 3",
            "room": f"sip:room@{here}{sip} --set call=true --set ring=1s",
            "sip": f"{here}{sip} -n 2",
            "sipcall": f"sip:room@{here}{sip} --set ring=1s",
            "snmp": f"{here}{snmp} --set timeout=500ms",
            "stamp": f"{here}{stamp} -n 3",
            "tcp": f"{here}{web} -n 2",
            "throughput": f"{here}{bulk} --set duration=1s",
            "tls": f"{here}{web} -n 1",
            "headroom": f"{here}{train} --set duration=1s --set profile=conf-720p",  # after capacity, whose responder it asks, too
        }
