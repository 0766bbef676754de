"""The `http` kind against Python's http.server, openssl, and servers made here that behave badly."""

from __future__ import annotations

import asyncio
import http.server
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from certs import authority
from tlspeer import Behave, context, serving

from probes.base import Measurement, Outcome, Target
from probes.errors import BadSettings, BadTarget
from probes.kinds.http.kind import HTTP, HttpSettings, run
from probes.kinds.http.url import aim, follow

PAGE = "<h1>Cổng dịch vụ công</h1>".encode() + b"x" * 2000
ROUTES: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/": (200, {}, PAGE),
    "/hop": (302, {"Location": "/"}, b""),
    "/hops": (301, {"Location": "hop?a=1"}, b""),
    "/loop": (307, {"Location": "/loop"}, b""),
    "/nowhere": (302, {"Location": "https://no-such-name.invalid/"}, b""),
    "/odd": (302, {"Location": "javascript:alert(1)\x1b[31m"}, b""),
    "/silly": (302, {}, b""),
    "/login": (401, {}, b""),
    "/down": (503, {}, b""),
    "/busy": (429, {}, b""),
    "/packed": (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"),
}


class Pages(http.server.BaseHTTPRequestHandler):
    """Answers by path; remembers the Host headers."""

    hosts: list[str] = []

    def do_GET(self) -> None:
        self.hosts.append(self.headers["Host"])
        status, headers, body = ROUTES[self.path.partition("?")[0]]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value.replace("{here}", self.headers["Host"]))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *args: Any) -> None:
        """Nothing."""


@contextmanager
def pages(tls: ssl.SSLContext | None = None) -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join(10)


@pytest.fixture(scope="module")
def plain() -> Iterator[int]:
    with pages() as port:
        yield port


def measure(target: str, count: int = 1, **more: object) -> Measurement:
    settings = HttpSettings(**{"timeout_s": 5.0, **more})  # type: ignore[arg-type]
    return asyncio.run(run(Target(target), settings, count))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_page_is_measured_phase_by_phase(plain: int, method: str) -> None:
    got = measure(f"http://127.0.0.1:{plain}/", 2, method=method)
    assert (got.outcome, got.why) == (Outcome.OK, "")
    values = got.values
    assert (values["sent"], values["rcvd"], values["status"], values["redirects"]) == (2, 2, 200, 0)
    assert values["body_bytes"] == (len(PAGE) if method == "GET" else 0)
    phases = sum(values[name] for name in ("connect_ms", "processing_ms", "transfer_ms"))
    assert 0 < phases <= values["total_ms"] * 1.5 and values["total_ms"] < got.took_ms
    assert "tls_ms" not in values and "leaf_days" not in values


@pytest.mark.parametrize(
    ("path", "more", "outcome", "word"),
    [
        ("/", {"contains": "Cổng dịch vụ công"}, Outcome.OK, ""),
        ("/", {"contains": "Trang chủ"}, Outcome.PROTOCOL, "does not contain 'Trang chủ'"),
        ("/", {"contains": "zzz", "most_bytes": 1024}, Outcome.PROTOCOL, "in its first 1024 bytes"),
        ("/packed", {"contains": "zzz"}, Outcome.PROTOCOL, "packed, unasked: gzip"),
        ("/login", {}, Outcome.PROTOCOL, "it answers 401, not 2xx"),
        ("/login", {"status": ("2xx", "401")}, Outcome.OK, ""),
        ("/down", {}, Outcome.REFUSED, "it answers 503, not 2xx"),
        ("/down", {"status": ("503",)}, Outcome.OK, ""),
        ("/busy", {}, Outcome.REFUSED, "429"),
        ("/hop", {"redirects": 0}, Outcome.PROTOCOL, "302 to /, not 2xx"),
        ("/hop", {"status": ("3xx",)}, Outcome.OK, ""),
        ("/silly", {}, Outcome.PROTOCOL, "302, not 2xx"),
        ("/loop", {}, Outcome.PROTOCOL, "more than 5 redirects"),
        ("/odd", {}, Outcome.PROTOCOL, "sends us on"),
        ("/nowhere", {}, Outcome.UNRESOLVED, "no-such-name.invalid"),
    ],
)
def test_answers_have_their_outcomes(
    plain: int, path: str, more: dict[str, object], outcome: Outcome, word: str
) -> None:
    got = measure(f"http://127.0.0.1:{plain}{path}", **more)
    assert (got.outcome, got.values["rcvd"]) == (outcome, 1) and word in got.why and got.why.isprintable()
    assert got.values["status"] == ROUTES[path][0]


