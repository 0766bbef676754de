"""All checks and tests in lanes, with the time of each: what `make test` runs.

At first the worlds that mostly wait (namespaces, whole programs), several at once, and beside them with less right to the
processor: types, style and arrows, then the tests that share a machine. Then, with nothing beside them, the worlds that judge
rates, loss or delays (marker `alone`), two at once. With NETMON_ORDINARY=USER:FOLDER (root only; FOLDER is a checkout of
USER's), as soon as the waiting worlds are done, `make setup` and the tests that share a machine once more as that user: what
root may must not hide what everybody else may not.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
PYTEST = ["-m", "pytest", "-q", "--durations=8"]
SHARING = ["-n", str(min(2 * PROCESSORS, 12)), "-m", "not world"]  # they wait, too, half of the time
WAITING = ["-n", "3", "--dist", "loadfile", "-m", "world and not alone and not long"]
ALONE = ["-n", "2", "--dist", "loadfile", "-m", "alone and not long"]  # a processor each: they use a sixth of one
# Reads every file of tests once: the workers find them compiled, where each would compile them all.
COLLECT = ["-m", "pytest", "-qq", "--collect-only", *SHARING[2:]]
ASIDE = ["nice", "-n", "10"]  # and not on idle processors only: a test that never gets a turn fails for that
# Whoever runs them, they say the same: the house's own tests, rooms that open no socket and no file, and simulations whose only
# files lie in a folder of their own. Whatever asks for a right, a port, a program or somebody else's file is not among them.
SAME_FOR_ALL = (
    "house",
    "probes/wire",
    "inventory",
    "alerts/blame",
    "alerts/engine",
    "alerts/language",
    "alerts/test_*",
    "*/test_verdict.py",
    "probes/kinds/capacity/test_agreement.py",
    "netmon/config/walker",
    "netmon/conference/mcu/test_adapters.py",
    "netmon/conference/sheet/test_fonts.py",
    "netmon/conference/sheet/test_importer*",
    "netmon/hub/incidents/test_evaluator.py",
    "netmon/hub/test_lives.py",
    "netmon/hub/test_states.py",
    "netmon/load",
    "netmon/report/test_utilisation.py",
)
SECONDS = {"types": 15, "style": 1, "format": 1, "arrows": 1, "collect": 15, "tests": 180}  # on two processors
SECONDS |= {"setup": 18, "reading": 15, "ordinary": 100, "waiting": 130, "alone": 60}
TAKEN = ROOT / ".pytest_cache" / "netmon-seconds.json"  # what each stage took the last time here
SHOWN_EVERY_S = 30  # where there is no terminal
_DOTS = re.compile(r"^([.sxXFE]+) +\[ *(\d+)%\]$")
_NOISE = re.compile(r"^(?:[.sxXFE]+ +\[ *\d+%\]|SKIPPED .*|bringing up nodes\.*|tests/\S+: \d+|)$")
_SKIPPED = re.compile(r"^SKIPPED \[(\d+)\] \S+: (.*)$")
_began = time.monotonic()
_stopped = threading.Event()


@dataclass
class Stage:
    """One command; what it prints is kept until it has ended, for others run at the same time."""

    name: str
    command: list[str]
    folder: Path = ROOT
    environ: dict[str, str] | None = None
    code: int | None = None
    took_s: float = 0.0
    cpu_s: float = 0.0  # of it and of all it started and waited for
    is_running: bool = False
    printed: IO[str] = field(default_factory=lambda: tempfile.TemporaryFile("w+"), repr=False)  # noqa: SIM115 (closed with it)

    def run(self) -> None:
        """Run it to its end."""
        began, self.is_running = time.monotonic(), True
        code = self._call()
        self.took_s, self.is_running = time.monotonic() - began, False
        self.code = code

    def _call(self) -> int:
        out, none = self.printed, subprocess.DEVNULL
        try:
            child = subprocess.Popen(
                self.command, cwd=self.folder, env=self.environ, stdin=none, stdout=out, stderr=out
            )
        except OSError as fault:
            out.write(f"{fault}\n")
            out.flush()
            return 127
        _, status, used = os.wait4(child.pid, 0)
        self.cpu_s = used.ru_utime + used.ru_stime
        child.returncode = os.waitstatus_to_exitcode(status)
        return child.returncode

    def lines(self) -> list[str]:
        """What it has printed."""
        return os.pread(self.printed.fileno(), 1 << 28, 0).decode(errors="replace").splitlines()

    def progress(self) -> str:
        """Its name, how far it is and what failed, where it tells."""
        dots = [found for line in self.lines() if (found := _DOTS.match(line))]
        failed = sum(found[1].count("F") + found[1].count("E") for found in dots)
        return f"{self.name}{f' {dots[-1][2]} %' if dots else ''}{f', {failed} FAILED' if failed else ''}"

    def report(self) -> Iterator[str]:
        """What a reader wants of what it printed: no dots, no praise; skipped tests are told for all stages together."""
        yield f"=== {self.name} {self.verdict} in {self.took_s:.0f} s"
        if self.code or "pytest" in self.command:
            yield from (line for line in self.lines() if not _NOISE.match(line))

    @property
    def verdict(self) -> str:
        """In a word."""
        return "ok" if self.code == 0 else f"FAILED ({self.code})"

    def skipped(self) -> Counter[str]:
        """How many tests were skipped, by the reason."""
        many = Counter[str]()
        for line in self.lines():
            if found := _SKIPPED.match(line):
                many[found[2]] += int(found[1])
        return many


def _house() -> list[Stage]:
    return [
        Stage("types", [*ASIDE, str(BIN / "mypy")]),
        Stage("style", [*ASIDE, str(BIN / "ruff"), "check", "."]),
        Stage("format", [*ASIDE, str(BIN / "ruff"), "format", "--check", "--quiet", "."]),
        Stage("arrows", [*ASIDE, str(BIN / "lint-imports"), "--no-cache"]),
    ]


def _ordinary() -> list[Stage]:
    """An ordinary user's setup and tests, when one is named; only what can differ by user."""
    user, _, folder = os.environ.get("NETMON_ORDINARY", "").partition(":")
    if not user:
        return []
    kept = {
        "PATH": os.environ["PATH"],
        "HOME": pwd.getpwnam(user).pw_dir,
        "TMPDIR": str(_own_tmp(user)),
        "LANG": "C.UTF-8",
        "CI": os.environ.get("CI", ""),
    }
    setup = ["make", "--no-print-directory", "setup", "PYTHON=/usr/bin/python3"]
    python, as_user = f"{folder}/.venv/bin/python", [*ASIDE, "runuser", "-u", user, "--"]
    ignored = [f"--ignore-glob={folder}/tests/{room}" for room in SAME_FOR_ALL]
    tests = [python, *PYTEST, f"--basetemp={kept['TMPDIR']}/p", *SHARING, *ignored]
    return [
        Stage("setup", [*as_user, *setup], Path(folder), kept),
        Stage("reading", [*as_user, python, *COLLECT, *ignored], Path(folder), kept),
        Stage("ordinary", [*as_user, *tests], Path(folder), kept),
    ]


