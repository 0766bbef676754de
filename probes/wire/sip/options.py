"""One OPTIONS asked and answered: the non-INVITE client transaction (RFC 3261 §17.1.2) as a pure state machine.

Over datagrams it repeats itself by Timer E; over a stream it does not. Challenges of proxies and of the room itself are
answered (`probes.wire.sip.login`). It ends by a final answer, by its deadline, or by what the socket tells it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from probes.wire.exchange import Departure, Unreached
from probes.wire.framer import FramedSession
from probes.wire.icmp.fault import Fault
from probes.wire.session import Address, Datagram, Malformed
from probes.wire.sip import message as sip
from probes.wire.sip.carrier import OverDatagrams, SipSession, Token, is_of
from probes.wire.sip.message import SipMessage
from probes.wire.sip.request import T1_S, T2_S, RequestPlan, is_answer, options


class FinalResponse(NamedTuple):
    """The final answer. `rtt_s` from the first send of the OPTIONS answered; `sends`: 1, and 1 for each repeat made.

    `message` is the answer itself; `tried`: it was answered with credentials before (a 401 now means they are bad).
    """

    message: SipMessage
    rtt_s: float
    sends: int
    tried: bool


class Provisional(NamedTuple):
    """A 1xx: the far end works on it."""

    status: int


class Stray(NamedTuple):
    """A well-formed response that belongs to no OPTIONS of ours."""

    status: int


class NoFinalResponse(NamedTuple):
    """The deadline came, or the stream's peer closed, with no final answer. `trouble`: why our last send did not arrive."""

    closed: bool
    partial: bool  # the beginning of an answer had come
    trouble: Fault | None = None


class _Options(SipSession):
    """What both transports share."""

    done = False

    def __init__(self, ask: RequestPlan, deadline: float, reliable: bool) -> None:
        super().__init__(ask)
        self._deadline, self._reliable = deadline, reliable
        self._repeats = 0
        self._send = 0  # of the OPTIONS that is asked now, from 0
        self._due: float | None = 0.0
        self._gap_s = T1_S
        self._provisional = False

    def wake_at(self) -> float | None:
        """The next repeat or the deadline, whichever is first."""
        if self.done:
            return None
        return self._deadline if self._due is None else min(self._due, self._deadline)

    def _end(self, event: Any) -> None:
        if not self.done:
            self.done = True
            self._events.append(event)

    def _outgoing(self, now: float, clock_ns: int) -> bytes:
        """What to send now, b"" for nothing; fires the deadline."""
        if self.done:
            return b""
        if now >= self._deadline:
            self._end(NoFinalResponse(False, self._partial(), self.trouble))
            return b""
        if self._due is None or now < self._due:
            return b""
        self._schedule(now, clock_ns)
        return options(self._ask, self._number, self._authorization)

    def _schedule(self, now: float, clock_ns: int) -> None:
        self.trouble = None
        if self._left is None:
            self._number += 1
            self._left, self._gap_s, self._send = Departure(now, clock_ns), T1_S, 0
        else:
            self._repeats, self._send = self._repeats + 1, self._send + 1
            self._gap_s = min(2 * self._gap_s, T2_S)
        if self._reliable:
            self._due = None
        else:
            self._due = now + (T2_S if self._provisional else self._gap_s)

    def _take(self, message: SipMessage, now: float) -> None:
        if self.done or not message.status:
            return  # their requests are not our business
        if self._left is None or not is_answer(message, self._ask, "OPTIONS", self._number):
            self._notify(Stray(message.status))
        elif message.status < 200:
            self._provisional = True
            self._notify(Provisional(message.status))
        elif self._login.challenged(message):
            self._authorization = self._login.headers("OPTIONS", self._ask.uri)
            self._left, self._due, self._provisional = None, 0.0, False
        else:
            rtt_s = self._left.passed_s(now, self._at_ns)
            self._end(FinalResponse(message, rtt_s, 1 + self._repeats, self._login.tried))


class DatagramOptions(_Options, OverDatagrams):
    """OPTIONS over UDP: a `probes.io.datagram.driver.PacketSession` for one target. Only who was asked is heard."""

    def __init__(self, ask: RequestPlan, to: Address, deadline: float) -> None:
        super().__init__(ask, deadline, reliable=False)
        self._to = to

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """The OPTIONS when it is due."""
        data = self._outgoing(now, clock_ns)
        return [Datagram(data, self._to, token=Token(self._waiting(), self._send))] if data else []

    def refused(self, fault: Fault, to: str, now: float) -> None:
        """See `SocketDuties`."""
        self._end(Unreached(fault))

    def _hears(self, source: Address) -> bool:
        return is_of(self._to, source[0]) and source[1] == self._to[1]

    def _waiting(self) -> str:
        return str(self._number)


class StreamOptions(_Options, FramedSession):
    """OPTIONS over TCP or TLS: a `probes.wire.session.StreamSession`."""

    def __init__(self, ask: RequestPlan, deadline: float) -> None:
        super().__init__(ask, deadline, reliable=True)
        self._framer = sip.SipFramer()

    def transmit(self, now: float, clock_ns: int) -> bytes:
        """The OPTIONS once, and once more with credentials."""
        return self._outgoing(now, clock_ns)

    def _closed(self, now: float) -> None:
        self._end(NoFinalResponse(True, self._partial()))

    def _broken(self, event: Malformed, now: float) -> None:
        self._end(event)

    def _partial(self) -> bool:
        return self._framer.pending
