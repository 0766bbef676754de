"""A conference's stream in one direction, as its sender and as its receiver see it; agent and responder both use them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from probes.wire.delay_rise import DelayRise
from probes.wire.media import packet as media
from probes.wire.media.packet import Data
from probes.wire.media.shape import PlannedPacket, Sort
from probes.wire.session import Address, Arrival, Datagram

_AGAIN_NS = 1_000_000  # a full socket buffer is tried again after this
_BEHIND_NS = 50_000_000  # a stream that is later than this goes on from now: it never catches up with a burst
_GIVE_UP_NS = 1_000_000_000  # a socket that takes nothing for so long is broken
_JUMP_NS = 5_000_000  # of the wall clock against the monotonic one between two looks: corrections are slower
_QUEUE_FULL = os.strerror(errno.ENOBUFS)  # a queue of this machine (tc) dropped it: it is lost as any other on the way


class Marks(NamedTuple):
    """TOS of the packets."""

    video: int
    audio: int

    def of(self, sort: Sort) -> int:
        """The one of a stream."""
        return self.video if sort is Sort.VIDEO else self.audio


@dataclass(frozen=True, slots=True)
class MediaTrace:
    """A direction that is over. `sent_ns`, `late_us`: of each packet of the plan that left, by the sender's clock and
    against its time; `arrivals`: (number, ns, TOS) as they came, by the receiver's clock."""

    plan: Sequence[PlannedPacket]
    sent_ns: Sequence[int]
    late_us: Sequence[int]
    arrivals: Sequence[tuple[int, int, int]]


