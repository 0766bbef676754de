"""Lines that a far side refuses for good: in a file beside its cursor, bounded and counted, until somebody sends them again.

`NAME.refused.lp` is line protocol, for people to read. `netmon resend` renames it to `NAME.resend.lp`; the role that owns it
finds that, sends it, and puts back what is still refused.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

MAX_BYTES = 4_000_000
REFUSED, RESEND = ".refused.lp", ".resend.lp"


class SetAside:
    """The file of one destination. Used by its thread; `count` may be read from anywhere."""

    def __init__(self, folder: Path, name: str, max_bytes: int = MAX_BYTES) -> None:
        self.path, self._resend = folder / (name + REFUSED), folder / (name + RESEND)
        self._max_bytes = max_bytes
        self.count = _lines(self.path)

    def add(self, lines: Sequence[str]) -> int:
        """Keep lines, durably; how many there was no room for. Raises OSError, and then none is kept for sure."""
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(handle).st_size
            kept = list[bytes]()
            for line in lines:
                raw = line.encode("utf-8", "surrogateescape") + b"\n"
                if size + len(raw) > self._max_bytes:
                    break
                kept.append(raw)
                size += len(raw)
            _write(handle, b"".join(kept))
            os.fsync(handle)
        finally:
            os.close(handle)
        self.count += len(kept)
        return len(lines) - len(kept)

    def again(self) -> list[str]:
        """Lines somebody wants sent again."""
        try:
            text = self._resend.read_text(encoding="utf-8", errors="surrogateescape")
        except FileNotFoundError:
            return []
        self.count = _lines(self.path)
        return [line for line in text.split("\n") if line]

    def sent_again(self) -> None:
        """They were sent, and what was refused was added anew."""
        self._resend.unlink(missing_ok=True)


def ask_again(folder: Path, name: str) -> int:
    """Have what is set aside for a destination sent again; how many lines. Raises OSError, FileExistsError while the last
    ones are still on their way."""
    path, resend = folder / (name + REFUSED), folder / (name + RESEND)
    if resend.exists():
        raise FileExistsError(17, "the lines asked for before are still on their way", str(resend))
    count = _lines(path)
    if count:
        os.rename(path, resend)
    return count


def refusing(folder: Path) -> list[str]:
    """Destinations that have lines set aside."""
    return sorted(path.name.removesuffix(REFUSED) for path in folder.glob("*" + REFUSED))


def _lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except OSError:  # there is none, or none that can be read: adding to it will tell
        return 0


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
