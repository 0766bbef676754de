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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from alerts.engine.memory import Memory
from netmon.files import MISFITS, said_aside, set_aside, write_durably
from netmon.segments.position import Position, position_of

log = logging.getLogger("netmon.hub")
FILE, HISTORY = "rules.memory", "rules.history"
VERSION = 1
_HEAD = b"netmon rules memory %d\n" % VERSION
_HISTORY_HEAD = b"netmon rules history %d\n" % VERSION
_WORDS = "words"
_Read = TypeVar("_Read")


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
    packed = _packed(plain, remembered.engine)
    write_durably(folder / FILE, _HEAD + zlib.compress(packed, 1))


def _packed(plain: object, memory: Memory) -> memoryview:
    """An archive of arrays, the words among them; it knows when it is damaged."""
    words = np.frombuffer(json.dumps(plain, separators=(",", ":")).encode(), np.uint8)
    raw = io.BytesIO()
    np.savez(raw, allow_pickle=False, **{_WORDS: words, **memory.arrays})
    return raw.getbuffer()


def load(folder: Path) -> Remembered | None:
    """What was saved last; None when there is none, or (told in the log) when it is damaged."""
    return _loaded(folder / FILE, _read)


def save_history(folder: Path, history: Memory) -> None:
    """Write durably what was learnt over weeks: large numbers that hardly shrink, so as they are. Raises `OSError`."""
    write_durably(folder / HISTORY, _HISTORY_HEAD + bytes(_packed(history.words, history)))


def load_history(folder: Path) -> Memory | None:
    """What was learnt; None when there is nothing, or (told in the log) when it is damaged."""
    return _loaded(folder / HISTORY, _read_history)


def _loaded(path: Path, read: Callable[[bytes], _Read]) -> _Read | None:
    try:
        return read(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, *MISFITS, EOFError, SyntaxError, zlib.error, zipfile.BadZipFile, MemoryError) as fault:
        aside = said_aside(set_aside(path))
        log.error("%s cannot be used (%s): %s; rules remember what the last minutes say", path, fault, aside)
        return None


def _read(data: bytes) -> Remembered:
    if not data.startswith(_HEAD):
        raise ValueError("made by another version")
    plain, arrays = _unpacked(zlib.decompress(data[len(_HEAD) :]))
    start, judged = position_of(plain["start"]), position_of(plain["judged"])
    return Remembered(start, judged, float(plain["at_s"]), Memory(plain["engine"], arrays), plain["book"])


def _read_history(data: bytes) -> Memory:
    if not data.startswith(_HISTORY_HEAD):
        raise ValueError("made by another version")
    return Memory(*_unpacked(data[len(_HISTORY_HEAD) :]))


def _unpacked(data: bytes) -> tuple[Any, dict[str, Any]]:
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    return json.loads(arrays.pop(_WORDS).tobytes()), arrays
