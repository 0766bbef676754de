"""Our iperf3 server against Debian's iperf3 client, and against those who would hang, crash or misuse it."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import iperf3keys
import pytest
from iperf3keys import WORD, Keys

from probes.answer.guard import Policy, prefix
from probes.answer.iperf3.limits import ServerLimits
from probes.answer.iperf3.login import door_of
from probes.answer.iperf3.server import Server, listen
from probes.base import Measurement, Outcome, Target
from probes.errors import BadSettings
from probes.kinds.throughput.kind import ThroughputSettings, run
from probes.wire.iperf3 import messages as iperf3
from probes.wire.iperf3.login import Login, public_key, token
from probes.wire.iperf3.messages import Params

T = TypeVar("T")
COOKIE = iperf3.cookie(bytes(range(36)))


def with_server(
    act: Callable[[Server], Awaitable[T]], limits: ServerLimits | None = None, door: Login | None = None
) -> T:
    """Do something while a server of ours listens in the same loop."""

    async def both() -> T:
        server = listen("127.0.0.1", 0, limits, door)
        try:
            return await asyncio.wait_for(act(server), 30)
        finally:
            server.close()

    return asyncio.run(both())


async def iperf3_client(server: Server, *words: str) -> dict[str, Any]:
    """The JSON a real client prints."""
    process = await asyncio.create_subprocess_exec(
        "iperf3", "-c", "127.0.0.1", "-p", str(server.port), "-J", *words, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    found: dict[str, Any] = json.loads(out)
    return found


async def still_serves(server: Server) -> bool:
    settings = ThroughputSettings(duration_s=0.5, timeout_s=10.0, rate_bps=8e6)
    for _ in range(3):  # a machine too busy for a test of rates says so, and says nothing of the server
        got = await run(Target(f"127.0.0.1:{server.port}"), settings, 1)
        if got.outcome != Outcome.LOCAL:
            return got.outcome == Outcome.OK
    return False


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("iperf3")
@pytest.mark.parametrize("parallel", ["1", "3"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_real_client_gets_its_rate(protocol: str, reverse: bool, parallel: str) -> None:
    words = ["-t", "1", "-P", parallel, "-b", "20M", "-l", "1400"]
    words += (["-u"] if protocol == "udp" else []) + (["-R"] if reverse else [])
    told = with_server(lambda server: iperf3_client(server, *words))
    assert "error" not in told
    end = told["end"]
    rate_bps = end["sum"]["bits_per_second"] if protocol == "udp" else end["sum_received"]["bits_per_second"]
    assert rate_bps == pytest.approx(20e6 * int(parallel), rel=0.15)
    if protocol == "udp":
        # 3.12 drops what comes before it has read that the test runs, and what its small buffer cannot hold while it waits.
        early = end["sum"]["packets"] * 0.01 if reverse else 0
        assert end["sum"]["lost_packets"] <= early and end["sum"]["packets"] > 1000


@pytest.mark.world
@pytest.mark.needs("iperf3")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-u", "-b", "0"], "larger than server limit"),
        (["--bidir"], "not implemented"),
        (["-t", "100"], "duration too long"),
        (["-P", "20"], "parallel streams"),
    ],
)
def test_a_real_client_is_told_why_its_test_is_not_made(words: list[str], says: str) -> None:
    async def act(server: Server) -> tuple[dict[str, Any], int]:
        return await iperf3_client(server, *words), server.counts["refused"]

    told, refused = with_server(act)
    assert says in told["error"] and refused == 1


@pytest.mark.world
@pytest.mark.needs("iperf3")
@pytest.mark.parametrize("words", [["-n", "2M"], ["-n", "2M", "-R"], ["-k", "50", "-u", "-b", "50M", "-R"]])
def test_a_real_client_may_ask_by_amount(words: list[str]) -> None:
    told = with_server(lambda server: iperf3_client(server, *words))
    assert "error" not in told and told["end"]["streams"]


# --- the queue ---


@pytest.mark.world
@pytest.mark.needs("iperf3")
def test_a_second_client_is_told_that_we_are_busy_when_there_is_no_queue() -> None:
    async def act(server: Server) -> tuple[dict[str, Any], dict[str, Any], Server]:
        first = asyncio.ensure_future(iperf3_client(server, "-t", "1", "-b", "5M"))
        await asyncio.sleep(0.4)
        second = await iperf3_client(server, "-t", "1")
        return await first, second, server

    first, second, server = with_server(act, ServerLimits(max_queued=0))
    assert "error" not in first and "busy" in second["error"]
    assert server.counts == {"done": 1, "busy": 1}


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("iperf3")
def test_real_clients_that_come_at_once_are_served_one_after_the_other_each_at_its_rate() -> None:
    asks = (["-b", "20M"], ["-b", "10M", "-R", "-P", "2"], ["-u", "-b", "20M", "-l", "1400"], ["-u", "-b", "20M", "-l", "1400", "-R"])  # fmt: skip

    async def act(server: Server) -> tuple[list[dict[str, Any]], Server]:
        return list(await asyncio.gather(*(iperf3_client(server, "-t", "1", *words) for words in asks))), server

    told, server = with_server(act)
    assert [one.get("error") for one in told] == [None] * 4 and server.counts == {"done": 4}
    for one in told:
        end = one["end"].get("sum_received") or one["end"]["sum"]
        assert end["bits_per_second"] == pytest.approx(20e6, rel=0.3)
    began = sorted(one["start"]["timestamp"]["timesecs"] for one in told)
    assert began[-1] - began[0] >= 2  # whole seconds: the last began after three tests of one second


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("iperf3")
def test_our_client_waits_its_turn_behind_a_real_one_and_longer_than_it_waits_for_an_answer() -> None:
    async def act(server: Server) -> tuple[dict[str, Any], Measurement, Measurement]:
        first = asyncio.ensure_future(iperf3_client(server, "-t", "2", "-b", "5M"))
        await asyncio.sleep(0.4)
        aim = Target(f"127.0.0.1:{server.port}")
        brief = ThroughputSettings(duration_s=0.5, timeout_s=0.5, rate_bps=8e6, wait_s=0.6, delay=False)
        soon = await run(aim, brief, 1)
        later = await run(aim, replace(brief, wait_s=10.0), 1)
        return await first, soon, later

    first, soon, later = with_server(act)
    assert "error" not in first and (soon.outcome, "turn" in soon.why) == (Outcome.REFUSED, True)
    assert later.outcome == Outcome.OK and later.values["rate_bps"] == pytest.approx(8e6, rel=0.15)
    assert later.values["waited_ms"] > 500


def test_who_leaves_the_queue_or_speaks_out_of_turn_loses_its_place_and_the_next_is_served() -> None:
    async def act(server: Server) -> tuple[list[bytes], bytes]:
        both = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(5)]
        for number, (_, writer) in enumerate(both):
            writer.write(iperf3.cookie(bytes([number] * 36)))
            await asyncio.sleep(0.02)
        readers, writers = zip(*both, strict=True)
        assert await readers[0].readexactly(1) == b"\x09"
        writers[1].close()  # left
        writers[2].write(b"now!")  # spoke
        await asyncio.sleep(0.05)
        writers[0].close()
        turn = await asyncio.wait_for(readers[3].readexactly(1), 2)
        last = await asyncio.wait_for(readers[4].read(1), 2)
        try:
            spoke = await readers[2].read()
        except ConnectionResetError:
            spoke = b"reset"
        return [spoke, turn], last

    (spoke, turn), last = with_server(act, ServerLimits(turn_s=0.4))
    assert spoke in (b"", b"reset") and (turn, last) == (b"\x09", b"\xff")


def test_the_queue_has_an_end_and_no_source_fills_it() -> None:
    async def act(server: Server) -> list[bytes]:
        both = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(4)]
        both += [await asyncio.open_connection("127.0.0.1", server.port, local_addr=(f"127.0.0.{two}", 0)) for two in (2, 3)]  # fmt: skip
        for number, (_, writer) in enumerate(both):
            writer.write(iperf3.cookie(bytes([number] * 36)))
            await asyncio.sleep(0.02)
        heard = []
        for number, (reader, _) in enumerate(both):
            try:
                heard.append(await asyncio.wait_for(reader.read(1), 0.1 if number in (1, 2, 4) else 5.0))
            except TimeoutError:
                heard.append(b"-")
        for _, writer in both:
            writer.close()
        return heard

    heard = with_server(act, ServerLimits(max_queued=3, max_queued_each=2))
    assert heard == [b"\x09", b"-", b"-", b"\xff", b"-", b"\xff"]


# --- logins ---


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return iperf3keys.make(tmp_path_factory.mktemp("keys"))


@pytest.mark.world
@pytest.mark.needs("iperf3")
@pytest.mark.parametrize(
    ("user", "password", "padding", "opens"),
    [
        ("tu", WORD, "both", True),
        ("tu", "wrong", "both", False),
        ("nobody", WORD, "both", False),
        ("tu", WORD, "oaep", False),
    ],  # fmt: skip
)
def test_a_real_client_starts_tests_with_the_right_login_only(
    keys: Keys, monkeypatch: pytest.MonkeyPatch, user: str, password: str, padding: str, opens: bool
) -> None:
    monkeypatch.setenv("IPERF3_PASSWORD", password)
    words = ["--username", user, "--rsa-public-key-path", str(keys.public), "-t", "1", "-b", "5M"]
    door = door_of(str(keys.users), str(keys.private), padding=padding)
    told = with_server(lambda server: iperf3_client(server, *words), door=door)
    assert told.get("error", "") == ("" if opens else "test authorization failed")


@pytest.mark.world
@pytest.mark.needs("iperf3")
def test_a_real_client_without_a_login_is_told_so_whatever_it_asks_for(keys: Keys) -> None:
    door = door_of(str(keys.users), str(keys.private))
    told = with_server(lambda server: iperf3_client(server, "-t", "1000"), door=door)
    assert told["error"] == "test authorization failed"


@pytest.mark.parametrize("padding", ["pkcs1", "oaep"])
def test_our_client_logs_in_with_either_padding_and_a_login_heard_on_the_way_is_worth_nothing(
    keys: Keys, padding: str
) -> None:
    async def act(server: Server) -> tuple[Measurement, bytes]:
        login = {
            "user": "tu",
            "password_file": str(keys.password),
            "public_key_file": str(keys.public),
            "padding": padding,
        }
        got = await run(
            Target(f"127.0.0.1:{server.port}"), ThroughputSettings(duration_s=0.5, rate_bps=8e6, **login), 1
        )
        heard = token(public_key(keys.public.read_bytes()), "tu", WORD, time.time(), padding)
        said = iperf3.encode_params(Params(login=heard))
        first = await speak(server, COOKIE, said)
        return got, first + b"|" + await speak(server, COOKIE, said)

    got, heard = with_server(act, door=door_of(str(keys.users), str(keys.private)))
    assert got.outcome == Outcome.OK, got.why
    assert heard == b"\x09\x0a|\x09\xfe\0\0\0\x8e\0\0\0\0"


@pytest.mark.parametrize(("users", "key"), [("", "private"), ("users", ""), ("users", "public"), ("private", "private"), ("none", "private")])  # fmt: skip
def test_a_door_that_cannot_be_built_is_told(keys: Keys, users: str, key: str) -> None:
    files = [str(getattr(keys, one, "/nowhere")) if one else "" for one in (users, key)]
    with pytest.raises(BadSettings):
        door_of(*files)


# --- those who mean no good ---


def test_who_is_not_allowed_is_closed_at_once_and_who_comes_too_often_too() -> None:
    async def act(server: Server) -> list[bytes]:
        heard = []
        for host in ("127.0.0.2", *["127.0.0.1"] * 4):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, local_addr=(host, 0))
            writer.write(COOKIE)
            try:
                heard.append(await asyncio.wait_for(reader.read(1), 1))
            except ConnectionResetError:
                heard.append(b"")
            writer.close()
            await asyncio.sleep(0.02)
        heard.append(b"allowed" if server.counts["not allowed"] == 1 else b"")
        return heard

    policy = Policy((prefix("127.0.0.1/32"),), source_rate=4.0)
    heard = with_server(act, ServerLimits(policy=policy))
    assert heard == [b"", b"\x09", b"\x09", b"", b"", b"allowed"]


async def speak(server: Server, *parts: bytes, wait_s: float = 0.02) -> bytes:
    """Say these things, hear what comes for a moment, close."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(wait_s)
    heard = b""
    try:
        heard = await asyncio.wait_for(reader.read(100), 0.2)
    except (TimeoutError, ConnectionError):
        heard = b""
    writer.close()
    return heard


