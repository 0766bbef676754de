"""A million random and mutated inputs to each decoder and each answering machine: nothing but the typed error leaves one,
and nobody gets more bytes than they sent.

`NETMON_FUZZ=1000000 make fuzz` for the full run; `NETMON_FUZZ` is how many inputs each test makes, `NETMON_SEED` repeats
one. With `NETMON_FUZZ` set, each test tells how long it took.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from mutation import mutated

from probes.answer.standin.sip import SipStandIn
from probes.answer.streams.train import TrainResponder
from probes.errors import WireError
from probes.wire import dns, http, ntp, snmp, x509
from probes.wire.handshake import PacketType, cookie_of
from probes.wire.icmp import error as icmp_error
from probes.wire.iperf3 import messages as iperf3
from probes.wire.rtp import packet as rtp
from probes.wire.rtp import rtcp
from probes.wire.session import Arrival
from probes.wire.sip import body as sip_body
from probes.wire.sip import dialog as sip_dialog
from probes.wire.sip import digest as sip_digest
from probes.wire.sip import message as sip
from probes.wire.sip import reason as sip_reason
from probes.wire.sip import sdp
from probes.wire.stamp.twamp_control import Control, Wish
from probes.wire.tls_record import Plaintext
from probes.wire.train import packet as train
from probes.wire.train.packet import PacketStream, Summary, TrainGo
from probes.wire.train.sender import TrainSender

MANY = int(os.environ.get("NETMON_FUZZ", "20000"))
SEED = int(os.environ.get("NETMON_SEED", str(time.time_ns() & 0xFFFFFFFF)))
TOLD = "NETMON_FUZZ" in os.environ
KEY = b"a key of sixteen"
GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def dns_samples() -> list[bytes]:
    lines = [line.split() for line in (GOLDEN / "dns" / "unbound.hex").read_text().splitlines() if line[0] != "#"]
    return [bytes.fromhex(line[3]) for line in lines] + [dns.encode_query(7, dns.Question("portal.gov.test", "A"))]


def tls_samples() -> list[bytes]:
    return [(GOLDEN / "tls" / name).read_bytes() for name in ("server12.bin", "server13.bin")]


QUOTED4 = bytes.fromhex("450000540001400001110000c0000201c0000202") + bytes.fromhex("d903829a00400000") + bytes(40)
QUOTED6 = bytes.fromhex("6000000000201101") + bytes(15) + b"\1" + bytes(15) + b"\2" + bytes.fromhex("d903829a00200000")
STACK = bytes.fromhex("2000 0000 000c 0101 05dc8040 1388af01")
ICMP4 = [bytes((kind, code)) + bytes(6) + QUOTED4 for kind, code in ((3, 1), (3, 4), (11, 0), (5, 1))]
ICMP4.append(b"\x0b\0\0\0\0\x20\0\0" + QUOTED4.ljust(128, b"\0") + STACK)
ICMP6 = [bytes((kind, code)) + bytes(6) + QUOTED6 for kind, code in ((1, 4), (2, 0), (3, 0))]
NTP = [bytes.fromhex("640206e90000400000002000c0000207e875470080000000e875470140000000e875470200000000e8754703c0000000"), ntp.encode(7)]  # fmt: skip
SNMP = [
    bytes.fromhex("302902010104067075626c6963a01c020419b4e24d020100020100300e300c06082b06010201010300" + "0500"),
    bytes.fromhex("302c02010104067075626c6963a21f020419b4e24d0201000201003011300f06082b06010201010300430303015c"),
    bytes.fromhex("303e020103301102042c08599d020300ffe30401040201030410300e0400020100020100040004000400301404000400a00e020453ec4ba50201000201003000"),
]  # fmt: skip
RTP = [
    rtp.encode(rtp.RtpPacket(8, 1, 2, 3, bytes(160))),
    b"\xb1\x08\0\1\0\0\0\2\0\0\0\3\0\0\0\7\xbe\xde\0\1abcdmedia\0\0\3",
]
REPORTS = [
    rtcp.RtcpReport(7, rtcp.Sent(1 << 63, 3, 4, 5), (rtcp.Block(1, 0.5, 2, 3, 4, 5, 0.5),)),
    rtcp.RtcpReport(7, None, ()),
]
RTCP = [rtcp.encode(one, "netmon", leaving=leaving) for one in REPORTS for leaving in (False, True)]
SDP = [
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 96\r\n"
    b"a=rtpmap:96 opus/48000/2\r\na=fmtp:96 x=1\r\na=rtcp:4001\r\na=sendonly\r\nm=video 4002 RTP/AVP 97\r\nb=AS:2000\r\n"
    b"a=rtpmap:97 H264/90000\r\n",
]
SIP_ANSWERS = [
    b'SIP/2.0 200 OK\r\nTo: "a;tag=x" <sip:c@d>;tag=2\r\nContact: "sip:x@y, z" <sip:room@192.0.2.9:5070;transport=udp>;q=1\r\n'
    b"Record-Route: <sip:192.0.2.3;lr>, <sip:192.0.2.4>\r\nRequire: timer, 100rel\r\n"
    b'Content-Type: multipart/mixed;boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nx\r\n'
    b"--b\r\nContent-Type: application/sdp\r\n\r\n" + SDP[0] + b"\r\n--b--\r\n",
    b'SIP/2.0 488 No\r\nContact: sip:a@b;x=1\r\nReason: Q.850;cause=38;text="a;\\"b"\r\nRetry-After: 3\r\n'
    b'Warning: 304 mcu "no media"\r\nUnsupported: 100rel\r\n\r\n',
]
SIP = [
    b"OPTIONS sip:room@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:c@d>\r\nCall-ID: x@y\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
    b"SIP/2.0 401 Unauthorized\r\nv: SIP/2.0/UDP 192.0.2.1;received=192.0.2.9\r\nf: <sip:a@b>;tag=1\r\nt: <sip:c@d>;tag=2\r\n"
    b'i: x@y\r\nCSeq: 1 OPTIONS\r\nWWW-Authenticate: Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256\r\nl: 4\r\n\r\nbody',
]
DIGESTS = [
    b'Digest realm="r", nonce="n", qop="auth,auth-int", algorithm=MD5-sess, opaque="o"',
    b'Digest nonce="a\\"b", realm=x',
]
HTTP = [
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\nX: y\r\n z\r\n",
    b"HTTP/1.0 503 \r\n",
]
PARAMS = [b'{"tcp":true,"omit":0,"time":10,"num":0,"parallel":4,"reverse":true,"len":131072,"bandwidth":1e6}', b'{"udp":true,"time":1,"len":1448,"udp_counters_64bit":1}']  # fmt: skip
RESULTS = [b'{"cpu_util_total":1.5,"sender_has_retransmits":1,"streams":[{"id":1,"bytes":100,"retransmits":-1,"jitter":0.1,"errors":0,"packets":3,"start_time":0,"end_time":1.5}]}']  # fmt: skip
GO = train.go_body(TrainGo(PacketStream(32, 1472), PacketStream(64, 1200, 9), 136))
COOKIE = bytes(range(16))
ASKED = [
    train.CODEC.hello(7, key) for key in (b"", KEY)
] + [train.CODEC.ask(what, 7, COOKIE, body, key, tag=1) for what, body in ((PacketType.GO, GO), (PacketType.ASK, b"\0\0"), (PacketType.STOP, b"")) for key in (b"", KEY)]  # fmt: skip
SAID = train.summary_body(Summary(0, 1, 3, 4, 5, 6, ((0, 0), (1, 900), (2, 1800))))
ANSWERED = [
    train.CODEC.answer(what, 7, body, key, tag=1)
    for what, body in (
        (PacketType.CHALLENGE, COOKIE),
        (PacketType.READY, b""),
        (PacketType.NO, b"\1"),
        (PacketType.REPORT, SAID),
    )
    for key in (b"", KEY)
]
DATA = [train.data_head(1, 7, 3, 999) + bytes(72)]
TRAINS = ASKED + ANSWERED + DATA


def train_bodies(data: bytes) -> None:
    """Every reader of the train protocol, each by itself."""
    good = 0
    for read in (train.CODEC.head, train.read_data, cookie_of, train.read_go, train.read_part, train.read_summary, lambda one: train.CODEC.checked(one, KEY)):  # fmt: skip
        try:
            read(data)
            good += 1
        except WireError:
            continue
    if not good:
        raise WireError(0, "nothing reads it")


def records(data: bytes) -> None:
    """A server's first bytes, in two pieces, and the certificates in them."""
    one = Plaintext()
    one.feed(data[:700])
    one.feed(data[700:])
    for der in one.certificates:
        x509.read(der)


