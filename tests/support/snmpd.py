"""Debian's snmpd in a namespace with many interfaces: the device the SNMP tests and the benchmark ask."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nets import ENV, Pair, inside, pair, sh

COMMUNITY, USER, AUTH, PRIV = "cpnet-test", "netmon", "auth-password-1", "priv-password-1"
CONFIG = f"""\
agentaddress udp:161,udp6:161
rocommunity {COMMUNITY}
rocommunity6 {COMMUNITY}
createUser {USER} SHA-256 "{AUTH}" AES "{PRIV}"
rouser {USER} priv
createUser authonly SHA "{AUTH}"
rouser authonly auth
createUser nobodys SHA-256 "{AUTH}" AES "{PRIV}"
"""


@contextmanager
def device(pairs: int = 24) -> Iterator[Pair]:
    """A pair whose right side runs snmpd and has `2 * pairs + 2` interfaces (lo, v0 and veth pairs a0/b0, …)."""
    with pair() as made, tempfile.TemporaryDirectory() as folder:
        for number in range(pairs):
            sh(f"ip -n {made.right} link add a{number} type veth peer name b{number}")
            sh(f"ip -n {made.right} link set a{number} up; ip -n {made.right} link set b{number} up")
        (Path(folder) / "snmpd.conf").write_text(CONFIG)
        with (Path(folder) / "log").open("wb") as log:
            process = start(made, folder, log.fileno())
            try:
                until = time.monotonic() + 15
                while not answers(made):
                    assert process.poll() is None and time.monotonic() < until, (Path(folder) / "log").read_text()[
                        -2000:
                    ]
                    time.sleep(0.1)
                yield made
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait(10)


def start(made: Pair, folder: str, log: int) -> subprocess.Popen[bytes]:
    """Start snmpd; it must not read this machine's own files nor write there."""
    words = ["snmpd", "-f", "-LE", "3", "-C", "-c", f"{folder}/snmpd.conf", "-p", f"{folder}/pid", "-I", "-smux"]
    env = {**ENV, "SNMP_PERSISTENT_DIR": f"{folder}/state", "SNMPCONFPATH": folder, "MIBS": ""}
    os.makedirs(f"{folder}/state", exist_ok=True)
    return subprocess.Popen([*inside(made.right), *words], stdout=log, stderr=log, env=env)


def answers(made: Pair) -> bool:
    """Does it answer by now, and know that its v0 is up? It looks only now and then."""
    words = [
        "snmpget",
        "-m",
        "",
        "-v2c",
        "-c",
        COMMUNITY,
        "-t",
        "0.3",
        "-r",
        "0",
        made.right_ip,
        "1.3.6.1.2.1.2.2.1.8.2",
    ]
    return "INTEGER: 1" in made.run("left", words, check=False).stdout
