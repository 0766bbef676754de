"""One OPTIONS asked and answered: the non-INVITE client transaction (RFC 3261 §17.1.2) as a pure state machine.

Over datagrams it repeats itself by Timer E; over a stream it does not. A 401 or 407 is answered once with a digest
(once more when the far end calls the nonce stale). It ends by a final answer, by its deadline, or by what the socket
tells it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from probes.errors import WireError
from probes.wire import sip, sipdigest
from probes.wire.session import Address, Arrival, Datagram, Malformed
from probes.wire.sip import Message
from probes.wire.sipdigest import Credentials

T1_S, T2_S = 0.5, 4.0  # RFC 3261 §17.1.2.2
CHALLENGES = {401: ("www-authenticate", "authorization"), 407: ("proxy-authenticate", "proxy-authorization")}
_MOST_EVENTS = 64  # of one conversation; a flood of strays is not collected


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked, and by whom. `local` is our `host:port` as others see it; `seed` makes all tokens (random hex)."""

    uri: str
    local: str
    seed: str
    transport: str = "UDP"  # the Via's word: UDP, TCP, TLS
    credentials: Credentials | None = None


class Answered(NamedTuple):
    """The final answer. `rtt_s` from the first send of the OPTIONS answered; `sends`: 1, and 1 for each repeat made.

    `message` is the answer itself; `tried`: it was answered with credentials before (a 401 now means they are bad).
    """

    message: Message
    rtt_s: float
    sends: int
    tried: bool


class Provisional(NamedTuple):
    """A 1xx: the far end works on it."""

    status: int


class Stray(NamedTuple):
    """A well-formed response that belongs to no OPTIONS of ours."""

    status: int


class Expired(NamedTuple):
    """The deadline came, or the stream's peer closed, with no final answer."""

    closed: bool
    partial: bool  # the beginning of an answer had come


