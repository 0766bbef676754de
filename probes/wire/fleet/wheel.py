"""Who is due when: a wheel of short slots. What it costs does not grow with the number of targets."""

from __future__ import annotations

import heapq
import math
from typing import Generic, TypeVar

T = TypeVar("T")
SLOT_S = 0.010


class Wheel(Generic[T]):
    """Things by slot; a slot's are due when it begins, in the order they were put in."""

    __slots__ = ("_heap", "_slots")

    def __init__(self) -> None:
        self._slots: dict[int, list[T]] = {}
        self._heap: list[int] = []

    def put(self, when: float, what: T) -> None:
        """Due in the first slot that does not begin before `when` (s)."""
        slot = math.ceil(when / SLOT_S - 1e-6)
        each = self._slots.get(slot)
        if each is None:
            self._slots[slot] = [what]
            heapq.heappush(self._heap, slot)
        else:
            each.append(what)

    def next_at(self) -> float:
        """When the next slot begins; never: infinity."""
        return self._heap[0] * SLOT_S if self._heap else math.inf

    def take(self, now: float, max_count: int) -> list[T]:
        """What is due now, the earliest first, `max_count` at most."""
        due: list[T] = []
        while self._heap and self._heap[0] * SLOT_S <= now and len(due) < max_count:
            each, room = self._slots[self._heap[0]], max_count - len(due)
            if len(each) > room:
                due += each[:room]
                del each[:room]
            else:
                due += each
                del self._slots[heapq.heappop(self._heap)]
        return due

    def __bool__(self) -> bool:
        return bool(self._heap)
