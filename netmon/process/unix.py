"""A listening Unix socket that only its owner may open, from its first moment on."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from netmon.files import make_folder


def listen(path: Path, backlog: int = 64) -> socket.socket:
    """The socket, non-blocking; what stood at `path` is replaced. Raises OSError."""
    make_folder(path.parent)
    remove(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        sock.bind(str(path))
        sock.listen(backlog)
    except OSError:
        sock.close()
        raise
    finally:
        os.umask(before)
    sock.setblocking(False)
    return sock


def remove(path: Path) -> None:
    """Take the name away; nobody new comes in."""
    path.unlink(missing_ok=True)
