"""The lab's processes: each role is its own, started with this Python, its log in a file of its own."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from netmon.errors import HubUnreachable, MachineError
from netmon.hub_client import HubClient
from netmon.lab.space import ENV

NETMON = (sys.executable, "-I", "-m", "netmon")
TAIL = 1500


class Processes:
    """Started programs by name. `logs`: folder for what they say."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a program and keep it under `name`."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=ENV)

    def start_role(self, name: str, role: str, file: str, inside: Sequence[str] = ()) -> None:
        """Start a role of netmon by its file, through the words that run it on its host."""
        self.start(name, [*inside, *NETMON, role, "--config", str(self.logs / f"{file}.yaml")])

    def live(self, whose: str, for_s: float | None, stopped: Callable[[], bool], look: Callable[[float], None]) -> None:
        """Look five times a second (at the seconds since it began) until the time is up; raises MachineError when a
        program ended by itself."""
        began = time.monotonic()
        while not stopped() and (for_s is None or time.monotonic() - began < for_s):
            if name := self.dead():
                raise MachineError(f"{whose}{name} ended by itself (its log: {self.logs / name}.log)")
            look(time.monotonic() - began)
            time.sleep(0.2)

    def pid(self, name: str) -> int:
        """The process id of a running program."""
        return self._running[name].pid

    def stop(self, names: Sequence[str], *, within_s: float = 8.0) -> None:
        """Ask them all to end, then wait; what will not end is killed."""
        ending = [self._running.pop(name) for name in names if name in self._running]
        for process in ending:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + within_s
        for process in ending:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.05, deadline - time.monotonic()))
            if process.poll() is None:
                process.kill()
                process.wait()

    def kill(self, name: str) -> None:
        """SIGKILL one program: it gets no chance to say goodbye."""
        process = self._running.pop(name, None)
        if process is not None:
            process.kill()
            process.wait()

    def stop_all(self) -> None:
        """End everything, the last started first."""
        self.stop(list(self._running)[::-1])

    def dead(self) -> str:
        """The name of a program that ended by itself, "" when all run."""
        return next((name for name, process in self._running.items() if process.poll() is not None), "")

    def wait_for(self, ready: Callable[[], bool], what: str, within_s: float) -> None:
        """Wait until `ready`; raises MachineError with the log of whoever died meanwhile."""
        deadline = time.monotonic() + within_s
        while not ready():
            if name := self.dead():
                raise MachineError(f"the lab's {name} ended by itself; its log says:\n{self._tail(name)}")
            if time.monotonic() > deadline:
                raise MachineError(f"the lab waited {within_s:.0f} s for {what} (logs: {self.logs})")
            time.sleep(0.1)

    def _tail(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-TAIL:]


def write_file(path: Path, content: dict[str, Any]) -> None:
    """JSON is YAML: the same loader reads it, and a person can too."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def answers(client: HubClient) -> bool:
    """Does the hub answer?"""
    try:
        client.get("/api/v1/state")
    except HubUnreachable:
        return False
    return True
