"""A week of five-minute samples of one field, its 95th percentile and where that goes: how full links are.

Circular 06/2026 counts the 95th percentile of the five-minute samples of seven days, and nothing below 95 % of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

import numpy as np

from alerts.engine.rings import Array

SAMPLE_MS, A_DAY, A_WEEK, DAYS = 300_000, 288, 2016, 28
ENOUGH = 0.95  # of the samples there could be
OFFSET_MS = 7 * 3_600_000  # days begin at midnight in Viet Nam
PARTS = 12  # percentiles are made anew in so many turns: each hour
MIN_PAIRS = 7  # of days a week apart that tell a trend


class WeekSamples:
    """One field of the series that have it."""

    def __init__(self, field: str) -> None:
        self.field = field
        self._slot: dict[int, int] = {}  # row → index of the arrays below
        self.samples = np.zeros((0, A_WEEK), np.float32)
        self.daily = np.zeros((0, DAYS), np.float32)  # 95th percentile of each day, by day since 1970 % DAYS
        self._sum, self._points = np.zeros(0), np.zeros(0)
        self._waiting_slots, self._waiting = array("q"), array("d")
        self._at = -1  # number of the sample that is being taken, since 1970
        self._values = {"p95_7d": np.zeros(0), "trend_7d": np.zeros(0)}  # by slot

    def add(self, row: int, values: Mapping[str, int | float]) -> None:
        """One point."""
        value = values.get(self.field)
        if value is not None:
            self._waiting_slots.append(self._slot.setdefault(row, len(self._slot)))
            self._waiting.append(value)

    def turn(self, now_ms: int, rows: int) -> None:
        """Take in what came since; after five minutes it is a sample. `rows` there are: most have no such field."""
        self._widen()
        slots, values = np.array(self._waiting_slots, np.int64), np.array(self._waiting)
        self._waiting_slots, self._waiting = array("q"), array("d")
        np.add.at(self._sum, slots, values)
        np.add.at(self._points, slots, 1)
        at, before = (now_ms + OFFSET_MS) // SAMPLE_MS, self._at
        self._at = at
        if at == before or before < 0:
            return
        for missed in range(max(before + 1, at - A_WEEK), at):
            self.samples[:, missed % A_WEEK] = np.nan
        with np.errstate(invalid="ignore"):
            self.samples[:, before % A_WEEK] = self._sum / np.where(self._points, self._points, np.nan)
        self._sum[:], self._points[:] = 0, 0
        if at // A_DAY != before // A_DAY:
            self._end_day(before // A_DAY, at // A_DAY)
        self._reckon(np.arange(at % PARTS, len(self.samples), PARTS))

    def _widen(self) -> None:
        more = len(self._slot) - len(self.samples)
        if more <= 0:
            return
        more = max(more, len(self.samples) // 2)
        self.samples = np.concatenate((self.samples, np.full((more, A_WEEK), np.nan, np.float32)))
        self.daily = np.concatenate((self.daily, np.full((more, DAYS), np.nan, np.float32)))
        self._sum, self._points = (np.concatenate((old, np.zeros(more))) for old in (self._sum, self._points))
        self._values = {name: np.concatenate((old, np.full(more, np.nan))) for name, old in self._values.items()}

    def _end_day(self, day: int, today: int) -> None:
        columns = np.arange(day * A_DAY, (day + 1) * A_DAY) % A_WEEK
        self.daily[:, day % DAYS] = _percentile(self.samples[:, columns])
        for missed in range(max(day + 1, today - DAYS), today):
            self.daily[:, missed % DAYS] = np.nan

    def _reckon(self, slots: Array) -> None:
        self._values["p95_7d"][slots] = _percentile(self.samples[slots])
        today = self._at // A_DAY
        days = self.daily[np.ix_(slots, np.arange(today - DAYS, today) % DAYS)].astype(np.float64)
        rises = (days[:, 7:] - days[:, :-7]) / 7  # of the same weekday a week before
        known = ~np.isnan(rises)
        is_known = known.sum(axis=1) >= MIN_PAIRS
        trend = np.full(len(slots), np.nan)
        if is_known.any():
            trend[is_known] = np.nanmedian(rises[is_known], axis=1)
        self._values["trend_7d"][slots] = trend

    def value(self, function: str, rows: Array) -> Array:
        """`p95_7d`, or `trend_7d`: its rise a day. NaN where too little is known."""
        values = np.append(self._values[function], np.nan)
        slots = [self._slot.get(row, -1) for row in rows.tolist()]
        return np.asarray(
            np.where(np.array(slots) < len(values) - 1, values[np.minimum(slots, len(values) - 1)], np.nan)
        )

    # --- across a restart ---

    def known(self) -> list[int]:
        """Rows of which something is known."""
        return list(self._slot)

    def memory(self, rows: Sequence[int]) -> dict[str, Array]:
        """The week of some rows, and the number of the sample that follows it."""
        self._widen()
        slots = [self._slot[row] for row in rows]
        return {
            "samples": self.samples[slots],
            "daily": self.daily[slots],
            "at": np.full(len(slots), self._at, np.int64),
        }

    def recall(self, arrays: Mapping[str, Array], rows: Sequence[int]) -> None:
        """Take it in where each remembered series stands now. Between then and now nobody knows anything."""
        slots = [self._slot.setdefault(row, len(self._slot)) for row in rows]
        self._widen()
        self.samples[slots], self.daily[slots] = arrays["samples"], arrays["daily"]
        for slot, then in zip(slots, arrays["at"].tolist(), strict=True):
            self.samples[slot, np.arange(max(then, self._at - A_WEEK), self._at) % A_WEEK] = np.nan
            self.daily[slot, np.arange(max(then // A_DAY, self._at // A_DAY - DAYS), self._at // A_DAY) % DAYS] = np.nan
        self._reckon(np.array(slots, np.int64))


def _percentile(samples: Array) -> Array:
    """The 95th percentile of each row (nearest rank); NaN where fewer than 95 % of the samples are there."""
    count = samples.shape[1]
    many = count - np.isnan(samples).sum(axis=1)
    ordered = np.sort(samples, axis=1)  # what is unknown stands last
    at = np.maximum(np.ceil(0.95 * many - 1e-9).astype(np.int64) - 1, 0)
    return np.where(many >= ENOUGH * count, ordered[np.arange(len(samples)), at], np.nan)
