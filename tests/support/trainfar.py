"""netmon's responder of trains as a process of its own inside a namespace: a sender in our process would share its time."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from nets import Pair

NETMON = [sys.executable, "-I", "-m", "netmon"]
UNBOUNDED = (
    "import asyncio\nfrom probes.answer.streams.train import TrainLimits, serve\n"
    "asyncio.run(serve('0.0.0.0', 8621, limits=TrainLimits(bytes_per_minute=10**12)))"
)


@contextmanager
def reflector(both: Pair, *more: str) -> Iterator[None]:
    """netmon's responder on the right side, a process of its own."""
    words = [*NETMON, "reflector", "--listen", "0.0.0.0:8620", "--train", "0.0.0.0:8621", *more]
    process = both.start("right", words, stderr=subprocess.DEVNULL)
    try:
        _wait(both, process)
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def unbounded(both: Pair) -> Iterator[None]:
    """A responder that sends as many bytes a minute as are asked for: a bench asks for more than a source may have."""
    process = both.start("right", [sys.executable, "-I", "-c", UNBOUNDED], stderr=subprocess.DEVNULL)
    try:
        _wait(both, process)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _wait(both: Pair, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 10
    while ":8621" not in both.run("right", ["ss", "-lunH"]).stdout:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