def sip_answer(data: bytes) -> None:
    """An answer to an INVITE, read as a call reads it: its dialog, its description, its reasons."""
    message = sip.parse(data)
    sip_dialog.opened(message, "sip:room@192.0.2.2")
    sip_body.description(message)
    sip_reason.more(message)
    sip_reason.required(message)


DECODERS: dict[str, tuple[Callable[[bytes], object], Sequence[bytes]]] = {
    "dns": (dns.decode, dns_samples()),
    "ntp": (ntp.decode, NTP),
    "icmp": (lambda data: icmp_error.decode(data, False), ICMP4),
    "icmpv6": (lambda data: icmp_error.decode(data, True), ICMP6),
    "snmp": (snmp.check, SNMP),
    "sip": (sip.parse, SIP),
    "sip-answer": (sip_answer, SIP_ANSWERS),
    "digest": (lambda data: sip_digest.challenges([data.decode("latin-1")]), DIGESTS),
    "sdp": (sdp.read, SDP),
    "rtp": (rtp.decode, RTP),
    "rtcp": (rtcp.decode, RTCP),
    "http": (http.parse_head, HTTP),
    "tls": (records, tls_samples()),
    "x509": (x509.read, [(GOLDEN / "tls" / "far.der").read_bytes()]),
    "iperf3-params": (iperf3.decode_params, PARAMS),
    "iperf3-results": (iperf3.decode_results, RESULTS),
    "iperf3-udp": (lambda data: iperf3.read_head(data, bool(len(data) & 1)), [bytes(16), bytes(range(12))]),
    "train": (train_bodies, TRAINS),
}


