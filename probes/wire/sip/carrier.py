"""What OPTIONS and calls have in common, over whatever transport and over datagrams."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from probes.errors import WireError
from probes.wire.exchange import Departure, SocketDuties
from probes.wire.icmp.fault import Fault
from probes.wire.session import Address, Arrival, EventQueue, Malformed
from probes.wire.sip import message as sip
from probes.wire.sip.login import Authorization
from probes.wire.sip.message import SipMessage
from probes.wire.sip.request import Headers, RequestPlan


class Token(NamedTuple):
    """Names a send: of which request, and which send of it (from 0)."""

    request: str
    send: int


class SipSession(EventQueue, ABC):
    """What a conversation keeps of its requests. `trouble`: why our last send did not arrive, None when it did."""

    trouble: Fault | None = None

    def __init__(self, ask: RequestPlan) -> None:
        super().__init__()
        self._ask = ask
        self._number = 0  # CSeq
        self._login = Authorization(ask.credentials, ask.seed)
        self._authorization: Headers = ()
        self._left: Departure | None = None  # the first send of the request that waits for its answer; None: not yet
        self._at_ns = 0  # when what we take now came
        self._source: Address | None = None  # and from where

    def _partial(self) -> bool:
        return False

    @abstractmethod
    def _take(self, message: SipMessage, now: float) -> None:
        """A message."""


class OverDatagrams(SocketDuties, SipSession):
    """A conversation with `_to` as its socket knows it."""

    _to: Address

    def receive(self, arrival: Arrival, now: float) -> None:
        """Take one datagram. What is no SIP is told as `Malformed` and does not end the waiting: it may be forged."""
        if not arrival.data.strip(b"\r\n\0 ") or not self._hears(arrival.source):
            return  # a keep-alive, or somebody else
        self._at_ns, self._source = arrival.at_ns, arrival.source
        try:
            self._take(sip.parse(arrival.data), now)
        except WireError as fault:
            if is_of(self._to, arrival.source[0]):
                self._notify(Malformed(fault.reason, arrival.source))

    def sent(self, token: Any, at_ns: int) -> None:
        """The kernel's stamp of a send: the first of a request is what its delay begins with."""
        if self._left is not None and token == (self._waiting(), 0):
            self._left = self._left._replace(at_ns=at_ns)

    def _hears(self, source: Address) -> bool:
        return True

    @abstractmethod
    def _waiting(self) -> str:
        """The name of the request that waits for its answer."""


def is_of(place: Address, address: str) -> bool:
    """Whether an address as a socket tells it is that place's."""
    return place[0].partition("%")[0] == address.partition("%")[0]
