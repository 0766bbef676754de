"""Figures of many series over the last minutes: numpy rings of one-second buckets × series.

A ring is carried forward bucket by bucket as a series' frontier moves, so what stands in a bucket is true up to its
end. Sums are running totals: a window of any length is the difference of two buckets.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Ring:
    """`data[bucket % length, series]`."""

    empty: float = 0.0

    def __init__(self, length: int, width: int, dtype: Any) -> None:
        self.length = length
        self.data: Array = np.full((length, width), self.empty, dtype)

    def widen(self, width: int) -> None:
        """Room for more series."""
        more = np.full((self.length, width - self.data.shape[1]), self.empty, self.data.dtype)
        self.data = np.concatenate((self.data, more), axis=1)

    def begin(self, rows: Array | int, value: float) -> None:
        """Series (again) without a past."""
        self.data[:, rows] = self.empty

    def carry(self, rows: Array, old: Array, new: Array) -> None:
        """Bucket `new` of each series begins as `old` ended."""
        self.data[new % self.length, rows] = self.data[old % self.length, rows]

    def put(self, rows: Array, buckets: Array, x: Array) -> None:
        """Points into buckets that are the newest of their series; NaN: the point says nothing."""
        raise NotImplementedError

    def put_late(self, rows: Array, buckets: Array, x: Array, newest: Array) -> None:
        """Points, in order of arrival, into buckets that were closed already."""
        raise NotImplementedError

    def take(self, rows: Array, buckets: Array) -> Array:
        """What stands in a bucket of each series."""
        at = buckets % self.length * self.data.shape[1] + rows
        return np.asarray(self.data.ravel().take(at))


class Sum(Ring):
    """A running total. Whole numbers may wrap: differences stay right."""

    def put(self, rows: Array, buckets: Array, x: Array) -> None:
        """Adds."""
        some = np.flatnonzero(x == x)
        np.add.at(self.data, (buckets[some] % self.length, rows[some]), x[some].astype(self.data.dtype))

    def put_late(self, rows: Array, buckets: Array, x: Array, newest: Array) -> None:
        """Adds to its bucket and to all after it."""
        behind = newest - buckets
        for step in range(int(behind.max(initial=-1)) + 1):
            some = np.flatnonzero(behind >= step)
            self.put(rows[some], buckets[some] + step, x[some])

    def over(self, rows: Array, buckets: Array, window: int) -> Array:
        """What came in in the `window` buckets up to and with `buckets`."""
        return np.asarray(self.take(rows, buckets) - self.take(rows, buckets - window))


class Last(Ring):
    """The latest value."""

    empty = np.nan

    def begin(self, rows: Array | int, value: float) -> None:
        """`value` stands until the first point."""
        self.data[:, rows] = value

    def put(self, rows: Array, buckets: Array, x: Array) -> None:
        """The last of several in one bucket stays."""
        some = np.flatnonzero(x == x)
        self.data[buckets[some] % self.length, rows[some]] = x[some]

    def put_late(self, rows: Array, buckets: Array, x: Array, newest: Array) -> None:
        """What comes late is known from now on only: what was decided stands."""
        self.put(rows, newest, x)


class Extreme(Ring):
    """The smallest or largest value of each bucket."""

    empty = np.nan

    def __init__(self, length: int, width: int, merge: np.ufunc) -> None:
        super().__init__(length, width, np.float32)
        self._merge = merge

    def carry(self, rows: Array, old: Array, new: Array) -> None:
        """A new bucket is empty."""
        self.data[new % self.length, rows] = np.nan

    def put(self, rows: Array, buckets: Array, x: Array) -> None:
        """Merges."""
        self._merge.at(self.data, (buckets % self.length, rows), x.astype(np.float32))

    def put_late(self, rows: Array, buckets: Array, x: Array, newest: Array) -> None:
        """As any other."""
        self.put(rows, buckets, x)

    def over(self, rows: Array, buckets: Array, window: int) -> Array:
        """The extreme of a window; NaN when nothing was measured."""
        steps = np.arange(window)[:, None]
        found = self.data[(buckets - steps) % self.length, rows]
        return np.asarray(self._merge.reduce(found, axis=0), np.float64)
