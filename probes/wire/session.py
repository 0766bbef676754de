"""The sans-IO contract every protocol here keeps: in, out, when, what. No socket, no clock, no exception for a peer.

Two clocks never mix: `now` (monotonic seconds) drives timers; nanosecond wall stamps are measured data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

Address = tuple[str, int]
MAX_EVENTS = 64  # of one conversation that wait; a flood of strays is not collected


class Datagram(NamedTuple):
    """One packet to send. `token` comes back in `sent` with the send stamp; None: nobody asks. `via`: an arrival's,
    so that an answer leaves from the address the request came to."""

    data: bytes
    to: Address
    tos: int = 0
    ttl: int = 0  # 0: the system's default
    token: Any = None
    via: bytes = b""


class Arrival(NamedTuple):
    """One packet received. `at_ns`: wall clock by the kernel (by us when the kernel gave none); hops: TTL or -1."""

    data: bytes
    source: Address
    at_ns: int
    hops: int = -1
    tos: int = -1
    via: bytes = b""  # which of our addresses it came to, as the socket wants it back; only for sockets that answer


@dataclass(frozen=True, slots=True)
class Malformed:
    """A peer sent bytes the protocol does not allow."""

    reason: str
    source: Address | None = None


@dataclass(frozen=True, slots=True)
class Dial:
    """The session needs one more connection to the same peer; `hello` is sent first on it."""

    hello: bytes
    port: int
    stream: int = 0
    udp: bool = False


class EventQueue:
    """What happened in a session, kept until its driver asks."""

    def __init__(self) -> None:
        self._events: list[Any] = []

    def events(self) -> list[Any]:
        """What happened since the last call; drained."""
        events, self._events = self._events, []
        return events

    def _notify(self, event: Any) -> None:
        if len(self._events) < MAX_EVENTS:
            self._events.append(event)


class QuietSocket:
    """For sessions to whom their socket has nothing to say: of `probes.io.datagram.driver.PacketSession`."""

    def clocks(self, now: float, clock_ns: int) -> None:
        """Not needed: the stamps of each packet are the kernel's."""

    def overflow(self, total: int) -> None:
        """Not needed: what our own buffer drops is asked for again."""


class DatagramSession(Protocol):
    """A datagram protocol as a pure state machine; many targets may live in one session."""

    def receive(self, arrival: Arrival, now: float) -> None:
        """Take one packet. Never raises for what a peer sent: it emits `Malformed`."""

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """What to send now; also fires the timers that are due. `clock_ns` is the wall clock just before sending."""

    def sent(self, token: Any, at_ns: int) -> None:
        """The kernel's send stamp (wall, ns) of the datagram that carried `token`."""

    def wake_at(self) -> float | None:
        """When `transmit` wants to be called next (monotonic s); None: only an arrival wakes it."""

    def events(self) -> list[Any]:
        """What happened since the last call; drained."""

    @property
    def done(self) -> bool:
        """True when nothing more will be sent and nothing more is awaited."""


class StreamSession(Protocol):
    """The same shape for a byte stream: `b""` to `receive` means the peer closed."""

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes in any slicing."""

    def transmit(self, now: float, clock_ns: int) -> bytes:
        """Bytes to write now; also fires timers."""

    def wake_at(self) -> float | None:
        """When to call `transmit` next, None: only arrivals matter."""

    def events(self) -> list[Any]:
        """What happened since the last call; drained."""

    @property
    def done(self) -> bool:
        """True when the conversation is over and the connection may be closed."""
