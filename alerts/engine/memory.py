"""What rules must still know after a restart, as plain numbers and words: facts of every series, what each rule holds.

Windows are not in it: they fill again from the points of the last minutes. What lasts longer, as a `for` of ten
minutes, a hysteresis or a stream an hour, is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alerts.engine.rings import Array, Last
from alerts.engine.rule_state import RuleState
from alerts.engine.series import GAPS_KEPT, Series
from alerts.engine.tracks import ValueChange

STALE_MS = 8 * 86_400_000  # series that said nothing for longer are forgotten


@dataclass(slots=True)
class Memory:
    """`words` fit into JSON, `arrays` are numbers."""

    words: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)


def of_series(series: Series, frontier_ms: Array) -> tuple[Memory, Array]:
    """Everything of the series but their windows, and which rows those are."""
    newest = np.array(series.newest_ms, np.int64)
    kept = np.flatnonzero(frontier_ms - newest < np.maximum(STALE_MS, 10 * np.array(series.period_ms, np.int64)))
    memory = Memory()
    memory.words = {
        "names": [series.names[row] for row in kept.tolist()],
        "owners": [series.owners[row] for row in kept.tolist()],
        "kinds": list(series.kind_number),
        "tags": [list(tag) for tag in series.tag_number],
    }
    memory.arrays = {
        "kind": series.kind[kept],
        "facts": np.array(series.facts(), np.int64)[:, kept],
        "gaps": np.array([(*gaps, *(0,) * (GAPS_KEPT - len(gaps))) for gaps in series.gaps], np.int64)[kept],
        "times": np.array([series.since[kept], series.bucket[kept], series.judged_ms[kept]], np.int64),
        "tag": np.array([numbers[kept] for numbers in series.tag.values()], np.int64),
    }
    new_row = {row: number for number, row in enumerate(kept.tolist())}
    for name, (ring, of, _) in series.tracks.items():
        if isinstance(ring, Last):
            memory.arrays[f"last:{name}"] = ring.data[series.bucket[kept] % ring.length, kept]
        if isinstance(of, ValueChange):
            moved = [(new_row[row], value) for row, value in of.before.items() if row in new_row]
            memory.arrays[f"before:{name}"] = np.array(moved, np.float64).reshape(-1, 2)
    return memory, kept


def into_series(
    series: Series, memory: Memory, number_of: Callable[[str], int | None], began_ms: Callable[[int], int]
) -> Array:
    """Take it in over what was replayed; the row of each remembered series, -1 where its agent is no more.
    `began_ms`: from when on all points of an agent were fed again (0: none were)."""
    words, arrays = memory.words, memory.arrays
    kinds, owners = words["kinds"], words["owners"]
    rows = np.full(len(owners), -1, np.int64)
    for at, name in enumerate(words["names"]):
        agent = number_of(owners[at])
        if agent is None:
            continue
        row = series.number(name)
        if row is None:
            row = series.make(name, kinds[arrays["kind"][at]], owners[at], agent, int(arrays["times"][2, at]))
            series.bucket[row] = arrays["times"][1, at]
        series.own(row, agent, owners[at])
        rows[at] = row
    _tags(series, memory, rows)
    _facts(series, memory, rows, began_ms)
    _last(series, memory, rows)
    return rows


def _tags(series: Series, memory: Memory, rows: Array) -> None:
    known = np.flatnonzero(rows >= 0)
    numbers = [series.tag_number.setdefault((tag[0], tag[1]), len(series.tag_number)) for tag in memory.words["tags"]]
    table = np.array([*numbers, -1], np.int64)
    for name, remembered in zip(series.tag, memory.arrays["tag"], strict=True):
        series.tag[name][rows[known]] = table[remembered[known]]


def _facts(series: Series, memory: Memory, rows: Array, began_ms: Callable[[int], int]) -> None:
    remembered, gaps, times = (memory.arrays[name] for name in ("facts", "gaps", "times"))
    for at in np.flatnonzero(rows >= 0).tolist():
        row = int(rows[at])
        for facts, value in zip(series.facts(), remembered[:, at].tolist(), strict=True):
            facts[row] = value
        series.gaps[row] = tuple(gap for gap in gaps[at].tolist() if gap)
        began = began_ms(int(series.agent[row])) // 1000 or int(series.bucket[row])
        series.since[row] = max(int(times[0, at]), began)
        series.judged_ms[row] = times[2, at]
        series.note_failing(row)


def _last(series: Series, memory: Memory, rows: Array) -> None:
    known = np.flatnonzero(rows >= 0)
    for name, (ring, of, _) in series.tracks.items():
        remembered = memory.arrays.get(f"last:{name}")
        if isinstance(ring, Last) and remembered is not None:
            ring.data[:, rows[known]] = remembered[known]
        before = memory.arrays.get(f"before:{name}")
        if isinstance(of, ValueChange) and before is not None:
            of.before.update({int(rows[int(at)]): value for at, value in before.tolist() if rows[int(at)] >= 0})


def of_states(states: list[RuleState], kept: Array) -> Memory:
    """What rules hold, since when, and what fires. `kept`: the rows that are remembered."""
    memory = Memory({"rules": [state.rule.name for state in states]})
    for number, state in enumerate(states):
        memory.arrays[f"held:{number}"], memory.arrays[f"unknown:{number}"] = state.memory(kept)
    return memory


def into_states(states: list[RuleState], memory: Memory, rows: Array) -> None:
    """Take it in: rules are known by name. `rows`: of each remembered series, -1 where it is no more."""
    by_name = {state.rule.name: state for state in states}
    for number, name in enumerate(memory.words["rules"]):
        if state := by_name.get(name):
            state.recall(memory.arrays[f"held:{number}"], memory.arrays[f"unknown:{number}"], rows)


def join(parts: Mapping[str, Memory]) -> Memory:
    """Several memories as one."""
    whole = Memory()
    for name, part in parts.items():
        whole.words[name] = part.words
        whole.arrays |= {f"{name}/{key}": array for key, array in part.arrays.items()}
    return whole


def part(whole: Memory, name: str) -> Memory:
    """One of them again."""
    ahead = f"{name}/"
    arrays = {key[len(ahead) :]: array for key, array in whole.arrays.items() if key.startswith(ahead)}
    return Memory(whole.words[name], arrays)
