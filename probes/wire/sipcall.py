"""One test call as its caller sees it: INVITE, ACK, and always a BYE or a CANCEL (RFC 3261 §9, §13, §15, §17.1.1).

A pure state machine: ASKING until something answers, RINGING until the far end takes the call or the ring's cap comes,
UP for as long as the media lasts, PARTING until our BYE or CANCEL is answered. What it tells: `Ringing`, `Up`, `Refused`,
`Silent`, `Leaving`, `Over`. A call that rings too long is cancelled; one that is taken although we cancelled is acknowledged and
ended at once, and so is a second answer of a forked call: no room is left with a call of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from probes.errors import WireError
from probes.wire import sip, sipdialog, sipdigest
from probes.wire.session import Address, Arrival, Datagram, Malformed
from probes.wire.sip import Message
from probes.wire.sipoptions import CHALLENGES, T1_S, T2_S, Ask

_ASKING, _RINGING, _UP, _PARTING, _DONE = range(5)
_MOST_EVENTS, _MOST_STRANGERS = 64, 4
_COPIED = ("via", "from", "to", "call-id", "cseq")  # RFC 3261 §8.2.6.2
_ANSWERS = {"BYE": 200, "OPTIONS": 200, "INFO": 200, "NOTIFY": 200, "MESSAGE": 200, "CANCEL": 481}
_REASONS = {200: "OK", 481: "Call/Transaction Does Not Exist", 488: "Not Acceptable Here"}


class Limits(NamedTuple):
    """How long we wait, in s: for the first answer of any kind, ringing, talking, and for the answer to our last word."""

    answer_s: float
    ring_s: float
    talk_s: float
    part_s: float = 2.0


class Ringing(NamedTuple):
    """The first answer of this status (100 to 199), so long after the INVITE it answers."""

    status: int
    after_s: float


class Up(NamedTuple):
    """The far end took the call. `sends`: of the INVITE that was answered."""

    message: Message
    after_s: float
    sends: int


class Refused(NamedTuple):
    """A final answer that is no 2xx. `tried`: credentials had been given."""

    message: Message
    after_s: float
    sends: int
    tried: bool


class Silent(NamedTuple):
    """No final answer: none of any kind (`rang` false), or it rang too long."""

    rang: bool
    closed: bool = False
    partial: bool = False


class Leaving(NamedTuple):
    """Our BYE goes out: the media ends before it, for nobody listens after."""


class Over(NamedTuple):
    """A call that was up has ended: `ours` by our BYE. `status` of the BYE's answer, 0 for none; `after_s` it took."""

    ours: bool
    status: int
    after_s: float


@dataclass(slots=True)
class _Repeat:
    """A request that is sent again until it is answered (Timers A and E)."""

    data: bytes
    due: float
    gap_s: float
    longest_s: float
    sends: int = 0