HOSTILE = [
    (b"",),
    (b"GET / HTTP/1.1\r\nHost: somewhere.example\r\n\r\n",),
    (b"\0" * 37,),
    (COOKIE, b"\xff\xff\xff\xff"),
    (COOKIE, b"\0\0\0\0"),
    (COOKIE, b"\0\0\x20\0" + b"[" * 8192),
    (COOKIE, iperf3.frame({"tcp": 1})),
    (COOKIE, iperf3.frame({"tcp": True, "parallel": "many"})),
    (COOKIE, iperf3.frame({"udp": True, "len": 16, "bandwidth": 10**9, "reverse": True})),
    (COOKIE, iperf3.frame({"tcp": True}) + iperf3.frame({"tcp": True})),
    (COOKIE, iperf3.encode_params(Params()), b"\x04"),
    (COOKIE, iperf3.encode_params(Params()), b"\x0c"),
]


def test_hostile_bytes_neither_crash_nor_block_it() -> None:
    async def act(server: Server) -> bool:
        for parts in HOSTILE:
            await speak(server, *parts)
        chance = random.Random(11)
        for _ in range(20):
            await speak(server, COOKIE, chance.randbytes(chance.randrange(1, 60)), wait_s=0.0)
        await asyncio.sleep(0.1)
        return await still_serves(server)

    assert with_server(act)


