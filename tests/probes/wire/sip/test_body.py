"""Which part of a body is the description of media."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire.sip.body import description
from probes.wire.sip.message import SipMessage

SDP = b"v=0\r\nm=audio 4000 RTP/AVP 8\r\n"


def said(kind: str, body: bytes) -> bytes:
    headers = (("content-type", kind),) if kind else ()
    return description(SipMessage(200, "OK", "", "", headers, body))


def parts(*each: bytes, boundary: bytes = b"b", end: bytes = b"\r\n") -> bytes:
    return b"".join(b"--" + boundary + end + part + end for part in each) + b"--" + boundary + b"--" + end


def part(kind: bytes, body: bytes, end: bytes = b"\r\n") -> bytes:
    return b"Content-Type: " + kind + end + end + body


@pytest.mark.parametrize("kind", ["application/sdp", "Application/SDP ; charset=utf-8", ""])
def test_a_body_of_its_own_type_is_the_description(kind: str) -> None:
    assert said(kind, SDP) == SDP


@pytest.mark.parametrize(("kind", "body"), [("text/plain", SDP), ("application/sdp", b"\r\n"), ("", b"")])
def test_another_type_or_nothing_is_none(kind: str, body: bytes) -> None:
    assert said(kind, body) == b""


@pytest.mark.parametrize("kind", ['multipart/mixed;boundary="b"', "multipart/alternative; x=y; boundary=b"])
def test_of_several_parts_the_one_of_that_type_is_taken(kind: str) -> None:
    body = parts(part(b"text/plain", b"m=hello"), part(b"application/sdp", SDP), part(b"application/isup", b"\1"))
    assert said(kind, body).rstrip() == SDP.rstrip()


def test_lines_ended_by_lf_and_text_around_the_parts_are_forgiven() -> None:
    body = b"before\n" + parts(part(b"application/sdp", SDP, b"\n"), end=b"\n") + b"after m=audio"
    assert said("multipart/mixed; boundary=b", body).rstrip() == SDP.rstrip()


def test_a_boundary_with_a_semicolon_in_its_quotes_is_read() -> None:
    body = parts(part(b"application/sdp", SDP), boundary=b"a;b=c")
    assert said('multipart/mixed; boundary="a;b=c"', body).rstrip() == SDP.rstrip()


def test_parts_within_parts_are_looked_into() -> None:
    inner = parts(part(b"text/plain", b"x"), part(b"application/sdp", SDP), boundary=b"in")
    assert SDP.rstrip() in said('multipart/mixed;boundary="b"', parts(part(b"multipart/related;boundary=in", inner)))


@given(st.binary(max_size=300), st.sampled_from(["multipart/mixed;boundary=b", "multipart/mixed", "x", ""]))
def test_no_bytes_raise(body: bytes, kind: str) -> None:
    whole = parts(body, part(b"multipart/mixed;boundary=b", body)) + body
    assert said(kind, whole) in whole


def test_a_description_of_something_else_than_the_session_is_none() -> None:
    early = b"Content-Disposition: early-session; handling=optional\r\n" + part(b"application/sdp", b"v=1")
    session = b"content-disposition : Session\r\n" + part(b"application/sdp", SDP)
    assert said("multipart/mixed;boundary=b", parts(early, session)) == SDP
    headers = (("content-type", "application/sdp"), ("content-disposition", "early-session"))
    assert description(SipMessage(183, "", "", "", headers, SDP)) == b""


def test_headers_of_a_part_are_folded_as_all_headers_are() -> None:
    assert said("multipart/mixed;boundary=b", parts(part(b"\r\n application/sdp;\r\n\tcharset=x", SDP))) == SDP


def test_of_alternatives_the_last_is_taken() -> None:
    body = parts(part(b"application/sdp", b"v=1"), part(b"application/sdp", SDP), part(b"text/plain", b"x"))
    assert said("multipart/alternative;boundary=b", body) == SDP
    assert said("multipart/mixed;boundary=b", body) == b"v=1"
