"""All checks and tests, with the time of each: what `make test` runs.

First the house (style, types, arrows). Then the worlds, one after the other: they build namespaces or start whole programs, judge
rates and delays, and mostly wait. Beside them, on idle processors only, the tests that share a machine; and with
NETMON_ORDINARY=USER:FOLDER (root only; FOLDER is a checkout of USER's in which `make setup` ran) the same once more as that
user: what root may must not hide what everybody else may not.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PYTEST = [sys.executable, "-m", "pytest", "-q", "--durations=8"]
SHARED = ["-n", "2", "-m", "not world"]
IDLE = ["chrt", "--idle", "0"] if shutil.which("chrt") else ["nice", "-n", "19"]
_printing = threading.Lock()


@dataclass
class Stage:
    """One command; `aside`: its words are told when it has ended, for others run at the same time."""

    name: str
    command: list[str]
    folder: Path = ROOT
    aside: bool = True
    environ: dict[str, str] | None = None
    code: int = 0
    took_s: float = field(default=0.0)

    def run(self) -> None:
        """Run it to its end."""
        with _printing:
            shown = [Path(self.command[0]).name, *self.command[1:]]
            print(f"=== {self.name}: {' '.join(shown)}", flush=True)
        began = time.monotonic()
        with tempfile.TemporaryFile("w+") as said:
            out = said if self.aside else None
            done = subprocess.run(
                self.command,
                cwd=self.folder,
                env=self.environ,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                check=False,
            )
            self.code, self.took_s = done.returncode, time.monotonic() - began
            said.seek(0)
            with _printing:
                print(f"{said.read()}=== {self.name} took {self.took_s:.0f} s", flush=True)


def _house() -> list[Stage]:
    return [
        Stage("types", [str(BIN / "mypy")]),
        Stage("style", [str(BIN / "ruff"), "check", "."]),
        Stage("format", [str(BIN / "ruff"), "format", "--check", "--quiet", "."]),
        Stage("arrows", [str(BIN / "lint-imports"), "--no-cache"]),
    ]


def _ordinary() -> list[Stage]:
    """An ordinary user's tests, when one is named."""
    user, _, folder = os.environ.get("NETMON_ORDINARY", "").partition(":")
    if not user:
        return []
    tests = [f"{folder}/.venv/bin/python", "-m", "pytest", "-q", *SHARED]
    kept = {
        "PATH": os.environ["PATH"],
        "HOME": pwd.getpwnam(user).pw_dir,
        "LANG": "C.UTF-8",
        "CI": os.environ.get("CI", ""),
    }
    command = [*IDLE, "runuser", "-u", user, "--", *tests]
    return [Stage("ordinary", command, Path(folder), environ=kept)]


def _together(*lanes: Sequence[Stage]) -> None:
    """Each lane's stages one after the other, the lanes at the same time."""
    threads = [threading.Thread(target=lambda lane=lane: [stage.run() for stage in lane]) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> int:
    """Run every stage, even after one failed; the exit code says whether all passed."""
    house, worlds = _house(), Stage("worlds", [*PYTEST, "-m", "world and not long"], aside=False)
    shared = [Stage("tests", [*IDLE, *PYTEST, *SHARED]), *_ordinary()]
    _together(house[:1], house[1:])
    _together([worlds], shared)
    stages = [*house, *shared, worlds]
    print("\n=== stages")
    for stage in stages:
        print(f"{stage.name:10} {'ok' if stage.code == 0 else f'FAILED ({stage.code})':12} {stage.took_s:7.1f} s")
    return 0 if all(stage.code == 0 for stage in stages) else 1


if __name__ == "__main__":
    sys.exit(main())