def test_redirects_are_followed_and_counted(plain: int) -> None:
    got = measure(f"http://127.0.0.1:{plain}/hops", contains="Cổng", redirects=2)
    assert (got.outcome, got.values["status"], got.values["redirects"]) == (Outcome.OK, 200, 2)
    assert got.values["total_ms"] > got.values["processing_ms"]
    short = measure(f"http://127.0.0.1:{plain}/hops", redirects=1)
    assert short.outcome == Outcome.PROTOCOL and "more than 1 redirects" in short.why


def test_who_sends_us_on_has_answered_whatever_becomes_of_the_next() -> None:
    with socket.create_server(("127.0.0.1", 0)) as shut:
        nowhere = shut.getsockname()[1]
    with pages() as port:
        ROUTES["/away"] = (302, {"Location": f"http://127.0.0.1:{nowhere}/"}, b"")
        got = measure(f"http://127.0.0.1:{port}/away")
    assert (got.outcome, got.values["rcvd"]) == (Outcome.REFUSED, 1) and "sent on to" in got.why


def test_another_name_is_asked_for_and_its_redirects_stay_at_the_address(plain: int) -> None:
    Pages.hosts.clear()
    got = measure(f"http://127.0.0.1:{plain}/hop", host=f"portal.test:{plain}")
    assert got.outcome == Outcome.OK and Pages.hosts == [f"portal.test:{plain}"] * 2


def test_tls_is_checked_and_measured(tmp_path: Path) -> None:
    root = authority()
    ca_file = root.pem(tmp_path / "ca.pem")
    with pages(context(root.server(tmp_path / "s.pem"))) as port, pages() as below:
        ROUTES["/lower"] = (302, {"Location": f"http://127.0.0.1:{below}/"}, b"")
        good = measure(f"https://127.0.0.1:{port}/", 2, ca_file=ca_file)
        unknown = measure(f"https://127.0.0.1:{port}/")
        looked = measure(f"127.0.0.1:{port}", verify=False)
        named = measure(f"https://127.0.0.1:{port}/", ca_file=ca_file, host="other.test")
        lower = measure(f"https://127.0.0.1:{port}/lower", ca_file=ca_file)
        ROUTES["/upper"] = (302, {"Location": f"https://127.0.0.1:{port}/"}, b"")
        upper = measure(f"http://127.0.0.1:{below}/upper", ca_file=ca_file)
    assert (good.outcome, good.values["verify_code"], good.values["leaf_days"]) == (Outcome.OK, 0, 20.0)
    assert good.values["tls_ms"] > 0 and good.values["tls_version"] == 13
    assert unknown.outcome == Outcome.PROTOCOL and "issuer is unknown" in unknown.why
    assert (unknown.values["verify_code"], unknown.values["rcvd"]) == (20, 0) and "status" not in unknown.values
    assert looked.outcome == Outcome.OK and "verify_code" not in looked.values
    assert named.outcome == Outcome.PROTOCOL and "not for other.test" in named.why
    assert lower.outcome == Outcome.PROTOCOL and "without TLS" in lower.why
    assert upper.outcome == Outcome.OK and upper.values["tls_ms"] > 0


def answering(data: bytes, *, wait: bool = False) -> Behave:
    def behave(peer: socket.socket) -> None:
        peer.recv(65_536)
        peer.sendall(data)
        while wait and peer.recv(4096):
            pass

    return behave


def reset(peer: socket.socket) -> None:
    peer.recv(10)  # what is left unread makes the close a reset


@pytest.mark.parametrize(
    ("behave", "outcome", "word", "rcvd"),
    [
        (answering(b""), Outcome.REFUSED, "broke the connection off", 0),
        (reset, Outcome.REFUSED, "broke the connection off", 0),
        (answering(b"", wait=True), Outcome.LOST, "nothing came back", 0),
        (answering(b"HTTP/1.1 20", wait=True), Outcome.LOST, "did not end in time", 0),
        (answering(b"HTTP/1.1 200 OK\r\n\r\nx", wait=True), Outcome.LOST, "did not end in time", 1),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), Outcome.PROTOCOL, "never ended", 1),
        (answering(b"\x1b[31mSSH-2.0\r\n"), Outcome.PROTOCOL, "no HTTP", 0),
        (answering(b"HTTP/1.1 200 OK\r\n\r\nuntil it closes"), Outcome.OK, "", 1),
    ],
)
def test_bad_servers_are_told_apart(behave: Behave, outcome: Outcome, word: str, rcvd: int) -> None:
    with serving(behave) as port:
        got = measure(f"http://127.0.0.1:{port}/", timeout_s=0.4 if outcome is Outcome.LOST else 5.0)
    assert (got.outcome, got.values["rcvd"]) == (outcome, rcvd) and word in got.why and got.why.isprintable()
    assert ("total_ms" in got.values) == (outcome is Outcome.OK) and ("status" in got.values) == bool(rcvd)


