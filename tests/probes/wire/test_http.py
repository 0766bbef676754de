"""HTTP/1.1 answers: of real servers, odd ones, and bytes nobody should send."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from probes.errors import WireError
from probes.wire import http
from probes.wire.http import Response

# python -m http.server (3.11.2), and openssl 3.0.22 s_server -www (no length: until it closes)
PYTHON = (
    b"HTTP/1.0 200 OK\r\nServer: SimpleHTTP/0.6 Python/3.11.2\r\nDate: Tue, 24 Nov 2026 02:00:00 GMT\r\n"
    b"Content-type: text/html; charset=utf-8\r\nContent-Length: 14\r\n\r\n<html></html>\n"
)
OPENSSL = b"HTTP/1.0 200 ok\r\nContent-type: text/html\r\n\r\n<HTML><BODY></BODY></HTML>\r\n\r\n"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"4\r\nWiki\r\n6;ext=1\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nX-Sum: 1\r\n\r\n"
)  # fmt: skip  (the example of RFC 9112 §7.1 with an extension and a trailer)


def read(data: bytes, method: str = "GET", most: int = 1000, size: int = 0) -> Response:
    answer = Response(method, most)
    for at in range(0, len(data), size or len(data) or 1):
        answer.feed(data[at : at + (size or len(data))])
    return answer


@pytest.mark.parametrize("size", [0, 1, 3])
def test_answers_are_read_in_any_slicing(size: int) -> None:
    got = read(PYTHON, size=size)
    assert (got.status, bytes(got.body), got.done) == (200, b"<html></html>\n", True)
    assert got.first("content-type") == "text/html; charset=utf-8" and got.first("nothing") == ""
    got = read(CHUNKED, size=size)
    assert (bytes(got.body), got.body_bytes, got.done) == (b"Wikipedia in \r\n\r\nchunks.", 24, True)
    got = read(OPENSSL, size=size)
    assert not got.done
    got.close()
    assert got.done and got.body.startswith(b"<HTML>") and got.body_bytes == 30


@pytest.mark.parametrize(
    ("data", "method", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", "HEAD", 200),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", 204),
        (b"HTTP/1.1 304\r\nContent-Length: 5\r\n\r\n", "GET", 304),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", 200),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 404 \n\n", "HEAD", 404),
        (b"http/1.0  302  Found\nLocation: /x\nno colon\n\n", "HEAD", 302),
        (b"HTTP/1.1 101 Switching\r\n\r\n\x81\x05", "GET", 101),
    ],
)
def test_answers_without_a_body_are_done_with_their_head(data: bytes, method: str, status: int) -> None:
    got = read(data, method)
    assert (got.status, got.done, got.body_bytes) == (status, True, 0)


def test_no_more_is_kept_than_asked_for() -> None:
    got = read(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000, most=100)
    assert (len(got.body), got.body_bytes, got.capped, got.done) == (100, 5000, True, False)
    got = read(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100, most=100)
    assert (got.capped, got.done) == (False, True)


def test_a_chunked_answer_goes_before_its_length() -> None:
    got = read(CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n", 1))
    assert got.done and got.body_bytes == 24


def test_names_of_the_field_are_read() -> None:
    got = read("HTTP/1.1 302 x\r\nLOCATION : /trang-chủ\r\n\r\n".encode(), "HEAD")
    assert got.first("location") == "/trang-chủ"
    assert read(b"HTTP/1.1 302 x\r\nLocation: /caf\xe9\r\n\r\n", "HEAD").first("location") == "/café"


def test_a_folded_header_is_one_value() -> None:
    head = b"HTTP/1.1 302 Found\r\n lost\r\nLocation:\r\n /a\r\n\t/b \r\nB: c\r\n  \r\n\r\n"
    got = read(head, "HEAD")
    assert got.headers == (("location", "/a /b"), ("b", "c"))


@pytest.mark.parametrize("status", [0, 99, 600, 999])
def test_a_status_of_no_class_is_read(status: int) -> None:
    assert read(b"HTTP/1.1 %03d x\r\n\r\n" % status, "HEAD").status == status


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "status line"),
        (b"\x15\x03\x03\0\x02\x02\x28", "status line"),
        (b"HTTP/2 200\r\n\r\n", "status line"),
        (b"HTTP/1.1 1000 x\r\n\r\n", "status line"),
        (b"HTTP/1.1 20 x\r\n", "status line"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n", "Content-Length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "Content-Length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "Content-Length"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000, "too long"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300 + b"\r\n", "too many"),
        (b"HTTP/1.1 100 x\r\n\r\n" * 9, "interim"),
        (CHUNKED.replace(b"4\r\n", b"g\r\n"), "size"),
        (CHUNKED.replace(b"4\r\n", b"-4\r\n"), "size"),
        (CHUNKED.replace(b"4\r\n", b"3\r\n"), "longer"),
        (CHUNKED.replace(b"4\r\n", b"4;" + b"x" * 9000), "too long"),
        (CHUNKED[:-2] + b"X: y\r\n" * 20_000, "trailers"),
    ],
)
def test_what_is_no_answer_is_a_wire_error(data: bytes, word: str) -> None:
    for size in (0, 7):
        with pytest.raises(WireError) as caught:
            read(data, size=size)
        assert word in caught.value.reason


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200", PYTHON[:-1], CHUNKED[:-1], CHUNKED[:60]])
def test_an_answer_that_ends_early_is_a_wire_error(data: bytes) -> None:
    got = read(data)
    with pytest.raises(WireError, match="never ended"):
        got.close()


def test_a_request_is_as_written_and_cannot_be_broken_out_of() -> None:
    made = http.encode_request("GET", "/a?b", "portal.test:8080", [("Accept", "*/*")])
    assert made == b"GET /a?b HTTP/1.1\r\nHost: portal.test:8080\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    for path, host in (("/a\r\nX: y", "h"), ("/a b", "h"), ("/", "h\nX: y"), ("/\u0111", "h"), ("/", "h x")):
        with pytest.raises(ValueError):
            http.encode_request("GET", path, host)


@given(st.lists(st.binary(max_size=80), max_size=6), st.sampled_from(["GET", "HEAD"]))
@example([CHUNKED], "GET")
def test_any_bytes_are_an_answer_or_a_wire_error(parts: list[bytes], method: str) -> None:
    answer = Response(method, 50)
    with suppress(WireError):
        for part in parts:
            answer.feed(part)
        answer.close()
    assert len(answer.body) <= 50


@given(st.sampled_from([PYTHON, OPENSSL, CHUNKED]), st.data())
def test_a_spoiled_answer_is_one_or_a_wire_error(data: bytes, draw: st.DataObject) -> None:
    spoiled = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        spoiled[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with suppress(WireError):
        answer = read(bytes(spoiled), size=draw.draw(st.integers(1, 40)))
        answer.close()
        assert answer.done and 100 <= answer.status <= 999 and len(answer.body) <= min(1000, answer.body_bytes)


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=6), st.integers(1, 20))
def test_chunks_are_joined_as_they_were_cut(chunks: list[bytes], size: int) -> None:
    body = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in chunks) + b"0\r\n\r\n"
    got = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body, size=size)
    assert got.done and bytes(got.body) == b"".join(chunks)
