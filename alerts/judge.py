"""One rule's memory: for which series its condition holds, since when, and which of them fire.

Kept sparse: in a calm second nothing is touched but one array of truths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from alerts import compiled
from alerts.compiled import Values, View
from alerts.condition import Truth, asks
from alerts.rings import Array
from alerts.rules import Rule


class Judge:
    """A rule at work. Rows are those of its series (checks, or agents for silence)."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        tree = rule.condition
        self._true, self._false = compiled.truth(tree), compiled.truth(tree, False)
        self._over = self._clear(rule.recovery)
        self._value: Callable[[View], Any] | None = next((compiled.value(ask) for ask in asks(tree)), None)
        self._for_ms = int(rule.for_s * 1000)
        self._since: dict[int, int] = {}  # row → event time (ms) since which the condition holds
        self.firing: dict[int, float | None] = {}  # row → its latest figure
        self._is_held = np.zeros(256, bool)  # row in _since
        self._is_firing = np.zeros(256, bool)
        self.unknown = np.zeros(256, bool)
        self.changed = True  # since somebody looked at `unknown`

    def _clear(self, tree: Truth | None) -> Values | None:
        return None if tree is None else compiled.truth(tree)

    def widen(self, width: int) -> None:
        """Room for more rows."""
        for name in ("_is_held", "_is_firing", "unknown"):
            old = getattr(self, name)
            if len(old) < width:
                setattr(self, name, np.concatenate((old, np.zeros(width - len(old), bool))))

    def since_ms(self, row: int) -> int:
        """Event time since which a firing row's condition holds."""
        return self._since[row]

    def forget(self, rows: Array) -> None:
        """Series that begin anew keep what fires, and lose what only began."""
        for row in rows.tolist():
            if row in self._since and row not in self.firing:
                self._drop(row)

    def step(self, view: View, rows: Array, at_ms: Array, is_latest: Array) -> None:
        """Judge moments, ordered by row and time. `is_latest`: the last moment of its row."""
        shape = rows.shape
        true: Array = np.broadcast_to(self._true(view), shape)
        false: Array = np.broadcast_to(self._false(view), shape)
        self._note_unknown(rows[is_latest], ~(true | false)[is_latest])
        touched = np.flatnonzero((true & ~self._is_firing[rows]) | (false & self._is_held[rows]))
        if len(touched):
            self._follow(view, rows, at_ms, true, false, np.unique(rows[touched]))
        if self.firing:
            self._refresh(view, rows, is_latest)

    def _note_unknown(self, rows: Array, unknown: Array) -> None:
        if not np.array_equal(self.unknown[rows], unknown):
            self.unknown[rows] = unknown
            self.changed = True

    def _follow(self, view: View, rows: Array, at_ms: Array, true: Array, false: Array, these: Array) -> None:
        """Go through the moments of the rows in which something happens."""
        mark = np.zeros(len(self._is_held), bool)
        mark[these] = True
        over = None if self._over is None else np.broadcast_to(self._over(view), rows.shape)
        for at in np.flatnonzero(mark[rows]).tolist():
            row = int(rows[at])
            if true[at]:
                since = self._since.setdefault(row, int(at_ms[at]))
                self._is_held[row] = True
                if row not in self.firing and at_ms[at] - since >= self._for_ms:
                    self.firing[row] = None
                    self._is_firing[row] = True
            elif false[at] and row in self._since and (row not in self.firing or over is None or over[at]):
                self._drop(row)

    def _drop(self, row: int) -> None:
        del self._since[row]
        self._is_held[row] = self._is_firing[row] = False
        self.firing.pop(row, None)

    def _refresh(self, view: View, rows: Array, is_latest: Array) -> None:
        """The figures people see."""
        if self._value is None:
            return
        figures = np.broadcast_to(self._value(view), rows.shape)
        for at in np.flatnonzero(self._is_firing[rows] & is_latest).tolist():
            figure = float(figures[at])
            self.firing[int(rows[at])] = figure if np.isfinite(figure) else None

    def fired(self, is_mute: Array) -> Iterator[int]:
        """Rows that fire and can be judged. `is_mute`: by row, its agent does not speak."""
        return (row for row in self.firing if not is_mute[row])