def test_no_more_is_read_than_allowed() -> None:
    def flood(peer: socket.socket) -> None:
        peer.recv(65_536)
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.sendall(b"x" * 65_536)

    with serving(flood) as port:
        got = measure(f"http://127.0.0.1:{port}/", most_bytes=100_000)
    assert got.outcome == Outcome.OK and got.values["body_bytes"] < 400_000
    assert "transfer_ms" not in got.values and "total_ms" in got.values


def test_a_closed_port_refuses_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as far:
        port = far.getsockname()[1]
    got = measure(f"http://127.0.0.1:{port}", timeout_s=20.0)
    assert (got.outcome, got.values) == (Outcome.REFUSED, {"sent": 1, "rcvd": 0}) and got.took_ms < 10_000


@pytest.mark.parametrize(
    ("text", "endpoint", "shown"),
    [
        ("portal.test", "portal.test:443", "https://portal.test/"),
        ("http://portal.test", "portal.test:80", "http://portal.test/"),
        ("HTTPS://portal.test:8443/a/b?c=d#e", "portal.test:8443", "https://portal.test:8443/a/b?c=d"),
        ("https://[2001:db8::1]/", "[2001:db8::1]:443", "https://[2001:db8::1]/"),
        ("https://a.test:/x", "a.test:443", "https://a.test/x"),
        ("http://192.0.2.1:80?x", "192.0.2.1:80", "http://192.0.2.1/?x"),
        ("https://a.test/trang chủ".replace(" ", "-"), "a.test:443", "https://a.test/trang-ch%E1%BB%A7"),
        ("https://a.test/%C4%91?q=%20", "a.test:443", "https://a.test/%C4%91?q=%20"),
        ("http://[fe80::1%eth0]:81/", "[fe80::1%eth0]:81", "http://[fe80::1]:81/"),
    ],
)
def test_targets_are_understood(text: str, endpoint: str, shown: str) -> None:
    assert (str(aim(text).endpoint), str(aim(text))) == (endpoint, shown)


@pytest.mark.parametrize(
    "text",
    ["", "ftp://a.test/", "https://", "https://user:secret@a.test/", "https://a.test:0/", "https://a.test:x/"]
    + [
        "https://a b/",
        "https://a.test/x y",
        "https://a.test/\r\nX: y",
        "https://a\\b/",
        "https://a.test/" + "x" * 3000,
    ],
)
def test_targets_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(BadTarget) as caught:
        aim(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("/x", "https://a.test/x"),
        ("x?y#z", "https://a.test/b/x?y"),
        ("//b.test:81/x", "https://b.test:81/x"),
        ("http://b.test", "http://b.test/"),
        ("?q", "https://a.test/b/c?q"),
        (" /with blank/x y?a b ", "https://a.test/with%20blank/x%20y?a%20b"),
    ],
)
def test_redirects_lead_where_they_say(location: str, shown: str) -> None:
    assert str(follow(aim("https://a.test/b/c"), location)) == shown


@pytest.mark.parametrize(
    "location", ["http://[::1", "javascript:alert(1)", "mailto:a@b", "tel:5060", "app:8080", "/a\r\nX: y", "ftp://a/"]
)
def test_redirects_that_lead_nowhere_are_refused(location: str) -> None:
    with pytest.raises(BadTarget):
        follow(aim("https://a.test/b/c"), location)


def test_settings_that_contradict_or_lead_nowhere_are_refused(tmp_path: Path) -> None:
    for more, word in (
        ({"status": ("2x",)}, "not understood"),
        ({"status": ()}, "not understood"),
        ({"contains": "x", "method": "HEAD"}, "write method: GET"),
        ({"ca_file": "x", "verify": False}, "keep one"),
        ({"host": "a b"}, "not understood"),
        ({"ca_file": str(tmp_path / "gone")}, "No such file"),
    ):
        with pytest.raises(BadSettings) as caught:
            measure("https://127.0.0.1", **more)
        assert word in str(caught.value)


def test_cancelling_leaves_nothing_behind() -> None:
    async def cancelled(port: int) -> int:
        settings = HttpSettings(timeout_s=30.0)
        task = asyncio.create_task(run(Target(f"http://127.0.0.1:{port}"), settings, 1))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return len(asyncio.all_tasks())

    with serving(answering(b"", wait=True)) as port:
        assert asyncio.run(cancelled(port)) == 1


def test_importing_the_kind_stays_light() -> None:
    code = "import sys, probes.kinds.http.kind; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"cryptography", "yaml", "psutil", "numpy", "netmon", "http", "email", "h11"}


def test_every_default_field_is_one_of_eight() -> None:
    assert sum(field.default for field in HTTP.fields) <= 8
