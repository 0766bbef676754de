"""Finding the lines a database will never take: a refused write is sent again in halves until they are alone.

Sending twice what was stored changes nothing (the same point overwrites itself; a hub knows the numbers), so a write of
which only some lines were stored is halved as well. As long as no line of it is taken nothing is proven against any:
then it may be the place that is wrong. Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from netmon.delivery.reply import Act, WriteVerdict

MAX_VAIN = 200  # parts that are refused before anything is taken: then all lines are alike


class Part(NamedTuple):
    """Lines `start` up to `end` of a write."""

    start: int
    end: int


class Isolation:
    """One write of `count` lines on its way, the widest parts first."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._parts = deque([Part(0, count)] if count else [])
        self._vain = 0
        self._refused: list[int] = []
        self.taken = 0

    def next(self) -> Part | None:
        """The part to send now; None when there is none left, or when all are refused alike."""
        return self._parts[0] if self._parts and not self.is_alike else None

    @property
    def is_last(self) -> bool:
        """Is nothing to be sent behind the next part?"""
        return len(self._parts) == 1

    @property
    def is_alike(self) -> bool:
        """Was everything refused, so that nothing is known against any line?"""
        if self.taken:
            return False
        return self._vain >= MAX_VAIN or (not self._parts and bool(self._refused))

    @property
    def refused(self) -> Sequence[int]:
        """Numbers (from 0) of the lines that are refused alone, or with all the others."""
        return range(self._count) if self.is_alike else sorted(self._refused)

    def note(self, judged: WriteVerdict) -> None:
        """What became of the next part: taken, or (in part) refused. Not for answers that mean `keep`."""
        part = self._parts.popleft()
        size = part.end - part.start
        if judged.act is Act.DONE:
            self.taken += size
        elif judged.act is Act.PARTIAL and judged.dropped < size:
            if len(judged.named) == judged.dropped and judged.named[-1] <= size:
                self._refused += [part.start + number - 1 for number in judged.named]
                self.taken += size - judged.dropped
            else:
                self._look_into(part)
        elif size == 1:
            self._vain += 1
            self._refused.append(part.start)
        else:
            self._vain += 1
            self._split(part)

    def _split(self, part: Part) -> None:
        self._parts += _halves(part)

    def _look_into(self, part: Part) -> None:
        """Some of it was stored, it says, and not which: only a part that is taken whole proves that, so such parts come first."""
        self._vain += not self.taken
        self._parts.extendleft(reversed(_halves(part)))


class Delivered(NamedTuple):
    """What became of lines: those that are refused for good, what was said of them last, and how many were taken."""

    refused: list[str]
    why: str
    taken: int


def send(
    lines: Sequence[str],
    max_lines: int,
    write: Callable[[Part, bool], WriteVerdict | None],
    on_taken: Callable[[int], None],
) -> Delivered | None:
    """Lines in writes of at most `max_lines`, until each is taken, or refused for good. `write` sends a part of them (and
    whether it is the last of its write); when it gives None this ends with None. `on_taken` hears how many were taken."""
    refused, why, taken = list[str](), "", 0
    for at in range(0, len(lines), max_lines):
        isolation = Isolation(min(max_lines, len(lines) - at))
        while (part := isolation.next()) is not None:
            before, is_last = isolation.taken, isolation.is_last
            judged = write(Part(at + part.start, at + part.end), is_last)
            if judged is None:
                return None
            isolation.note(judged)
            why = judged.why or why
            if isolation.taken > before:
                on_taken(isolation.taken - before)
        refused += [lines[at + number] for number in isolation.refused]
        taken += isolation.taken
    return Delivered(refused, why, taken)


def _halves(part: Part) -> tuple[Part, Part]:
    middle = (part.start + part.end) // 2
    return Part(part.start, middle), Part(middle, part.end)