class _Options:
    """What both transports share."""

    def __init__(self, ask: Ask, deadline: float, reliable: bool) -> None:
        self._ask, self._deadline, self._reliable = ask, deadline, reliable
        self._events: list[Any] = []
        self._number = 0  # CSeq
        self._repeats = 0
        self._authorization: tuple[tuple[str, str], ...] = ()
        self._tries = 0  # challenges answered
        self._due: float | None = 0.0
        self._first_at: float | None = None
        self._gap_s = T1_S
        self._provisional = False
        self.done = False

    def wake_at(self) -> float | None:
        """The next repeat or the deadline, whichever is first."""
        if self.done:
            return None
        return self._deadline if self._due is None else min(self._due, self._deadline)

    def events(self) -> list[Any]:
        """What happened since the last call; drained."""
        out, self._events = self._events, []
        return out

    def _tell(self, event: Any) -> None:
        if len(self._events) < _MOST_EVENTS:
            self._events.append(event)

    def _end(self, event: Any) -> None:
        self.done = True
        self._events.append(event)

    def _outgoing(self, now: float) -> bytes:
        """What to send now, b"" for nothing; fires the deadline."""
        if self.done:
            return b""
        if now >= self._deadline:
            self._end(Expired(False, self._partial()))
            return b""
        if self._due is None or now < self._due:
            return b""
        self._schedule(now)
        return self._request()

    def _partial(self) -> bool:
        return False

    def _schedule(self, now: float) -> None:
        if self._first_at is None:
            self._number += 1
            self._first_at, self._gap_s = now, T1_S
        else:
            self._repeats += 1
            self._gap_s = min(2 * self._gap_s, T2_S)
        if self._reliable:
            self._due = None
        else:
            self._due = now + (T2_S if self._provisional else self._gap_s)

    def _request(self) -> bytes:
        ask, seed = self._ask, self._ask.seed
        scheme = ask.uri.partition(":")[0]
        headers = (
            ("via", f"SIP/2.0/{ask.transport} {ask.local};branch={self._branch()};rport"),
            ("max-forwards", "70"),
            ("from", f"<{scheme}:netmon@{ask.local}>;tag={seed[:8]}"),
            ("to", f"<{ask.uri}>"),
            ("call-id", seed),
            ("cseq", f"{self._number} OPTIONS"),
            ("contact", f"<{scheme}:netmon@{ask.local}>"),
            ("accept", "application/sdp"),
            ("user-agent", "netmon"),
            *self._authorization,
        )
        return sip.encode(Message(0, "", "OPTIONS", ask.uri, headers))

    def _branch(self) -> str:
        return f"z9hG4bK{self._ask.seed[:16]}{self._number}"

    def _take(self, message: Message, now: float) -> None:
        if self.done or not message.status:
            return  # their requests are not our business
        if not self._ours(message):
            self._tell(Stray(message.status))
        elif message.status < 200:
            self._provisional = True
            self._tell(Provisional(message.status))
        elif not self._answer_challenge(message):
            assert self._first_at is not None
            self._end(Answered(message, now - self._first_at, 1 + self._repeats, self._tries > 0))

    def _ours(self, message: Message) -> bool:
        """RFC 3261 §17.1.3: branch and method; a Via that did not come back is forgiven for Call-ID's sake."""
        if self._first_at is None or sip.cseq(message) != (self._number, "OPTIONS"):
            return False
        branch = sip.top_branch(message)
        return branch == self._branch() if branch else message.first("call-id") == self._ask.seed

    def _answer_challenge(self, message: Message) -> bool:
        """True when the OPTIONS goes out again with credentials (RFC 3261 §22.2)."""
        names = CHALLENGES.get(message.status)
        if names is None or self._ask.credentials is None:
            return False
        asked = sipdigest.challenge(message.all(names[0]))
        if asked is None or self._tries > 1 or (self._tries == 1 and not asked.stale):
            return False
        self._tries += 1
        cnonce = f"{self._ask.seed[:16]}{self._tries:02x}"
        value = sipdigest.authorization(asked, self._ask.credentials, "OPTIONS", self._ask.uri, cnonce)
        self._authorization = ((names[1], value),)
        self._first_at, self._due, self._provisional = None, 0.0, False
        return True


class DatagramOptions(_Options):
    """OPTIONS over UDP: a `probes.wire.session.Session` for one target, on a connected socket."""

    def __init__(self, ask: Ask, to: Address, deadline: float) -> None:
        super().__init__(ask, deadline, reliable=False)
        self._to = to

    def receive(self, arrival: Arrival, now: float) -> None:
        """Take one datagram. What is no SIP is told as `Malformed` and does not end the waiting: it may be forged."""
        if not arrival.data.strip(b"\r\n\0 "):
            return  # a keep-alive
        try:
            self._take(sip.parse(arrival.data), now)
        except WireError as fault:
            self._tell(Malformed(fault.reason, arrival.source))

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """The OPTIONS when it is due."""
        data = self._outgoing(now)
        return [Datagram(data, self._to)] if data else []

    def sent(self, token: Any, at_ns: int) -> None:
        """Nothing here asks for send stamps."""


class StreamOptions(_Options):
    """OPTIONS over TCP or TLS: a `probes.wire.session.Stream`."""

    def __init__(self, ask: Ask, deadline: float) -> None:
        super().__init__(ask, deadline, reliable=True)
        self._framer = sip.Framer()

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes; what is no SIP ends the conversation, for nothing after it can be understood."""
        if self.done:
            return
        if not data:
            self._end(Expired(True, self._framer.pending))
            return
        try:
            for message in self._framer.feed(data):
                self._take(message, now)
        except WireError as fault:
            if not self.done:
                self._end(Malformed(fault.reason))

    def transmit(self, now: float, clock_ns: int) -> bytes:
        """The OPTIONS once, and once more with credentials."""
        return self._outgoing(now)

    def _partial(self) -> bool:
        return self._framer.pending
