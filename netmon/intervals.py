"""A set of whole numbers as closed intervals: what consecutive numbers with a few holes cost next to nothing. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

MAX_INTERVALS = 4_096  # more gaps than this and the lowest one is taken for lost for good


class Intervals:
    """A set of integers kept as sorted, disjoint, non-touching closed intervals."""

    __slots__ = ("ends", "starts")

    def __init__(self, pairs: Iterable[tuple[int, int]] = ()) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        for first, last in pairs:
            self.add(first, last)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self.starts, self.ends, strict=True))

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self.starts, number) - 1
        return at >= 0 and number <= self.ends[at]

    def add(self, first: int, last: int) -> None:
        """Put first…last (inclusive) in."""
        low = bisect_left(self.ends, first - 1)
        high = bisect_right(self.starts, last + 1)
        if low < high:
            first, last = min(first, self.starts[low]), max(last, self.ends[high - 1])
        self.starts[low:high] = [first]
        self.ends[low:high] = [last]
        if len(self.starts) > MAX_INTERVALS:
            del self.starts[1], self.ends[0]

    def discard(self, first: int, last: int) -> None:
        """Take first…last (inclusive) out."""
        low = bisect_left(self.ends, first)
        high = bisect_right(self.starts, last)
        kept = [
            pair
            for start, end in zip(self.starts[low:high], self.ends[low:high], strict=True)
            for pair in ((start, min(end, first - 1)), (max(start, last + 1), end))
            if pair[0] <= pair[1]
        ]
        self.starts[low:high] = [start for start, _ in kept]
        self.ends[low:high] = [end for _, end in kept]

    def missing(self, first: int, last: int) -> list[tuple[int, int]]:
        """The parts of first…last that are not in the set, in order."""
        missing: list[tuple[int, int]] = []
        for at in range(bisect_left(self.ends, first), bisect_right(self.starts, last)):
            if self.starts[at] > first:
                missing.append((first, self.starts[at] - 1))
            first = self.ends[at] + 1
        if first <= last:
            missing.append((first, last))
        return missing
