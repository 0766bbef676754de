"""The file is read by a child, so that what reads files is never in the agent; its connection reads no mail."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from agenthub import FakeHub, serving

from netmon.agent import config_reader
from netmon.agent.uplink.client import Uplink
from netmon.config.agent import DestinationConfig
from netmon.errors import ConfigError


def _write(folder: Path, kind: str = "ping") -> Path:
    checks = [{"check": "a", "kind": kind, "target": "127.0.0.1", "every": "1s", "size": "100"}]
    told = {"agent": "c1", "site": "c1", "state_dir": str(folder), "checks": checks}
    path = folder / "agent.yaml"
    path.write_text(json.dumps({**told, "destinations": [{"name": "hub", "url": "https://h"}]}))
    return path


def test_the_childs_config_is_the_one_read_here(tmp_path: Path) -> None:
    path = _write(tmp_path)
    assert (
        config_reader.load(path) == config_reader.load_here(path)
        and config_reader.load(path).checks[0].settings.size == 100
    )


def test_a_faulty_file_is_told_as_if_there_were_no_child(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a probe kind"):
        config_reader.load(_write(tmp_path, "pingg"))


def test_an_agent_has_never_imported_what_reads_its_file(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from netmon.agent import config_reader, main;"
        f" from netmon.cli import app, agent; config_reader.load(Path({str(_write(tmp_path))!r}));"
        " print([one for one in ('yaml', 'netmon.config.walker.decode', 'difflib', 'importlib.metadata', 'http.client',"
        " 'email', 'shutil') if one in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def _uplink(url: str, folder: Path, token: str = "") -> Uplink:
    (folder / "token").write_text(token)
    return Uplink(DestinationConfig(name="hub", url=url, token_file=str(folder / "token"), timeout_s=2.0))


def test_posts_follow_each_other_on_one_connection(tmp_path: Path) -> None:
    with serving(FakeHub()) as hub:
        uplink = _uplink(hub.url, tmp_path, "t")
        replies = [uplink.post(("a x=1i 1", "b x=2i 2"), {})[0] for _ in range(3)]
        uplink.close()
    assert [one.status for one in replies] == [204] * 3 and all(0 < one.sent_ns <= one.back_ns for one in replies)
    assert hub.requests[2].lines == ["a x=1i 1", "b x=2i 2"] and hub.requests[0].headers["authorization"] == "Token t"


def test_a_hub_that_hangs_up_or_says_too_much_is_an_answer_and_no_fault(tmp_path: Path) -> None:
    answers = [(0, {}, ""), (400, {"Retry-After": "7"}, "x" * 100_000), (204, {}, "")]
    with serving(FakeHub(lambda request: answers.pop(0))) as hub:
        uplink = _uplink(hub.url, tmp_path)
        replies = [uplink.post(("a x=1i 1",), {})[0] for _ in range(3)]
        uplink.close()
    assert [one.status for one in replies] == [0, 400, 204] and replies[0].text == "closed without an answer"
    assert replies[1].retry_after == "7" and len(replies[1].text) <= 1000


def test_a_token_of_two_lines_cannot_smuggle_a_header(tmp_path: Path) -> None:
    with serving(FakeHub()) as hub:
        reply, size = _uplink(hub.url, tmp_path, "t\r\nX-Netmon-Agent: other").post(("a x=1i 1",), {})
    assert reply.status == 0 and "header that cannot be sent" in reply.text and not hub.requests
    assert size == len(zlib.compress(b"a x=1i 1", 1, wbits=31))
