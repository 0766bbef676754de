"""SIP messages, digests and the OPTIONS transaction, without sockets and clocks."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.errors import WireError
from probes.wire.session import Arrival, Malformed
from probes.wire.sip import digest as sip_digest
from probes.wire.sip import message as sip
from probes.wire.sip.digest import Challenge, Credentials
from probes.wire.sip.message import SipMessage
from probes.wire.sip.options import (
    DatagramOptions,
    FinalResponse,
    NoFinalResponse,
    Provisional,
    RequestPlan,
    Stray,
    StreamOptions,
)

SEED = "0123456789abcdef0123456789abcdef"
TO = ("192.0.2.1", 5060)
ASK = RequestPlan("sip:8001@192.0.2.1", "192.0.2.9:4444", SEED)
OPTIONS = (
    b"OPTIONS sip:8001@192.0.2.1 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.9:4444;branch=z9hG4bK0123456789abcdef1;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <sip:netmon@192.0.2.9:4444>;tag=01234567\r\n"
    b"To: <sip:8001@192.0.2.1>\r\n"
    b"Call-ID: 0123456789abcdef0123456789abcdef\r\n"
    b"CSeq: 1 OPTIONS\r\n"
    b"Contact: <sip:netmon@192.0.2.9:4444>\r\n"
    b"Accept: application/sdp\r\n"
    b"User-Agent: netmon\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def answer(first: str, *more: str, number: int = 1, end: str = "\r\n") -> bytes:
    lines = [
        first,
        f"Via: SIP/2.0/UDP 192.0.2.9:4444;branch=z9hG4bK0123456789abcdef{number};rport=4444;received=192.0.2.9",
        f"Call-ID: {SEED}",
        f"CSeq: {number} OPTIONS",
        *more,
    ]
    return (end.join(lines) + end + end).encode()


def arrival(data: bytes) -> Arrival:
    return Arrival(data, TO, 0)


class Talk:
    """A datagram conversation by hand."""

    def __init__(self, ask: RequestPlan = ASK, deadline: float = 20.0) -> None:
        self.session = DatagramOptions(ask, TO, deadline)
        self.events: list[Any] = []

    def send(self, now: float) -> list[bytes]:
        out = [one.data for one in self.session.transmit(now, 0)]
        self.events += self.session.events()
        return out

    def hear(self, data: bytes, now: float) -> None:
        self.session.receive(arrival(data), now)
        self.events += self.session.events()


# --- messages ---


def test_the_options_is_byte_for_byte_as_written() -> None:
    assert Talk().send(0.0) == [OPTIONS]


def test_what_is_encoded_is_read_again() -> None:
    read = sip.parse(OPTIONS)
    assert (read.status, read.method, read.uri, len(read.headers)) == (0, "OPTIONS", "sip:8001@192.0.2.1", 10)
    assert sip.encode(SipMessage(0, "", read.method, read.uri, read.headers[:-1])) == OPTIONS


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (b"SIP/2.0 200 OK\r\n\r\n", 200, "OK"),
        (b"SIP/2.0 200\r\n\r\n", 200, ""),
        (b"SIP/2.0 200 \r\n\r\n", 200, ""),
        (b"sip/2.0  503  Service  Unavailable\n\n", 503, "Service  Unavailable"),
        (b"\r\n\r\nSIP/2.0 180 Ringing\r\n\r\n", 180, "Ringing"),
        (b"SIP/2.0 404 Kh\xc3\xb4ng th\xe1\xba\xa5y", 404, "Không thấy"),
        (b"SIP/2.0 404 Non trouv\xe9\r\n\r\n", 404, "Non trouvé"),
    ],
)
def test_start_lines_of_the_field_are_read(data: bytes, status: int, reason: str) -> None:
    read = sip.parse(data)
    assert (read.status, read.reason) == (status, reason)


@pytest.mark.parametrize(
    "data",
    [b"", b"\r\n\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SIP/2.0 99 x\r\n\r\n", b"SIP/2.0 2000 x\r\n\r\n"]
    + [b"\x16\x03\x01\x02\x00", b"SIP/2.0\r\n\r\n", b"OPTIONS  \r\n\r\n", b"x" * (sip.MAX_BYTES + 1)]
    + [b"SIP/2.0 200 OK\r\n" + b"A: b\r\n" * 257 + b"\r\n"],
)
def test_what_is_no_sip_is_a_wire_error(data: bytes) -> None:
    with pytest.raises(WireError) as caught:
        sip.parse(data)
    assert caught.value.reason


def test_compact_names_folds_and_odd_lines_are_read() -> None:
    data = b"SIP/2.0 200 OK\nv: SIP/2.0/UDP a;branch=1\ni:x@y\nt : <sip:a>\n ;tag=7\n\tmore\nno colon here\nSUBJECT:\ts \n\n"
    read = sip.parse(data)
    assert read.headers == (
        ("via", "SIP/2.0/UDP a;branch=1"),
        ("call-id", "x@y"),
        ("to", "<sip:a> ;tag=7 more"),
        ("subject", "s"),
    )


@pytest.mark.parametrize(
    ("length", "body", "short"),
    [("3", b"abc", False), ("9", b"abcd", True), ("-1", b"abcd", True), ("x", b"abcd", True), ("", b"abcd", False)]
    + [("99999999999999999999", b"abcd", True), ("\u0664", b"abcd", True), ("0", b"", False)],
)
def test_a_bad_content_length_costs_no_answer(length: str, body: bytes, short: bool) -> None:
    read = sip.parse(f"SIP/2.0 200 OK\r\nl: {length}\r\n\r\nabcd".encode())
    assert (read.status, read.body, read.short) == (200, body, short)


def test_a_header_with_a_line_end_is_never_sent() -> None:
    with pytest.raises(ValueError, match="line end") as caught:
        sip.encode(SipMessage(200, "OK", "", "", (("to", "a\r\nVia: b"),)))
    assert caught.type is ValueError


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30), ("18000;duration=3600", 18000), ("120 (soon)", 120), ("-5", None), ("", None)]
)
def test_retry_after_is_seconds_or_nothing(text: str, seconds: int | None) -> None:
    assert sip.retry_after_s(SipMessage(503, "", "", "", (("retry-after", text),))) == seconds


def test_a_parameter_inside_angle_brackets_is_the_uris_own() -> None:
    assert sip.parameter("<sip:a;tag=no>;tag=yes", "tag") == "yes"
    assert sip.parameter("<sip:a;tag=no>", "tag") is None
    assert sip.parameter("SIP/2.0/UDP a;rport;branch=b", "rport") == ""


junk = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from(
            [
                b"SIP/2.0 200 OK",
                b"SIP/2.0 ",
                b"OPTIONS sip:a SIP/2.0",
                b"\r\n",
                b"\n",
                b" ",
                b":",
                b"l: 9",
                b"v: x;branch=",
            ]
        )
        | st.sampled_from(
            [
                b"WWW-Authenticate: Digest nonce=",
                b'"',
                b",",
                b"\\",
                b"\xff",
                b"\0",
                b"CSeq: 1 OPTIONS",
                b"Content-Length: -",
            ]
        ),
        max_size=40,
    ).map(b"".join),
)


@settings(max_examples=400, deadline=None)
@given(junk)
def test_any_bytes_are_a_message_or_a_wire_error(data: bytes) -> None:
    try:
        read = sip.parse(data)
    except WireError:
        return
    assert 0 <= read.status < 700 and bool(read.status) != bool(read.method)
    sip.retry_after_s(read), sip.cseq(read), sip.top_branch(read), sip_digest.challenges(read.all("www-authenticate"))


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=40), st.binary(max_size=50))
def test_a_response_survives_the_wire(value: str, body: bytes) -> None:
    sent = SipMessage(200, "OK", "", "", (("subject", value.strip()),), body)
    read = sip.parse(sip.encode(sent))
    assert (read.status, read.first("subject"), read.body, read.short) == (200, value.strip(), body, False)


# --- streams ---


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_a_stream_is_cut_alike_in_any_slicing(sizes: list[int]) -> None:
    data = (
        b"\r\n\r\n"
        + b"SIP/2.0 100 x\r\nl: 5\r\n\r\n\r\nabc\r\n"
        + b"SIP/2.0 200 OK\nContent-Length: 0\n\n"
        + b"SIP/2.0 404\r\n\r\n"
    )
    framer, got, at = sip.SipFramer(), [], 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        got += [one.status for one in framer.feed(data[at : at + size])]
        at += size
    assert got == [100, 200, 404] and not framer.pending


@settings(max_examples=300, deadline=None)
@given(st.lists(junk, max_size=6))
def test_any_stream_is_messages_or_a_wire_error(parts: list[bytes]) -> None:
    framer, count = sip.SipFramer(), 0
    with suppress(WireError):
        for part in parts:
            count += len(list(framer.feed(part)))
    assert count <= sum(map(len, parts))


def test_an_endless_head_is_given_up() -> None:
    framer = sip.SipFramer()
    with pytest.raises(WireError, match="longer"):
        for _ in range(100):
            list(framer.feed(b"SIP/2.0 200 OK\r\n" + b"a: b\r\n" * 1000))
    assert framer.pending


# --- digest ---


def test_the_digest_of_rfc_7616_comes_out() -> None:
    who, nonce = Credentials("Mufasa", "Circle of Life"), "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    for algorithm, response in (
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        asked = Challenge(
            "http-auth@example.org", nonce, algorithm, "auth", "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", False
        )
        cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
        value = sip_digest.authorization(asked, who, "GET", "/dir/index.html", cnonce)
        assert f'response="{response}"' in value and f"algorithm={algorithm}, opaque=" in value


def test_the_old_digest_without_qop_comes_out() -> None:
    (asked,) = sip_digest.challenges(['Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'])
    assert asked == Challenge("testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "MD5", "", None, False)
    value = sip_digest.authorization(asked, Credentials("Mufasa", "CircleOfLife"), "GET", "/dir/index.html", "x")
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in value and "cnonce" not in value  # RFC 2617 erratum 1796


def test_a_digest_is_made_with_the_hash_that_was_asked_for() -> None:
    (asked,) = sip_digest.challenges(['Digest realm="d", nonce="4", algorithm=SHA-512-256'])
    made = hashlib.new("sha512_256", b"u:d:p").hexdigest(), hashlib.new("sha512_256", b"OPTIONS:sip:a").hexdigest()
    response = hashlib.new("sha512_256", f"{made[0]}:4:{made[1]}".encode()).hexdigest()
    assert f'response="{response}"' in sip_digest.authorization(asked, Credentials("u", "p"), "OPTIONS", "sip:a", "c")


def test_the_topmost_challenge_of_each_realm_that_we_know_is_answered() -> None:
    values = [
        'Digest realm="a", nonce="1", algorithm=SHA-512, Basic realm="x"',
        'DIGEST REALM="b, Digest c", nonce="2", algorithm=sha-256, qop="auth-int , auth"',
        'Digest realm="b, Digest c", nonce="3"',
        'Digest realm="d", nonce="4", qop="auth-int"',
    ]
    asked = sip_digest.challenges(values)
    assert [(one.realm, one.algorithm, one.qop) for one in asked] == [
        ("b, Digest c", "SHA-256", "auth"), ("d", "MD5", "auth-int"),
    ]  # fmt: skip
    assert sip_digest.challenges([", ".join(values)]) == asked
    assert (
        sip_digest.challenges(['Basic realm="x"', 'Digest realm="d", nonce="4", qop="token"', "Digest realm=e"]) == []
    )
    assert sip_digest.schemes(values[:1]) == ["Digest SHA-512", "Basic"]


def test_a_digest_that_vouches_for_the_body_changes_with_it() -> None:
    (asked,) = sip_digest.challenges(['Digest realm="d", nonce="4", qop="auth-int"'])
    who = Credentials("u", "p")
    empty, full = (sip_digest.authorization(asked, who, "INVITE", "sip:a", "c", body=body) for body in (b"", b"v=0"))
    secret, body = (hashlib.md5(text).hexdigest() for text in (b"u:d:p", b"v=0"))  # noqa: S324
    a2 = hashlib.md5(f"INVITE:sip:a:{body}".encode()).hexdigest()  # noqa: S324
    assert hashlib.md5(f"{secret}:4:00000001:c:auth-int:{a2}".encode()).hexdigest() in full  # noqa: S324
    assert "qop=auth-int" in empty and empty != full


def test_quotes_in_names_stay_inside_their_quotes() -> None:
    (asked,) = sip_digest.challenges(['Digest realm="a \\"b\\"", nonce="1"'])
    assert asked.realm == 'a "b"'
    assert 'username="u\\", x=\\"y"' in sip_digest.authorization(
        asked, Credentials('u", x="y', "p"), "OPTIONS", "sip:a", "c"
    )


# --- the transaction ---


def test_a_datagram_is_repeated_by_timer_e() -> None:
    talk, at = Talk(deadline=32.0), []
    now = 0.0
    while not talk.session.done:
        if talk.send(now):
            at.append(now)
        now = talk.session.wake_at() or now
    assert at == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert talk.events == [NoFinalResponse(False, False)]


def test_a_provisional_answer_slows_the_repeats() -> None:
    talk = Talk()
    talk.send(0.0)
    talk.hear(answer("SIP/2.0 100 Trying"), 0.1)
    assert talk.events == [Provisional(100)]
    assert len(talk.send(0.5)) == 1 and talk.session.wake_at() == 4.5


def test_an_answer_tells_which_send_it_took() -> None:
    talk = Talk()
    talk.send(0.0), talk.send(0.5)
    talk.hear(answer("SIP/2.0 200 OK"), 0.52)
    (event,) = talk.events
    assert isinstance(event, FinalResponse) and event.message.status == 200
    assert (round(event.rtt_s, 6), event.sends, event.tried, talk.session.done) == (0.52, 2, False, True)
    assert talk.send(99.0) == [] and talk.session.wake_at() is None


@pytest.mark.parametrize(
    "data",
    [
        answer("SIP/2.0 200 OK", number=2),
        answer("SIP/2.0 200 OK").replace(b"OPTIONS", b"INVITE"),
        answer("SIP/2.0 200 OK").replace(b"z9hG4bK0", b"z9hG4bK9"),
        b"SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\nCall-ID: other\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
    ],
)
def test_an_answer_to_something_else_is_a_stray(data: bytes) -> None:
    talk = Talk()
    talk.send(0.0)
    talk.hear(data, 0.1)
    assert talk.events == [Stray(200)] and not talk.session.done


@pytest.mark.parametrize(
    "data",
    [answer("SIP/2.0 200", end="\n"), f"sip/2.0 200\ni:{SEED}\ncseq:1  options\n\n".encode()],
)
def test_a_sloppy_answer_of_ours_counts(data: bytes) -> None:
    talk = Talk()
    talk.send(0.0)
    talk.hear(data, 0.1)
    assert isinstance(talk.events[0], FinalResponse)


def test_foreign_bytes_do_not_outvote_a_right_answer() -> None:
    talk = Talk()
    talk.send(0.0)
    for data in (b"garbage", b"\r\n\r\n", OPTIONS, b"\0"):
        talk.hear(data, 0.1)
    talk.hear(answer("SIP/2.0 200 OK"), 0.2)
    assert [type(one) for one in talk.events] == [Malformed, FinalResponse]


def test_a_flood_of_strays_is_not_collected() -> None:
    talk = Talk()
    talk.send(0.0)
    for _ in range(5000):
        talk.session.receive(arrival(b"SIP/2.0 200 OK\r\n\r\n"), 0.1)
    assert len(talk.session.events()) <= 64


CHALLENGE = 'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"'
WITH = RequestPlan("sip:8001@192.0.2.1", "192.0.2.9:4444", SEED, "UDP", Credentials("u", "secret"))


def test_a_challenge_is_answered_once() -> None:
    talk = Talk(WITH)
    talk.send(0.0)
    talk.hear(answer("SIP/2.0 401 Unauthorized", CHALLENGE), 0.1)
    (again,) = talk.send(0.1)
    read = sip.parse(again)
    assert sip.cseq(read) == (2, "OPTIONS") and read.first("authorization").startswith('Digest username="u"')
    assert b"secret" not in again and sip.top_branch(read) != sip.top_branch(sip.parse(OPTIONS))
    talk.hear(answer("SIP/2.0 401 Unauthorized", CHALLENGE, number=1), 0.15)  # a repeat of the first one
    talk.hear(answer("SIP/2.0 401 Unauthorized", CHALLENGE, number=2), 0.2)
    last = talk.events[-1]
    assert isinstance(last, FinalResponse) and last.tried and last.message.status == 401 and round(last.rtt_s, 6) == 0.1


def test_a_stale_nonce_is_answered_once_more_and_a_proxy_likewise() -> None:
    talk = Talk(WITH)
    challenge = CHALLENGE.replace("WWW", "Proxy") + ", stale=true"
    for number in (1, 2, 3):
        assert len(talk.send(number / 10)) == 1
        talk.hear(answer("SIP/2.0 407 Proxy", challenge, number=number), number / 10)
    assert [type(one) for one in talk.events] == [FinalResponse] and talk.session.done


def test_without_a_password_a_challenge_is_the_answer() -> None:
    talk = Talk()
    talk.send(0.0)
    talk.hear(answer("SIP/2.0 401 Unauthorized", CHALLENGE), 0.1)
    assert isinstance(talk.events[0], FinalResponse) and not talk.events[0].tried


def stream(deadline: float = 5.0) -> StreamOptions:
    session = StreamOptions(RequestPlan("sip:a", "x:1", SEED, "TCP", Credentials("u", "p")), deadline)
    assert session.transmit(0.0, 0).startswith(b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP x:1;")
    return session


def test_a_stream_asks_once_and_again_with_the_digest() -> None:
    session = stream()
    assert session.transmit(1.0, 0) == b"" and session.wake_at() == 5.0
    session.receive(answer("SIP/2.0 401 x", CHALLENGE, "Content-Length: 0"), 1.1)
    assert b"Authorization: Digest" in session.transmit(1.1, 0)
    for byte in answer("SIP/2.0 200 OK", "Content-Length: 0", number=2):
        session.receive(bytes([byte]), 1.2)
    (event,) = session.events()
    assert isinstance(event, FinalResponse) and event.message.status == 200 and session.done


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", NoFinalResponse(True, False)),
        (b"HTTP/1.1 400 Bad\r\n", Malformed("not a SIP start line")),
        (b"\x15\x03\x01\x00\x02\n", Malformed("not a SIP start line")),
    ],
)
def test_a_stream_that_is_no_sip_ends_at_once(data: bytes, told: Any) -> None:
    session = stream()
    session.receive(data, 0.1)
    assert session.events() == [told] and session.done


def test_an_answer_that_never_ends_is_told_apart_from_silence() -> None:
    session = stream()
    session.receive(b"SIP/2.0 200 OK\r\nVia:", 0.1)
    assert session.transmit(5.0, 0) == b"" and session.events() == [NoFinalResponse(False, True)]


@settings(max_examples=300, deadline=None)
@given(st.lists(junk, max_size=6))
def test_no_bytes_break_a_conversation(parts: list[bytes]) -> None:
    talk, session = Talk(WITH), stream()
    talk.send(0.0)
    for part in parts:
        talk.hear(part, 0.1)
        session.receive(part, 0.1)
    talk.send(20.0), session.transmit(5.0, 0)
    assert talk.session.done and session.done
