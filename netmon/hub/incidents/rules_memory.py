"""The memory of rules on disk: written whole and renamed, beside the database that holds the incidents.

It holds for everything up to `judged`; what windows need is read back from `start` on. A memory that is missing or
damaged costs what lasts longer than the windows, and no incident.
"""

from __future__ import annotations

import io
import json
import logging
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alerts.engine.memory import Memory
from netmon.files import MISFITS, said_aside, set_aside, write_durably
from netmon.segments.position import Position, position_of

log = logging.getLogger("netmon.hub")
FILE = "rules.memory"
VERSION = 1
_HEAD = b"netmon rules memory %d\n" % VERSION
_WORDS = "words"


@dataclass(frozen=True, slots=True)
class Remembered:
    """`at_s`: the hub's wall clock when it was written; `engine` of rules; `book` of incidents."""

    start: Position
    judged: Position
    at_s: float
    engine: Memory
    book: dict[str, Any]


def save(folder: Path, remembered: Remembered) -> None:
    """Write it durably. Raises `OSError`."""
    plain = {
        "start": remembered.start,
        "judged": remembered.judged,
        "at_s": remembered.at_s,
        "book": remembered.book,
        "engine": remembered.engine.words,
    }
    words = np.frombuffer(json.dumps(plain, separators=(",", ":")).encode(), np.uint8)
    raw = io.BytesIO()
    np.savez(raw, allow_pickle=False, **{_WORDS: words, **remembered.engine.arrays})
    write_durably(folder / FILE, _HEAD + zlib.compress(raw.getbuffer(), 1))


def load(folder: Path) -> Remembered | None:
    """What was saved last; None when there is none, or (told in the log) when it is damaged."""
    path = folder / FILE
    try:
        return _read(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, *MISFITS, EOFError, SyntaxError, zlib.error, zipfile.BadZipFile, MemoryError) as fault:
        aside = said_aside(set_aside(path))
        log.error("%s cannot be used (%s): %s; rules remember what the last minutes say", path, fault, aside)
        return None


def _read(data: bytes) -> Remembered:
    if not data.startswith(_HEAD):
        raise ValueError("made by another version")
    with np.load(io.BytesIO(zlib.decompress(data[len(_HEAD) :])), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    plain = json.loads(arrays.pop(_WORDS).tobytes())
    start, judged = position_of(plain["start"]), position_of(plain["judged"])
    return Remembered(start, judged, float(plain["at_s"]), Memory(plain["engine"], arrays), plain["book"])
