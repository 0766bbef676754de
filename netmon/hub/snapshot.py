"""What the hub remembers beside its segments, so that old ones can go: seen ranges, last rows, the total stored.

Written whole and renamed; it holds for everything up to its position and for nothing behind it.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from netmon.files import write_durably

log = logging.getLogger("netmon.hub")
FILE = "snapshot.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`position` (segment, offset); `seen` as `Seen.export`, `newest` as `Seen.newest`; `agents` and `checks` as
    `Live.export`."""

    position: tuple[int, int] = (0, 0)
    stored: int = 0
    seen: dict[str, dict[str, list[tuple[int, int]]]] = field(default_factory=dict)
    agents: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    newest: dict[str, dict[str, int]] = field(default_factory=dict)


def load(folder: Path) -> Snapshot:
    """The last snapshot; an empty one when there is none, or (told in the log) when it is damaged."""
    path = folder / FILE
    try:
        plain = json.loads(path.read_bytes())
        if plain.pop("version") != VERSION:
            raise ValueError("made by another version")
        segment, offset = plain.pop("position")
        return Snapshot(position=(int(segment), int(offset)), **plain)
    except FileNotFoundError:
        return Snapshot()
    except (ValueError, TypeError, KeyError) as fault:
        log.error("%s is damaged (%s): what the segments still hold is read instead", path, fault)
        return Snapshot()


def save(folder: Path, snapshot: Snapshot) -> None:
    """Write it durably."""
    write_durably(folder / FILE, json.dumps({"version": VERSION, **asdict(snapshot)}, separators=(",", ":")).encode())