class _Call:
    """What both transports share."""

    def __init__(self, ask: Ask, offer: bytes, limits: Limits, began: float, *, reliable: bool) -> None:
        self._ask, self._offer, self._limits, self._reliable = ask, offer, limits, reliable
        self._state = _ASKING
        self._events: list[Any] = []
        self._out: list[bytes] = []  # sent once: ACKs and our answers
        self._number = 0  # CSeq
        self._invite = 0  # its CSeq
        self._tries, self._counted = 0, 0  # challenges answered, uses of the nonce
        self._challenge: tuple[sipdigest.Challenge, str] | None = None
        self._authorization: tuple[tuple[str, str], ...] = ()
        self._cancelled = False
        self._sends = 0  # of the INVITE, once something answered
        self._is_taken, self._is_bye_asked = False, False  # `_is_bye_asked`: for credentials of its own
        self._to_tag = ""
        self._target, self._routes = ask.uri, tuple[str, ...]()
        self._strangers: set[str] = set()
        self._told: set[int] = set()
        self._began = self._until = began
        self._repeat: _Repeat | None = None
        self._asked(began)

    # --- what the driver asks ---

    @property
    def done(self) -> bool:
        """True when the call is over and its last word is said."""
        return self._state == _DONE

    def wake_at(self) -> float | None:
        """The next repeat or limit."""
        if self.done:
            return None
        return self._until if self._repeat is None else min(self._repeat.due, self._until)

    def events(self) -> list[Any]:
        """What happened since the last call; drained."""
        out, self._events = self._events, []
        return out

    def hang_up(self, now: float) -> None:
        """End it now, whatever its state: the next `transmit` gives the BYE or CANCEL."""
        if self._state in (_ASKING, _RINGING):
            self._cancel(now)
        elif self._state == _UP:
            self._bye(now)

    def _outgoing(self, now: float) -> list[bytes]:
        """What to send now; fires the limits."""
        if now >= self._until and not self.done:
            self._limit(now)
        out, self._out = self._out, []
        repeat = self._repeat
        if repeat and now >= repeat.due and not self.done:
            out.append(repeat.data)
            repeat.sends += 1
            repeat.due = now + repeat.gap_s if not self._reliable else self._until
            repeat.gap_s = min(2 * repeat.gap_s, repeat.longest_s)
        return out

    def _limit(self, now: float) -> None:
        if self._state in (_ASKING, _RINGING):
            self._tell(Silent(self._state == _RINGING, partial=self._partial()))
            self._cancel(now)
        elif self._state == _UP:
            self._bye(now)
        else:
            self._part(0, now)

    def _partial(self) -> bool:
        return False

    def _tell(self, event: Any) -> None:
        if len(self._events) < _MOST_EVENTS or not isinstance(event, Malformed):  # the others come once, or are counted
            self._events.append(event)

    # --- what we say ---

    def _asked(self, now: float) -> None:
        """The INVITE, from the start or with credentials."""
        self._number += 1
        self._invite = self._number
        body = (("content-type", "application/sdp"), ("allow", "INVITE, ACK, BYE, CANCEL, OPTIONS"))
        data = self._request(
            "INVITE", self._invite, self._ask.uri, body=self._offer, more=(*body, *self._authorization)
        )
        self._began, self._until = now, now + self._limits.answer_s
        self._repeat = _Repeat(data, now, T1_S, float("inf"))

    def _cancel(self, now: float) -> None:
        """RFC 3261 §9.1 wants a provisional answer first; without one a CANCEL is still better than a room that rings."""
        wait_s = self._limits.part_s if self._state == _RINGING else T1_S
        self._cancelled = True
        self._state, self._until, self._began = _PARTING, now + wait_s, now
        data = self._request("CANCEL", self._invite, self._ask.uri)
        self._repeat = _Repeat(data, now, T1_S, T2_S)

    def _bye(self, now: float) -> None:
        if self._state == _UP:
            self._tell(Leaving())
        self._number += 1
        self._state, self._until, self._began = _PARTING, now + self._limits.part_s, now
        more = self._authorized("BYE", self._target) if self._challenge else ()
        data = self._request("BYE", self._number, self._target, self._to_tag, self._routes, more)
        self._repeat = _Repeat(data, now, T1_S, T2_S)

    def _acknowledge(self, message: Message) -> None:
        """A 2xx has a new branch and goes the dialog's way; any other final answer stays in its transaction."""
        tag = sipdialog.tag(message)
        if message.status < 300:
            target, routes = sipdialog.contact(message, self._ask.uri), sipdialog.routes(message)
            data = self._request("ACK", self._invite, target, tag, routes, self._authorization, mark="a")
        else:
            data = self._request("ACK", self._invite, self._ask.uri, tag)
        self._out.append(data)

    def _request(
        self,
        method: str,
        number: int,
        uri: str,
        tag: str = "",
        routes: tuple[str, ...] = (),
        more: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
        mark: str = "",
    ) -> bytes:
        """Bytes of a request. `mark` makes its branch another than that of the INVITE with the same number."""
        ask, seed = self._ask, self._ask.seed
        scheme = ask.uri.partition(":")[0]
        to = f"<{ask.uri}>;tag={tag}" if tag else f"<{ask.uri}>"
        headers = (
            ("via", f"SIP/2.0/{ask.transport} {ask.local};branch=z9hG4bK{seed[:16]}{number}{mark};rport"),
            ("max-forwards", "70"),
            *(("route", one) for one in routes),
            ("from", f"<{scheme}:netmon@{ask.local}>;tag={seed[:8]}"),
            ("to", to),
            ("call-id", seed),
            ("cseq", f"{number} {method}"),
            ("contact", f"<{scheme}:netmon@{ask.local};transport={ask.transport.lower()}>"),
            ("user-agent", "netmon"),
            *more,
        )
        return sip.encode(Message(0, "", method, uri, headers, body))

    # --- what we hear ---

    def _take(self, message: Message, now: float) -> None:
        if message.first("call-id") != self._ask.seed:
            return  # not of this call
        if not message.status:
            self._answer(message, now)
            return
        number, method = sip.cseq(message)
        if method == "INVITE" and number == self._invite:
            self._invited(message, now)
        elif self._state == _PARTING and message.status >= 200 and number == self._number and method == "BYE":
            if not self._challenged(message, now):
                self._part(message.status, now)
        elif self._state == _PARTING and method == "CANCEL" and message.status >= 200:
            self._repeat = None  # the INVITE's own answer is still to come

    def _answer(self, message: Message, now: float) -> None:
        """Their request inside our call: a BYE ends it, a change of media is refused, a question is answered."""
        method = message.method.upper()
        if method == "ACK" or not all(message.first(name) for name in _COPIED):
            return
        status = _ANSWERS.get(method, 488)
        headers = tuple((name, value) for name, value in message.headers if name in _COPIED)
        try:
            self._out.append(sip.encode(Message(status, _REASONS[status], "", "", headers)))
        except ValueError:
            return  # a line end hidden in a header: nothing to answer
        del self._out[:-_MOST_STRANGERS]
        if method == "BYE" and self._state in (_UP, _PARTING) and not self._cancelled:
            self._state, self._repeat = _DONE, None
            self._tell(Over(False, 0, 0.0))

    def _invited(self, message: Message, now: float) -> None:
        if message.status < 200:
            self._provisional(message.status, now)
        elif message.status < 300:
            self._taken(message, now)
        else:
            self._turned_down(message, now)

    def _provisional(self, status: int, now: float) -> None:
        if status not in self._told and len(self._told) < _MOST_EVENTS:
            self._told.add(status)
            self._tell(Ringing(status, now - self._began))
        if self._state == _ASKING:
            self._sends = self._repeat.sends if self._repeat else 1
            self._state, self._repeat, self._until = _RINGING, None, now + self._limits.ring_s

    def _taken(self, message: Message, now: float) -> None:
        tag = sipdialog.tag(message)
        if self._is_taken and tag != self._to_tag:
            self._stranger(message, tag)
        elif not self._is_taken and (self._state in (_ASKING, _RINGING) or self._cancelled):
            sends = self._repeat.sends if self._state == _ASKING and self._repeat else self._sends
            self._is_taken = True
            self._to_tag, self._target, self._routes = (
                tag,
                sipdialog.contact(message, self._ask.uri),
                sipdialog.routes(message),
            )
            after_s, cancelled = now - self._began, self._cancelled
            self._state, self._repeat, self._until = _UP, None, now + self._limits.talk_s
            self._acknowledge(message)
            if cancelled:  # it was taken while we gave up
                self._bye(now)
            else:
                self._tell(Up(message, after_s, max(1, sends)))
        else:
            self._acknowledge(message)  # the same answer again: our ACK was lost
            del self._out[:-_MOST_STRANGERS]

    def _stranger(self, message: Message, tag: str) -> None:
        """A second place took the forked call: it is acknowledged and ended."""
        if len(self._strangers) >= _MOST_STRANGERS and tag not in self._strangers:
            return
        self._acknowledge(message)
        if tag not in self._strangers:
            self._strangers.add(tag)
            target, routes = sipdialog.contact(message, self._ask.uri), sipdialog.routes(message)
            self._out.append(
                self._request("BYE", self._invite + 1, target, tag, routes, mark=f"b{len(self._strangers)}")
            )
        del self._out[: -2 * _MOST_STRANGERS]

    def _turned_down(self, message: Message, now: float) -> None:
        if self._is_taken:
            return  # it was taken: a late refusal from another branch
        self._acknowledge(message)
        if self._cancelled:
            self._part(message.status, now)
        elif self._state in (_ASKING, _RINGING) and not self._challenged(message, now):
            sends = self._repeat.sends if self._state == _ASKING and self._repeat else self._sends
            self._state, self._repeat = _DONE, None
            self._tell(Refused(message, now - self._began, max(1, sends), self._tries > 0))

    def _part(self, status: int, now: float) -> None:
        """Our last word was answered, or never will be."""
        ours = not self._cancelled or self._is_taken
        self._state, self._repeat = _DONE, None
        if ours:
            self._tell(Over(True, status, now - self._began))

    def _challenged(self, message: Message, now: float) -> bool:
        """True when the INVITE, or the BYE, goes out again with credentials (RFC 3261 §22.2)."""
        names = CHALLENGES.get(message.status)
        if names is None or self._ask.credentials is None:
            return False
        asked = sipdigest.challenge(message.all(names[0]))
        anew = self._state == _PARTING and not self._is_bye_asked  # many servers take a nonce for one request only
        if asked is None or self._tries > 2 or (self._challenge is not None and not asked.stale and not anew):
            return False
        self._tries, self._is_bye_asked = self._tries + 1, self._state == _PARTING
        self._challenge, self._counted = (asked, names[1]), 0
        if self._state == _PARTING:
            self._bye(now)
            return True
        self._authorization = self._authorized("INVITE", self._ask.uri)
        self._state = _ASKING
        self._asked(now)
        return True

    def _authorized(self, method: str, uri: str) -> tuple[tuple[str, str], ...]:
        assert self._challenge and self._ask.credentials
        asked, header = self._challenge
        self._counted += 1
        cnonce = f"{self._ask.seed[:16]}{self._counted:02x}"
        return ((header, sipdigest.authorization(asked, self._ask.credentials, method, uri, cnonce, self._counted)),)


