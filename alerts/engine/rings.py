"""Figures of many series over the last minutes: numpy rings of one-second buckets × series.

A ring is carried forward bucket by bucket as a series' frontier moves, so what stands in a bucket is true up to its
end. Sums are running totals: a window of any length is the difference of two buckets.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class RingEntry(NamedTuple):
    """Where points go, in order of arrival. `point`: index of each entry's point; `at`: flat places in the ring."""

    point: Array
    at: Array


class Ring(ABC):
    """`data[bucket % length, series]`."""

    empty: float = 0.0

    def __init__(self, length: int, width: int, dtype: Any) -> None:
        self.length = length
        # Zeros take no memory until somebody writes them.
        self.data: Array = (
            np.full((length, width), self.empty, dtype) if self.empty else np.zeros((length, width), dtype)
        )

    def widen(self, width: int) -> None:
        """Room for more series."""
        more = np.full((self.length, width - self.data.shape[1]), self.empty, self.data.dtype)
        self.data = np.concatenate((self.data, more), axis=1)

    def begin(self, row: int, value: float) -> None:
        """A series (again) without a past."""
        self.data[:, row] = self.empty

    def carry(self, old: Array, new: Array) -> None:
        """New buckets (flat places) begin as old ones ended."""
        flat = self.data.ravel()
        flat[new] = flat[old]

    @abstractmethod
    def put(self, entry: RingEntry, x: Array) -> None:
        """Values of points (NaN: the point says nothing) into all buckets they are told in."""

    def at(self, rows: Array, buckets: Array) -> Array:
        """Flat places of buckets of series."""
        return np.asarray(buckets % self.length * self.data.shape[1] + rows)

    def earlier(self, at: Array, buckets: int) -> Array:
        """Places so many buckets (fewer than the ring has) before others."""
        width = self.data.shape[1]
        places: Array = at - buckets * width
        places += (places < 0) * np.int64(self.length * width)
        return places

    def take(self, at: Array) -> Array:
        """What stands in places."""
        return np.asarray(self.data.ravel().take(at))


class Sum(Ring):
    """A running total: a point adds to its bucket and to all after it. Whole numbers may wrap: differences are right."""

    def put(self, entry: RingEntry, x: Array) -> None:
        """Adds."""
        values = np.where(x == x, x, 0.0).astype(np.int64 if self.data.dtype.kind in "iu" else np.float64)
        np.add.at(self.data.ravel(), entry.at, values.astype(self.data.dtype)[entry.point])


class Last(Ring):
    """The latest value: a point stands in its bucket and in all after it, until another one comes."""

    empty = np.nan

    def begin(self, row: int, value: float) -> None:
        """`value` stands until the first point."""
        self.data[:, row] = value

    def put(self, entry: RingEntry, x: Array) -> None:
        """The last one in order of arrival stays."""
        values = x[entry.point]
        some = np.flatnonzero(values == values)
        self.data.ravel()[entry.at[some]] = values[some]


class Extreme(Ring):
    """The smallest or largest value of each bucket by itself."""

    empty = np.nan

    def __init__(self, length: int, width: int, merge: np.ufunc) -> None:
        super().__init__(length, width, np.float32)
        self._merge = merge

    def carry(self, old: Array, new: Array) -> None:
        """A new bucket is empty."""
        self.data.ravel()[new] = np.nan

    def put(self, entry: RingEntry, x: Array) -> None:
        """Merges."""
        self._merge.at(self.data.ravel(), entry.at, x.astype(np.float32)[entry.point])

    def frame(self, rows: Array, newest: Array, longest: int) -> WindowExtremes:
        """The last `longest` buckets of some series, for windows in them."""
        steps = np.arange(longest - 1, -1, -1)[:, None]
        return WindowExtremes(self.data[(newest - steps) % self.length, rows], self._merge)


class WindowExtremes:
    """Extremes of all windows of some series: of two blocks, each a power of two long, that cover a window together."""

    def __init__(self, values: Array, merge: np.ufunc) -> None:
        """`values[bucket, series]`, oldest bucket first."""
        self._blocks, self._merge = [values], merge

    def over(self, buckets: Array, series: Array, window: int) -> Array:
        """Extreme of the `window` buckets up to and with a bucket (index into the frame); NaN when nothing was there."""
        level = window.bit_length() - 1
        while len(self._blocks) <= level:
            half = 1 << (len(self._blocks) - 1)
            block = self._blocks[-1].copy()
            self._merge(block[half:], self._blocks[-1][:-half], out=block[half:])
            self._blocks.append(block)
        block = self._blocks[level]
        first = np.maximum(buckets - window + (1 << level), 0)
        return np.asarray(self._merge(block[buckets, series], block[first, series]), np.float64)
