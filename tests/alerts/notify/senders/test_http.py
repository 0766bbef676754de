"""One attempt against a real HTTP server on loopback: what comes back, and that nothing it does raises or hangs."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
from receivers import Request, receiver

from alerts.errors import BadAddress
from alerts.notify.senders.http import post
from alerts.notify.webhook import Delivery


def test_the_page_arrives_as_it_was_signed() -> None:
    with receiver() as one:
        answer = post(one.url, b'{"a":1}', {"webhook-id": "msg_1", "Content-Type": "application/json"}, timeout_s=5)
    assert (answer.status, answer.trouble) == (200, "")
    [got] = one.requests
    assert (got.path, got.raw, got.id) == ("/hook?team=1", b'{"a":1}', "msg_1")
    assert got.headers["content-length"] == "7"


def test_a_busy_receiver_says_when_to_come_again() -> None:
    with receiver(lambda request: (503, {"Retry-After": "17"})) as one:
        answer = post(one.url, b"{}", {}, timeout_s=5)
    assert (answer.status, answer.retry_after) == (503, "17")


def test_a_redirect_is_not_followed() -> None:
    """A page names people and circuits: it goes to the address in the configuration and to no other."""
    with receiver() as other, receiver(lambda request: (307, {"Location": other.url})) as one:
        assert post(one.url, b"{}", {}, timeout_s=5).status == 307
    assert other.requests == []


def test_a_connection_cut_without_an_answer_is_nobody() -> None:
    with receiver(lambda request: None) as one:
        answer = post(one.url, b"{}", {}, timeout_s=5)
    assert answer.status == 0
    assert answer.trouble


@pytest.mark.parametrize("reply", [b"\x00\xff\x1b[31mno http\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"H" * 200_000])
def test_an_answer_that_is_no_http_is_nobody(reply: bytes) -> None:
    with receiver(lambda request: reply) as one:
        assert post(one.url, b"{}", {}, timeout_s=5).status == 0


def test_a_status_counts_though_the_rest_of_the_answer_is_lost() -> None:
    """Else the receiver would get a page again that it has taken."""
    with receiver(lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf") as one:
        assert post(one.url, b"{}", {}, timeout_s=5).status == 200


def test_nobody_listens() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        answer = post(f"http://127.0.0.1:{sock.getsockname()[1]}/", b"{}", {}, timeout_s=5)
    assert answer.status == 0
    assert "refused" in answer.trouble.lower()


def test_a_receiver_that_hangs_is_left_at_the_timeout() -> None:
    released = threading.Event()

    def hang(request: Request) -> None:
        released.wait(10)

    with receiver(hang) as one:
        began = time.monotonic()
        answer = post(one.url, b"{}", {}, timeout_s=0.5)
        took_s = time.monotonic() - began
        released.set()
    assert answer.status == 0
    assert 0.4 < took_s < 3


def test_a_receiver_that_answers_byte_by_byte_is_left_at_the_timeout_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def drip() -> None:
            peer, _ = server.accept()
            with peer:
                for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000:
                    if done.wait(0.1):
                        return
                    try:
                        peer.send(bytes([byte]))
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        began = time.monotonic()
        answer = post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {}, timeout_s=0.7)
        took_s = time.monotonic() - began
        done.set()
        thread.join(5)
    assert answer.status == 0
    assert "0.7 s" in answer.trouble
    assert took_s < 4


def test_a_unix_socket_carries_a_page(tmp_path: Path) -> None:
    with receiver(path=tmp_path / "r.sock") as one:
        answer = post(one.url, b"{}", {}, timeout_s=5, unix_socket=one.unix_socket)
    assert answer.status == 200
    assert (one.requests[0].path, one.requests[0].headers["host"]) == ("/hook", "receiver")


def test_a_unix_socket_that_is_not_there_is_nobody(tmp_path: Path) -> None:
    assert post("http://receiver/", b"{}", {}, timeout_s=5, unix_socket=str(tmp_path / "none")).status == 0


@pytest.mark.parametrize("url", ["", "ftp://host/", "file:///etc/passwd", "http:///path", "host:80/x"])
def test_an_address_that_is_no_webhook_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        post(url, b"{}", {}, timeout_s=1)


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://127.0.0.1:99999/", "http://127.0.0.1:x/", "http://127.0.0.1:1/\r\nX: y"]
)
def test_an_address_with_a_slip_never_raises(url: str) -> None:
    assert post(url, b"{}", {}, timeout_s=1).status == 0


@pytest.mark.needs("openssl")
def test_a_certificate_nobody_vouches_for_is_not_trusted(tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(cert), "-days", "1", "-subj", "/CN=127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            try:
                context.wrap_socket(peer, server_side=True).close()
            except OSError:
                peer.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        answer = post(f"https://127.0.0.1:{server.getsockname()[1]}/", b"{}", {}, timeout_s=5)
        thread.join(5)
    assert answer.status == 0
    assert "certificate" in answer.trouble.lower()


def test_early_answers_are_passed_over() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    assert talked(early + b"HTTP/1.1 204 No Content\r\nRetry-After: 7\r\n\r\n") == Delivery(204, retry_after="7")


def test_somebody_who_only_answers_early_never_answered() -> None:
    assert talked(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 40).status == 0


def talked(answer: bytes) -> Delivery:
    """What a server that says these bytes makes of a page."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        told = post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {}, timeout_s=2)
        thread.join(2)
        return told
