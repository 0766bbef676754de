"""Figures of groups: of the checks with one tag, for how many a condition holds. Those of the tick stand for a tick."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from alerts.engine.compile import CheckView, truth_of
from alerts.engine.rings import Array
from alerts.engine.series import Series
from alerts.language.tree import GroupFigure


class Groups:
    """All `share_by` and `count_by` of the rules, each over the kinds of its rule."""

    def __init__(self, series: Series, asked: Iterable[tuple[GroupFigure, frozenset[str]]]) -> None:
        self._series = series
        self._kinds: dict[GroupFigure, frozenset[str]] = {}
        for group, kinds in asked:
            self._kinds[group] = self._kinds.get(group, frozenset()) | kinds
        self._truth = {group: (truth_of(group.cond), truth_of(group.cond, False)) for group in self._kinds}
        self._states = {group: np.full(0, -1, np.int8) for group in self._kinds}  # 1 true, 0 false, -1 unknown
        self.figures: dict[GroupFigure, Array] = {}  # by row

    def take(self, moved: Array, frontier_ms: Array, mute: Array) -> None:
        """Judge the series that reported, and count again. `mute`: by agent."""
        series = self._series
        count = len(frontier_ms)
        for group, kinds in self._kinds.items():
            rows = moved[series.is_of(kinds)[moved]]
            view = CheckView(series, rows, np.ones(len(rows), np.int64), frontier_ms[rows], {})
            true, false = (np.broadcast_to(holds(view), rows.shape) for holds in self._truth[group])
            states = self._states[group]
            states = self._states[group] = np.concatenate((states, np.full(count - len(states), -1, np.int8)))
            states[rows] = np.where(true, 1, np.where(false, 0, -1))
            known = np.where(mute[series.agent[:count]], -1, states)
            self.figures[group] = _count(group.function, series.tag[group.tag][:count], known)

    def count_again(self, frontier_ms: Array) -> None:
        """After a restart: judge all series as they stand."""
        with np.errstate(divide="ignore", invalid="ignore"):
            self.take(
                np.arange(len(frontier_ms)), frontier_ms, np.zeros(int(self._series.agent.max(initial=0)) + 1, bool)
            )


def _count(function: str, tags: Array, states: Array) -> Array:
    """By row: its group's figure, NaN without a group or when nobody of it can be judged."""
    inside = tags >= 0
    size = int(tags.max(initial=-1)) + 1
    judged = np.bincount(tags[inside & (states >= 0)], minlength=size)
    holds = np.bincount(tags[inside & (states == 1)], minlength=size).astype(np.float64)
    figure = holds / judged if function == "share_by" else np.where(judged > 0, holds, np.nan)
    return np.where(inside, figure[tags], np.nan) if size else np.full(len(tags), np.nan)
