"""What the hub remembers beside its segments, so that old ones can go: seen ranges, last rows, the total stored.

Written whole and renamed; it holds for everything up to its position and for nothing behind it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from netmon.files import read_state, write_state
from netmon.hub.state.live import Row
from netmon.segments.position import position_of

FILE = "snapshot.json"
VERSION = 1
_CHECK_TEXTS = ("check", "agent", "site", "commune", "province", "kind")


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
    """The last snapshot; an empty one when there is none, or (set aside and told in the log) when it is damaged."""
    known = read_state(folder / FILE, _snapshot, "what the segments still hold is read instead")
    return known or Snapshot()


def save(folder: Path, snapshot: Snapshot) -> None:
    """Write it durably."""
    write_state(folder / FILE, {"version": VERSION, **asdict(snapshot)})


def _snapshot(plain: Any) -> Snapshot:
    if plain.pop("version") != VERSION:
        raise ValueError("made by another version")
    position = position_of(plain.pop("position"))
    stored, seen = _count(plain.pop("stored", 0)), _seen(plain.pop("seen", {}))
    agents = [_row(row, ("agent", "site"), ("arrived_ms", "points")) for row in plain.pop("agents", [])]
    checks = [_row(row, _CHECK_TEXTS, ("at_ms", "outcome")) for row in plain.pop("checks", [])]
    newest = {
        agent: {boot: _count(at_ms) for boot, at_ms in boots.items()}
        for agent, boots in plain.pop("newest", {}).items()
    }
    if plain:
        raise ValueError(f"{sorted(plain)[0]!r} is not known")
    return Snapshot((position.segment, position.offset), stored, seen, agents, checks, newest)


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError("a count is none")
    return value


def _seen(plain: Any) -> dict[str, dict[str, list[tuple[int, int]]]]:
    return {
        agent: {boot: [_interval(*pair) for pair in pairs] for boot, pairs in boots.items()}
        for agent, boots in plain.items()
    }


def _interval(first: Any, last: Any) -> tuple[int, int]:
    if _count(first) > _count(last):
        raise ValueError("a range of numbers ends before it begins")
    return first, last


def _row(row: Any, texts: tuple[str, ...], counts: tuple[str, ...]) -> Row:
    """A row of `Live.export`: texts and counts it always has, and numbers else."""
    for name in texts:
        if type(row[name]) is not str:
            raise TypeError(f"{name} is no text")
    for name in counts:
        _count(row[name])
    values = row["values"] if "check" in texts else {}
    for name, value in (*row.items(), *values.items()):
        if name not in texts and name != "values" and not (value is None or type(value) in (int, float)):
            raise TypeError(f"{name} is no number")
    return dict(row)
