"""Distributions of round trips over windows: counters in log buckets that are added as points come and taken off as
they leave the window, so that a quantile costs one cumulative sum of the series that reported."""

from __future__ import annotations

import numpy as np

from alerts.engine.log_buckets import LAST, middle_ms
from alerts.engine.rings import Array

_MIDDLE_S = np.array([middle_ms(bucket) / 1000 for bucket in range(LAST + 1)])
Counted = tuple[int, int, int, int]  # (series, time bucket, log bucket, how many)


class WindowHistograms:
    """One histogram a series and window. `windows` in buckets, `shares` the quantiles asked for (0..1)."""

    def __init__(self, quantiles: set[tuple[int, float]], width: int) -> None:
        self._windows = sorted({window for window, _ in quantiles})
        self._counts = {window: np.zeros((width, LAST + 1), np.uint16) for window in self._windows}
        self._values = {quantile: np.full(width, np.nan) for quantile in quantiles}
        self._held: dict[int, list[Array]] = {}  # time bucket → arrays of (series, log bucket, how many)
        self._low, self._high = LAST, 0

    def widen(self, width: int) -> None:
        """Room for more series."""
        for window, old in self._counts.items():
            self._counts[window] = np.concatenate((old, np.zeros((width - len(old), LAST + 1), np.uint16)))
        for quantile, values in self._values.items():
            self._values[quantile] = np.concatenate((values, np.full(width - len(values), np.nan)))

    def begin(self, rows: Array) -> None:
        """Series without a past."""
        for counts in self._counts.values():
            counts[rows] = 0
        for bucket, parts in self._held.items():
            self._held[bucket] = [part[:, ~np.isin(part[0], rows)] for part in parts]

    def move(self, counted: Array, old: Array, new: Array) -> None:
        """Points in (columns: series, time bucket, log bucket, how many), windows on from `old` to `new` buckets."""
        for window in self._windows:
            self._expire(window, old, new)
        if counted.shape[1]:
            self._take_in(counted, new)
        self._drop(new)

    def _expire(self, window: int, old: Array, new: Array) -> None:
        """Take off what leaves a window."""
        counts, last = self._counts[window], int(new.max(initial=0)) - window
        for bucket, parts in self._held.items():
            for part in parts if bucket <= last else ():
                series = part[0]
                gone = np.flatnonzero((old[series] - window < bucket) & (bucket <= new[series] - window))
                if len(gone):
                    np.subtract.at(counts, (series[gone], part[1][gone]), part[2][gone].astype(np.uint16))

    def _take_in(self, counted: Array, new: Array) -> None:
        series, at, log, many = counted
        self._low, self._high = min(self._low, int(log.min())), max(self._high, int(log.max()))
        for window in self._windows:
            inside = np.flatnonzero(at > new[series] - window)
            where = (series[inside], log[inside])
            np.add.at(self._counts[window], where, many[inside].astype(np.uint16))
        for bucket in np.unique(at):
            mine = at == bucket
            self._held.setdefault(int(bucket), []).append(counted[[0, 2, 3]][:, mine])

    def _drop(self, new: Array) -> None:
        """Forget what has left every window."""
        longest = self._windows[-1]
        last = int(new.max(initial=0)) - longest
        for bucket in [at for at in self._held if at <= last]:
            kept = [part for part in self._held[bucket] if np.any(new[part[0]] - longest < bucket)]
            if kept:
                self._held[bucket] = kept
            else:
                del self._held[bucket]

    def settle(self, rows: Array) -> None:
        """Make the quantiles of series anew."""
        span = slice(self._low, self._high + 1)
        if self._low > self._high:
            return
        for window, counts in self._counts.items():
            summed = np.cumsum(counts[rows, span], axis=1, dtype=np.int32)
            total = summed[:, -1]
            for (its, share), values in self._values.items():
                if its == window:
                    rank = np.maximum(1, np.ceil(share * total - 1e-9))
                    at = np.argmax(summed >= rank[:, None], axis=1)
                    values[rows] = np.where(total > 0, _MIDDLE_S[span][at], np.nan)

    def value(self, window: int, share: float, rows: Array) -> Array:
        """A quantile in seconds; NaN when nothing came back in the window."""
        return self._values[(window, share)][rows]
