"""Which sequence numbers of which agent the hub has stored: what makes a repeat harmless.

Numbers are consecutive per (agent, boot), so a set of closed intervals stays small. A boot id is one process of one
agent, made at its start. Should two processes own one all the same (a machine restored with its memory, an agent of an
earlier version whose folder was copied), their points are told apart by what they are: a repeat is never newer than
everything that was stored under its boot, and never another text than the write it repeats. Pure: no clock, no file.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from netmon.intervals import MAX_INTERVALS, Intervals
from netmon.store.record import Header

__all__ = ["MAX_BOOTS", "MAX_INTERVALS", "Intervals", "NotARepeat", "Plain", "SeenNumbers"]

MAX_BOOTS = 64  # an agent's latest processes whose points may still come again
MAX_WRITES = 8  # of one boot, whose text is remembered by its checksum
Plain = dict[str, dict[str, list[tuple[int, int]]]]


class NotARepeat(Exception):
    """Numbers that were seen come with other points: they must be numbered anew, or they would be lost."""


@dataclass(slots=True)
class _Boot:
    """What is known of one process of an agent. `newest_ms`: its newest stamp, None when that is not known."""

    known: Intervals = field(default_factory=Intervals)
    newest_ms: int | None = 0
    sums: OrderedDict[tuple[int, int], int] = field(default_factory=OrderedDict)

    def check(self, first: int, last: int, newest_ms: int, sum32: int) -> None:
        """Raises `NotARepeat` when what comes under numbers seen before is not what was stored under them."""
        if self.newest_ms is not None and newest_ms > self.newest_ms:
            raise NotARepeat
        if self.sums.get((first, last), sum32) != sum32:
            raise NotARepeat

    def note(self, first: int, last: int, newest_ms: int, sum32: int) -> None:
        """A write came in."""
        self.known.add(first, last)
        if self.newest_ms is not None:
            self.newest_ms = max(self.newest_ms, newest_ms)
        if sum32:
            self.sums[first, last] = sum32
            if len(self.sums) > MAX_WRITES:
                self.sums.popitem(last=False)


class SeenNumbers:
    """Sequence numbers stored, by agent and boot."""

    def __init__(self) -> None:
        self._agents: dict[str, OrderedDict[str, _Boot]] = {}

    def claim(
        self, agent: str, boot: str, first: int, last: int, stamps: Sequence[int] = (), sum32: int = 0
    ) -> list[tuple[int, int]]:
        """Mark first…last as seen; the parts that were new, in order.

        `stamps`: of each number's point in Unix ms (0: it cannot be read); `sum32`: a checksum of the text; 0: whatever was seen
        is a repeat. Raises `NotARepeat`; nothing is marked then.
        """
        own = self._boot(agent, boot)
        fresh = own.known.missing(first, last)
        if sum32 and fresh != [(first, last)]:
            repeated = [at_ms for number, at_ms in enumerate(stamps, first) if number in own.known]
            own.check(first, last, max(repeated, default=0), sum32)
        if fresh:
            own.note(first, last, max(stamps, default=0), sum32)
        return fresh

    def again(self, header: Header, newest_ms: int) -> None:
        """A record of the segments: its numbers were claimed before."""
        self._boot(header.agent, header.boot).note(header.first, header.last, newest_ms, 0)

    def _boot(self, agent: str, boot: str) -> _Boot:
        boots = self._agents.setdefault(agent, OrderedDict())
        own = boots.setdefault(boot, _Boot())
        boots.move_to_end(boot)
        if len(boots) > MAX_BOOTS:
            boots.popitem(last=False)
        return own

    def release(self, agent: str, boot: str, parts: Iterable[tuple[int, int]]) -> None:
        """Take back a claim whose lines could not be stored."""
        own = self._agents.get(agent, OrderedDict[str, _Boot]()).get(boot)
        if own is None:
            return
        for first, last in parts:
            own.known.discard(first, last)
            own.sums = OrderedDict(
                (span, sum32) for span, sum32 in own.sums.items() if span[1] < first or span[0] > last
            )

    def export(self) -> Plain:
        """All of it as plain data, boots oldest first."""
        return {agent: {boot: list(own.known) for boot, own in boots.items()} for agent, boots in self._agents.items()}

    def newest(self) -> dict[str, dict[str, int]]:
        """The newest stamp stored under each boot of each agent, Unix ms; those not known are left out."""
        return {
            agent: {boot: own.newest_ms for boot, own in boots.items() if own.newest_ms is not None}
            for agent, boots in self._agents.items()
        }

    def newest_ms(self) -> int:
        """The newest stamp of all; 0 when none is known."""
        return max((own.newest_ms or 0 for boots in self._agents.values() for own in boots.values()), default=0)

    @classmethod
    def restore(cls, plain: Plain, newest: dict[str, dict[str, int]] | None = None) -> SeenNumbers:
        """The opposite of `export` and `newest`."""
        seen = cls()
        for agent, boots in plain.items():
            stamps = (newest or {}).get(agent, {})
            seen._agents[agent] = OrderedDict(
                (boot, _Boot(Intervals((first, last) for first, last in pairs), stamps.get(boot)))
                for boot, pairs in boots.items()
            )
        return seen
