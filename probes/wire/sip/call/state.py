"""One test call as its caller sees it, whatever carries it (`probes.wire.sip.call.call`): INVITE, ACK, and always a BYE or a CANCEL
(RFC 3261 §9, §12.2, §13, §15, §17.1.1).

A pure state machine: ASKING until something answers, RINGING until the far end takes the call or the ring's cap comes,
UP for as long as the media lasts, PARTING until our BYE or CANCEL is answered. What it tells: `probes.wire.sip.call.events`.
A call that rings too long is cancelled; one that is taken although we cancelled is acknowledged and ended at once, and so is
a second answer of a forked call: no room is left with a call of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from probes.wire.exchange import Departure
from probes.wire.session import MAX_EVENTS, Address, Malformed
from probes.wire.sip import body as sip_body
from probes.wire.sip import dialog as sip_dialog
from probes.wire.sip import message as sip
from probes.wire.sip import reason as sip_reason
from probes.wire.sip import request as sip_request
from probes.wire.sip.call.events import (
    AckUnheard,
    CallLimits,
    CallOver,
    CallRefused,
    Demands,
    HungUp,
    Leaving,
    Ringing,
    Silent,
    Up,
)
from probes.wire.sip.carrier import SipSession, Token
from probes.wire.sip.dialog import Dialog
from probes.wire.sip.message import SipMessage
from probes.wire.sip.request import COPIED, T1_S, T2_S, Headers, RequestPlan, is_answer, next_hop

ASKING, RINGING, UP, PARTING, DONE = range(5)
UNHEARD = (0, 404, 408, 481)  # answers to a BYE of a place that does not have the call; 0: none
_MAX_STRANGERS = 4
_LOOK_S = 0.1  # between two looks whether what is awaited of a call that is up has come
_REPEATED_S = 0.3  # a 200 that comes again sooner is the network's copy; later ones mean that our ACK is not heard
_HOP_SENDS = 2  # of a BYE to the place the dialog names, before whom we called hears it too


class Send(NamedTuple):
    """Bytes to send; `to` None: to whom we called. `token` None: nobody asks when it left."""

    data: bytes
    to: Address | None = None
    token: Token | None = None


@dataclass(slots=True)
class _Repeat:
    """A request that is sent again until it is answered (Timers A and E)."""

    method: str
    data: bytes
    due: float
    gap_s: float
    longest_s: float
    to: Address | None = None
    sends: int = 0


class SipCall(SipSession):
    """What both transports share. `is_enough`: nothing more is awaited of the call, so that it need not last longer."""

    def __init__(self, ask: RequestPlan, offer: bytes, limits: CallLimits, began: float, peer: Address | None) -> None:
        super().__init__(ask)
        self._offer, self._limits, self._peer = offer, limits, peer
        self.is_enough: Callable[[], bool] = lambda: True
        self._state = ASKING
        self._out: list[Send] = []  # sent once: ACKs and our answers
        self._invite = 0  # its CSeq
        self._cancelled = False
        self._sends = 0  # of the INVITE, once something answered
        self._is_taken = False
        self._parted: int | None = None  # the answer to our BYE, 0: none
        self._to_tag = ""
        self._outside = self._dialog = Dialog(ask.uri, (), ("", 0))  # where requests go without a dialog, and within
        self._hop = peer
        self._ack: Send | None = None
        self._acked_at, self._acked_again = 0.0, 0
        self._up_at = 0.0
        self._early_bye: SipMessage | None = None
        self._early: dict[str, bytes] = {}  # descriptions in answers that are not final, by tag
        self._strangers: set[str] = set()
        self._rung: set[int] = set()
        self._has_demanded = False
        self._began = self._until = began
        self._repeat: _Repeat | None = None
        self._asked(began)

    # --- what the driver asks ---

    @property
    def done(self) -> bool:
        """True when the call is over and its last word is said."""
        return self._state == DONE and not self._out

    def wake_at(self) -> float | None:
        """The next repeat or limit; at once when there is something to say."""
        if self._out:
            return 0.0
        if self._state == DONE:
            return None
        return self._until if self._repeat is None else min(self._repeat.due, self._until)

    def hang_up(self, now: float) -> None:
        """End it now, whatever its state: the next `transmit` gives the BYE or CANCEL."""
        if self._state in (ASKING, RINGING):
            self._cancel(now)
        elif self._state == UP:
            self._bye(now)

    def _outgoing(self, now: float, clock_ns: int) -> list[Send]:
        """What to send now; fires the limits."""
        if now >= self._until and self._state != DONE:
            self._limit(now)
        out, self._out = self._out, []
        repeat = self._repeat
        if repeat and now >= repeat.due and self._state != DONE:
            out.append(self._again(repeat, now, clock_ns))
        return out

    def _again(self, repeat: _Repeat, now: float, clock_ns: int) -> Send:
        self.trouble = None
        if not repeat.sends:
            self._left = Departure(now, clock_ns)
        if repeat.sends >= _HOP_SENDS:
            repeat.to = self._peer
        token = Token(f"{self._number} {repeat.method}", repeat.sends)
        repeat.sends += 1
        repeat.due = now + repeat.gap_s if self._peer else self._until  # a stream carries it by itself
        repeat.gap_s = min(2 * repeat.gap_s, repeat.longest_s)
        return Send(repeat.data, repeat.to, token)

    def _limit(self, now: float) -> None:
        if self._state in (ASKING, RINGING):
            self._notify(Silent(self._state == RINGING, partial=self._partial(), trouble=self.trouble))
            self._cancel(now)
        elif self._state != UP:
            self._part(0, now)
        elif now < self._up_at + self._limits.longest_s and not self.is_enough():
            self._until = min(now + _LOOK_S, self._up_at + self._limits.longest_s)
        else:
            self._bye(now)

    def _notify(self, event: Any) -> None:
        if len(self._events) < MAX_EVENTS or not isinstance(event, Malformed):  # the others come once, or are counted
            self._events.append(event)

    def _after_s(self, now: float) -> float:
        """From the request that waits to the answer we take now."""
        return self._left.passed_s(now, self._at_ns) if self._left else now - self._began

    # --- what we say ---

    def _asked(self, now: float) -> None:
        """The INVITE, from the start or with credentials."""
        self._number += 1
        self._invite = self._number
        body: Headers = (("content-type", "application/sdp"), sip_request.ALLOW)
        more = body + self._authorization
        data = sip_request.request(self._ask, "INVITE", self._invite, self._outside, more=more, body=self._offer)
        self._began, self._until, self._left = now, now + self._limits.answer_s, None
        self._repeat = _Repeat("INVITE", data, now, T1_S, float("inf"))

    def _cancel(self, now: float) -> None:
        """RFC 3261 §9.1 wants a provisional answer first; without one a CANCEL is still better than a room that rings."""
        wait_s = self._limits.part_s if self._state == RINGING else T1_S
        self._cancelled = True
        self._state, self._until, self._began, self._left = PARTING, now + wait_s, now, None
        data = sip_request.request(self._ask, "CANCEL", self._invite, self._outside)
        self._repeat = _Repeat("CANCEL", data, now, T1_S, T2_S)

    def _bye(self, now: float) -> None:
        if self._state == UP:
            self._login.begin()
            self._notify(Leaving())
        self._number += 1
        self._state, self._until, self._began, self._left = PARTING, now + self._limits.part_s, now, None
        more = self._login.headers("BYE", self._dialog.uri)
        data = sip_request.request(self._ask, "BYE", self._number, self._dialog, self._to_tag, more=more)
        self._repeat = _Repeat("BYE", data, now, T1_S, T2_S, self._hop)

    def _acknowledge(self, message: SipMessage) -> None:
        """A final answer that is no 2xx: its ACK stays in its transaction."""
        tag = sip_dialog.tag(message)
        self._say(sip_request.request(self._ask, "ACK", self._invite, self._outside, tag))

    def _acknowledge_dialog(self, dialog: Dialog, tag: str, hop: Address | None) -> Send:
        """A 2xx: its ACK has a new branch and goes the dialog's way."""
        data = sip_request.request(self._ask, "ACK", self._invite, dialog, tag, more=self._authorization, mark="a")
        self._say(data, hop)
        return Send(data, hop)

    def _say(self, data: bytes, to: Address | None = None) -> None:
        self._out.append(Send(data, to))
        del self._out[: -2 * _MAX_STRANGERS]

    # --- what we hear ---

    def _take(self, message: SipMessage, now: float) -> None:
        if message.first("call-id") != self._ask.seed:
            return  # not of this call
        if not message.status:
            self._asked_by_them(message, now)
        elif is_answer(message, self._ask, "INVITE", self._invite):
            self._invited(message, now)
        elif self._state == PARTING and message.status >= 200:
            if is_answer(message, self._ask, "CANCEL", self._invite):
                self._repeat = None  # the INVITE's own answer is still to come
            elif is_answer(message, self._ask, "BYE", self._number):
                self._bye_answered(message, now)

    def _bye_answered(self, message: SipMessage, now: float) -> None:
        if self._login.challenged(message):
            self._bye(now)
        else:
            self._part(message.status, now)

    def _asked_by_them(self, message: SipMessage, now: float) -> None:
        """Their request inside our call: a BYE ends it, a change of media is refused, a question is answered."""
        method = message.method.upper()
        if method == "ACK" or not all(message.first(name) for name in COPIED):
            return
        is_ours, is_strangers = self._is_dialogs(message)
        said = sip_request.answer(message, is_ours=is_ours or is_strangers, demands=sip_reason.required(message))
        if said:
            self._say(said, self._source)
        if method == "BYE" and said and is_ours and not is_strangers:
            self._hung_up(message, now)

    def _is_dialogs(self, message: SipMessage) -> tuple[bool, bool]:
        """Whether the tags of their request are this call's (§12.2.2; none at all is forgiven), and whether it comes from a
        second place that took it."""
        to, source = sip_dialog.tag(message), sip_dialog.tag(message, "from")
        if to and not sip.same(to, sip_request.local_tag(self._ask)):
            return False, False
        is_strangers = source.casefold() in self._strangers
        is_known = not (self._is_taken and source and self._to_tag) or sip.same(source, self._to_tag)
        return is_known, is_strangers

    def _hung_up(self, message: SipMessage, now: float) -> None:
        if self._cancelled:
            return
        if self._state in (UP, PARTING):
            self._state, self._repeat = DONE, None
            self._notify(HungUp(message, now - self._up_at))
            self._notify(CallOver(False, 0, 0.0))
        elif self._state in (ASKING, RINGING):
            self._early_bye = message  # its 200 was overtaken, or lost

    def _invited(self, message: SipMessage, now: float) -> None:
        if message.status < 200:
            self._provisional(message, now)
        elif message.status < 300:
            self._taken(message, now)
        else:
            self._turned_down(message, now)

    def _provisional(self, message: SipMessage, now: float) -> None:
        status = message.status
        if status not in self._rung and len(self._rung) < MAX_EVENTS:
            self._rung.add(status)
            self._notify(Ringing(status, self._after_s(now)))
        demands = sip_reason.required(message)
        if demands and not self._has_demanded:
            self._has_demanded = True
            self._notify(Demands(tuple(demands)))
        description = sip_body.description(message)
        if description and len(self._early) < _MAX_STRANGERS:
            self._early.setdefault(sip_dialog.tag(message).casefold(), description)
        if self._state == ASKING:
            self._sends = self._repeat.sends if self._repeat else 1
            self._state, self._repeat, self._until = RINGING, None, now + self._limits.ring_s

    def _taken(self, message: SipMessage, now: float) -> None:
        tag = sip_dialog.tag(message)
        if self._is_taken and not sip.same(tag, self._to_tag):
            self._stranger(message, tag)
        elif not self._is_taken and (self._state in (ASKING, RINGING) or self._cancelled):
            self._up(message, tag, now)
        elif self._ack:
            self._taken_again(self._ack, now)
        else:
            self._acknowledge_dialog(sip_dialog.opened(message, self._ask.uri), tag, None)

    def _up(self, message: SipMessage, tag: str, now: float) -> None:
        sends = self._repeat.sends if self._state == ASKING and self._repeat else self._sends
        self._is_taken, self._to_tag = True, tag
        self._dialog = sip_dialog.opened(message, self._ask.uri)
        self._hop = next_hop(self._dialog, self._peer) if self._peer else None
        after_s = self._after_s(now)
        self._state, self._repeat, self._until = UP, None, now + self._limits.talk_s
        self._up_at = self._acked_at = now
        self._ack = self._acknowledge_dialog(self._dialog, tag, self._hop)
        if self._cancelled:  # it was taken while we gave up
            self._bye(now)
            return
        self._notify(Up(message, after_s, max(1, sends), self._described(message, tag)))
        if self._early_bye:
            self._hung_up(self._early_bye, now)

    def _described(self, message: SipMessage, tag: str) -> bytes:
        """The 200's description of its media, else the one that came before it from the same place (§13.2.1), or from one
        that gave no name."""
        own = sip_body.description(message) or self._early.get(tag.casefold(), b"")
        return own or self._early.get("", b"")

    def _taken_again(self, ack: Send, now: float) -> None:
        """The same answer again: our ACK was lost. When it comes again and again, whom we called hears the ACK too."""
        self._out.append(ack)
        if now - self._acked_at < _REPEATED_S:
            del self._out[: -2 * _MAX_STRANGERS]
            return
        self._acked_at, self._acked_again = now, self._acked_again + 1
        if self._acked_again >= 2:
            self._say(ack.data)
        if self._acked_again == 2:
            self._notify(AckUnheard())

    def _stranger(self, message: SipMessage, tag: str) -> None:
        """A second place took the forked call: it is acknowledged and ended."""
        is_known = tag.casefold() in self._strangers
        if len(self._strangers) >= _MAX_STRANGERS and not is_known:
            return
        dialog = sip_dialog.opened(message, self._ask.uri)
        hop = next_hop(dialog, self._peer) if self._peer else None
        self._acknowledge_dialog(dialog, tag, hop)
        if not is_known:
            self._strangers.add(tag.casefold())
            mark = f"b{len(self._strangers)}"
            self._say(sip_request.request(self._ask, "BYE", self._invite + 1, dialog, tag, mark=mark), hop)

    def _turned_down(self, message: SipMessage, now: float) -> None:
        if self._is_taken:
            return  # it was taken: a late refusal from another branch
        self._acknowledge(message)
        if self._cancelled:
            self._part(message.status, now)
        elif self._state in (ASKING, RINGING):
            if self._login.challenged(message):
                self._authorization = self._login.headers("INVITE", self._ask.uri, self._offer)
                self._state = ASKING
                self._asked(now)
                return
            sends = self._repeat.sends if self._state == ASKING and self._repeat else self._sends
            self._state, self._repeat = DONE, None
            self._notify(CallRefused(message, self._after_s(now), max(1, sends), self._login.tried))

    def _part(self, status: int, now: float) -> None:
        """Our last word was answered, or never will be."""
        ours = not self._cancelled or self._is_taken
        self._state, self._repeat = DONE, None
        if ours:
            self._parted = status
            self._notify(CallOver(True, status, self._after_s(now)))
