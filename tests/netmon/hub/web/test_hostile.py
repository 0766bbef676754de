"""Hostile bytes on every door of a hub: no crash, all counted, the good ones still served."""

from __future__ import annotations

import os
import random
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hubs import HubProcess, eventually, hub, line, now_ms

pytestmark = pytest.mark.world
DEADLINE_S = 15


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with hub(tmp_path_factory.mktemp("plain")) as running:
        yield running


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    folder = tmp_path_factory.mktemp("secure")
    with hub(folder, host="0.0.0.0", extra='server_names: ["0.0.0.0", "127.0.0.1", "localhost"]\n') as running:
        yield running


def _dial(one: HubProcess) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", one.port), 5)
    sock.settimeout(DEADLINE_S + 25)
    return sock


def _gone_after(sock: socket.socket, first: bytes, drip: bytes) -> float:
    """Seconds until the hub ends the connection while `drip` goes in twice a second."""
    began = time.monotonic()
    sock.sendall(first)
    sock.settimeout(0.5)
    while time.monotonic() - began < DEADLINE_S + 25:
        try:
            sock.sendall(drip)
            if sock.recv(4096) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


_PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
_SLOW = {  # what a slow client says at first, and then twice a second
    "silent": (b"", b""),
    "header": (b"POST /api/v2/write HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"a"),
    "blank lines": (b"", b"\r\n"),
    "second request": (_PING, b""),
    "handshake": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), b"\0"),
}


@pytest.fixture(scope="module")
def gone(plain: HubProcess, secure: HubProcess) -> dict[str, float]:
    """How long each slow client was borne with; all of them at once."""

    def one(name: str) -> float:
        first, drip = _SLOW[name]
        with _dial(secure if name == "handshake" else plain) as sock:
            if name == "second request":
                sock.sendall(first)
                assert sock.recv(4096).startswith(b"HTTP/1.1 204")
                first, drip = b"GET /ping HTTP/1.1\r\nX: ", b"a"
            return _gone_after(sock, first, drip)

    def idle() -> float:
        with _dial(plain) as sock:
            for wait_s in (DEADLINE_S, 0):
                sock.sendall(_PING)
                assert sock.recv(4096).startswith(b"HTTP/1.1 204")
                time.sleep(wait_s)
        return 0.0

    with ThreadPoolExecutor() as pool:
        kept = pool.submit(idle)
        found = dict(zip(_SLOW, pool.map(one, _SLOW), strict=True))
        return {**found, "idle": kept.result()}


@pytest.mark.parametrize("name", _SLOW)
def test_a_slow_client_is_gone_in_15_s(gone: dict[str, float], name: str) -> None:
    assert gone[name] <= DEADLINE_S


def test_deadlines_are_counted_and_an_idle_agent_keeps_its_connection(
    plain: HubProcess, gone: dict[str, float]
) -> None:
    assert gone["idle"] == 0.0
    assert plain.figures["expired"] >= 4


@pytest.mark.parametrize(
    "head",
    [b"GET /" + b"a" * 40_000, b"GET / HTTP/1.1\r\nX: " + b"b" * 40_000, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 8_000],
)
def test_a_head_over_16_kb_is_refused(plain: HubProcess, head: bytes) -> None:
    before = plain.figures["malformed"]
    with _dial(plain) as sock:
        sock.sendall(head)
        assert sock.recv(4096).startswith(b"HTTP/1.1 431")
    assert plain.figures["malformed"] == before + 1


def _hostile(number: int) -> bytes:
    chance = random.Random(number)
    seeds = [
        b"POST /api/v2/write?precision=ms HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nAuthorization: Token x\r\n\r\nhello",
        b"POST /write HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: x\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"GET /api/v1/state?\xff\xfe%zz HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ]
    data = bytearray(chance.choice(seeds) if chance.random() < 0.8 else chance.randbytes(chance.randrange(1, 3000)))
    for _ in range(chance.randrange(0, 12)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data[: chance.randrange(1, len(data) + 1)])


def test_hostile_bytes_on_every_door_are_survived_and_counted(plain: HubProcess, secure: HubProcess) -> None:
    before = plain.figures
    trusting = ssl._create_unverified_context()
    for number in range(300):
        where = number % 4
        sock: socket.socket
        if where == 3:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(str(plain.folder / "hub.sock"))
        else:
            sock = _dial(plain if where == 0 else secure)
        try:
            if where == 2:
                sock = trusting.wrap_socket(sock)
            sock.sendall(_hostile(number))
            sock.settimeout(0.02)
            sock.recv(4096)
        except OSError:
            pass  # the hub may end it at any moment
        finally:
            sock.close()
    after = plain.figures
    assert after["malformed"] + after["refused"] > before["malformed"] + before["refused"]
    for one in (plain, secure):
        assert one.child is not None and one.child.poll() is None
        assert "Traceback" not in one.log.read_text()
        assert one.write("c1", [line("c1", 1, now_ms())])[0] == 204


def test_hostile_lines_of_a_good_sender_are_counted_and_shown_harmless(plain: HubProcess) -> None:
    chance, before = random.Random(7), plain.figures
    for _ in range(60):
        text = bytearray("\n".join(line("c1", n, now_ms()) for n in range(3)).encode())
        for _ in range(20):
            text[chance.randrange(len(text))] = chance.randrange(256)
        status = plain.request(
            "POST", "/api/v2/write?precision=ms", bytes(text), {"Authorization": f"Token {plain.token('c1')}"}
        )[0]
        assert status in (204, 400)
    ugly = "netmon_ping,check=a\u202e[/oops] sent=1i"
    assert plain.write("c1", [ugly])[0] == 204
    after = plain.figures
    assert after["points_rejected"] + after["malformed"] > before["points_rejected"] + before["malformed"]
    checks = {row["check"] for row in plain.read()["checks"]}
    assert "a·[/oops]" in checks and not any("\u202e" in check for check in checks)


def test_off_loopback_only_tls_1_3_with_the_pinned_ca_is_spoken(secure: HubProcess) -> None:
    with _dial(secure) as sock:
        sock.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            heard = sock.recv(100)
        except ConnectionError:
            heard = b""
        assert not heard.startswith(b"HTTP")
    context = ssl.create_default_context(cafile=str(secure.state / "trust" / "ca.pem"))
    with _dial(secure) as sock, context.wrap_socket(sock, server_hostname="localhost") as tls:
        assert tls.version() == "TLSv1.3"
    with _dial(secure) as sock, pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(sock, server_hostname="other.example")
    with _dial(secure) as sock, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(sock, server_hostname="localhost")


def test_secrets_are_their_owners_alone_and_in_no_log(secure: HubProcess) -> None:
    trust = secure.state / "trust"
    secrets = [trust / "ca.key", trust / "server.key", trust / "read.token", *(trust / "tokens").iterdir()]
    assert sorted(path.name for path in secrets[3:]) == ["c1.token", "c2.token", "digests.json"]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in secrets)
    log = secure.log.read_text()
    assert not any(path.read_text().strip() in log for path in secrets)


def test_a_hundred_idle_connections_do_not_keep_a_good_writer_waiting(plain: HubProcess) -> None:
    idle = [_dial(plain) for _ in range(100)]
    try:
        began = time.monotonic()
        assert plain.write("c1", [line("c1", 1, now_ms())])[0] == 204
        assert time.monotonic() - began < 5
    finally:
        for sock in idle:
            sock.close()
    assert os.path.exists(plain.folder / "hub.sock")
    assert eventually(lambda: plain.figures is not None)
