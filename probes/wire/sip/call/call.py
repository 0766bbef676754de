"""A test call (`probes.wire.sip.call.state`) as its transports carry it: over datagrams, and over a stream."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from probes.wire.exchange import Unreached
from probes.wire.framer import FramedSession
from probes.wire.icmp.fault import Fault
from probes.wire.session import Address, Datagram
from probes.wire.sip import message as sip
from probes.wire.sip.call.events import CallLimits, CallOver, Silent
from probes.wire.sip.call.state import DONE, PARTING, RINGING, UNHEARD, UP, Send, SipCall
from probes.wire.sip.carrier import OverDatagrams, is_of
from probes.wire.sip.request import RequestPlan, next_hop


class DatagramCall(SipCall, OverDatagrams):
    """A call over UDP: a `probes.io.datagram.driver.PacketSession`. Within the dialog it sends to the address the dialog names.
    Whoever knows our Call-ID belongs to the call."""

    def __init__(self, ask: RequestPlan, offer: bytes, limits: CallLimits, began: float, to: Address) -> None:
        super().__init__(ask, offer, limits, began, to)
        self._to = to

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """What is due."""
        return [Datagram(data, to or self._to, token=token) for data, to, token in self._outgoing(now, clock_ns)]

    def _waiting(self) -> str:
        return f"{self._number} {self._repeat.method}" if self._repeat else ""

    def refused(self, fault: Fault, to: str, now: float) -> None:
        """See `SocketDuties`. What the dialog's own place refuses whom we called gets; it may know the way."""
        if self._hop is None or self._hop == self._to or not is_of(self._hop, to):
            self._notify(Unreached(fault))
            return
        self._hop = self._to
        if self._state == UP and self._ack:
            self._say(self._ack.data)
        elif self._repeat:
            self._repeat.to, self._repeat.due = self._to, now


class StreamCall(SipCall, FramedSession):
    """A call over TCP or TLS: a `probes.wire.session.StreamSession`."""

    def __init__(
        self, ask: RequestPlan, offer: bytes, limits: CallLimits, began: float, called: Address | None = None
    ) -> None:
        """`called`: where the connection leads to."""
        super().__init__(ask, offer, limits, began, None)
        self._called = called
        self._framer = sip.SipFramer(bodies=True)
        self._is_cut = self._is_resumed = False

    @property
    def is_left(self) -> bool:
        """True when the connection broke, or our BYE reached nobody, and the room may still have our call."""
        if self._is_resumed:
            return False
        is_unheard = self.elsewhere is not None and self._parted in UNHEARD
        return ((self._is_cut or not self.done) and (self._is_taken or bool(self._rung))) or is_unheard

    @property
    def elsewhere(self) -> Address | None:
        """Where the dialog says the room is, when that is not where we called (RFC 3261 §12.2.1.1)."""
        if not self._is_taken or self._called is None:
            return None
        hop = next_hop(self._dialog, self._called)
        return None if hop == self._called else hop

    def resume(self, now: float) -> None:
        """On a new connection: what is left to say is the BYE, after an ACK that may not have been heard, or the CANCEL."""
        self._framer, self._is_cut, self._is_resumed = sip.SipFramer(bodies=True), False, True
        self._state = UP if self._is_taken else RINGING
        if self._ack:
            self._say(self._ack.data)
        self.hang_up(now)

    def transmit(self, now: float, clock_ns: int) -> bytes:
        """What is due."""
        return b"".join(send.data for send in self._outgoing(now, clock_ns))

    def _partial(self) -> bool:
        return self._framer.pending

    def _closed(self, now: float) -> None:
        self._broken(Silent(self._state == RINGING, closed=True, partial=self._framer.pending), now)

    def _broken(self, event: Any, now: float) -> None:
        """Our last word is said without waiting for an answer."""
        self._notify(CallOver(False, 0, 0.0) if self._state in (UP, PARTING) else event)
        self._is_cut = True
        if self._state != PARTING:
            self.hang_up(now)
            self._out += [Send(self._repeat.data)] if self._repeat else []
        self._state, self._repeat = DONE, None
