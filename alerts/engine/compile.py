"""From a condition's tree to numpy functions over many moments of many series at once. No text is ever evaluated.

Every condition becomes two functions, one for "true" and one for "false": where neither says yes it is unknown.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from alerts.engine.long_term import BASELINES, WEEKS
from alerts.engine.rings import Array, Extreme, Ring, WindowExtremes
from alerts.engine.series import QUANTILES, Series, bucket_before
from alerts.language.tree import Arithmetic, Both, Compare, Const, Figure, GroupFigure, Not, Truth, Value
from alerts.language.vocabulary import PERIOD, field_type


class View(Protocol):
    """Moments of series: what a condition asks of them."""

    def figure(self, figure: Figure) -> Array:
        """A measured figure in its type's own unit, NaN where it is unknown."""

    def group(self, group: GroupFigure) -> Array:
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


def values_of(node: Value) -> Values:
    """The values of a node."""
    match node:
        case Const():
            number = np.float64(node.value)
            return lambda view: number
        case Figure():
            return lambda view: view.figure(node)
        case GroupFigure():
            return lambda view: view.group(node)
        case Arithmetic():
            left, right, sign = values_of(node.left), values_of(node.right), _SIGNS[node.op]
            return lambda view: sign(left(view), right(view))


def truth_of(node: Truth, wanted: bool = True) -> Values:
    """Where a condition is known to be true (or, `wanted` False, known to be false)."""
    match node:
        case Compare():
            left, right = values_of(node.left), values_of(node.right)
            sign = _SIGNS[node.op if wanted else _OPPOSITE[node.op]]
            return lambda view: sign(left(view), right(view))
        case Not():
            return truth_of(node.cond, not wanted)
        case Both():
            left, right = truth_of(node.left, wanted), truth_of(node.right, wanted)
            join = operator.and_ if (node.op == "and") == wanted else operator.or_
            return lambda view: join(left(view), right(view))


