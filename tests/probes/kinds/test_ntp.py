"""The `ntp` kind against far ends made here, and against a real chronyd that sets no clock."""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from probes.base import Measurement, Outcome, Target
from probes.kinds import ntp as kind
from probes.kinds.ntp import NTP, NtpSettings, run
from probes.wire import ntp
from probes.wire.exchange import Answered

Turn = Callable[[bytes], "list[bytes]"]
SECOND = 1_000_000_000


def measure(target: str, count: int = 1, **more: object) -> Measurement:
    settings = NtpSettings(**{"timeout_s": 5.0, **more})  # type: ignore[arg-type]
    return asyncio.run(run(Target(target), settings, count))


def reply(
    asked: bytes, head: bytes = b"\x24\x02\x06\xe8", reference: bytes = b"\xc0\0\2\7", ahead_ns: int = 0
) -> bytes:
    """A server's answer: stratum 2, its clock `ahead_ns` ahead of ours."""
    now = ntp.ntp(time.time_ns() + ahead_ns).to_bytes(8, "big")
    return head + b"\0\0\x40\0\0\0\x20\0" + reference + now + asked[40:48] + now + now


@contextmanager
def server(*turns: Turn, family: int = socket.AF_INET) -> Iterator[str]:
    """A server that answers the first question with the first turn, and so on."""
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    with socket.socket(family, socket.SOCK_DGRAM) as far:
        far.bind((host, 0))
        far.settimeout(10)

        def serve() -> None:
            for turn in turns:
                asked, source = far.recvfrom(4096)
                for data in turn(asked):
                    far.sendto(data, source)

        thread = threading.Thread(target=serve)
        thread.start()
        port = far.getsockname()[1]
        yield f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        thread.join(15)


def good(asked: bytes) -> list[bytes]:
    return [reply(asked)]


def silent(asked: bytes) -> list[bytes]:
    return []


@pytest.mark.parametrize(("set_ns", "told"), [(-9 * SECOND, True), (9 * SECOND, False)])
def test_a_clock_set_in_the_future_has_no_age(set_ns: int, told: bool) -> None:
    def answer(asked: bytes) -> list[bytes]:
        whole = reply(asked)
        return [whole[:16] + ntp.ntp(time.time_ns() + set_ns).to_bytes(8, "big") + whole[24:]]

    with server(answer) as target:
        got = measure(target)
    assert got.outcome is Outcome.OK and ("ref_age_s" in got.values) == told


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("ahead_ms", [0, 250, -90_000])
def test_how_far_the_server_is_ahead_is_measured(ahead_ms: int, family: int) -> None:
    with server(*[lambda asked: [reply(asked, ahead_ns=ahead_ms * 1_000_000)]] * 3, family=family) as target:
        got = measure(target, 3)
    assert (got.outcome, got.why, got.values["sent"], got.values["rcvd"]) == (Outcome.OK, "", 3, 3)
    assert abs(got.values["offset_ms"] - ahead_ms) < 30 and 0 <= got.values["rtt_ms"] < 60
    assert (got.values["stratum"], got.values["leap"], got.values["ref_id"]) == (2, 0, 0xC0000207)
    assert (got.values["root_delay_ms"], got.values["root_dispersion_ms"]) == (250.0, 125.0)
    assert got.values["offset_err_ms"] == pytest.approx(got.values["rtt_ms"] / 2 + 250.0, abs=30)


@pytest.mark.parametrize(
    ("turn", "outcome", "word"),
    [
        (good, Outcome.OK, ""),
        (lambda asked: [reply(asked, b"\xe4\x00\x06\xe8")], Outcome.REFUSED, "not synchronised"),
        (lambda asked: [reply(asked, b"\xe4\x02\x06\xe8")], Outcome.REFUSED, "not synchronised"),
        (lambda asked: [reply(asked, b"\x24\x10\x06\xe8")], Outcome.REFUSED, "not synchronised"),
        (lambda asked: [reply(asked, b"\xe4\x00\x06\xe8", b"RATE")], Outcome.REFUSED, "RATE, we ask too often"),
        (lambda asked: [reply(asked, b"\xe4\x00\x06\xe8", b"DENY")], Outcome.REFUSED, "DENY, it does not serve us"),
        (lambda asked: [reply(asked, b"\xe4\x00\x06\xe8", b"INIT")], Outcome.REFUSED, "no time yet: INIT, it has just"),
        (lambda asked: [reply(asked, b"\xe4\x00\x06\xe8", b"STEP")], Outcome.REFUSED, "no time yet: STEP, its clock"),
        (lambda asked: [reply(asked, b"\xe4\x00\x06\xe8", b"X\0\0\0")], Outcome.REFUSED, "no time yet: X"),
        (lambda asked: [reply(asked, b"\xe4\x00\x06\xe8", b"\x1b[3m")], Outcome.REFUSED, "not synchronised"),
        (lambda asked: [reply(asked)[:32] + bytes(16)], Outcome.PROTOCOL, "no time in it"),
        (lambda asked: [reply(asked)[:40] + b"\xff" * 8], Outcome.PROTOCOL, "contradict"),
        (lambda asked: [reply(bytes(48))], Outcome.PROTOCOL, "not what we asked"),
        (lambda asked: [asked], Outcome.PROTOCOL, "no NTP server's packet"),
        (lambda asked: [b"\x1b[31mgarbage"], Outcome.PROTOCOL, "shorter"),
        (lambda asked: [b"junk", reply(bytes(48)), reply(asked)], Outcome.OK, ""),
        (silent, Outcome.LOST, "nothing came back"),
    ],
)
def test_answers_have_their_outcomes(turn: Turn, outcome: Outcome, word: str) -> None:
    with server(turn) as target:
        got = measure(target, sends=1, timeout_s=2.0 if outcome is Outcome.OK else 0.4)
    assert got.outcome == outcome and word in got.why and got.why.isprintable()
    assert ("offset_ms" in got.values) == (outcome is Outcome.OK)
    assert ("rtt_ms" in got.values) == ("stratum" in got.values) == bool(got.values["rcvd"])


