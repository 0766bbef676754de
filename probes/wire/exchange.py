"""One question by datagram, repeated when its answer is late: what DNS and NTP have in common. No socket, no clock.

Each send is a packet of its own (its number comes back from `read`), so a late answer to the first is not taken for a
quick one to the second. A foreign packet never ends the waiting: anybody can forge one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from probes.base import Outcome
from probes.errors import WireError
from probes.wire.icmp.fault import Fault, icmp_fault
from probes.wire.session import Arrival, Datagram, EventQueue, QuietSocket

_SLACK_S = 0.001  # stamps and timers are read at slightly different moments


class Departure(NamedTuple):
    """When a packet left: by our timers' clock (s), and by the wall clock as the kernel stamped it (ns; 0: not yet)."""

    now: float
    at_ns: int = 0

    def passed_s(self, now: float, at_ns: int = 0) -> float:
        """From then to an answer that came at `at_ns`: by the kernel's stamps, so that our own delay is not in it.

        By the other clock when there is no stamp, or the wall clock was set in between.
        """
        waited_s, stamped_s = now - self.now, (at_ns - self.at_ns) / 1e9
        is_sound = self.at_ns and at_ns and 0.0 <= stamped_s <= waited_s + _SLACK_S
        return stamped_s if is_sound else waited_s


class Unreached(NamedTuple):
    """A router or the host itself says that it cannot be delivered: the conversation is over."""

    fault: Fault


class SocketDuties(QuietSocket, ABC):
    """The part of `probes.io.datagram.driver.PacketSession` that is the same for every conversation with one far end.

    `trouble`: why our last send did not arrive, None when nothing is known of it; a repeat may mend it.
    """

    trouble: Fault | None = None

    def judges_at(self) -> float:
        """Before any of our timers fires, all that came must be taken in: our own delay is no loss and no repeat."""
        wake_at = self.wake_at()
        return float("inf") if wake_at is None else wake_at

    @abstractmethod
    def wake_at(self) -> float | None:
        """When to be called next (monotonic s)."""

    def unsent(self, token: Any, why: str) -> None:
        """Our own fault; a later repeat may still leave."""
        self.trouble = Fault(Outcome.LOCAL, f"this machine has no way: {why}")

    def unreachable(self, to: str, by: str, data: bytes, type: int, code: int, now: float) -> None:
        """A refusal ends it; anything else is remembered: a repeat may still be answered."""
        fault = icmp_fault(to, by, type, code)
        if fault is None:
            return
        if fault.outcome is Outcome.REFUSED:
            self.refused(fault, to, now)
        elif self.trouble is None or self.trouble.outcome is Outcome.LOST:
            self.trouble = fault

    @abstractmethod
    def refused(self, fault: Fault, to: str, now: float) -> None:
        """ICMP refuses what we sent to this address."""


class Answered(NamedTuple):
    """An answer: to which send (from 0), how many sends there were, both stamps (wall ns), the round trip, who sent it."""

    answer: Any
    number: int
    sends: int
    sent_ns: int
    at_ns: int
    rtt_ms: float
    source: Any = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """It ended without an answer: LOST (silence), REFUSED (ICMP), PROTOCOL (only what is no answer came) or LOCAL."""

    outcome: Outcome
    why: str


_SILENCE = Fault(Outcome.LOST, "nothing came back in time")
Make = Callable[[int, int], bytes]  # (number of the send, wall clock ns) → the packet
Read = Callable[[bytes], "tuple[int, Any] | None"]  # packet → (number, answer); None: not ours; raises `WireError`


class Exchange(SocketDuties, EventQueue):
    """The session (`probes.io.datagram.driver.PacketSession`). `events()` gives one `Answered` or `Unanswered`, then it is `done`."""

    def __init__(
        self,
        to: Any,
        make: Make,
        read: Read,
        *,
        began: float,
        timeout_s: float,
        sends: int,
        from_anyone: bool = False,
        is_final: Callable[[Any], bool] = lambda answer: True,
        grace_s: float = 0.0,
    ) -> None:
        """`from_anyone`: the protocol lets others than who was asked answer; only their right answers count. Those that are
        not `is_final` hold only when nothing better comes until the deadline: another of them may know more. Who was asked is
        believed after `grace_s`."""
        super().__init__()
        self._to, self._make, self._read, self._from_anyone, self._is_final = to, make, read, from_anyone, is_final
        self._kept: Answered | None = None
        self._grace_s = grace_s
        self._due = [began + timeout_s * number / sends for number in range(sends)]
        self._deadline = began + timeout_s
        self._sent: list[Departure] = []
        self.done = False

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """The packets that are due; at the deadline the end."""
        if self.done:
            return []
        if now >= self._deadline:
            self._end(self._kept or Unanswered(*self.trouble or _SILENCE))
            return []
        out = []
        while len(self._sent) < len(self._due) and now >= self._due[len(self._sent)]:
            number = len(self._sent)
            out.append(Datagram(self._make(number, clock_ns), self._to, token=number))
            self._sent.append(Departure(now, clock_ns))
        return out

    def sent(self, token: Any, at_ns: int) -> None:
        """The kernel's stamp of a send."""
        self._sent[token] = self._sent[token]._replace(at_ns=at_ns)

    def receive(self, arrival: Arrival, now: float) -> None:
        """An answer ends it; anything else is only remembered."""
        is_asked = arrival.source[:2] == tuple(self._to[:2])
        if self.done or not (is_asked or self._from_anyone):
            return
        try:
            answer, why = self._read(arrival.data), "it answers, but not what we asked"
        except WireError as fault:
            answer, why = None, f"what answers is none: {fault.reason}"
        if answer is None or answer[0] >= len(self._sent):
            if is_asked:  # a stranger's words are nothing of theirs
                self.trouble = Fault(Outcome.PROTOCOL, why)
            return
        number, content = answer
        left = self._sent[number]
        rtt_ms = 1000.0 * left.passed_s(now, arrival.at_ns)
        heard = Answered(content, number, len(self._sent), left.at_ns, arrival.at_ns, rtt_ms, arrival.source)
        if self._is_final(heard.answer) or (is_asked and not self._grace_s):
            self._end(heard)
        elif is_asked:
            self._kept, self._due = heard, self._due[: len(self._sent)]
            self._deadline = min(self._deadline, now + self._grace_s)
        else:
            self._kept = self._kept or heard

    def unsent(self, token: Any, why: str) -> None:
        """Our own fault; a later repeat may still leave."""
        super().unsent(token, why)
        if token + 1 == len(self._due) and self.trouble:
            self._end(Unanswered(*self.trouble))

    def refused(self, fault: Fault, to: str, now: float) -> None:
        """See `SocketDuties`."""
        self._end(Unanswered(*fault))

    def _end(self, event: Answered | Unanswered) -> None:
        if not self.done:
            self.done = True
            self._events.append(event)

    def wake_at(self) -> float | None:
        """The next send, or the deadline."""
        if self.done:
            return None
        return self._due[len(self._sent)] if len(self._sent) < len(self._due) else self._deadline

    def judges_at(self) -> float:
        """The deadline: all that came must be read before."""
        return self._deadline