class PlanSender:
    """Sends a plan. `sent_ns`, `late_us` as in `MediaTrace`; `queue_full`: packets a queue of this machine dropped.

    `clock_ns` is monotonic: it is read for every packet, as late as can be.
    """

    def __init__(
        self, plan: Sequence[PlannedPacket], session: int, to: Address, marks: Marks, clock_ns: Callable[[], int],
        via: bytes = b"",
    ) -> None:  # fmt: skip
        self.plan, self.sent_ns, self.late_us = plan, list[int](), list[int]()
        self.queue_full, self.fault = 0, ""
        self._packet, self._to, self._marks, self._clock_ns, self._via = (
            media.data_packets(session), to, marks, clock_ns, via,
        )  # fmt: skip
        self._began_ns = self._due_ns = self._stuck_ns = 0
        self._held = False
        self.over = not plan

    @property
    def wake_at(self) -> float | None:
        """When the next packet is due (monotonic s); None when all have left."""
        return None if self.over else self._due_ns / 1e9

    def stop(self) -> None:
        """Send no more."""
        self.over = True

    def packets(self) -> Iterator[Datagram]:
        """What is due now."""
        at_ns, self._held = self._clock_ns(), False
        if not self._began_ns:
            self._began_ns = at_ns - self.plan[0].due_ns if self.plan else at_ns
            self._due_ns = at_ns
        while not self.over and self._due_ns <= at_ns:
            late_ns = self._late_ns(at_ns)
            yield self._datagram(at_ns, late_ns)
            if self._held:
                self._due_ns = at_ns + _AGAIN_NS
                return
            self._left(at_ns, late_ns)
            at_ns = self._clock_ns()

    def _late_ns(self, at_ns: int) -> int:
        """Against its time; of those that are due at once only the first, and then how long one waited for the other."""
        number = len(self.sent_ns)
        due_ns = self.plan[number].due_ns
        if number and self.plan[number - 1].due_ns == due_ns:
            return at_ns - self.sent_ns[-1]
        return max(0, at_ns - self._began_ns - due_ns)

    def _left(self, at_ns: int, late_ns: int) -> None:
        """One has; a sender that was put aside for long does not hurry to catch up."""
        self._stuck_ns = 0
        self.sent_ns.append(at_ns)
        self.late_us.append(late_ns // 1000)
        if late_ns > _BEHIND_NS:
            self._began_ns += late_ns
        self.over = len(self.sent_ns) >= len(self.plan)
        if not self.over:
            self._due_ns = self._began_ns + self.plan[len(self.sent_ns)].due_ns

    def _datagram(self, at_ns: int, late_ns: int) -> Datagram:
        number = len(self.sent_ns)
        packet = self.plan[number]
        tos, late_us = self._marks.of(packet.sort), min(late_ns // 1000, media.MAX_LATE_US)
        said = Data(packet.sort, tos >> 2, late_us, number, packet.frame, packet.part, packet.parts, at_ns)
        return Datagram(self._packet(said, packet.size), self._to, tos, via=self._via)

    def unsent(self, why: str) -> None:
        """The packet just given did not leave. What a queue dropped is lost; a full buffer is tried again, for a while."""
        if why == _QUEUE_FULL:
            self.queue_full += 1
            return
        now_ns = self._clock_ns()
        self._held, self._stuck_ns = True, self._stuck_ns or now_ns
        if now_ns - self._stuck_ns > _GIVE_UP_NS:
            self.fault, self.over = why, True

    def trace(self, arrivals: Sequence[tuple[int, int, int]]) -> MediaTrace:
        """With what its receiver says."""
        return MediaTrace(self.plan, self.sent_ns, self.late_us, arrivals)


class ClockWatch:
    """Watches whether somebody sets the wall clock, which arrivals are stamped by."""

    def __init__(self) -> None:
        self._apart_ns: int | None = None
        self.set = False

    def look(self, now: float, clock_ns: int) -> bool:
        """Both clocks at one moment; True when the wall clock was set since the last look."""
        apart_ns = clock_ns - int(now * 1e9)
        jumped = self._apart_ns is not None and abs(apart_ns - self._apart_ns) > _JUMP_NS
        self._apart_ns = apart_ns
        self.set = self.set or jumped
        return jumped


class PlanReceiver:
    """Takes a plan in. `arrivals`: (number, wall ns, TOS) as they came, the same packet twice when it came twice."""

    def __init__(self, plan: Sequence[PlannedPacket]) -> None:
        self.plan, self.arrivals, self.rise = plan, list[tuple[int, int, int]](), DelayRise()
        self.last_at: float | None = None  # monotonic s of the last packet
        self._said: dict[int, tuple[int, int]] = {}  # number → (sent ns, late µs)

    @property
    def many(self) -> int:
        """How many different ones have come."""
        return len(self._said)

    def take(self, arrival: Arrival, now: float) -> None:
        """A data packet; raises `WireError` when it is cut off. What the plan does not hold is not kept."""
        said = media.read_data(arrival.data)
        if said.number >= len(self.plan) or len(self.arrivals) >= 2 * len(self.plan):
            return
        self.last_at = now
        self.arrivals.append((said.number, arrival.at_ns, max(arrival.tos, 0)))
        if said.number not in self._said:
            self._said[said.number] = (said.sent_ns, said.late_us)
            self.rise.add(arrival.at_ns - said.sent_ns)

    def lost_of_first(self, until_ns: int) -> tuple[int, int]:
        """(lost, sent) of the packets due in the stream's first `until_ns`, as far as any later one has come."""
        highest = max(self._said, default=-1)
        due = [number for number, packet in enumerate(self.plan) if packet.due_ns < until_ns]
        sent = len(due) if highest < 0 or highest >= len(due) else highest + 1
        return sent - sum(number in self._said for number in due), sent

    def trace(self, sent: int) -> MediaTrace:
        """What its sender has sent (`sent` packets); those that never came left as the ones before them did."""
        sent = max(min(sent, len(self.plan)), max(self._said, default=-1) + 1)
        sent_ns, late_us = list[int](), list[int]()
        first = min(self._said, default=0)
        at_ns, late = self._said.get(first, (0, 0))
        behind_ns = at_ns - self.plan[first].due_ns if self.plan else 0
        for number in range(sent):
            if number in self._said:
                at_ns, late = self._said[number]
                behind_ns = at_ns - self.plan[number].due_ns
            sent_ns.append(self.plan[number].due_ns + behind_ns)
            late_us.append(late)
        for number in range(sent - 2, -1, -1):  # none left after the one behind it
            sent_ns[number] = min(sent_ns[number], sent_ns[number + 1])
        return MediaTrace(self.plan, sent_ns, late_us, self.arrivals)

    def report(self, known: int) -> tuple[tuple[int, int, int], ...]:
        """One part of the arrivals for its sender: (number, µs since the first, TOS)."""
        first = self.arrivals[0][1] if self.arrivals else 0
        chosen = self.arrivals[known : known + media.PART]
        return tuple((number, max(0, at_ns - first) // 1000, tos) for number, at_ns, tos in chosen)