class DatagramCall(_Call):
    """A call over UDP: a `probes.wire.session.Session` on a connected socket."""

    def __init__(self, ask: Ask, offer: bytes, limits: Limits, began: float, to: Address) -> None:
        super().__init__(ask, offer, limits, began, reliable=False)
        self._to = to

    def receive(self, arrival: Arrival, now: float) -> None:
        """Take one datagram. What is no SIP is told as `Malformed` and does not end the call: it may be forged."""
        if not arrival.data.strip(b"\r\n\0 "):
            return
        try:
            self._take(sip.parse(arrival.data), now)
        except WireError as fault:
            self._tell(Malformed(fault.reason, arrival.source))

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """What is due."""
        return [Datagram(data, self._to) for data in self._outgoing(now)]

    def sent(self, token: Any, at_ns: int) -> None:
        """Nothing here asks for send stamps."""


class StreamCall(_Call):
    """A call over TCP or TLS: a `probes.wire.session.Stream`."""

    def __init__(self, ask: Ask, offer: bytes, limits: Limits, began: float) -> None:
        super().__init__(ask, offer, limits, began, reliable=True)
        self._framer = sip.Framer(bodies=True)
        self._is_cut = False

    @property
    def is_left(self) -> bool:
        """True when the connection broke and the room may still have our call."""
        return (self._is_cut or not self.done) and (self._is_taken or bool(self._told))

    def resume(self, now: float) -> None:
        """On a new connection: what is left to say is the BYE, or the CANCEL."""
        self._framer, self._is_cut = sip.Framer(bodies=True), False
        self._state = _UP if self._is_taken else _RINGING
        self.hang_up(now)

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes; what is no SIP, or the end of the connection, ends the call: our last word is said without an answer."""
        if self.done:
            return
        if not data:
            self._cut(Silent(self._state == _RINGING, closed=True, partial=self._framer.pending), now)
            return
        try:
            for message in self._framer.feed(data):
                self._take(message, now)
        except WireError as fault:
            self._cut(Malformed(fault.reason), now)

    def transmit(self, now: float, clock_ns: int) -> bytes:
        """What is due."""
        return b"".join(self._outgoing(now))

    def _partial(self) -> bool:
        return self._framer.pending

    def _cut(self, event: Any, now: float) -> None:
        self._tell(Over(False, 0, 0.0) if self._state in (_UP, _PARTING) else event)
        self._is_cut = True
        if self._state != _PARTING:
            self.hang_up(now)
            self._out += [self._repeat.data] if self._repeat else []
        self._state, self._repeat = _DONE, None