class CheckView:
    """Moments of checks: each of `each` at its frontier and at the whole seconds before it. `rows`, `at_ms` by moment."""

    def __init__(
        self, series: Series, each: Array, steps: Array, frontier_ms: Array, groups: Mapping[GroupFigure, Array]
    ) -> None:
        """`steps` (how many moments) and `frontier_ms` go with `each`."""
        ends = np.cumsum(steps)
        self._number = np.repeat(np.arange(len(each)), steps)  # index into `each`
        self.rows = each[self._number]
        self.latest = ends - 1  # index of the last moment of each row
        before = self.latest[self._number] - np.arange(len(self.rows))  # 0: the frontier; 1, 2, …: whole seconds before
        whole_s = bucket_before(frontier_ms)[self._number] + 1 - before
        self.at_ms = np.where(before > 0, 1000 * whole_s, frontier_ms[self._number])
        self._series, self._groups, self._each = series, groups, each
        self._buckets = bucket_before(self.at_ms)
        self._longest = int(steps.max(initial=1))
        self._known: dict[Figure, Array] = {}
        self._behind = self._buckets + 1 - series.since[self.rows]  # seconds it is known for without a hole
        self._min_behind = int(self._behind.min(initial=series.max_window_s))
        self._raw: dict[tuple[str, int], Array] = {}
        self._places: dict[tuple[int, int], Array] = {}
        self._frames: dict[str, WindowExtremes] = {}

    def figure(self, figure: Figure) -> Array:
        """See `View`. Remembered: rules share windows."""
        values = self._known.get(figure)
        if values is None:
            values = self._known[figure] = self._unknown_where_bare(figure, self._reckon(figure))
        return values

    def group(self, group: GroupFigure) -> Array:
        """See `View`."""
        return np.asarray(self._groups[group][self.rows])

    def _unknown_where_bare(self, figure: Figure, values: Array) -> Array:
        """A window that reaches back behind the series' beginning, or into a hole, says nothing."""
        return (
            values if figure.window_s <= self._min_behind else np.where(self._behind >= figure.window_s, values, np.nan)
        )

    def _reckon(self, figure: Figure) -> Array:
        name, what, window = figure.function, figure.what, figure.window_s
        if name == "age":
            return np.asarray(np.maximum(self.at_ms - self._last(f"time:{what}"), 0) / 1000)
        if name == "changed":
            age = (self.at_ms - self._last(f"moved:{what}")) / 1000
            return np.asarray(np.where(age == age, np.maximum(age, 0), np.inf))
        if name == "missed":
            return self._last(f"run:{what}")
        if name == PERIOD:
            return self._last("period") / 1000
        if name == "last":
            return self._last(f"last:{what}") * field_type(what)[1]
        if name in QUANTILES:
            assert self._series.histograms is not None
            return self._series.histograms.value(window, QUANTILES[name], self.rows)
        if name in (*BASELINES, *WEEKS):
            factor = 1.0 if name in BASELINES else field_type(what)[1]
            return self._series.long_term.value(figure, self.rows) * factor
        return self._windowed(name, what, window)

    def _windowed(self, name: str, what: str, window: int) -> Array:
        factor = field_type(what)[1]
        if name in ("min", "max"):
            return self._extreme(f"{'low' if name == 'min' else 'high'}:{what}", window) * factor
        if name == "avg":
            return (
                np.true_divide(self._over(f"sum:{what}", window), self._over(f"points:field:{what}", window)) * factor
            )
        if name == "rate":
            return self._rate(what, window) * factor
        if name == "slope":
            return self._slope(what, window) * factor
        if name == "sent":
            return self._over("count:sent", window)
        if name in ("lost", "loss"):
            sent = self._over("count:sent", window)
            lost = np.asarray(sent - self._over("count:reply", window))
            return lost if name == "lost" else np.true_divide(lost, sent)
        for track in (f"count:{what}", f"points:{what}"):
            if track in self._series.tracks:
                return self._over(track, window)
        return self._over(f"points:field:{what}", window)

    def _rate(self, what: str, window: int) -> Array:
        """By how much a counter grew a second; bytes as bits."""
        gained = self._over(f"gain:{what}", window) * (8 if field_type(what)[0] == "size" else 1)
        return np.where(self._over(f"points:field:{what}", window) > 0, gained / window, np.nan)

    def _slope(self, what: str, window: int) -> Array:
        """Least squares over the window's seconds: Σ over buckets, weighed with how far back they lie."""
        count = weighed = squares = total = moment = np.zeros(len(self.rows))
        sums, points = np.zeros(len(self.rows)), np.zeros(len(self.rows))
        for back in range(window):
            more_sums, more_points = (
                self._behind_by(f"sum:{what}", back + 1),
                self._behind_by(f"points:field:{what}", back + 1),
            )
            values, many = more_sums - sums, more_points - points
            sums, points = more_sums, more_points
            count, weighed, squares = count + many, weighed - back * many, squares + back * back * many
            total, moment = total + values, moment - back * values
        spread = count * squares - weighed * weighed
        return np.where((count >= 3) & (spread > 0), (count * moment - weighed * total) / spread * window, np.nan)

    def _behind_by(self, track: str, seconds: int) -> Array:
        """What came in in so many seconds; not remembered, as windows are."""
        ring = self._series.tracks[track].ring
        now = self._place(ring, 0)
        return np.asarray(ring.take(now) - ring.take(ring.earlier(now, seconds))).astype(np.float64)

    def _place(self, ring: Ring, seconds: int) -> Array:
        """Flat places of the moments' buckets, or of those so far back."""
        key = ring.length, seconds
        places = self._places.get(key)
        if places is None:
            now = self._places.get((ring.length, 0))
            if now is None:
                now = self._places[ring.length, 0] = ring.at(self.rows, self._buckets)
            places = self._places[key] = ring.earlier(now, seconds) if seconds else now
        return places

    def _last(self, track: str) -> Array:
        return self._over(track, 0)

    def _over(self, track: str, window: int) -> Array:
        """What came in in a window (0: what stands)."""
        values = self._raw.get((track, window))
        if values is None:
            ring = self._series.tracks[track].ring
            values = ring.take(self._place(ring, window))
            if window:
                now = self._raw.get((track, -1))
                if now is None:
                    now = self._raw[track, -1] = ring.take(self._place(ring, 0))
                values = np.asarray(now - values).astype(
                    np.float64
                )  # counters wrap, what is reckoned with them must not
            self._raw[track, window] = values
        return values

    def _extreme(self, track: str, window: int) -> Array:
        ring = self._series.tracks[track].ring
        assert isinstance(ring, Extreme)
        newest = self._buckets[self.latest]
        length = self._series.max_window_s + self._longest
        if track not in self._frames:
            self._frames[track] = ring.frame(self._each, newest, length)
        at = self._buckets - newest[self._number] + length - 1
        return self._frames[track].over(at, self._number, window)


class AgentView:
    """Moments of agents, for rules about silence: `arrived_ms` and `period_ms` of each, at one moment of arrival."""

    def __init__(self, arrived_ms: Array, period_ms: Array, now_ms: int) -> None:
        self._age = np.maximum(now_ms - arrived_ms, 0) / 1000
        self._period = period_ms / 1000

    def figure(self, figure: Figure) -> Array:
        """See `View`."""
        return self._period if figure.function == PERIOD else self._age

    def group(self, group: GroupFigure) -> Array:
        """Agents have no groups."""
        return np.full(len(self._age), np.nan)
