"""The console on a real terminal (a pty read by pyte) with a hub's event stream behind a Unix socket."""

from __future__ import annotations

import json
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from screens import commune, incident, state
from terminals import Terminal, wait_for


class Feed(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Streams whatever stands in `body` as one snapshot, then keeps the line open."""

    daemon_threads = True
    body: dict[str, Any]


class Handler(BaseHTTPRequestHandler):
    server: Feed

    def do_GET(self) -> None:
        body = self.server.body | {"at_ms": int(time.time() * 1000)}
        self.send_response(200)
        self.end_headers()
        if self.path == "/api/v1/state":
            self.wfile.write(json.dumps(body).encode())
            return
        self.wfile.write(b"event: snapshot\ndata: " + json.dumps(body).encode() + b"\n\n")
        self.wfile.flush()
        time.sleep(60)

    def address_string(self) -> str:
        return "test"

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[tuple[Feed, str]]:
    path = str(tmp_path / "hub.sock")
    server = Feed(path, Handler)
    server.body = state(40, (incident(),))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server, path
    server.shutdown()
    server.server_close()


@pytest.fixture
def terminal(feed: tuple[Feed, str]) -> Iterator[Terminal]:
    opened = Terminal([sys.executable, "-m", "netmon", "console", "--hub", feed[1]])
    yield opened
    opened.close()


def test_incidents_communes_detail_help_and_quit(terminal: Terminal) -> None:
    assert terminal.shows("SỰ CỐ 1")
    assert terminal.shows("XÃ, PHƯỜNG 40")
    terminal.press("\r")
    assert terminal.shows("VNPT trực kênh")
    terminal.press("\x1b")
    assert terminal.shows("XÃ, PHƯỜNG 40")
    terminal.press("?")
    assert terminal.shows("TRỢ GIÚP")
    terminal.press("?/00012\r")
    assert terminal.shows("XÃ, PHƯỜNG 1 ")
    terminal.press("q")
    assert wait_for(lambda: terminal.process.poll() == 0)


def test_a_silent_hub_is_said_on_screen(feed: tuple[Feed, str], terminal: Terminal) -> None:
    assert terminal.shows("SỰ CỐ 1")
    feed[0].body = {}
    subprocess.run(["rm", feed[1]], check=True)
    assert terminal.shows("DỮ LIỆU CŨ")


@pytest.mark.parametrize("hostile", ["\x1b]0;owned\x07", "[/oops]", "\u202egnp.exe"])
def test_once_prints_a_hostile_name_harmlessly_and_exits(feed: tuple[Feed, str], hostile: str) -> None:
    feed[0].body = state(0, (incident(vi=hostile),)) | {"communes": [commune(1, name=hostile)]}
    done = subprocess.run(
        [sys.executable, "-m", "netmon", "console", "--hub", feed[1], "--once"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "00001" in done.stdout
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout)


def test_without_a_hub_once_says_so_and_exits_4() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "netmon", "console", "--hub", "/nowhere/hub.sock", "--once"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert "/nowhere/hub.sock: nobody answers there" in done.stderr
