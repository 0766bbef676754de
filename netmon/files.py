"""Small files that are there whole or not at all, after a power cut too."""

from __future__ import annotations

import os
from pathlib import Path


def write_durably(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace a file: written beside it, fsynced, renamed, its folder fsynced. Raises OSError; then the old stays."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)  # of a power cut: its mode may be another
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        new.unlink(missing_ok=True)  # on a full disk half a file helps nobody
        raise
    os.replace(new, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
