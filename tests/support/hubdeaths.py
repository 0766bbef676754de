"""Every loop of a hub, an exception in each, and the signs that its work goes on."""

from __future__ import annotations

import http.client
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deaths import Death, Outcome, at_once, each, until
from hubs import HubProcess, line, now_ms

from netmon.hub.hub import Hub


class Work:
    """Writes points, reads the state and the events: what a hub is there for."""

    def __init__(self, hub: Hub, door: HubProcess, taken: Callable[[], int]) -> None:
        """`taken`: lines the sink's database got."""
        self.hub, self.door, self._taken = hub, door, taken
        self._number = 0
        self.events = 0
        self._ended = False
        threading.Thread(target=self._listen, name="reader", daemon=True).start()

    def _listen(self) -> None:
        """Reads the events, anew when they end."""
        while not self._ended:
            connection = http.client.HTTPConnection("127.0.0.1", self.door.port, timeout=20)
            try:
                connection.request("GET", "/api/v1/events", headers={"Authorization": f"Token {self.door.read_token}"})
                for raw in connection.getresponse():
                    self.events += raw.startswith(b"event:")
            except (OSError, http.client.HTTPException):
                time.sleep(0.1)
            finally:
                connection.close()

    def close(self) -> None:
        """Read no more."""
        self._ended = True

    def write(self) -> int:
        """One point; the status, 0 without an answer."""
        self._number += 1
        try:
            return self.door.write("c1", [line("c1", self._number, now_ms())], f"{self._number}-{self._number}")[0]
        except (OSError, http.client.HTTPException):
            return 0

    def poke(self) -> None:
        """Make everything turn."""
        self.write()
        self.hub.outbox.wake()
        for path in ("/api/v1/state", "/api/v1/leases"):
            try:
                self.door.request("GET", path, headers={"Authorization": f"Token {self.door.read_token}"})
            except (OSError, http.client.HTTPException):
                continue

    def goes_on(self) -> bool:
        """Are points taken, copied, judged, shown, and do the events come?"""
        ticks, taken, events = self.hub.evaluator._ticks, self._taken(), self.events
        return (
            until(lambda: self.write() == 204)
            and until(lambda: self.hub.evaluator._ticks > ticks)
            and until(lambda: self._taken() > taken)
            and until(lambda: self.write() and self.events > events)
            and self.door.request("GET", "/ping")[0] == 204
        )


def places(hub: Hub) -> list[Death]:
    """Where exceptions are put in."""
    one, judge = hub.sinks[0], hub.evaluator
    return [
        Death("sink: copying", "sink", one, "_copy"),
        Death("sink: reading segments", "sink", one, "_gathered"),
        Death("commit thread: append", "segments", hub.segments, "append"),
        Death("commit thread: commit", "segments", hub.segments, "commit"),
        Death("behind the commit: live state", "live state", hub.live, "apply"),
        Death("behind the commit: evaluation's queue", "what follows", judge, "accept"),
        Death("evaluation: reading points", "evaluation", judge, "_feed"),
        Death("evaluation: engine", "evaluation", judge._engine, "assess"),
        Death("evaluation: blame and book", "evaluation", judge._book, "step"),
        Death("evaluation: keeping", "incidents", judge, "_keep"),
        Death("evaluation: loop", "evaluation", judge, "_guarded_tick"),
        Death("outbox: a receiver's sender", "pages to duty", hub.outbox._table, "next_page"),
        Death("rehearsals", "rehearsals", hub.rehearsals, "_look"),
        Death("events feed", "events", hub.feed, "_tick"),
        Death("housekeeping: snapshot", "housekeeping", hub, "snapshot"),
        Death("housekeeping: sealing child", "sealing", hub.sealer, "_child"),
        Death("housekeeping: certificate", "housekeeping", hub, "_renew"),
        Death("housekeeping: loop", "housekeeping", hub, "keep"),
        Death("listener: TCP", "listener on port", hub.listeners[0], "on_tick"),
        Death("listener: local socket", "listener on the local", hub.listeners[1], "on_tick"),
        Death("door: writes", "answers to /api/v2/write", hub.ingest, "write"),
        Death("door: state", "answers to /api/v1/state", hub.feed._state, "whole"),
    ]


def run(hub: Hub, work: Work, fault: Callable[[], BaseException]) -> list[Outcome]:
    """All of them, one after the other."""
    outcomes = each(places(hub), hub.troubles, work.poke, work.goes_on, fault)
    work.close()
    return outcomes


def run_at_once(hub: Hub, work: Work, fault: Callable[[], BaseException]) -> set[str]:
    """All of them together; parts that never told."""
    return at_once(places(hub), hub.troubles, work.poke, fault)


@contextmanager
def database() -> Iterator[tuple[int, list[int]]]:
    """A database that takes everything: its port, and how many lines it took (the only one in the list)."""
    taken = [0]

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def do_POST(self) -> None:
            taken[0] += self.rfile.read(int(self.headers["content-length"])).count(b"\n") + 1
            self.send_response(204)
            self.end_headers()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, taken
    finally:
        server.shutdown()


def config(folder: Path, sink_port: int) -> str:
    """A hub with a sink and a receiver, whose housekeeping comes each second."""
    (folder / "secret").write_text("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3")
    (folder / "secret").chmod(0o600)
    return (
        "seal_every: 1s\n"
        f'sinks:\n  - {{name: far, url: "http://127.0.0.1:{sink_port}"}}\n'
        f'receivers:\n  - {{name: duty, url: "http://127.0.0.1:1/", secret_file: "{folder}/secret"}}\n'
    )
