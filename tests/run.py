"""All checks and tests, in stages, with the time of each: what `make test` runs.

Order: the house (style, types, arrows), then tests that share the machine, then those that own it. With
NETMON_ORDINARY=USER:FOLDER (root only; FOLDER is a checkout of USER's in which `make setup` ran) that user's tests run beside
the last stage, on what it leaves of the machine: what root may must not hide what everybody else may not.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PYTEST = [sys.executable, "-m", "pytest", "-q", "--durations=8"]
STAGES: tuple[tuple[str, list[str]], ...] = (
    ("style", [str(BIN / "ruff"), "check", "."]),
    ("format", [str(BIN / "ruff"), "format", "--check", "--quiet", "."]),
    ("types", [str(BIN / "mypy")]),
    ("arrows", [str(BIN / "lint-imports"), "--no-cache"]),
    ("tests", [*PYTEST, "-n", "2", "-m", "not world"]),
    ("worlds", [*PYTEST, "-m", "world and not long"]),
)


Row = tuple[str, int, float]  # stage, exit code, seconds


def main() -> int:
    """Run every stage, even after one failed; the exit code says whether all passed."""
    rows = list[Row]()
    for name, command in STAGES:
        with _ordinary(rows) if name == "worlds" else nullcontext():
            words = [Path(command[0]).name, *command[1:]]
            print(f"=== {name}: {' '.join(words)}", flush=True)
            began = time.monotonic()
            code = subprocess.run(command, cwd=ROOT, check=False).returncode
            rows.append((name, code, time.monotonic() - began))
    print("\n=== stages")
    for name, code, took_s in rows:
        print(f"{name:10} {'ok' if code == 0 else f'FAILED ({code})':12} {took_s:7.1f} s")
    return 0 if all(code == 0 for _, code, _ in rows) else 1


@contextmanager
def _ordinary(rows: list[Row]) -> Iterator[None]:
    """An ordinary user's tests beside what runs within; nothing when nobody is named."""
    user, _, folder = os.environ.get("NETMON_ORDINARY", "").partition(":")
    if not user:
        yield
        return
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        running = _start_as(user, folder, said)
        try:
            yield
        finally:
            code = running.wait()
            rows.append(("ordinary", code, time.monotonic() - began))
            said.seek(0)
            print(f"=== ordinary: the tests of user {user}\n{said.read()[-4000:]}", flush=True)


def _start_as(user: str, folder: str, said: IO[str]) -> subprocess.Popen[str]:
    """On idle processors only, so that rates and delays measured meanwhile stay what they are."""
    home = pwd.getpwnam(user).pw_dir
    tests = [f"{folder}/.venv/bin/python", "-m", "pytest", "-q", "-n", "2", "-m", "not world"]
    kept = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8", "CI": os.environ.get("CI", "")}
    command = ["runuser", "-u", user, "--", "chrt", "--idle", "0", *tests]
    return subprocess.Popen(
        command, cwd=folder, env=kept, text=True, stdin=subprocess.DEVNULL, stdout=said, stderr=said
    )


if __name__ == "__main__":
    sys.exit(main())