def test_who_says_nothing_blocks_nobody() -> None:
    async def act(server: Server) -> bool:
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
        serves = await still_serves(server)
        for _, writer in silent:
            writer.close()
        return serves

    assert with_server(act)


def test_who_stops_after_the_cookie_holds_the_server_no_longer_than_its_patience() -> None:
    async def act(server: Server) -> tuple[bytes, bool]:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(COOKIE)
        heard = await asyncio.wait_for(reader.read(), 5)  # until the server has had enough
        writer.close()
        return heard, await still_serves(server)

    heard, serves = with_server(act, ServerLimits(patience_s=0.3))
    assert heard == b"\x09\x0b" and serves


def test_a_test_ends_with_its_control_connection() -> None:
    async def act(server: Server) -> tuple[bytes, bool]:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(COOKIE + iperf3.encode_params(Params(reverse=True, time_s=30)))
        assert await reader.readexactly(2) == b"\x09\x0a"
        stream_reader, stream_writer = await asyncio.open_connection("127.0.0.1", server.port)
        stream_writer.write(COOKIE)
        assert await reader.readexactly(2) == b"\x01\x02"
        assert await stream_reader.read(1000)
        writer.close()
        await asyncio.sleep(0.1)
        rest = b""
        try:
            while got := await asyncio.wait_for(stream_reader.read(1 << 20), 2):
                rest = got
        except ConnectionError:
            rest = b"reset"
        stream_writer.close()
        return rest, await still_serves(server)

    rest, serves = with_server(act)
    assert rest and serves


def test_a_stranger_gets_no_stream_of_a_test() -> None:
    async def act(server: Server) -> tuple[bytes, list[bytes]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        asked = Params(protocol="udp", rate_bps=1_000_000, block_bytes=1000, reverse=True)
        writer.write(COOKIE + iperf3.encode_params(asked))
        assert await reader.readexactly(2) == b"\x09\x0a"
        heard = []
        for host, word in (("127.0.0.2", b"9876"), ("127.0.0.1", b"0000"), ("127.0.0.1", b"9876")):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind((host, 0))
                sock.sendto(word, ("127.0.0.1", server.port))
                await asyncio.sleep(0.1)
                sock.setblocking(False)
                try:
                    heard.append(sock.recv(100)[:4])
                except BlockingIOError:
                    heard.append(b"")
        denied = await speak(server, iperf3.cookie(bytes(36)))
        writer.close()
        return denied, heard

    denied, heard = with_server(act, ServerLimits(max_queued=0))
    assert denied == b"\xff" and heard == [b"", b"", b"6789"]
