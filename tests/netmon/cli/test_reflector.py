"""`netmon reflector`: an address that cannot be had is told by its option, and nothing half serves."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest

from netmon.cli import app
from probes.kinds.shared.key import key_of

NETMON = [sys.executable, "-I", "-m", "netmon"]


@pytest.mark.parametrize("option", ["--listen", "--throughput", "--train", "--media"])
def test_a_taken_address_ends_it_and_names_its_option(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    kind = socket.SOCK_STREAM if option == "--throughput" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        words = {"--listen": "127.0.0.1:0", option: place}
        code = app.main(["reflector", *(word for pair in words.items() for word in pair)])
    assert code == 3 and f"{option} {place}:" in capsys.readouterr().err


def test_what_is_no_address_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["reflector", "--listen", "\x1b[2Jnowhere"]) == 2
    said = capsys.readouterr().err
    assert "--listen" in said and "\x1b" not in said


def test_a_signal_ends_it_well() -> None:
    command = [*NETMON, "reflector", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None and "reflector on" in child.stderr.readline()
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0


def test_no_key_file_means_an_open_reflector() -> None:
    assert key_of("") == b""


@pytest.mark.parametrize(("option", "text"), [("--allow", "10.0.0.1/8"), ("--allow", "\x1b[2J"), ("--rate", "none"), ("--source-rate", "0"), ("--throughput-streams", "0"), ("--throughput-time", "nan"), ("--throughput-users", "/nowhere"), ("--media-streams", "17.5")])  # fmt: skip
def test_a_limit_that_is_none_is_usage_and_nothing_serves(
    option: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["reflector", "--listen", "127.0.0.1:0", "--throughput", "127.0.0.1:0", option, text]
    assert app.main(words) == 2
    said = capsys.readouterr().err
    assert option in said and "\x1b" not in said