def _own_tmp(user: str) -> Path:
    """A new folder in the user's own for what his tests write: in /tmp, somebody else's of the same name may be in the way.

    Its name is short, for so must be the paths of unix sockets.
    """
    folder = Path(pwd.getpwnam(user).pw_dir, "t")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    shutil.chown(folder, user)
    return folder


def _run(lanes: Sequence[Sequence[Stage]]) -> None:
    """Each lane's stages one after the other, the lanes at the same time; shows how far they are."""
    threads = [threading.Thread(target=_run_lane, args=(lane,)) for lane in lanes]
    for thread in threads:
        thread.start()
    try:
        _show([stage for lane in lanes for stage in lane])
    finally:
        _stopped.set()  # an interrupt ends the running stages by itself, and none begins after it
        for thread in threads:
            thread.join()
        _stopped.clear()


def _run_lane(lane: Sequence[Stage]) -> None:
    for stage in lane:
        if not _stopped.is_set():
            stage.run()


def _show(stages: list[Stage]) -> None:
    """Until all have ended: how far they are, and what each said at its end."""
    shown = time.monotonic()
    end, every_s = ("\r", 0.5) if sys.stdout.isatty() else ("\n", SHOWN_EVERY_S)
    while stages:
        time.sleep(0.5)
        for stage in [stage for stage in stages if stage.code is not None]:
            stages.remove(stage)
            print(*stage.report(), sep="\n", flush=True)
        if stages and time.monotonic() - shown >= every_s:
            shown = time.monotonic()
            running = "; ".join(stage.progress() for stage in stages if stage.is_running)
            print(f"{shown - _began:4.0f} s: {running}".ljust(79), end=end, flush=True)


def _expected_s(phases: Sequence[Sequence[Sequence[Stage]]]) -> float:
    """What they took the last time here, or else where this was written."""
    known: dict[str, float] = SECONDS | (json.loads(TAKEN.read_text()) if TAKEN.exists() else {})
    return sum(max(sum(known[stage.name] for stage in lane) for lane in lanes) for lanes in phases)


def _summary(stages: Sequence[Stage]) -> Iterator[str]:
    yield "\n=== stages"
    for stage in stages:
        yield f"{stage.name:10} {stage.verdict:12} {stage.took_s:7.1f} s, {stage.cpu_s:7.1f} s of a processor"
    skipped = sum((stage.skipped() for stage in stages if stage.name != "ordinary"), Counter[str]())
    if skipped:
        reasons = "; ".join(f"{many}: {reason}" for reason, many in skipped.most_common())
        yield f"{skipped.total()} tests were skipped ({reasons}): on Debian, `.ci/run` as root installs what is missing and runs them"


def main() -> int:
    """Run every stage, even after one failed; the exit code says whether all passed."""
    aside = [
        *_house(),
        Stage("collect", [*ASIDE, sys.executable, *COLLECT]),
        Stage("tests", [*ASIDE, sys.executable, *PYTEST, *SHARING]),
    ]
    waiting, alone = (
        Stage(name, [sys.executable, *PYTEST, *which]) for name, which in (("waiting", WAITING), ("alone", ALONE))
    )
    after = _ordinary()
    phases = [[[waiting, *after], aside], [[alone]]]
    aside_names = ", ".join(stage.name for stage in [*aside, *after])
    print(
        f"{aside_names} beside worlds that wait, then worlds alone: about {_expected_s(phases) / 60:.0f} min",
        flush=True,
    )
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each of hundreds of programs would compile all of itself
    for lanes in phases:
        _run(lanes)
    stages = [*aside, waiting, *after, alone]
    print(*_summary(stages), sep="\n")
    TAKEN.parent.mkdir(exist_ok=True)
    TAKEN.write_text(json.dumps({stage.name: round(stage.took_s) for stage in stages}))
    return 0 if all(stage.code == 0 for stage in stages) else 1


if __name__ == "__main__":
    sys.exit(main())
