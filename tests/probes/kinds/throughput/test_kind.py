"""The `throughput` kind against Debian's iperf3 and against servers that refuse, lie, hang or talk nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import iperf3keys
import pytest
from nets import pair
from ports import free_port

from probes.answer.iperf3.server import listen
from probes.base import Measurement, Outcome, Target
from probes.errors import BadSettings
from probes.kinds.throughput.kind import THROUGHPUT, ThroughputSettings, params, run
from probes.target import Endpoint
from probes.wire.iperf3 import messages as iperf3
from probes.wire.iperf3.messages import Results, StreamResult

RATE_BPS = 40_000_000.0


def settings(**more: object) -> ThroughputSettings:
    return ThroughputSettings(**{"duration_s": 0.5, "timeout_s": 3.0, "delay": False, **more})  # type: ignore[arg-type]


def measure(port: int, **more: object) -> Measurement:
    return asyncio.run(run(Target(f"127.0.0.1:{port}"), settings(**more), 1))


def measure_real(port: int, **more: object) -> Measurement:
    """Against a real server, which closes its port for a moment after each test."""
    for _ in range(10):
        got = measure(port, **more)
        if "RST" not in got.why:
            break
        time.sleep(0.1)
    return got


@contextlib.contextmanager
def iperf3_server(*words: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Debian's iperf3 as the server on loopback."""
    port = free_port()
    process = subprocess.Popen(
        ["iperf3", "-s", "--forceflush", "-B", "127.0.0.1", "-p", str(port), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        assert process.stdout
        while b"listening" not in process.stdout.readline():
            assert process.poll() is None
        yield port, process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def real_server() -> Iterator[int]:
    with iperf3_server() as (port, _):
        yield port


# --- the real one ---


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("iperf3")
@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_set_rate_arrives_at_and_from_a_real_server(
    real_server: int, protocol: str, reverse: bool, parallel: int
) -> None:
    got = measure_real(real_server, protocol=protocol, reverse=reverse, parallel=parallel, rate_bps=RATE_BPS)
    assert got.outcome == Outcome.OK, got.why
    assert got.values["rate_bps"] == pytest.approx(RATE_BPS, rel=0.15) and got.values["layer"] == 4
    assert got.values["rcvd_bytes"] <= got.values["sent_bytes"]
    assert got.values["rate_bps"] == pytest.approx(
        got.values["rcvd_bytes"] * 8000 / got.values["duration_ms"], rel=0.001
    )
    if protocol == "udp":
        lost_bytes = got.values["lost"] * 1460
        assert got.values["packets"] * 1460 == pytest.approx(got.values["rcvd_bytes"] + lost_bytes, abs=4 * 1460)
        assert got.values["rate_ip_bps"] == pytest.approx(got.values["rate_bps"] * 1488 / 1460, rel=1e-6)
        assert got.values["jitter_ms"] >= 0 and "retransmits" not in got.values
    else:
        assert got.values["retransmits"] >= 0 and "packets" not in got.values


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("iperf3")
@pytest.mark.parametrize("reverse", [False, True])
def test_a_warm_up_is_sent_and_not_counted(real_server: int, reverse: bool) -> None:
    got = measure_real(real_server, protocol="udp", reverse=reverse, rate_bps=RATE_BPS, omit_s=1.0)
    assert got.outcome == Outcome.OK and got.took_ms > 1400
    assert got.values["rate_bps"] == pytest.approx(RATE_BPS, rel=0.15)
    assert got.values["rcvd_bytes"] == pytest.approx(RATE_BPS / 8 / 2, rel=0.15)
    assert got.values["packets"] == pytest.approx(got.values["rcvd_bytes"] / 1460, rel=0.1)


@pytest.mark.world
@pytest.mark.needs("iperf3")
def test_a_busy_server_refuses_and_says_so() -> None:
    with iperf3_server() as (port, _):
        other = subprocess.Popen(
            ["iperf3", "-c", "127.0.0.1", "--forceflush", "-p", str(port), "-t", "5", "-b", "1M"],
            stdout=subprocess.PIPE,
        )
        assert other.stdout
        while b"connected" not in other.stdout.readline():
            assert other.poll() is None
        got = measure(port, wait_s=0.5)
        other.kill()
        other.communicate()
    assert got.outcome == Outcome.REFUSED and "busy" in got.why and "rate_bps" not in got.values


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("iperf3")
def test_a_busy_server_is_asked_again_until_it_has_time() -> None:
    with iperf3_server() as (port, _):
        other = subprocess.Popen(
            ["iperf3", "-c", "127.0.0.1", "--forceflush", "-p", str(port), "-t", "2", "-b", "1M"],
            stdout=subprocess.PIPE,
        )
        assert other.stdout
        while b"connected" not in (line := other.stdout.readline()):
            assert line, "the other client ended at once"
        got = measure(port, wait_s=10.0, rate_bps=RATE_BPS)
        told = other.communicate()[0]
    assert got.outcome == Outcome.OK and got.values["rate_bps"] == pytest.approx(RATE_BPS, rel=0.15)
    assert got.values["waited_ms"] >= 500 and b"iperf Done" in told


@pytest.mark.world
@pytest.mark.needs("iperf3")
def test_a_server_killed_in_the_middle_breaks_the_test_off() -> None:
    with iperf3_server() as (port, process):
        threading.Timer(0.5, process.kill).start()
        got = measure(port, duration_s=5.0, rate_bps=RATE_BPS)
    assert got.outcome == Outcome.REFUSED and got.took_ms < 3000 and "rate_bps" not in got.values


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("iperf3", "netns", "nft")
def test_loss_on_the_way_is_counted_and_a_closed_way_has_no_rate() -> None:
    command = [sys.executable, "-m", "netmon", "probe", "throughput", "10.99.0.2", "-o", "json"]
    command += [f"--set={word}" for word in ("duration=1s", "protocol=udp", "rate=20Mbit", "timeout=1s")]
    with pair() as both:
        server = both.start("right", ["iperf3", "-s", "--forceflush"], stdout=subprocess.PIPE)
        assert server.stdout
        while "listening" not in server.stdout.readline():
            assert server.poll() is None
        rule = "table inet t {\n chain c {\n type filter hook input priority 0;\n %s\n }\n}\n"
        large = "meta l4proto udp meta length > 100"
        both.nft("right", rule % f"{large} numgen inc mod 10 0 drop")
        some = json.loads(both.run("left", command).stdout)
        both.nft("right", "flush ruleset\n" + rule % f"{large} drop")
        none = json.loads(both.run("left", command).stdout)
        silent = json.loads(both.run("left", [word.replace("10.99.0.2", "10.99.0.3") for word in command]).stdout)
        away = json.loads(both.run("left", [word.replace("10.99.0.2", "192.0.2.1") for word in command]).stdout)
        server.kill()
        server.communicate()
    assert some["outcome"] == "OK" and some["values"]["lost"] / some["values"]["packets"] == pytest.approx(
        0.1, abs=0.01
    )
    assert some["values"]["rate_bps"] == pytest.approx(18e6, rel=0.05)
    assert none["outcome"] == "LOST" and "rate_bps" not in none["values"]
    assert none["values"]["lost"] == none["values"]["packets"] > 1000
    assert silent["outcome"] == "LOST" and away["outcome"] == "LOCAL"


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("iperf3")
def test_a_real_server_lets_our_login_in_and_a_wrong_one_out(tmp_path: Path) -> None:
    keys = iperf3keys.make(tmp_path)
    wrong = tmp_path / "wrong"
    wrong.write_text("guess\n")
    login = {"user": "tu", "password_file": str(keys.password), "public_key_file": str(keys.public)}
    words = ("--rsa-private-key-path", str(keys.private), "--authorized-users-path", str(keys.users))
    with iperf3_server(*words) as (port, _):
        right = measure_real(port, rate_bps=RATE_BPS, **login)
        without = measure_real(port)
        false = measure_real(port, **{**login, "password_file": str(wrong)})
        newer = measure_real(port, **login, padding="oaep")  # 3.12 knows the old padding only
    assert right.outcome == Outcome.OK and right.values["rate_bps"] == pytest.approx(RATE_BPS, rel=0.15)
    for got in (without, false, newer):
        assert got.outcome == Outcome.REFUSED and "does not let us in" in got.why


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"user": "tu"}, "password_file and public_key_file too"),
        ({"user": "tu", "password_file": "password", "public_key_file": "private"}, "no public key"),
        ({"user": "tu", "password_file": "nowhere", "public_key_file": "public"}, "password_file .*No such file"),
        ({"user": "tu", "password_file": "users", "public_key_file": "public"}, "does not hold one line"),
        ({"user": "t" * 300, "password_file": "password", "public_key_file": "public"}, "too long"),
    ],
)
def test_a_login_that_cannot_be_is_told_before_anything_is_sent(
    tmp_path: Path, given: dict[str, str], says: str
) -> None:
    keys = iperf3keys.make(tmp_path)
    files = {key: str(getattr(keys, value, tmp_path / value)) for key, value in given.items() if key != "user"}
    with pytest.raises(BadSettings, match=says):
        measure(1, **{**files, "user": given["user"]})


