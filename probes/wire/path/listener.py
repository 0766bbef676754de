"""Listens to all ICMP errors this machine gets, for the flows of a path trace: with their quotes' headers, DSCP included."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from probes.errors import WireError
from probes.wire.icmp.error import Quote, decode
from probes.wire.path.flow import AllSettled
from probes.wire.session import Arrival, Datagram, QuietSocket


class IcmpHearer(Protocol):
    """Who wants to hear of errors about its packets."""

    def heard(self, quote: Quote, by: str, at_ns: int, now: float) -> None:
        """One error, whole."""


class IcmpListener(QuietSocket):
    """The session of a raw ICMP socket: hands each error to the flow whose packet it quotes. It sends nothing."""

    done = False

    def __init__(self, v6: bool, target: bytes) -> None:
        """`target`: its packed address; errors about packets to others are not ours."""
        self.v6, self.target = v6, target
        self.flows: dict[tuple[int, int], IcmpHearer] = {}  # (protocol, source port or identifier) → whose packets
        self._news = False

    def receive(self, arrival: Arrival, now: float) -> None:
        """One ICMP message."""
        try:
            quote = decode(arrival.data, self.v6)
        except WireError:
            return
        flow = self.flows.get((quote.protocol, quote.source))
        if flow and quote.to == self.target:
            flow.heard(quote, arrival.source[0], arrival.at_ns, now)
            self._news = True

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """Nothing."""
        return ()

    def wake_at(self) -> float | None:
        """Only arrivals."""
        return None

    def judges_at(self) -> float:
        """It judges nothing."""
        return float("inf")

    def events(self) -> list[AllSettled]:
        """`AllSettled` when flows should look whether they are."""
        news, self._news = self._news, False
        return [AllSettled()] if news else []

    def sent(self, token: int, at_ns: int) -> None:
        """It sends nothing."""

    def unsent(self, token: int, why: str) -> None:
        """It sends nothing."""

    def unreachable(self, to: str, by: str, data: bytes, type: int, code: int, now: float) -> None:
        """It sends nothing that could be complained of."""
