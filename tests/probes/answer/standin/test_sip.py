"""The SIP stand-in: hostile bytes are counted, and a process that got them still answers."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from probes.answer.standin.sip import SipStandIn, main
from probes.base import Outcome, Target
from probes.kinds.sip.kind import SipSettings, run
from probes.wire.sip import message as sip

REQUEST = b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h:1;branch=z9hG4bKx;rport, SIP/2.0/UDP i\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:a>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"
SOURCE = ("192.0.2.7", 4444)


def test_an_answer_copies_what_it_must_and_says_whence_it_was_asked() -> None:
    read = sip.parse(SipStandIn().datagram(REQUEST, SOURCE))
    assert (read.status, sip.cseq(read), read.first("call-id")) == (200, (1, "OPTIONS"), "c")
    assert read.first("via") == "SIP/2.0/UDP h:1;branch=z9hG4bKx;received=192.0.2.7;rport=4444, SIP/2.0/UDP i"
    assert sip.parameter(read.first("to"), "tag") == "standin" and sip.parameter(read.first("from"), "tag") == "1"


def test_other_methods_get_405_and_an_ack_nothing() -> None:
    standin = SipStandIn("503")
    assert sip.parse(standin.datagram(REQUEST.replace(b"OPTIONS", b"INVITE"), SOURCE)).status == 405
    assert standin.datagram(REQUEST.replace(b"OPTIONS", b"ACK"), SOURCE) == b""
    assert standin.datagram(b"SIP/2.0 200 OK\r\n\r\n", SOURCE) == b""
    assert standin.datagram(b"OPTIONS sip:a SIP/2.0\r\n\r\n", SOURCE) == b""
    assert standin.counts == {"answered": 1, "not asked": 2, "incomplete": 1}


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400) | st.binary(max_size=60).map(lambda junk: REQUEST.replace(b"h:1", junk)))
def test_no_datagram_raises_and_each_is_counted(data: bytes) -> None:
    standin = SipStandIn()
    answer = standin.datagram(data, SOURCE)
    assert sum(standin.counts.values()) == 1 and bool(answer) == bool(standin.counts["answered"])


def test_the_program_outlives_hostile_bytes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        free = held.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", "probes.answer.standin.sip", "--listen", f"127.0.0.1:{free}"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        found = re.search(r":(\d+)$", process.stderr.readline().strip())
        assert found
        port, chance = int(found[1]), random.Random(7)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(200):
                sock.sendto(chance.randbytes(chance.randrange(600)), ("127.0.0.1", port))
        for data in (
            chance.randbytes(5000) + b"\n",
            b"\n" * 70_000,
            b"SIP/2.0 200 OK\r\nl: x\r\n\r\nabc",
            REQUEST[:30],
            b"",
        ):
            # The program may close while the peer still speaks: that is its right.
            with socket.create_connection(("127.0.0.1", port), 5) as peer, suppress(ConnectionError):
                peer.sendall(data)
        for transport in ("udp", "tcp"):
            wanted = SipSettings(transport=transport, timeout_s=10.0)
            got = asyncio.run(run(Target(f"127.0.0.1:{port}"), wanted, 1))
            assert (got.outcome, got.values["status"]) == (Outcome.OK, 200)
        idle = socket.create_connection(("127.0.0.1", port), 5)
    finally:
        process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=10)
    idle.close()
    assert process.returncode == 0
    assert "answered 2" in told and "malformed" in told and "Exception" not in told and "Traceback" not in told


def test_an_address_that_cannot_be_had_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        assert main(["--listen", f"127.0.0.1:{held.getsockname()[1]}"]) == 1
    assert main(["--listen", f"{os.sep}nonsense"]) == 2
