"""The trap receiver as a process, told by Debian's snmptrap: v2c and v3, informs answered, strangers not heard."""

from __future__ import annotations

import json
import queue
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import snmpagent as fake

pytestmark = [pytest.mark.needs("snmptrap"), pytest.mark.world]
AUTH, PRIV, ENGINE = "auth-password-1", "priv-password-1", "8000000001020304"
V3 = f"-v3 -u netmon -l authPriv -a SHA-256 -A {AUTH} -x AES -X {PRIV}"
LINK_DOWN, LINK_UP, ON_BATTERY = "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.6.3.1.1.5.4", "1.3.6.1.2.1.33.2.1"
IFACE = "1.3.6.1.2.1.2.2.1.1.2 i 2 1.3.6.1.2.1.2.2.1.8.2 i 2 1.3.6.1.2.1.31.1.1.1.1.2 s wan0"


class Running(NamedTuple):
    """A receiver process."""

    process: subprocess.Popen[str]
    port: int
    lines: queue.SimpleQueue[str]

    def send(self, words: str, program: str = "snmptrap") -> int:
        """One trap by net-snmp's own tool; its exit code."""
        before, _, after = words.partition(" @ ")
        command = [program, "-m", "", *before.split(), f"127.0.0.1:{self.port}", *after.split()]
        return subprocess.run(command, capture_output=True, check=False, timeout=20).returncode

    def next(self) -> dict[str, Any]:
        """The next event told."""
        found: dict[str, Any] = json.loads(self.lines.get(timeout=10))
        return found


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("traps")
    for name, secret in (("community", "trapcomm"), ("auth", AUTH), ("priv", PRIV)):
        (folder / name).write_text(f"{secret}\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    words = f"--listen 127.0.0.1:{port} --community-file {folder}/community --user netmon --engine {ENGINE} "
    words += f"--auth-password-file {folder}/auth --priv-password-file {folder}/priv"
    command = [sys.executable, "-I", "-m", "probes.answer.traps", *words.split()]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            until = time.monotonic() + 15
            while "listening" not in (folder / "log").read_text():
                assert process.poll() is None and time.monotonic() < until
                time.sleep(0.1)
            lines = queue.SimpleQueue[str]()
            threading.Thread(target=lambda: [lines.put(one) for one in process.stdout or ()], daemon=True).start()
            yield Running(process, port, lines)
            process.terminate()
            process.wait(10)
        finally:
            process.kill()
    said = (folder / "log").read_text()
    assert process.returncode == 0 and "dropped: 0 too fast" in said and "Traceback" not in said


def test_a_v2c_trap_is_an_event(receiver: Running) -> None:
    receiver.send(f"-v2c -c trapcomm @ 12345 {LINK_DOWN} {IFACE}")
    found = receiver.next()
    assert (found["name"], found["source"], found["interface"]) == ("link_down", "127.0.0.1", "wan0")
    assert (found["uptime_s"], found["values"]) == (123, {"if_oper": 2})


def test_a_v3_trap_of_a_known_engine_is_an_event(receiver: Running) -> None:
    receiver.send(f"-e 0x{ENGINE} {V3} @ 777 {ON_BATTERY} 1.3.6.1.2.1.33.1.2.3.0 i 14")
    found = receiver.next()
    assert (found["name"], found["values"]) == ("on_battery", {"battery_left_s": 840})


@pytest.mark.parametrize("words", ["-v2c -c trapcomm", V3])
def test_an_inform_is_answered(receiver: Running, words: str) -> None:
    assert receiver.send(f"{words} -r 0 -t 5 @ 99 {LINK_UP}", "snmpinform") == 0
    assert receiver.next()["name"] == "link_up"


def test_strangers_are_not_heard(receiver: Running) -> None:
    receiver.send(f"-v2c -c other @ 1 {LINK_DOWN}")
    receiver.send(f"-e 0x{ENGINE} {V3.replace(AUTH, 'wrong-password')} @ 1 {LINK_DOWN}")
    receiver.send(f"-e 0x8000000009090909 {V3} @ 1 {LINK_DOWN}")
    receiver.send(f"-v2c -c trapcomm @ 1 {LINK_UP}")
    assert receiver.next()["name"] == "link_up"


def test_a_huge_trap_holds_nobody_up(receiver: Running) -> None:
    """60 kB of one object identifier, and of many rows: neither is read, the next trap is heard at once."""
    arcs = ".".join(["1.3", *["1"] * 59_000])
    huge = fake.message(7, [fake.row(arcs, fake.INTEGER, 1)], community=b"trapcomm", kind=0xA7)
    many = fake.message(7, [fake.row("1.3.6", fake.INTEGER, 1)] * 600, community=b"trapcomm", kind=0xA7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for data in (huge, many, huge, many):
            sock.sendto(data, ("127.0.0.1", receiver.port))
    began = time.monotonic()
    receiver.send(f"-v2c -c trapcomm @ 100 {LINK_DOWN} {IFACE}")
    assert receiver.next()["name"] == "link_down" and time.monotonic() - began < 5.0


def test_any_bytes_do_not_end_it(receiver: Running) -> None:
    rows = [fake.row("1.3.6.1.2.1.1.3.0", fake.TICKS, 5), fake.row("1.3.6.1.6.3.1.1.4.1.0", fake.OID, LINK_UP)]
    rng, good = random.Random(3), fake.message(7, rows, community=b"trapcomm", kind=0xA7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for number in range(300):
            time.sleep(0.02 * (number % 10 == 0))  # its socket holds not many more
            data = bytearray(good)
            data[rng.randrange(len(data))] = rng.randrange(256)
            sock.sendto(data if rng.random() < 0.7 else rng.randbytes(rng.randrange(200)), ("127.0.0.1", receiver.port))
    receiver.send(f"-v2c -c trapcomm @ 100 {LINK_DOWN} {IFACE}")
    before = 0
    while (found := receiver.next())["name"] != "link_down":
        assert found["source"] == "127.0.0.1"
        before += 1
    assert before > 10


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-m", "probes.answer.traps", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)


def test_bad_words_are_told(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("x")
    assert (run().returncode, "nobody's traps" in run().stderr) == (2, True)
    done = run("--community-file", f"{tmp_path}/c", "--engine", "xyz")
    assert done.returncode == 2 and "engine id" in done.stderr
    assert run("--community-file", f"{tmp_path}/c", "--listen", "192.0.2.77:16222").returncode == 1
