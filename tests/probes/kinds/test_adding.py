"""docs/probes/adding.md is true: its file, line and page make a kind that passes the suite and measures."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import ROOMS, ROOT

PAGE = (ROOT / "docs" / "probes" / "adding.md").read_text(encoding="utf-8")
LAST_LINE = re.compile(r'^    "tls": .*\n', re.MULTILINE)


def block(heading: str) -> str:
    """The code below a heading."""
    found = re.search(rf"^## {heading}[^\n]*\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found[1]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the example in it."""
    copy = tmp_path_factory.mktemp("project")
    for name in (*ROOMS, "tests/support", "docs/probes"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "tests/probes/kinds").mkdir(parents=True)
    for name in ("pyproject.toml", "tests/conftest.py", "tests/probes/kinds/test_contract.py"):
        shutil.copy(ROOT / name, copy / name)
    (copy / "probes/kinds/echo.py").write_text(block("The file"), encoding="utf-8")
    (copy / "docs/probes/echo.md").write_text(block("The page"), encoding="utf-8")
    catalog = copy / "probes/catalog.py"
    text, lines = LAST_LINE.subn(lambda last: last[0] + block("The line"), catalog.read_text(encoding="utf-8"))
    assert lines == 1
    catalog.write_text(text, encoding="utf-8")
    return copy


def run(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A module of the copy, and of nothing else."""
    environment = {**os.environ, "PYTHONPATH": str(project)}
    return subprocess.run([sys.executable, "-m", *words], cwd=project, env=environment, capture_output=True, text=True)


@pytest.mark.needs("netns", "nft")
def test_the_suite_takes_it_up_and_it_passes(project: Path) -> None:
    done = run(project, "pytest", "-q", "-p", "no:cacheprovider", "tests/probes/kinds/test_contract.py", "-k", "echo")
    assert done.returncode == 0 and re.search(r"^8 passed", done.stdout, re.MULTILINE), done.stdout + done.stderr


@pytest.fixture
def mirror() -> Iterator[int]:
    """The port of an echo server."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        ended = threading.Event()

        def answer() -> None:
            while not ended.is_set():
                data, source = sock.recvfrom(2000)
                sock.sendto(data, source)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield sock.getsockname()[1]
        ended.set()
        sock.sendto(b"", sock.getsockname())
        thread.join()


def test_the_command_measures_with_it(project: Path, mirror: int) -> None:
    done = run(project, "netmon", "probe", "echo", f"127.0.0.1:{mirror}", "-n", "1", "--set", "size=100", "-o", "json")
    measured = json.loads(done.stdout)
    assert (done.returncode, measured["kind"], measured["outcome"]) == (0, "echo", "OK")
    assert measured["values"]["rcvd"] == 1 and 0 < measured["values"]["rtt_ms"] < 1000


def test_the_file_is_as_clean_as_the_others(project: Path) -> None:
    for words in (["check", "--ignore", "I"], ["format", "--check"]):
        done = run(project, "ruff", *words, "probes/kinds/echo.py")
        assert done.returncode == 0, done.stdout + done.stderr
