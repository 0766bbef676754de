"""`netmon probe`: what it prints is a contract, and its exit code says whose fault it is."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator

import pytest

from netmon.cli import app

KEYS = ["kind", "target", "outcome", "at", "took_ms", "values", "why"]
pytestmark = pytest.mark.needs("linux")


@pytest.fixture
def port() -> Iterator[int]:
    """A TCP port of this machine that takes connections."""
    sock = socket.create_server(("127.0.0.1", 0))
    try:
        yield sock.getsockname()[1]
    finally:
        sock.close()


def probe(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    code = app.main(["probe", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_one_json_object_with_the_promised_keys(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = probe(capsys, "tcp", f"127.0.0.1:{port}", "-n", "3", "-o", "json")
    told = json.loads(out)
    assert code == 0 and list(told) == KEYS
    assert told["outcome"] == "OK" and told["values"]["sent"] == told["values"]["rcvd"] == 3
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", told["at"])


def test_a_refused_port_is_a_problem_without_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = probe(capsys, "tcp", "127.0.0.1:1", "-n", "1", "-o", "json")
    told = json.loads(out)
    assert (code, told["outcome"]) == (1, "REFUSED") and told["why"]
    assert not any(name.startswith("connect") for name in told["values"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pingg", "127.0.0.1"], "not a probe kind (known: "),
        (["tcp", "a b:1"], "is not understood"),
        (["tcp", "127.0.0.1:80", "-n", "0"], "write 1 or more"),
        (["tcp", "127.0.0.1:80", "--set", "timeot=1s"], "did you mean timeout?"),
        (["tcp", "127.0.0.1:80", "--set", "timeout=1"], "write 500ms, 5s"),
        (["tcp", "127.0.0.1:80", "--set", "timeout"], "write key=value"),
    ],
)
def test_a_mistaken_command_line_is_usage_with_the_way_out(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = probe(capsys, *words)
    assert (code, out) == (2, "") and said in err


def test_a_hostile_target_reaches_no_terminal_raw(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, err = probe(capsys, "tcp", "\x1b[31m\u202e[/oops]:80")
    assert "\x1b" not in out + err and "\u202e" not in out + err and "[/oops]" in err


def test_explain_says_settings_and_meanings_beside_the_data(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, err = probe(capsys, "tcp", f"127.0.0.1:{port}", "-n", "1", "-o", "json", "--explain")
    assert list(json.loads(out)) == [*KEYS, "events"]
    assert "timeout_s = 2.0" in err and "connect_p50_ms [ms]" in err
