"""From a condition's tree to numpy functions over many moments of many series at once. No text is ever evaluated.

Every condition becomes two functions, one for "true" and one for "false": where neither says yes it is unknown.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from alerts.condition import Arithmetic, Ask, Both, Compare, Const, Group, Not, Truth, Value
from alerts.rings import Array, Extreme, Sum
from alerts.series import QUANTILES, Series
from alerts.words import PERIOD, field_type


class View(Protocol):
    """Moments of series: what a condition asks of them."""

    def ask(self, ask: Ask) -> Array:
        """A measured figure in its type's own unit, NaN where it is unknown."""

    def group(self, group: Group) -> Array:
        """A group's figure, NaN where there is no group."""


Values = Callable[[View], Any]  # an array, or one number for all
_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": lambda left, right: (left < right) | (left > right),  # NaN differs from nothing
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": np.true_divide,
}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


def value(node: Value) -> Values:
    """The values of a node."""
    match node:
        case Const():
            number = np.float64(node.value)
            return lambda view: number
        case Ask():
            return lambda view: view.ask(node)
        case Group():
            return lambda view: view.group(node)
        case Arithmetic():
            left, right, sign = value(node.left), value(node.right), _SIGNS[node.op]
            return lambda view: sign(left(view), right(view))


def truth(node: Truth, wanted: bool = True) -> Values:
    """Where a condition is known to be true (or, `wanted` False, known to be false)."""
    match node:
        case Compare():
            left, right = value(node.left), value(node.right)
            sign = _SIGNS[node.op if wanted else _OPPOSITE[node.op]]
            return lambda view: sign(left(view), right(view))
        case Not():
            return truth(node.cond, not wanted)
        case Both():
            one, other = truth(node.left, wanted), truth(node.right, wanted)
            join = operator.and_ if (node.op == "and") == wanted else operator.or_
            return lambda view: join(one(view), other(view))


class Moments:
    """Moments of checks: `rows` at `at_ms`, ordered by row and then by time."""

    def __init__(self, series: Series, rows: Array, at_ms: Array, groups: Mapping[Group, Array]) -> None:
        self.rows, self.at_ms = rows, at_ms
        self._series, self._groups = series, groups
        self._buckets = at_ms // 1000
        self._known: dict[Ask, Array] = {}
        self._covered: dict[int, Array] = {}
        self._raw: dict[tuple[str, int], Array] = {}

    def ask(self, ask: Ask) -> Array:
        """See `View`. Remembered: rules share windows."""
        found = self._known.get(ask)
        if found is None:
            found = self._known[ask] = self._unknown_where_bare(ask, self._figure(ask))
        return found

    def group(self, group: Group) -> Array:
        """See `View`."""
        return np.asarray(self._groups[group][self.rows])

    def _unknown_where_bare(self, ask: Ask, found: Array) -> Array:
        """A window that reaches back behind the series' beginning, or into a hole, says nothing."""
        if not ask.window_s:
            return found
        covered = self._covered.get(ask.window_s)
        if covered is None:
            since = self._series.since[self.rows]
            covered = self._covered[ask.window_s] = self._buckets - ask.window_s + 1 >= since
        return found if covered.all() else np.where(covered, found, np.nan)

    def _figure(self, ask: Ask) -> Array:
        name, what, window = ask.function, ask.what, ask.window_s
        if name == "age":
            return np.asarray(np.maximum(self.at_ms - self._last(f"time:{what}"), 0) / 1000)
        if name == "missed":
            return self._last(f"run:{what}")
        if name == PERIOD:
            return self._last("period") / 1000
        if name == "last":
            return self._last(f"last:{what}") * field_type(what)[1]
        if name in QUANTILES:
            assert self._series.spreads is not None
            return self._series.spreads.value(window, QUANTILES[name], self.rows)
        return self._windowed(name, what, window)

    def _windowed(self, name: str, what: str, window: int) -> Array:
        if name == "sent":
            return self._over("count:sent", window).astype(np.float64)
        if name in ("lost", "loss"):
            sent = self._over("count:sent", window)
            lost = (sent - self._over("count:reply", window)).astype(np.float64)
            return lost if name == "lost" else np.true_divide(lost, sent)
        if name == "count":
            known = f"count:{what}"
            return self._over(known if known in self._series.tracks else f"count:field:{what}", window).astype(float)
        factor = field_type(what)[1]
        if name == "avg":
            return np.true_divide(self._over(f"sum:{what}", window), self._over(f"count:field:{what}", window)) * factor
        return self._over(f"{'low' if name == 'min' else 'high'}:{what}", window) * factor

    def _last(self, track: str) -> Array:
        return self._series.tracks[track].ring.take(self.rows, self._buckets)

    def _over(self, track: str, window: int) -> Array:
        found = self._raw.get((track, window))
        if found is None:
            ring = self._series.tracks[track].ring
            assert isinstance(ring, Sum | Extreme)
            found = self._raw[track, window] = ring.over(self.rows, self._buckets, window)
        return found


class Writers:
    """Moments of agents, for rules about silence: `arrived_ms` and `period_ms` of each, at one moment of arrival."""

    def __init__(self, arrived_ms: Array, period_ms: Array, now_ms: int) -> None:
        self._age = np.maximum(now_ms - arrived_ms, 0) / 1000
        self._period = period_ms / 1000

    def ask(self, ask: Ask) -> Array:
        """See `View`."""
        return self._period if ask.function == PERIOD else self._age

    def group(self, group: Group) -> Array:
        """Agents have no groups."""
        return np.full(len(self._age), np.nan)
