"""The one driver: joins a datagram session to a socket in the running loop, with `add_reader` and an exact timer.

A receive is never cancelled, so no packet is lost by us. Before any timer of the session fires everything that has
arrived is taken in: our own lateness never becomes the network's loss.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from probes import trace
from probes.errors import NeedsPrivilege
from probes.io.datagram.socket import PacketSocket, Unreachable
from probes.io.datagram.timer import Timer
from probes.wire.session import Datagram, DatagramSession

_MOMENT_S = 50e-6
_SOON_S = 0.015  # a slot and a half of `probes.wire.fleet.fleet`
_READ_S, _UNREAD = 0.1, 100  # a busy fleet reads in batches: so often, and after so many sends
_EACH = 8192  # … or fewer, by the socket's buffer: a packet's answer and send stamp both wait there


class PacketSession(DatagramSession, Protocol):
    """A session that also wants to hear what its socket says of itself."""

    def judges_at(self) -> float:
        """When `transmit` wants to tell what has not arrived: all that has must be taken in before (monotonic s)."""

    def clocks(self, now: float, clock_ns: int) -> None:
        """Both clocks at one moment, before what came is taken in."""

    def unsent(self, token: Any, why: str) -> None:
        """The datagram that carried `token` did not leave this machine."""

    def unreachable(self, to: str, by: str, data: bytes, type: int, code: int, now: float) -> None:
        """ICMP says a packet to `to` cannot be delivered; `data`: what of it is quoted."""

    def overflow(self, total: int) -> None:
        """Our own socket buffer has dropped `total` datagrams so far."""


class Driver:
    """Runs one session on one socket until closed; `on_events` gets what the session tells, in the loop."""

    def __init__(self, session: PacketSession, sock: PacketSocket, on_events: Callable[[list[Any]], None]) -> None:
        self.session, self.sock = session, sock
        self._on_events = on_events
        self._loop = asyncio.get_running_loop()
        if type(self._loop).__module__.startswith("uvloop"):
            sock.close()
            raise NeedsPrivilege("uvloop loses packets whose stamps lie on the error queue: use asyncio's own loop")
        self._traced = trace.is_on()
        self._listening = False
        self._listen(True)
        self._timer = Timer(self._loop, self._due)
        self._overflow = 0
        self._max_unread = min(_UNREAD, sock.room // _EACH)
        self._unread, self._read_by = 0, 0.0  # packets sent since the last reading, when to read at the latest

    def kick(self) -> None:
        """Look again when the session wants to send (after something was added to it)."""
        self._settle()

    def close(self) -> None:
        """Stop; the socket is closed too."""
        self._loop.remove_reader(self.sock.fileno())
        self._timer.close()
        self.sock.close()

    def _readable(self) -> None:
        self._take()
        self._settle()

    def _due(self) -> None:
        session, sock, now = self.session, self.sock, time.monotonic()
        if self._unread >= self._max_unread or now >= self._read_by or now >= session.judges_at():
            self._take()
            self._dropped(sock.dropped())
        if self._traced:
            self._unread += sock.send_all(self._noted(session.transmit(*both_clocks())), self._unsent)
        else:
            self._unread += sock.send_all(session.transmit(*both_clocks()), session.unsent)
        self._settle()

    def _take(self) -> None:
        """What came: send stamps and errors first, then packets."""
        session, sock = self.session, self.sock
        now, clock_ns = both_clocks()
        self._unread, self._read_by = 0, now + _READ_S
        session.clocks(now, clock_ns)
        sock.hear(self._left if self._traced else session.sent, lambda said: self._complained(said, now))
        receive = session.receive
        for arrival in sock.arrivals():
            if self._traced:
                trace.note("received", f"{len(arrival.data)} bytes from {arrival.source[0]}", arrival.at_ns)
            receive(arrival, now)
        self._dropped(sock.overflow)

    def complaint(self, said: Unreachable, now: float) -> None:
        """Hand an ICMP error on; a driver for sessions that want more of it overrides this."""
        self.session.unreachable(said.to, said.by, said.data, said.type, said.code, now)

    def _noted(self, datagrams: Iterable[Datagram]) -> Iterator[Datagram]:
        for packet in datagrams:
            limit = f", hop limit {packet.ttl}" if packet.ttl else ""
            trace.note(
                self.named(packet.token),
                f"{_number(packet.token)}{len(packet.data)} bytes to {packet.to[0]}{limit}",
            )
            yield packet

    def _unsent(self, token: Any, why: str) -> None:
        trace.note("not sent", why)
        self.session.unsent(token, why)

    def _left(self, token: Any, at_ns: int) -> None:
        trace.note("left", f"{_number(token)}by the kernel's stamp", at_ns)
        self.session.sent(token, at_ns)

    def _complained(self, said: Unreachable, now: float) -> None:
        trace.note("ICMP", f"type {said.type} code {said.code} from {said.by or 'our own kernel'}", said.at_ns)
        self.complaint(said, now)

    def named(self, token: Any) -> str:
        """What a send is called in a trace; a driver for sessions that repeat themselves overrides this."""
        return "sent"

    def _dropped(self, total: int) -> None:
        if total != self._overflow:
            trace.note("dropped", f"our own buffer was full: {total - self._overflow}")
            self._overflow = total
            self.session.overflow(total)

    def _settle(self) -> None:
        events = self.session.events()
        if events:
            self._on_events(events)
        wake_at = self.session.wake_at()
        self._timer.at(wake_at)
        self._listen(wake_at is None or wake_at - time.monotonic() > _SOON_S)

    def _listen(self, wanted: bool) -> None:
        """Wake for arrivals, unless the timer wakes us soon in any case: the kernel has stamped them, and a busy fleet
        saves half its wake-ups and reads many at once."""
        if wanted and not self._listening:
            self._loop.add_reader(self.sock.fileno(), self._readable)
        elif self._listening and not wanted:
            self._loop.remove_reader(self.sock.fileno())
        self._listening = wanted


def _number(token: Any) -> str:
    """A fleet's packets have numbers."""
    seq = getattr(token, "seq", None)
    return "" if seq is None else f"packet {seq + 1}: "


def both_clocks() -> tuple[float, int]:
    """Monotonic seconds and wall nanoseconds of one moment: read again when this process was put aside between them."""
    for _ in range(4):
        now, clock_ns = time.monotonic(), time.time_ns()
        if time.monotonic() - now < _MOMENT_S:
            break
    return now, clock_ns
