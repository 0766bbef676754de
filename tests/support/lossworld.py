"""A hub, agents and a database as real processes, and between agents and hub somebody who notes what was acknowledged."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import http.server
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from hubs import HubProcess, eventually, get
from ports import free_port

from netmon.hub.ingest.batch import replay
from netmon.intervals import Intervals
from netmon.line import Line, decode
from netmon.segments.position import Position
from netmon.segments.segments import Segments
from netmon.store import layout

Key = tuple[str, str, int]  # measurement, check, Unix ms
FIELDS = {"netmon_tcp": "outcome", "netmon_agent": "rss_bytes", "netmon_gap": "count"}
FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)


class Tap:
    """Passes writes on to a hub; keeps the lines of those it saw answered 204. `lose`: share of answers that get lost."""

    def __init__(self, hub: HubProcess) -> None:
        self.lines, self.numbers = set[str](), Intervals()
        self.refused, self.lose, self._chance, self._lock = 0, 0.0, random.Random(1), threading.Lock()
        tap = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    reply = tap.ask(hub, self.path, body, dict(self.headers))
                except (OSError, http.client.HTTPException):
                    reply = None
                if reply is None or tap.is_lost():
                    self.close_connection = True
                    return
                status, headers, text = reply
                tap.note(status, text, body, self.headers.get("X-Netmon-Seq", ""))
                self.send_response(status)
                for name in ("X-Netmon-Clock", "Retry-After", "Content-Type"):
                    if headers.get(name.lower()):
                        self.send_header(name, headers[name.lower()])
                if status != 204:
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                with contextlib.suppress(OSError):  # it went away meanwhile
                    self.wfile.write(text)

            def log_message(self, *args: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """A client that was killed is no news here."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def ask(
        self, hub: HubProcess, path: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        kept = {name: value for name, value in headers.items() if name.lower() not in ("host", "connection")}
        return hub.request("POST", path, body, kept)

    def is_lost(self) -> bool:
        with self._lock:
            return self._chance.random() < self.lose

    def note(self, status: int, text: bytes, body: bytes, numbers: str) -> None:
        with self._lock:
            if status == 204 and numbers:
                first, last = map(int, numbers.split("-"))
                self.numbers.add(first, last)
                self.lines.update(gzip.decompress(body).decode().split("\n"))
            elif dropped := re.search(rb"dropped=(\d+)", text):
                self.refused += int(dropped[1])

    def acknowledged(self) -> Counter[Key]:
        return Counter(_key(line) for line in decode("\n".join(self.lines)) if isinstance(line, Line))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _key(line: Line) -> Key:
    return line.name, line.tags["check"], line.time or 0


class Clock:
    """A wall clock for one process, so many seconds off; the even ones go on as ever."""

    def __init__(self, path: Path, off_s: int = 0) -> None:
        self._path = path
        self.set(off_s)
        names = ("FAKETIME_NO_CACHE", "FAKETIME_DONT_FAKE_MONOTONIC", "DONT_FAKE_MONOTONIC")
        self.env = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(path), **dict.fromkeys(names, "1")}

    def set(self, off_s: int) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(f"{off_s:+d}\n")
        new.replace(self._path)


class ClockedHub(HubProcess):
    """A hub whose environment a test sets."""

    env: Mapping[str, str] = {}

    def start(self, wait_s: float = 60.0) -> HubProcess:
        """Start and wait until it answers."""
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "netmon", "hub", "--config", str(self.folder / "hub.yaml")]
            self.child = subprocess.Popen(command, stderr=log, stdout=log, env={**os.environ, **self.env})
        if not eventually(self._answers, wait_s, 0.05):
            raise AssertionError(f"the hub did not start: {self.log.read_text()[-2000:]}")
        return self

    def _answers(self) -> bool:
        try:
            return self.request("GET", "/ping")[0] == 204
        except (OSError, http.client.HTTPException):
            return False


@dataclass
class AgentProcess:
    """An agent that looks at eight closed ports each second."""

    folder: Path
    url: str
    token: Path
    env: Mapping[str, str] = field(default_factory=dict)
    spool: str = "64MB"
    every: str = "1s"
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> AgentProcess:
        self.folder.mkdir(exist_ok=True)
        checks = [
            {
                "check": f"k{number}",
                "kind": "tcp",
                "target": f"127.0.0.1:{number}",
                "every": self.every,
                "timeout": "1s",
            }
            for number in range(1, 9)
        ]
        hub = {"name": "hub", "url": self.url, "token_file": str(self.token), "timeout": "3s"}
        told = {"agent": "c1", "site": "c1", "commune": "26734", "province": "79", "flush_every": "0.3s"}
        told |= {"state_dir": str(self.folder / "state")}
        spool = {"quota": self.spool, "backlog_rate": "8Mbit"}
        (self.folder / "agent.yaml").write_text(
            json.dumps({**told, "spool": spool, "destinations": [hub], "checks": checks})
        )
        command = [sys.executable, "-m", "netmon", "agent", "--config", str(self.folder / "agent.yaml")]
        with (self.folder / "log").open("ab") as log:
            self.child = subprocess.Popen(command, stderr=log, stdout=log, env={**os.environ, **self.env})
        return self

    def end(self, number: int = signal.SIGTERM) -> None:
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(number)
            self.child.wait(30)

    def waiting(self) -> int:
        """Points that are not delivered yet; 0 for one that does not run."""
        if self.child is None or self.child.poll() is not None:
            return 0
        try:
            with socket.socket(socket.AF_UNIX) as door:
                door.settimeout(5)
                door.connect(str(self.folder / "state" / "agent.sock"))
                text = b"".join(iter(lambda: door.recv(65536), b""))
            return int(json.loads(text)["spool"]["points"])
        except (OSError, ValueError):
            return 1

    def kept(self) -> int:
        """Points in the spool of an agent that ended, for its next start."""
        try:
            return int(json.loads((self.folder / "state" / "account.json").read_text())["waiting"]["hub"])
        except FileNotFoundError:
            return 0

    def copy_state(self, other: Path) -> None:
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(self.folder / "state", other, ignore=shutil.ignore_patterns("*.sock", "*.lock"))


