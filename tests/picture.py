"""The console's picture of the README: a lab with a cut uplink, drawn by Rich. `make picture` runs it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

NETMON = [sys.executable, "-m", "netmon"]
DRAWN_AFTER_S = 18.0  # eight seconds into the outage: the incident is open, its page is out


def main(picture: str) -> int:
    """Draw into a file; the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["up", "--lab", "6", "--scenario", "uplink-cut", "--for", "22s", "--no-console", "--keep", folder]
        with subprocess.Popen([*NETMON, *words], stdout=subprocess.PIPE, text=True) as lab:
            assert lab.stdout is not None
            next(line for line in lab.stdout if " started " in line)
            time.sleep(DRAWN_AFTER_S)
            hub = str(Path(folder) / "hub.sock")
            drawn = subprocess.run([*NETMON, "--lang", "en", "console", "--hub", hub, "--svg", picture], check=False)
    return drawn.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
