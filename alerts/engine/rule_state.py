"""One rule's memory: for which series its condition holds, since when, and which of them fire.

Kept sparse: in a calm second nothing is touched but one array of truths.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from alerts.base import Firing
from alerts.engine.compile import View, truth_of, values_of
from alerts.engine.rings import Array
from alerts.language.tree import figures_of
from alerts.rules import Rule


class RuleState:
    """A rule at work. Rows are those of its series (checks, or agents for silence)."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        tree, clear = rule.trees["when"], rule.trees.get("clear")
        self._true, self._false = truth_of(tree), truth_of(tree, False)
        self._over = None if clear is None else truth_of(clear)
        self._not_over = None if clear is None else truth_of(clear, False)
        self._value: Callable[[View], Any] | None = next((values_of(figure) for figure in figures_of(tree)), None)
        self._for_ms, self._keep_ms = int(rule.for_s * 1000), int(rule.keep_s * 1000)
        self._since: dict[int, int] = {}  # row → event time (ms) since which the condition holds
        self.firing: dict[int, float | None] = {}  # row → its latest figure
        self._over_ms: dict[int, int] = {}  # row that fires → event time since which it is over, but kept
        self._latest: dict[int, Firing] = {}  # as it was said last
        self._is_held = np.zeros(256, bool)  # row in _since
        self._is_firing = np.zeros(256, bool)
        self.unknown = np.zeros(256, bool)
        self._has_unknown = False
        self.changed = True  # since somebody looked at `unknown`

    def widen(self, width: int) -> None:
        """Room for more rows."""
        for name in ("_is_held", "_is_firing", "unknown"):
            old = getattr(self, name)
            if len(old) < width:
                setattr(self, name, np.concatenate((old, np.zeros(width - len(old), bool))))

    def forget(self, rows: Array) -> None:
        """Series that begin anew keep what fires, and lose what only began."""
        for row in rows.tolist():
            if row in self._since and row not in self.firing:
                self._drop(row)

    def memory(self, kept: Array) -> tuple[Array, Array]:
        """What it holds, as (index in `kept`, since, fires?, figure), and which of `kept` are unknown."""
        at = {row: number for number, row in enumerate(kept.tolist())}
        held = [
            (at[row], since, row in self.firing, _finite(self.firing.get(row)))
            for row, since in self._since.items()
            if row in at
        ]
        inside = kept[kept < len(self.unknown)]
        return np.array(held, np.float64).reshape(-1, 4), np.flatnonzero(self.unknown[inside])

    def recall(self, held: Array, unknown: Array, rows: Array) -> None:
        """Hold what was held, and nothing else. `rows`: where what was remembered stands now, -1: nowhere."""
        self.widen(int(rows.max(initial=0)) + 1)
        for row in list(self._since):
            self._drop(row)
        for at, since, fires, figure in held.tolist():
            if rows[int(at)] >= 0:
                self._hold(int(rows[int(at)]), int(since), bool(fires), figure if math.isfinite(figure) else None)
        those = rows[unknown.astype(np.int64)]
        self.unknown[rows[rows >= 0]] = False
        self.unknown[those[those >= 0]] = True
        self._has_unknown, self.changed = bool(self.unknown.any()), True

    def _hold(self, row: int, since_ms: int, fires: bool, figure: float | None) -> None:
        self._since[row] = since_ms
        self._is_held[row] = True
        if fires:
            self.firing[row], self._is_firing[row] = figure, True

    def believe(self, row: int, since_ms: int) -> None:
        """It fired before, as far as anybody remembers: until it is known to be over."""
        self.widen(row + 1)
        if row not in self.firing:
            self._hold(row, min(since_ms, self._since.get(row, since_ms)), True, None)

    def step(self, view: View, rows: Array, at_ms: Array, latest: Array) -> None:
        """Judge moments, ordered by row and time. `latest`: indices of the last moments of their rows."""
        true, false = self._judged(view, rows)
        self._note_unknown(rows, true | false, latest)
        if self._since:
            begins = true if self._over_ms else true & ~self._is_firing[rows]  # one that is kept may fire again
            touched = np.flatnonzero(begins | (false & self._is_held[rows]))
        else:
            touched = np.flatnonzero(true)
        if len(touched):
            self._follow(view, rows, at_ms, true, false, rows[touched])
        if self.firing:
            self._refresh(view, rows, latest)

    def _judged(self, view: View, rows: Array) -> tuple[Array, Array]:
        """Where the condition is true, where false; what is neither is what `nodata` takes it for."""
        true, false = _for_all(self._true(view), rows), _for_all(self._false(view), rows)
        if self.rule.nodata == "fire":
            true = ~false
        elif self.rule.nodata == "clear":
            false = ~true
        return true, false

    def without_data(self, rows: Array, at_ms: int) -> None:
        """Series nobody tells of: as `nodata` says."""
        for row in rows.tolist():
            if self.rule.nodata == "clear" and row in self._since:
                self._drop(row)
            elif self.rule.nodata == "fire" and row not in self.firing:
                since = self._since.get(row, at_ms)
                self._hold(row, since, at_ms - since >= self._for_ms, None)

    def _note_unknown(self, rows: Array, known: Array, latest: Array) -> None:
        if known.all() and not self._has_unknown:
            return
        unknown, those = ~known[latest], rows[latest]
        if not np.array_equal(self.unknown[those], unknown):
            self.unknown[those] = unknown
            self._has_unknown = bool(self.unknown.any())
            self.changed = True

    def _follow(self, view: View, rows: Array, at_ms: Array, true: Array, false: Array, these: Array) -> None:
        """Go through the moments of the rows in which something happens."""
        mark = np.zeros(len(self._is_held), bool)
        mark[these] = True
        over = None if self._over is None else self._ended(view, rows)
        for at in np.flatnonzero(mark[rows]).tolist():
            row = int(rows[at])
            if true[at]:
                since = self._since.setdefault(row, int(at_ms[at]))
                self._is_held[row] = True
                self._over_ms.pop(row, None)
                if row not in self.firing and at_ms[at] - since >= self._for_ms:
                    self.firing[row] = None
                    self._is_firing[row] = True
            elif false[at] and row in self._since:
                self._end(row, int(at_ms[at]), is_over=over is None or bool(over[at]))

    def _ended(self, view: View, rows: Array) -> Array:
        """Where `clear` holds, or what cannot be told is taken for it."""
        assert self._over is not None and self._not_over is not None
        if self.rule.nodata == "clear":
            return np.asarray(~_for_all(self._not_over(view), rows))
        return _for_all(self._over(view), rows)

    def _end(self, row: int, at_ms: int, *, is_over: bool) -> None:
        """Its condition does not hold. What fires goes on until `clear` holds, and for `keep` after it."""
        if row in self.firing and not is_over:
            self._over_ms.pop(row, None)
        elif row not in self.firing or at_ms - self._over_ms.setdefault(row, at_ms) >= self._keep_ms:
            self._drop(row)

    def _drop(self, row: int) -> None:
        del self._since[row]
        self._is_held[row] = self._is_firing[row] = False
        self.firing.pop(row, None)
        self._over_ms.pop(row, None)
        self._latest.pop(row, None)

    def _refresh(self, view: View, rows: Array, latest: Array) -> None:
        """The figures people see."""
        if self._value is None:
            return
        those = rows[latest]
        seen = latest[self._is_firing[those]]
        if len(seen):
            figures = _for_all(self._value(view), rows)[seen]
            for row, figure in zip(rows[seen].tolist(), figures.tolist(), strict=True):
                if figure != self.firing[row]:
                    self.firing[row] = figure if math.isfinite(figure) else None
                    self._latest.pop(row, None)

    def fired(
        self, is_mute: Array, names: Sequence[str], agents: Sequence[str], holds: Callable[[str], bool]
    ) -> Iterator[Firing]:
        """What fires and can be judged. By row: does its agent not speak, the check, the agent. `holds`: is it a time at
        which the rule holds for a check (`only`)?"""
        latest, is_sure = self._latest, self.rule.nodata == "fire"
        for row, value in self.firing.items():
            if (is_sure or not is_mute[row]) and holds(names[row]):
                firing = latest.get(row)
                if firing is None or firing.agent != agents[row]:
                    firing = latest[row] = self.firing_of(names[row], agents[row], self._since[row], value)
                yield firing

    def pending(self, names: Sequence[str], holds: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
        """(rule, series) whose condition holds, but not yet for as long as it must, or not at a time at which it counts."""
        if len(self._since) > len(self.firing) or self.rule.only != "always":
            for row in self._since:
                if row not in self.firing or not holds(names[row]):
                    yield self.rule.name, names[row]

    def firing_of(self, check: str, agent: str, since_ms: int, value: float | None) -> Firing:
        """One firing of the rule."""
        rule = self.rule
        return Firing(
            rule.name, rule.accuses, rule.severity, check, agent, since_ms, value, rule.whom, rule.shared_severity
        )


def _finite(figure: float | None) -> float:
    return math.nan if figure is None else figure


def _for_all(values: Any, rows: Array) -> Array:
    """One number for all moments as many."""
    return (
        values if isinstance(values, np.ndarray) and values.shape == rows.shape else np.broadcast_to(values, rows.shape)
    )
