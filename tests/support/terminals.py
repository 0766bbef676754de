"""A program on a real terminal: a pty read by pyte."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable

import pyte

WITHIN_S = 20.0


class Terminal:
    """A program on a pty and what its screen shows."""

    def __init__(self, command: list[str], columns: int = 80, lines: int = 24, **env: str) -> None:
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.near, far = pty.openpty()
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        full = {**os.environ, "TERM": "xterm-256color", **env}
        self.process = subprocess.Popen(command, stdin=far, stdout=far, stderr=far, env=full, start_new_session=True)
        os.close(far)
        threading.Thread(target=self._pump, daemon=True).start()

    def _pump(self) -> None:
        while True:
            try:
                self.stream.feed(os.read(self.near, 65536))
            except OSError:
                return

    def press(self, keys: str) -> None:
        os.write(self.near, keys.encode())

    def shows(self, text: str) -> bool:
        return wait_for(lambda: text in "\n".join(self.screen.display))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.near)


def wait_for(ready: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        if ready():
            return True
        time.sleep(0.05)
    return False