class World:
    """One hub with its tap and its database `name` on an InfluxDB; agents come as they are asked for."""

    def __init__(self, folder: Path, influx_port: int, name: str, state: Path | None = None) -> None:
        self.folder, self.name, self.port = folder, name, influx_port
        self.query("POST", f"CREATE DATABASE {name}")
        sink = (
            f'sinks:\n  - {{name: influx, url: "http://127.0.0.1:{influx_port}", kind: influxdb1, database: {name}}}\n'
        )
        self.hub = ClockedHub(folder / "hub", "127.0.0.1", free_port(), extra=sink + "conferences: {enabled: false}\n")
        if state is not None:
            self.hub.state.symlink_to(state)
        self.agents: list[AgentProcess] = []
        self.tap = Tap(self.hub)
        self.told_lost = 0
        self.gone: Counter[Key] = Counter()  # what a row took away with its disk, after it was sealed and copied

    def agent(self, name: str = "agent", **more: object) -> AgentProcess:
        token = self.hub.state / "trust" / "tokens" / "c1.token"
        made = AgentProcess(self.folder / name, self.tap.url, token, **more)  # type: ignore[arg-type]
        self.agents.append(made)
        return made

    def sink(self) -> dict[str, object]:
        return dict(self.hub.figures["sinks"][0])

    def finish(self) -> None:
        """Everybody hands over what there is; the hub seals and ends."""
        eventually(lambda: all(agent.waiting() < 10 for agent in self.agents), 30)
        for agent in self.agents:
            agent.end()
        wanted = self.tap.acknowledged()
        eventually(lambda: set(wanted) <= set(self.in_influx()), 30)
        assert self.hub.child is not None
        self.hub.child.send_signal(signal.SIGHUP)
        eventually(lambda: self.is_sealed(set(wanted)), 30, 1.0)
        self.hub.stop()
        self.tap.close()

    def stop(self) -> None:
        for agent in self.agents:
            agent.end(signal.SIGKILL)
        if self.hub.child is not None and self.hub.child.poll() is None:
            self.hub.kill()

    # --- what is where ---

    def in_segments(self) -> Counter[Key]:
        return Counter(key for key, _ in self._of_segments())

    def doubled(self) -> int:
        """Points that are stored more than once: the same series, stamp and values."""
        return sum(many - 1 for many in Counter(self._of_segments()).values())

    def _of_segments(self) -> list[tuple[Key, str]]:
        segments = Segments(self.hub.state / "segments", segment_bytes=4_000_000, quota_bytes=4_000_000_000)
        batches = replay(segments, Position(0, 0))
        return [(_key(line), str(line.fields)) for batch in batches for line in batch.lines]

    def is_sealed(self, wanted: set[Key]) -> bool:
        """Is all of it in Parquet? A file that is replaced while it is read is read again the next time."""
        import duckdb

        with contextlib.suppress(duckdb.Error):
            return wanted <= set(self.in_parquet())
        return False

    def in_parquet(self) -> Counter[Key]:
        import duckdb

        store = self.hub.state / "store"
        if not any(folder.glob("seg-*.parquet") for _, folder in layout.days(store)):
            return Counter()
        pairs = " OR ".join(f"(name = '{name}' AND field = '{value}')" for name, value in FIELDS.items())
        query = f"SELECT name, \"check\", epoch_ms(time) FROM read_parquet('{store}/day=*/seg-*.parquet') WHERE {pairs}"
        return Counter(duckdb.connect().execute(query).fetchall())

    def in_influx(self) -> Counter[Key]:
        found: Counter[Key] = Counter()
        for name, value in FIELDS.items():
            told = json.loads(self.query("GET", f'SELECT "{value}" FROM {name} GROUP BY "check"'))
            for series in told["results"][0].get("series", ()):
                found.update((name, series["tags"]["check"], row[0]) for row in series["values"])
        return found

    def gap_points(self) -> int:
        """How many points agents told as gone."""
        found = re.findall(r"netmon_gap,\S+ count=(\d+)i", "\n".join(self.tap.lines))
        return sum(map(int, found))

    def query(self, method: str, text: str) -> str:
        path = f"/query?db={self.name}&epoch=ms&q={quote(text)}"
        if method == "GET":
            return get(f"http://127.0.0.1:{self.port}{path}")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path)
        answer = connection.getresponse().read().decode()
        connection.close()
        return answer
