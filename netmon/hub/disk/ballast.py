"""Room on the disk that is ours already: given up piece by piece when the disk is full, so that pages can be kept."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

BYTES = 4 << 20
SHARE = 32  # of a small disk the ballast is at most this part
PIECE = 128 << 10  # some commits' worth


class Ballast:
    """A file whose blocks are taken. A disk without room for it has none, and that is no fault."""

    def __init__(self, path: Path, max_bytes: int = BYTES) -> None:
        self._path, self._max_bytes = path, max_bytes

    def fill(self) -> None:
        """Take the room, when the disk has plenty. Cheap when it is there already."""
        with contextlib.suppress(OSError):
            total, _, free = shutil.disk_usage(self._path.parent)
            wanted = min(self._max_bytes, total // SHARE) // PIECE * PIECE
            missing = wanted - self._size()
            if missing > 0 and free > 4 * wanted:
                handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    os.posix_fallocate(handle, 0, wanted)
                finally:
                    os.close(handle)

    def release(self) -> bool:
        """Give one piece of room back; whether there was one."""
        try:
            size = self._size()
            if size:
                os.truncate(self._path, max(0, size - PIECE))
        except OSError:
            return False
        return size > 0

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0
