"""`netmon probe --explain`: every event of the run, in the order of time."""

from __future__ import annotations

import asyncio
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from netmon.cli import app
from probes.answer.stamp.reflector import reflecting

pytestmark = pytest.mark.needs("linux")


@pytest.fixture
def silent() -> Iterator[int]:
    """A UDP port that takes everything and says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture
def web() -> Iterator[int]:
    """A web server: `/` sends on to `/there`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302 if self.path == "/" else 200)
            self.send_header("Location", "/there")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def reflector() -> Iterator[int]:
    """A STAMP reflector in a thread."""
    ready, port, loop = threading.Event(), list[int](), asyncio.new_event_loop()

    async def serve() -> None:
        with reflecting("127.0.0.1") as one:
            port.append(one)
            ready.set()
            await stop.wait()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    yield port[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


def explained(capsys: pytest.CaptureFixture[str], *words: str) -> list[tuple[str, str]]:
    """(event, detail) of a run, with times checked to rise from 0."""
    app.main(["probe", *words, "--explain", "-o", "json"])
    events = json.loads(capsys.readouterr().out)["events"]
    times = [one["at_ms"] for one in events]
    assert times == sorted(times) and times[0] == 0.0
    return [(one["event"], one["detail"]) for one in events]


@pytest.mark.needs("ping")
def test_each_packet_is_sent_leaves_by_the_kernels_stamp_and_comes_back(capsys: pytest.CaptureFixture[str]) -> None:
    events = explained(capsys, "ping", "127.0.0.1", "-n", "2", "--set", "every=50ms")
    assert [what for what, _ in events] == ["sent", "left", "received"] * 2
    assert events[3][1].startswith("packet 2: 64 bytes to 127.0.0.1")


def test_a_lost_packet_is_given_up_when_its_time_is_over(silent: int, capsys: pytest.CaptureFixture[str]) -> None:
    events = explained(capsys, "stamp", f"127.0.0.1:{silent}", "-n", "1", "--set", "timeout=200ms")
    assert [what for what, _ in events] == ["sent", "left", "given up"]


def test_stamp_tells_the_same_of_a_reflector(reflector: int, capsys: pytest.CaptureFixture[str]) -> None:
    events = explained(capsys, "stamp", f"127.0.0.1:{reflector}", "-n", "1")
    assert [what for what, _ in events] == ["sent", "left", "received"]


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["sip", "--set", "timeout=900ms"], "sent"),
        (["dns", "--set", "timeout=400ms", "--set", "name=a.vn"], "sent"),
        (["ntp", "--set", "timeout=400ms"], "sent"),
        (["snmp", "--set", "timeout=400ms"], "sent"),
    ],
)
def test_what_is_not_answered_is_seen_to_be_sent_again(
    words: list[str], first: str, silent: int, capsys: pytest.CaptureFixture[str]
) -> None:
    if words[0] == "snmp":
        pytest.importorskip("gufo.snmp")
    events = explained(capsys, words[0], f"127.0.0.1:{silent}", "-n", "1", *words[1:])
    told = [what for what, _ in events]
    assert "sent again" in told and told.index(first) < told.index("sent again") and "received" not in told


def test_a_name_is_resolved_before_anything_is_sent(web: int, capsys: pytest.CaptureFixture[str]) -> None:
    events = explained(capsys, "tcp", f"localhost:{web}", "-n", "2")
    told = [what for what, _ in events]
    assert told[:3] == ["resolved", "connecting", "connected"] and told[3] == "try" and "127.0.0.1" in events[0][1]


def test_a_refused_connect_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    events = explained(capsys, "tcp", "127.0.0.1:1", "-n", "1")
    assert [what for what, _ in events] == ["connecting", "not connected"] and "RST" in events[1][1]


def test_the_phases_of_a_request_and_its_redirect_follow_each_other(
    web: int, capsys: pytest.CaptureFixture[str]
) -> None:
    events = explained(capsys, "http", f"http://127.0.0.1:{web}/", "-n", "1")
    told = [what for what, _ in events if what != "received"]
    visit = ["connecting", "connected", "sent", "first byte", "answer whole"]
    assert told == [*visit, "redirected", *visit] and "status 200" in events[-1][1]


def test_a_server_without_tls_is_seen_to_fail_in_the_handshake(web: int, capsys: pytest.CaptureFixture[str]) -> None:
    told = [what for what, _ in explained(capsys, "tls", f"127.0.0.1:{web}", "-n", "1", "--set", "timeout=500ms")]
    assert told[:4] == ["connecting", "connected", "TLS begins", "sent"] and "TLS failed" in told


def test_a_path_tells_hop_limits_and_complaints(capsys: pytest.CaptureFixture[str]) -> None:
    events = explained(capsys, "path", "127.0.0.1", "--set", "flows=1", "--set", "mtu=false")
    assert ("sent" in dict(events)) and "hop limit 1" in events[0][1]
    assert any(what == "ICMP" and "type 3 code 3" in detail for what, detail in events)


def test_people_get_a_table_and_nobody_gets_it_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    app.main(["probe", "tcp", "127.0.0.1:1", "-n", "1", "--explain"])
    out = capsys.readouterr().out
    assert "at_ms  event" in out and "0.000  connecting" in out
    app.main(["probe", "tcp", "127.0.0.1:1", "-n", "1"])
    assert "connecting" not in capsys.readouterr().out


def test_a_peers_words_in_an_event_are_cleaned() -> None:
    from netmon.cli.probe import event_rows
    from probes.trace import Event

    rows = event_rows([Event(5_000_000, "later"), Event(1_000_000, "answered", "200 \x1b[31m\u202eOK")])
    assert [row["at_ms"] for row in rows] == [0.0, 4.0] and "\x1b" not in str(rows) and "\u202e" not in str(rows)
