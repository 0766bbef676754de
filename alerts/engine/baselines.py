"""What is usual at this hour of the week: 168 cells of median and deviation for each series, learnt an hour at a time.

Each hour's median moves its cell by a clipped step, so one bad hour, or a week of them, does not become usual at once.
Figures against hand-labelled traces: reference/alerting.md §7 (hour-of-week medians with a least effect beat means and sigmas).
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

import numpy as np

from alerts.calendar import hour_of_week
from alerts.engine.log_buckets import LAST, PREFIX, field_bucket, middle_ms
from alerts.engine.rings import Array

HOURS, HOUR_MS = 168, 3_600_000
MIN_REPLIES = 12  # of an hour that teaches anything
STEP = 0.3  # of the way from what a cell says to what the hour said …
MAX_DEVIATIONS = 3.0  # … which counts as no farther away than so many deviations
MIN_SHARE = 0.045  # a deviation is at least so much of the median: log buckets tell no less
ENOUGH_HOURS = 24  # a series with so many cells has a mean, which stands for the hours nobody knows yet
_MIDDLE_MS = np.array([middle_ms(bucket) for bucket in range(LAST + 1)])


class Baselines:
    """Round trips of all series. Rows are those of `Series`."""

    def __init__(self) -> None:
        self.median_ms = np.zeros((0, HOURS), np.float16)
        self.deviation_ms = np.zeros((0, HOURS), np.float16)
        self._counts = np.zeros((0, LAST + 1), np.uint16)  # of this hour
        self._waiting = array("q")  # (row, log bucket, how many), one after the other
        self._hour = -1  # since 1970
        self.now_s = {"base": np.zeros(0), "mad": np.zeros(0)}  # by row, of this hour

    def add(self, row: int, values: Mapping[str, int | float]) -> None:
        """One point's round trips."""
        for name, many in values.items():
            if name.startswith(PREFIX) and (log := field_bucket(name)) is not None and many > 0:
                self._waiting.extend((row, log, int(many)))

    def turn(self, now_ms: int, rows: int) -> None:
        """Take in what came since; at the end of an hour learn from it."""
        self._widen(rows)
        waiting = np.array(self._waiting, np.int64).reshape(-1, 3)
        self._waiting = array("q")
        np.add.at(self._counts, (waiting[:, 0], waiting[:, 1]), waiting[:, 2].astype(np.uint16))
        hour, before = now_ms // HOUR_MS, self._hour
        self._hour = hour
        if hour == before:
            return
        if before >= 0:
            self._learn(hour_of_week(before * HOUR_MS))
        self._look_up(hour_of_week(now_ms))

    def _widen(self, rows: int) -> None:
        more = rows - len(self._counts)
        if more <= 0:
            return
        more = max(more, len(self._counts) // 2)
        self._counts = np.concatenate((self._counts, np.zeros((more, LAST + 1), np.uint16)))
        empty = np.full((more, HOURS), np.nan, np.float16)
        self.median_ms = np.concatenate((self.median_ms, empty))
        self.deviation_ms = np.concatenate((self.deviation_ms, empty))
        self.now_s = {name: np.concatenate((now, np.full(more, np.nan))) for name, now in self.now_s.items()}

    def _learn(self, cell: int) -> None:
        """An hour is over."""
        rows = np.flatnonzero(self._counts.sum(axis=1) >= MIN_REPLIES)
        if len(rows):
            low, median, high = _quartiles_ms(self._counts[rows])
            usual = self.median_ms[rows, cell].astype(np.float64)
            spread = self.deviation_ms[rows, cell].astype(np.float64)
            is_new = np.isnan(usual)
            usual = np.where(is_new, median, usual)
            away = np.maximum(np.maximum(high - median, median - low), np.abs(median - usual))
            spread = np.where(is_new, away, spread)
            limit = MAX_DEVIATIONS * spread
            usual = usual + STEP * np.clip(median - usual, -limit, limit)
            spread = spread + STEP * (np.minimum(away, limit) - spread)
            self.median_ms[rows, cell] = np.minimum(usual, 6e4)
            self.deviation_ms[rows, cell] = np.minimum(np.maximum(spread, MIN_SHARE * usual), 6e4)
        self._counts[:] = 0

    def _look_up(self, cell: int) -> None:
        for name, cells in (("base", self.median_ms), ("mad", self.deviation_ms)):
            known = ~np.isnan(cells)
            many = known.sum(axis=1)
            mean = np.where(known, cells, 0).sum(axis=1, dtype=np.float64) / np.maximum(many, 1)
            now = cells[:, cell].astype(np.float64)
            elsewhere = np.where(many >= ENOUGH_HOURS, mean, np.nan)
            self.now_s[name] = np.where(np.isnan(now), elsewhere, now) / 1000

    def value(self, function: str, rows: Array) -> Array:
        """`base`: the usual median of this hour (s); `mad`: its usual deviation. NaN where nobody knows."""
        now = self.now_s[function]
        return np.asarray(np.append(now, np.nan)[np.minimum(rows, len(now))])

    # --- across a restart ---

    def known(self) -> list[int]:
        """Rows of which something is known."""
        return [int(row) for row in np.flatnonzero(~np.isnan(self.median_ms).all(axis=1))]

    def memory(self, rows: Sequence[int]) -> dict[str, Array]:
        """All cells of some rows."""
        return {"median_ms": self.median_ms[rows], "deviation_ms": self.deviation_ms[rows]}

    def recall(self, arrays: Mapping[str, Array], rows: Sequence[int]) -> None:
        """Take them in where each remembered series stands now. Raises ValueError for another shape."""
        self._widen(max(rows, default=-1) + 1)
        self.median_ms[rows] = arrays["median_ms"]
        self.deviation_ms[rows] = arrays["deviation_ms"]
        self._look_up(hour_of_week(self._hour * HOUR_MS))


def _quartiles_ms(counts: Array) -> tuple[Array, Array, Array]:
    summed = np.cumsum(counts, axis=1, dtype=np.int32)
    total = summed[:, -1]
    return tuple(
        _MIDDLE_MS[np.argmax(summed >= np.maximum(1, np.ceil(share * total))[:, None], axis=1)]
        for share in (0.25, 0.5, 0.75)
    )
