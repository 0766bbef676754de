"""The H.323 stand-in: hostile bytes are counted, and a process that got them still answers."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress

import pytest
from h323bytes import RECORDED
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.answer.standin.h323 import H323StandIn, incoming, listen, main
from probes.base import Outcome, Target
from probes.errors import WireError
from probes.kinds.h323.kind import H323Settings, run
from probes.target import Endpoint
from probes.wire.h323 import h225, q931

HERE, CALLS = ("192.0.2.1", 1719), ("192.0.2.1", 1720)


def test_recorded_questions_get_the_answers_of_a_gatekeeper() -> None:
    standin = H323StandIn(["8001"])
    told = [
        h225.read_ras(standin.ras(RECORDED[f"gnugk {name}"], HERE, CALLS)) for name in ("grq", "lrq-8001", "lrq-9999")
    ]
    assert [(one.name, one.number) for one in told] == [
        ("gatekeeperConfirm", 11),
        ("locationConfirm", 13),
        ("locationReject", 14),
    ]
    assert told[1].signal == CALLS


def test_a_recorded_setup_is_understood() -> None:
    (frame,) = q931.tpkt_framer().feed(RECORDED["h323plus setup-fast"])
    asked = incoming(frame)
    assert asked is not None and asked.aliases == ("8001",) and len(asked.fast) == 2
    (other,) = q931.tpkt_framer().feed(RECORDED["ooh323c connect"])
    assert incoming(other) is None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.integers(0, 60).map(lambda cut: RECORDED["gnugk grq"][:cut]))
def test_no_datagram_raises_and_each_is_counted(data: bytes) -> None:
    standin = H323StandIn()
    with suppress(WireError):
        h225.read_ras(data)
    standin.ras(data, HERE, CALLS)
    assert sum(standin.counts.values()) == 1


def test_sound_is_echoed_to_the_caller_only() -> None:
    """A SETUP whose sound would go to somebody else opens no channel."""

    async def ask() -> bytes:
        listening = await listen(H323StandIn(), Endpoint("127.0.0.1", 0))
        reader, writer = await asyncio.open_connection(*listening.signalling)
        writer.write(RECORDED["h323plus setup-fast"])  # its channels lead to 10.99.0.2
        framer, frames = q931.tpkt_framer(), list[q931.Q931Message]()
        while not frames or frames[-1].type != q931.CONNECT:
            frames += framer.feed(await reader.read(4096))
        writer.close()
        await listening.close()
        return frames[-1].user or b""

    assert h225.read_call(asyncio.run(ask())).fast == ()


def test_the_program_outlives_hostile_bytes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        free = held.getsockname()[1] & ~1
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", "probes.answer.standin.h323", "--listen", f"127.0.0.1:{free}", "--rooms", "7,8"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        assert "gatekeeper" in process.stderr.readline()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(50):
                sock.sendto(os.urandom(60), ("127.0.0.1", free))
        for junk in (os.urandom(200), b"\x03\x00\xff\xff" + os.urandom(50), RECORDED["ooh323c setup"][:70]):
            with socket.create_connection(("127.0.0.1", free + 1), 5) as stream:
                stream.sendall(junk)
        got = asyncio.run(run(Target(f"127.0.0.1:{free}"), H323Settings(alias="8"), 1))
        assert (got.outcome, got.why) == (Outcome.OK, "")
        how = H323Settings(via="call", alias="7", call=True, duration_s=0.2)
        got = asyncio.run(run(Target(f"127.0.0.1:{free + 1}"), how, 1))
        assert (got.outcome, got.why) == (Outcome.OK, "")
        process.send_signal(signal.SIGTERM)
        told = process.communicate(timeout=10)[1]
        assert process.returncode == 0 and re.search(r"malformed \d+", told) and "Traceback" not in told
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("words", "code"), [(["--listen", "a b"], 2), (["--listen", "192.0.2.7:1719"], 1)])
def test_bad_addresses_are_told_and_end_the_program(
    words: list[str], code: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert main(words) == code and "--listen" in caplog.text