def test_a_lost_question_is_asked_again() -> None:
    with server(silent, good) as target:
        got = measure(target, timeout_s=1.0)
    assert (got.outcome, got.values["sends"], got.values["sent"], got.values["rcvd"]) == (Outcome.OK, 2, 1, 1)
    assert got.values["rtt_ms"] < 450 < got.took_ms and abs(got.values["offset_ms"]) < 30


def test_a_clock_that_was_set_in_between_gives_no_offset() -> None:
    sent, at = 1_800_000_000 * SECOND, 1_800_000_009 * SECOND  # 9 s by the wall, 20 ms by the stopwatch
    answer = ntp.decode(b"\x24\x02\x06\xe8" + bytes(28) + ntp.ntp(sent).to_bytes(8, "big") * 2)
    got = kind.judge(Answered(answer, 0, 1, sent, at, 20.0))
    assert got.outcome == Outcome.OK and got.times["rtt_ms"] == 20.0 and "offset_ms" not in got.times


def test_a_closed_port_refuses_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    got = measure(f"127.0.0.1:{port}", timeout_s=20.0)
    assert (got.outcome, got.values) == (Outcome.REFUSED, {"sent": 1, "rcvd": 0}) and got.took_ms < 10_000


@contextmanager
def chronyd(folder: Path, *lines: str) -> Iterator[str]:
    """A real chronyd on loopback; `-x`: it never touches the clock."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    config = [f"port {port}", "bindaddress 127.0.0.1", "allow 127.0.0.0/8", "cmdport 0", "bindcmdaddress /", *lines]
    (folder / "chrony.conf").write_text("\n".join([*config, f"pidfile {folder}/pid"]) + "\n")
    program = shutil.which("chronyd", path=os.environ.get("PATH", "") + ":/usr/sbin")
    assert program
    command = [program, "-x", "-d", "-U", "-u", getpass.getuser(), "-f", str(folder / "chrony.conf")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            until = time.monotonic() + 15
            while not measure(f"127.0.0.1:{port}", timeout_s=0.3).values.get("rcvd"):
                assert process.poll() is None and time.monotonic() < until, (folder / "log").read_text()[-2000:]
                time.sleep(0.1)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(15)


@pytest.mark.needs("chronyd")
@pytest.mark.world
def test_a_chronyd_on_this_machine_has_our_own_time(tmp_path: Path) -> None:
    with chronyd(tmp_path, "local stratum 5") as target:
        got = measure(target, 5)
    assert (got.outcome, got.values["stratum"], got.values["leap"], got.values["rcvd"]) == (Outcome.OK, 5, 0, 5)
    assert abs(got.values["offset_ms"]) < 1.0 and got.values["rtt_ms"] < 5.0


@pytest.mark.needs("chronyd")
@pytest.mark.world
def test_a_chronyd_without_a_source_has_no_time(tmp_path: Path) -> None:
    with chronyd(tmp_path) as target:
        got = measure(target)
    assert got.outcome == Outcome.REFUSED and "not synchronised" in got.why
    assert (got.values["leap"], got.values["rcvd"]) == (3, 1) and "offset_ms" not in got.values


def test_importing_the_kind_stays_light() -> None:
    code = "import sys, probes.kinds.ntp; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"cryptography", "yaml", "psutil", "numpy", "netmon", "http", "email"}


def test_every_default_field_is_one_of_eight() -> None:
    assert sum(field.default for field in NTP.fields) <= 8
