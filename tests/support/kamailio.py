"""A running kamailio for tests."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from probes.base import Outcome, Target
from probes.kinds.sip.kind import SipSettings, run

_PATH = os.environ.get("PATH", "") + ":/usr/sbin"


def answers(port: int) -> bool:
    """Whether OPTIONS over UDP are answered yet."""
    return asyncio.run(run(Target(f"127.0.0.1:{port}"), SipSettings(timeout_s=0.5), 1)).outcome == Outcome.OK


@contextmanager
def running(folder: Path, config: Path, defines: Mapping[str, str], is_up: Callable[[], bool]) -> Iterator[None]:
    """kamailio with this file and these `-A` definitions, from when it is up; its log stands in `folder`."""
    program = shutil.which("kamailio", path=_PATH)
    assert program
    memory, state = ["-m", "32", "-M", "4"], ["-P", str(folder / "pid"), "-Y", str(folder)]
    defined = [word for name, value in defines.items() for word in ("-A", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        command = [program, "-f", str(config), "-DD", "-E", *memory, *state, *defined]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            until = time.monotonic() + 30
            while not is_up():
                assert process.poll() is None and time.monotonic() < until, (folder / "log").read_text()[-2000:]
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(20)
