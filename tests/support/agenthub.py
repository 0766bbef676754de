"""What agents are tested with: a hub that does as it is told, and a probe kind that measures what it is told."""

from __future__ import annotations

import asyncio
import gzip
import http.server
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from netmon.agent.agent import RunningAgent
from netmon.agent.health import socket as status_socket
from netmon.config.agent import AgentConfig, CheckConfig, DestinationConfig, SpoolConfig
from probes.base import Cost, Emit, Field, Job, Kind, Measurement, Outcome, Target

Answer = tuple[int, dict[str, str], str]
OK: Answer = (204, {}, "")


@dataclass
class Request:
    """One write as it came."""

    path: str
    headers: dict[str, str]
    lines: list[str]

    @property
    def seq(self) -> tuple[int, int]:
        """First and last number."""
        found = re.fullmatch(r"(\d+)-(\d+)", self.headers["x-netmon-seq"])
        assert found is not None
        return int(found[1]), int(found[2])


Asked = tuple[str, dict[str, Any]]  # path and JSON of a question about leases
NO_LEASES: Answer = (404, {}, '{"code": "not found"}')


@dataclass
class FakeHub:
    """Answers by `answer`; keeps what it said 204 to, by boot and number. `lease` answers what is asked of leases."""

    answer: Callable[[Request], Answer] = lambda request: OK
    requests: list[Request] = field(default_factory=list)
    stored: dict[tuple[str, int], str] = field(default_factory=dict)
    repeats: int = 0
    port: int = 0
    tls: ssl.SSLContext | None = None
    lease: Callable[[str, dict[str, Any]], Answer] = lambda path, body: NO_LEASES
    asked: list[Asked] = field(default_factory=list)

    def take(self, request: Request) -> Answer:
        """One write."""
        self.requests.append(request)
        answer = self.answer(request)
        if answer[0] == 204 and "x-netmon-seq" in request.headers:
            first, last = request.seq
            assert last - first + 1 == len(request.lines)
            for number, line in enumerate(request.lines, first):
                key = (request.headers["x-netmon-boot"], number)
                self.repeats += key in self.stored
                assert self.stored.setdefault(key, line) == line
        return answer

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    """The hub listens; on the same port again when it did before."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            came = time.time_ns()
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {key.lower(): value for key, value in self.headers.items()}
            if self.path.startswith("/api/v1/leases"):
                assert headers["x-netmon-agent"]
                hub.asked.append((self.path, json.loads(sent)))
                status, more, text = hub.lease(*hub.asked[-1])
            else:
                status, more, text = hub.take(Request(self.path, headers, gzip.decompress(sent).decode().split("\n")))
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            clock = f"{came + 5_000_000_000} {time.time_ns() + 5_000_000_000}"  # five seconds ahead
            for key, value in {"X-Netmon-Clock": clock, **more}.items():
                self.send_header(key, value)
            if status != 204:
                self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode() if status != 204 else b"")

        def log_message(self, *args: Any) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", hub.port), Handler) as server:
        hub.port = server.server_address[1]
        if hub.tls:
            server.socket = hub.tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Told:
    """What the fake kinds measure: outcome by target text."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    running: int = 0
    most_running: int = 0
    run_s: float = 0.0
    watched: list[Sequence[Job]] = field(default_factory=list)
    broken: str = ""

    def cost(self, settings: Any) -> Cost:
        """The most a heavy run sends."""
        return Cost(1000, 5.0)

    def measure(self, kind: str, target: Target) -> Measurement:
        """One measurement, now."""
        outcome = self.outcomes.get(target.text, Outcome.OK)
        values: dict[str, int | float] = {"sent": 1, "rcvd": int(outcome is Outcome.OK)}
        if outcome is Outcome.OK:
            values |= {"rtt_min_ms": 1, "rtt_b12": 1, "secret": 7}
        return Measurement(kind, target.text, time.time_ns(), 1.0, outcome, values)

    def kinds(self) -> dict[str, Kind]:
        """`packet`, which watches, `single`, which runs, and `heavy`, which needs a lease for it."""
        fields = (
            Field("sent", "", "", "int"),
            Field("rcvd", "", "", "int"),
            Field("rtt_min_ms", "ms", ""),
            Field("rtt_b", "", "", "int", repeated=True),
            Field("secret", "", "", default=False),
        )

        async def watch(jobs: Sequence[Job], emit: Emit) -> None:
            self.watched.append(jobs)
            if any(job.target.text == self.broken for job in jobs):
                raise OSError("this target breaks everything")
            while True:
                for job in jobs:
                    emit(job.id, self.measure("packet", job.target))
                await asyncio.sleep(jobs[0].every_s)

        async def run(target: Target, settings: Any, count: int) -> Measurement:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            try:
                await asyncio.sleep(self.run_s)
                if target.text == self.broken:
                    raise ZeroDivisionError("a fault of ours")
                return self.measure("single", target)
            finally:
                self.running -= 1

        async def weigh(target: Target, settings: Any, count: int) -> Measurement:
            return replace(await run(target, settings, count), kind="heavy", values={"bytes_used": 700})

        return {
            "packet": Kind("packet", object, fields, run, watch),
            "single": Kind("single", object, fields, run),
            "heavy": Kind("heavy", object, (*fields, Field("bytes_used", "B", "", "int")), weigh, cost=self.cost),
        }


def check(name: str, target: str, *, kind: str = "packet", every_s: float = 0.1, about: str = "link") -> CheckConfig:
    """A check of a fake kind."""
    return CheckConfig(check=name, kind=kind, target=target, every_s=every_s, about=about)


def config(folder: Path, url: str, *checks: CheckConfig, flush_s: float = 0.2, **spool: int) -> AgentConfig:
    """An agent `c1` with one hub."""
    return AgentConfig(
        agent="c1",
        site="c1",
        commune="26734",
        province="79",
        state_dir=str(folder),
        flush_every_s=flush_s,
        spool=SpoolConfig(**spool),
        destinations=(DestinationConfig(name="hub", url=url, timeout_s=2.0),),
        checks=checks,
    )


def until(fact: Callable[[], object], within_s: float = 20.0) -> bool:
    """Whether a fact came true in time."""
    deadline = time.monotonic() + within_s
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@contextmanager
def running(one: AgentConfig, told: Told) -> Iterator[RunningAgent]:
    """The agent's loop in a thread of its own."""
    made: list[RunningAgent] = []
    ready, stop = threading.Event(), threading.Event()

    async def live() -> None:
        agent = RunningAgent(one, told.kinds())
        agent.start()
        tasks = [asyncio.create_task(one) for one in agent.parts()]
        made.append(agent)
        ready.set()
        async with status_socket.serving(Path(one.state_dir) / "agent.sock", lambda: agent.view(), agent.troubles):
            while not stop.is_set():
                await asyncio.sleep(0.02)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await agent.stop(2.0)

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    assert ready.wait(20)
    try:
        yield made[0]
    finally:
        stop.set()
        thread.join(20)
