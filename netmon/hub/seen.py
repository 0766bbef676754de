"""Which sequence numbers of which agent the hub has stored: what makes a repeat harmless.

Numbers are consecutive per (agent, boot), so a set of closed intervals stays small. Pure: no clock, no file.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator

MAX_BOOTS = 8  # an agent's latest spools; a boot id is made with the spool folder
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
        found: list[tuple[int, int]] = []
        for at in range(bisect_left(self.ends, first), bisect_right(self.starts, last)):
            if self.starts[at] > first:
                found.append((first, self.starts[at] - 1))
            first = self.ends[at] + 1
        if first <= last:
            found.append((first, last))
        return found


class Seen:
    """Sequence numbers stored, by agent and boot."""

    def __init__(self) -> None:
        self._agents: dict[str, OrderedDict[str, Intervals]] = {}

    def claim(self, agent: str, boot: str, first: int, last: int) -> list[tuple[int, int]]:
        """Mark first…last as seen; the parts that were new, in order."""
        boots = self._agents.setdefault(agent, OrderedDict())
        known = boots.setdefault(boot, Intervals())
        boots.move_to_end(boot)
        if len(boots) > MAX_BOOTS:
            boots.popitem(last=False)
        fresh = known.missing(first, last)
        if fresh:
            known.add(first, last)
        return fresh

    def release(self, agent: str, boot: str, parts: Iterable[tuple[int, int]]) -> None:
        """Take back a claim whose lines could not be stored."""
        known = self._agents.get(agent, OrderedDict[str, Intervals]()).get(boot)
        if known is not None:
            for first, last in parts:
                known.discard(first, last)

    def export(self) -> dict[str, dict[str, list[tuple[int, int]]]]:
        """All of it as plain data, boots oldest first."""
        return {agent: {boot: list(known) for boot, known in boots.items()} for agent, boots in self._agents.items()}

    @classmethod
    def restore(cls, plain: dict[str, dict[str, list[tuple[int, int]]]]) -> Seen:
        """The opposite of `export`."""
        seen = cls()
        for agent, boots in plain.items():
            seen._agents[agent] = OrderedDict((boot, Intervals(map(tuple, pairs))) for boot, pairs in boots.items())  # type: ignore[arg-type]
        return seen
