"""The console on a real terminal (a pty read by pyte) with a hub's event stream behind a Unix socket."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import socketserver
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pyte
import pytest
from screens import commune, incident, state

WITHIN_S = 20.0


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


class Terminal:
    """A program on a pty and what its screen shows."""

    def __init__(self, command: list[str], columns: int = 80, lines: int = 24, **env: str) -> None:
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.near, far = pty.openpty()
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        full = {**os.environ, "TERM": "xterm-256color", **env}
        self.process = subprocess.Popen(command, stdin=far, stdout=far, stderr=far, env=full, start_new_session=True)
        os.close(far)
        threading.Thread(target=self._pump, daemon=True).start()

    def _pump(self) -> None:
        while True:
            try:
                self.stream.feed(os.read(self.near, 65536))
            except OSError:
                return

    def press(self, keys: str) -> None:
        os.write(self.near, keys.encode())

    def shows(self, text: str) -> bool:
        return wait_for(lambda: text in "\n".join(self.screen.display))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.near)


def wait_for(ready: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        if ready():
            return True
        time.sleep(0.05)
    return False


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