# --- servers made here ---


@contextlib.contextmanager
def server(behave: Callable[[socket.socket, socket.socket], None]) -> Iterator[int]:
    """A TCP server that does one thing with its first connection (the listening socket comes with it)."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            peer, _ = listening.accept()
            with peer, contextlib.suppress(ConnectionError):
                peer.settimeout(10)
                behave(peer, listening)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(15)


def hang_up(peer: socket.socket, listening: socket.socket) -> None:
    peer.recv(37)


def stay_silent(peer: socket.socket, listening: socket.socket) -> None:
    while peer.recv(4096):
        pass


def speak_http(peer: socket.socket, listening: socket.socket) -> None:
    peer.recv(37)
    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    stay_silent(peer, listening)


def bomb(peer: socket.socket, listening: socket.socket) -> None:
    peer.recv(37)
    peer.sendall(b"\x09\x0a\x01\x02\x0d\xff\xff\xff\xff")
    stay_silent(peer, listening)


def refuse_streams(peer: socket.socket, listening: socket.socket) -> None:
    """It asks for UDP streams where nothing listens."""
    peer.recv(37)
    peer.sendall(b"\x09")
    read_json(peer)
    peer.sendall(b"\x0a")
    stay_silent(peer, listening)


def begin_only(peer: socket.socket, listening: socket.socket) -> None:
    peer.recv(37)
    peer.sendall(b"\x09")
    stay_silent(peer, listening)


def say_no(peer: socket.socket, listening: socket.socket) -> None:
    peer.recv(37)
    peer.sendall(b"\x09")
    read_json(peer)
    peer.sendall(b"\xfe\x00\x00\x00\x1b\x00\x00\x00\x00")


def read_json(peer: socket.socket) -> bytes:
    length = int.from_bytes(peer.recv(4, socket.MSG_WAITALL), "big")
    return peer.recv(length, socket.MSG_WAITALL)


def tell(results: bytes) -> Callable[[socket.socket, socket.socket], None]:
    """A whole TCP test, and then these results."""

    def behave(peer: socket.socket, listening: socket.socket) -> None:
        peer.recv(37)
        peer.sendall(b"\x09")
        read_json(peer)
        peer.sendall(b"\x0a")
        stream, _ = listening.accept()
        with stream:
            peer.sendall(b"\x01\x02")
            threading.Thread(target=drain, args=(stream,), daemon=True).start()
            assert peer.recv(1) == b"\x04"
            peer.sendall(b"\x0d")
            read_json(peer)
            peer.sendall(results + b"\x0e")
            peer.recv(1)

    return behave


def drain(stream: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while stream.recv(65_536):
            pass


BOASTING = iperf3.encode_results(Results((StreamResult(1, 2**50, took_s=0.5),)))
OF_ANOTHER = iperf3.encode_results(Results(()))
NOTHING = iperf3.encode_results(Results((StreamResult(1, 0, took_s=0.5),)))


@pytest.mark.parametrize(
    ("behave", "outcome", "more"),
    [
        (hang_up, Outcome.REFUSED, {}),
        (say_no, Outcome.REFUSED, {}),
        (refuse_streams, Outcome.REFUSED, {"protocol": "udp"}),
        (stay_silent, Outcome.LOST, {"timeout_s": 0.3}),
        (begin_only, Outcome.LOST, {"timeout_s": 0.3}),
        (speak_http, Outcome.PROTOCOL, {}),
        (bomb, Outcome.PROTOCOL, {}),
        (tell(BOASTING), Outcome.PROTOCOL, {}),
        (tell(OF_ANOTHER), Outcome.PROTOCOL, {}),
        (tell(b"\0\0\0\x02[]"), Outcome.PROTOCOL, {}),
        (tell(NOTHING), Outcome.LOST, {}),
    ],
)
def test_each_trouble_has_its_outcome_and_no_rate(
    behave: Callable[[socket.socket, socket.socket], None], outcome: Outcome, more: dict[str, object]
) -> None:
    with server(behave) as port:
        got = measure(port, **{"rate_bps": 8_000_000.0, **more})
    assert got.outcome == outcome and got.why
    assert "rate_bps" not in got.values and "layer" not in got.values


def test_a_closed_port_is_refused() -> None:
    got = measure(free_port())
    assert (got.outcome, got.values) == (Outcome.REFUSED, {})


def against_ours(host: str = "127.0.0.1", **more: object) -> Measurement:
    async def both() -> Measurement:
        answering = listen(host, 0)
        try:
            return await run(Target(str(Endpoint(host, answering.port))), settings(**more), 1)
        finally:
            answering.close()

    got = asyncio.run(both())
    for _ in range(2):  # a machine that is busy with other tests gives no rate, and says so
        if got.outcome is Outcome.LOCAL and "too busy" in got.why:
            got = asyncio.run(both())
    return got


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_our_client_and_our_server_understand_each_other(protocol: str, reverse: bool) -> None:
    got = against_ours(protocol=protocol, reverse=reverse, rate_bps=RATE_BPS, parallel=2)
    assert got.outcome == Outcome.OK and got.values["rate_bps"] == pytest.approx(RATE_BPS, rel=0.15)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_ipv6_is_measured_too(protocol: str) -> None:
    got = against_ours("::1", protocol=protocol, rate_bps=8e6)
    assert got.outcome == Outcome.OK
    if protocol == "udp":
        assert got.values["rate_ip_bps"] == pytest.approx(got.values["rate_bps"] * 1488 / 1440, rel=1e-6)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_test_given_up_leaves_nothing_open(protocol: str) -> None:
    async def given_up() -> tuple[int, int, dict[str, int]]:
        gc.collect()  # what earlier tests left behind must not go meanwhile
        answering = listen("127.0.0.1", 0)
        before = len(os.listdir("/proc/self/fd"))
        aim = Target(f"127.0.0.1:{answering.port}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(run(aim, settings(protocol=protocol, rate_bps=8e6, duration_s=30), 1), 0.2)
        await asyncio.sleep(0.05)
        after = len(os.listdir("/proc/self/fd"))
        answering.close()
        return before, after, answering.counts

    before, after, counts = asyncio.run(given_up())
    assert after <= before and counts == {"gone": 1}


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_starved_machine_is_our_own_fault_and_gives_no_rate(protocol: str) -> None:
    async def starved() -> Measurement:
        asyncio.get_running_loop().call_later(0.2, time.sleep, 0.2)
        answering = listen("127.0.0.1", 0)
        try:
            return await run(Target(f"127.0.0.1:{answering.port}"), settings(protocol=protocol, rate_bps=RATE_BPS), 1)
        finally:
            answering.close()

    got = asyncio.run(starved())
    assert got.outcome == Outcome.LOCAL and "busy" in got.why and "rate_bps" not in got.values


def test_udp_without_a_rate_is_sent_at_one_megabit_and_the_rate_is_shared_by_the_streams() -> None:
    assert params(settings(protocol="udp")).rate_bps == 1_000_000
    assert params(settings(protocol="tcp")).rate_bps == 0
    assert params(settings(protocol="udp", rate_bps=9e6, parallel=3)).rate_bps == 3_000_000


def test_a_measurement_has_few_default_fields_and_only_declared_ones() -> None:
    for sort in ("tcp", "udp"):
        assert sum(field.default and (not field.of or sort in field.of) for field in THROUGHPUT.fields) <= 8
    got = against_ours(protocol="udp", rate_bps=8e6)
    assert set(got.values) <= {field.name for field in THROUGHPUT.fields}
