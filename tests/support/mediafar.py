"""netmon's responder of media as a process of its own inside a namespace: a sender in our process would share its time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nets import Pair

NETMON = [sys.executable, "-I", "-m", "netmon"]


@contextmanager
def reflector(both: Pair, *more: str, media: str = "0.0.0.0:8622") -> Iterator[subprocess.Popen[str]]:
    """netmon's responder on the right side."""
    port = media.rpartition(":")[2]
    words = [*NETMON, "reflector", "--listen", f"127.0.0.1:{int(port) + 1000}", "--media", media, *more]
    process = both.start("right", words, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while f":{port}" not in both.run("right", ["ss", "-lunH"]).stdout:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(10)


def probe(both: Pair, *settings: str, target: str = "") -> dict[str, Any]:
    """What `netmon probe media` says from the left side."""
    words = [word for one in settings for word in ("--set", one)]
    done = both.run("left", [*NETMON, "probe", "media", target or both.right_ip, "-o", "json", *words])
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
