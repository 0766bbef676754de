"""What a SIP conversation over datagrams hears of its socket: when a request left and what ICMP says (`probes.io.datagram.driver`)."""

from __future__ import annotations

from typing import Any, NamedTuple

from probes.base import Outcome
from probes.wire.icmp.fault import Fault, icmp_fault
from probes.wire.session import Address

_SLACK_S = 0.001  # stamps and timers are read at slightly different moments


class Unreached(NamedTuple):
    """A router or the host itself says that it cannot be delivered: the conversation is over."""

    fault: Fault


class FirstSend(NamedTuple):
    """A request's first send: by our timers' clock (s), and by the wall clock as the kernel stamped it (ns; 0: not yet)."""

    now: float
    at_ns: int = 0

    def passed_s(self, now: float, at_ns: int = 0) -> float:
        """From then to an answer that came at `at_ns`: by the kernel's stamps, so that our own delay is not in it.

        By the other clock when there is no stamp, or the wall clock was set in between.
        """
        waited_s, stamped_s = now - self.now, (at_ns - self.at_ns) / 1e9
        is_sound = self.at_ns and at_ns and 0.0 <= stamped_s <= waited_s + _SLACK_S
        return stamped_s if is_sound else waited_s


class Token(NamedTuple):
    """Names a send: of which request, and which send of it (from 0)."""

    request: str
    send: int


class Carried:
    """The part of `probes.io.datagram.driver.PacketSession` that is the same for every SIP conversation.

    `trouble`: why our last send did not leave, None when it did; a repeat may mend it.
    """

    trouble: Fault | None = None

    def judges_at(self) -> float:
        """Before any of our timers fires, all that came must be taken in: our own delay is no loss and no repeat."""
        wake_at = self.wake_at()
        return float("inf") if wake_at is None else wake_at

    def wake_at(self) -> float | None:
        """When to be called next (monotonic s)."""
        raise NotImplementedError

    def clocks(self, now: float, clock_ns: int) -> None:
        """Not needed: the clocks of each send are kept."""

    def overflow(self, total: int) -> None:
        """One conversation cannot fill our own buffer."""

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
        else:
            self.trouble = fault

    def refused(self, fault: Fault, to: str, now: float) -> None:
        """ICMP refuses what we sent to this address."""
        raise NotImplementedError


def is_of(place: Address, address: str) -> bool:
    """Whether an address as a socket tells it is that place's."""
    return place[0].partition("%")[0] == address.partition("%")[0]