@pytest.fixture
def rng(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Iterator[random.Random]:
    print(f"NETMON_SEED={SEED}")
    began = time.monotonic()
    yield random.Random(SEED)
    if TOLD:
        with capsys.disabled():
            print(f"  {request.node.name}: {MANY} in {time.monotonic() - began:.1f} s", flush=True)


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_raises_nothing_but_a_wire_error(rng: random.Random, name: str) -> None:
    decode, samples = DECODERS[name]
    good = 0
    for _ in range(MANY):
        data = mutated(rng, samples, 4096)
        try:
            decode(data)
        except WireError:
            continue
        except BaseException:
            print(f"bytes.fromhex('{data.hex()}')")
            raise
        good += 1
    assert 0 < good <= MANY


@pytest.mark.parametrize("key", [b"", KEY], ids=["open", "keyed"])
def test_the_responder_of_trains_gives_a_stranger_no_more_than_it_got(rng: random.Random, key: bytes) -> None:
    one, answered = TrainResponder(key, None, b"secret", lambda: 0), 0
    for number in range(MANY):
        data, now = mutated(rng, TRAINS), number / 1e3
        source = (f"192.0.{rng.randrange(4)}.{rng.randrange(256)}", rng.randrange(65536))
        one.receive(Arrival(data, source, number, 0, 64), now)
        out = list(one.transmit(now, 0))
        answered += len(out)
        assert sum(len(packet.data) for packet in out) <= len(data)
        assert all(packet.to == source for packet in out)
    assert 0 < answered < MANY and one.events() == []


@pytest.mark.parametrize("key", [b"", KEY], ids=["open", "keyed"])
def test_an_agents_train_takes_any_answer_and_ends(rng: random.Random, key: bytes) -> None:
    to, ended = ("192.0.2.2", 8621), 0
    for _ in range(max(1, MANY // 50)):
        one = TrainSender(to, 7, key=key, tos=0, timeout_s=0.2, clock_ns=lambda: 0)
        one.begin(PacketStream(20, 64, 1_000_000), PacketStream(20, 64, 1_000_000), max_rise_ns=30_000_000)
        now = 0.0
        for _ in range(50):
            list(one.transmit(now, 0))
            one.receive(Arrival(mutated(rng, ANSWERED + DATA), to, rng.randrange(10**9), 0, 64), now)
            now += rng.choice((0.0, 0.001, 0.02))
        for _ in range(20):
            now += 0.1
            list(one.transmit(now, 0))
        ended += bool(one.events())
    assert ended == max(1, MANY // 50)


def test_the_stand_in_for_a_room_answers_or_stays_silent(rng: random.Random) -> None:
    one, answered = SipStandIn("200"), 0
    for _ in range(MANY):
        answered += bool(one.datagram(mutated(rng, SIP, 4096), ("192.0.2.1", 5060)))
    assert 0 < answered < MANY


def test_twamp_control_takes_any_conversation(rng: random.Random) -> None:
    greeting, start = bytes(15) + b"\1" + bytes(48), bytes(48)
    accept = b"\0\0\x23\x28" + bytes(44)
    told: list[Any] = []
    for _ in range(MANY):
        one = Control(Wish("192.0.2.1", "192.0.2.2", 9000, 0, 1.0, 0), 5.0)
        for message in (greeting, start, accept, bytes(32)):
            one.receive(mutated(rng, [message]) if rng.random() < 0.4 else message, 0.0)
            one.transmit(0.0, 0)
        told += one.events()
    assert told
