"""One question by datagram, repeated when its answer is late: what DNS and NTP have in common. No socket, no clock.

Each send is a packet of its own (its number comes back from `read`), so a late answer to the first is not taken for a
quick one to the second. A foreign packet never ends the waiting: anybody can forge one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from probes.base import Outcome
from probes.errors import WireError
from probes.wire.icmp.fault import icmp_fault
from probes.wire.session import Arrival, Datagram

_SLACK_MS = 1.0  # stamps and timers are read at slightly different moments


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


Make = Callable[[int, int], bytes]  # (number of the send, wall clock ns) → the packet
Read = Callable[[bytes], "tuple[int, Any] | None"]  # packet → (number, answer); None: not ours; raises `WireError`


class Exchange:
    """The session (`probes.io.datagram.driver.PacketSession`). `events()` gives one `Answered` or `Unanswered`, then it is done."""

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
        self._to, self._make, self._read, self._from_anyone, self._is_final = to, make, read, from_anyone, is_final
        self._kept: Answered | None = None
        self._grace_s = grace_s
        self._due = [began + timeout_s * number / sends for number in range(sends)]
        self._deadline = began + timeout_s
        self._sent: list[tuple[int, float]] = []  # wall ns, monotonic s
        self._said = Unanswered(Outcome.LOST, "nothing came back in time")
        self._events: list[Any] = []
        self._done = False

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """The packets that are due; at the deadline the end."""
        if self._done:
            return []
        if now >= self._deadline:
            self._end(self._kept or self._said)
            return []
        out = []
        while len(self._sent) < len(self._due) and now >= self._due[len(self._sent)]:
            number = len(self._sent)
            out.append(Datagram(self._make(number, clock_ns), self._to, token=number))
            self._sent.append((clock_ns, now))
        return out

    def sent(self, token: Any, at_ns: int) -> None:
        """The kernel's stamp of a send."""
        self._sent[token] = (at_ns, self._sent[token][1])

    def receive(self, arrival: Arrival, now: float) -> None:
        """An answer ends it; anything else is only remembered."""
        is_asked = arrival.source[:2] == tuple(self._to[:2])
        if self._done or not (is_asked or self._from_anyone):
            return
        try:
            answer, why = self._read(arrival.data), "it answers, but not what we asked"
        except WireError as fault:
            answer, why = None, f"what answers is none: {fault.reason}"
        if answer is None or answer[0] >= len(self._sent):
            if is_asked:  # a stranger's words are nothing of theirs
                self._said = Unanswered(Outcome.PROTOCOL, why)
            return
        sent_ns, at = self._sent[answer[0]]
        waited_ms, stamped_ms = 1000.0 * (now - at), (arrival.at_ns - sent_ns) / 1e6
        rtt_ms = stamped_ms if 0.0 <= stamped_ms <= waited_ms + _SLACK_MS else waited_ms  # else the clock was set
        heard = Answered(answer[1], answer[0], len(self._sent), sent_ns, arrival.at_ns, rtt_ms, arrival.source)
        if self._is_final(heard.answer) or (is_asked and not self._grace_s):
            self._end(heard)
        elif is_asked:
            self._kept, self._due = heard, self._due[: len(self._sent)]
            self._deadline = min(self._deadline, now + self._grace_s)
        else:
            self._kept = self._kept or heard

    def unsent(self, token: Any, why: str) -> None:
        """Our own fault; a later repeat may still leave."""
        if token + 1 == len(self._due):
            self._end(Unanswered(Outcome.LOCAL, f"this machine has no way: {why}"))
        else:
            self._said = Unanswered(Outcome.LOCAL, f"this machine has no way: {why}")

    def unreachable(self, to: str, by: str, data: bytes, type: int, code: int, now: float) -> None:
        """A refusal ends it; anything else is remembered: a repeat may still be answered."""
        fault = icmp_fault(to, by, type, code)
        if fault is None:
            return
        if fault.outcome is Outcome.REFUSED:
            self._end(Unanswered(*fault))
        elif self._said.outcome is Outcome.LOST:
            self._said = Unanswered(*fault)

    def _end(self, event: Answered | Unanswered) -> None:
        if not self._done:
            self._done = True
            self._events.append(event)

    def wake_at(self) -> float | None:
        """The next send, or the deadline."""
        if self._done:
            return None
        return self._due[len(self._sent)] if len(self._sent) < len(self._due) else self._deadline

    def judges_at(self) -> float:
        """The deadline: all that came must be read before."""
        return self._deadline

    def clocks(self, now: float, clock_ns: int) -> None:
        """Not needed: the clocks of each send are kept."""

    def overflow(self, total: int) -> None:
        """One question cannot fill our own buffer."""

    def events(self) -> list[Any]:
        """What happened since the last call."""
        events, self._events = self._events, []
        return events

    @property
    def done(self) -> bool:
        """True once it has ended."""
        return self._done
