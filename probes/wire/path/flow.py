"""One flow of a path trace: packets alike but for their hop limit, so that every router sends them the same way.

What routers hash for choosing a branch stays constant in a flow (Paris traceroute): addresses, ports, and for echoes the
checksum. A packet's number is told by its payload, and by what the shortest quote (8 bytes) still shows: an echo's
sequence, a UDP packet's length. A complaint that quotes too little for either makes the flow send one packet at a time.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from probes.base import Outcome
from probes.wire.icmp.error import MIN_QUOTE, UDP, IcmpMeaning, Label, Quote, labels_at, meaning
from probes.wire.icmp.fault import Fault, icmp_fault
from probes.wire.icmp.header import ECHO4, ECHO6, REPLY4, REPLY6, checksum
from probes.wire.session import Address, Arrival, Datagram, QuietSocket

GAP_S = 0.010  # between two packets of a flow
SILENT_RUN = 5  # one packet at a time: so many silent hops in a row end the flow
MIN_PAYLOAD = 24  # bytes of payload at least: cookie, number, filling, balance
_NUMBER = struct.Struct("!8sH")
_ECHO = struct.Struct("!BBHHH")


class HopReply(NamedTuple):
    """What came back for one packet. `what` None: the target itself answered, as this protocol does."""

    by: str
    what: IcmpMeaning | None
    type: int = 0
    code: int = 0
    mtu: int = 0
    rtt_ms: float | None = None
    labels: tuple[Label, ...] = ()
    dscp: int | None = None  # as the complaining router saw it; None: the kernel does not show us

    @property
    def reached(self) -> bool:
        """True when the packet came to the target."""
        return self.what is None

    @property
    def ends(self) -> bool:
        """True when nothing beyond is worth a packet: the target answers, or somebody refuses."""
        return self.what in (None, IcmpMeaning.UNREACHABLE, IcmpMeaning.PORT)


@dataclass(slots=True)
class Probe:
    """One packet: hop limit, number in its flow, size of its payload in bytes (0: as small as can be)."""

    ttl: int
    number: int
    size: int = 0
    left_ns: int = 0  # wall ns it left at, 0: not sent
    until: float = 0.0  # monotonic s: silence after that
    answer: HopReply | None = None
    unsent: str = ""  # why it did not leave this machine


class Packets(Protocol):
    """How a protocol writes a flow's packets and reads a packet's number back."""

    skipped: int  # bytes of a quoted packet before the part that `number_of` gets

    def write(self, number: int, size: int) -> bytes:
        """The packet's own bytes."""

    def number_of(self, quoted: bytes) -> int | None:
        """The number in a quoted packet: None when too little is quoted, -1 when it is none of ours."""

    def reply(self, data: bytes) -> int | None:
        """The number in what the target sent; as above."""


class UdpPackets:
    """UDP payloads; the quote the kernel shows begins behind the UDP header."""

    def __init__(self, cookie: bytes, v6: bool) -> None:
        self.cookie = cookie
        self.skipped = (40 if v6 else 20) + 8

    def write(self, number: int, size: int) -> bytes:
        """A payload that is as much longer as its number is, unless its size is asked for."""
        return _NUMBER.pack(self.cookie, number).ljust(size or MIN_PAYLOAD + number, b"\0")

    def number_of(self, quoted: bytes) -> int | None:
        """See `Packets`. A quote padded with zeros shows as little as a short one."""
        if len(quoted) < _NUMBER.size or not any(quoted[: _NUMBER.size]):
            return None
        cookie, number = _NUMBER.unpack_from(quoted)
        return int(number) if cookie == self.cookie else -1

    def reply(self, data: bytes) -> int | None:
        """A service that answers does not say which packet it answers."""
        return None


class EchoPackets:
    """Echo requests whose checksum is the same for all numbers: the payload's last word balances the sequence."""

    def __init__(self, ident: int, cookie: bytes, v6: bool, sum: int = 0xBEEF, *, summed: bool = False) -> None:
        """`summed`: checksums of answers are ours to check (see `probes.wire.icmp.echo.Ping`)."""
        self.ident, self.cookie, self.v6, self.sum, self.summed = ident, cookie, v6, sum, summed
        self.skipped = 40 if v6 else 20

    def write(self, number: int, size: int) -> bytes:
        """One request; its checksum is `sum` (IPv6: whatever the kernel makes of the same sum)."""
        kind = ECHO6 if self.v6 else ECHO4
        filling = _NUMBER.pack(self.cookie, number).ljust((size or MIN_PAYLOAD) - 2, b"\0")
        open_ = _ECHO.pack(kind, 0, self.sum, self.ident, number) + filling
        even = open_ + b"\0" if len(open_) & 1 else open_
        balance = checksum(even)
        word = balance.to_bytes(2, "big") if len(open_) == len(even) else bytes([balance & 0xFF, balance >> 8])
        return open_ + word

    def number_of(self, quoted: bytes) -> int | None:
        """See `Packets`: the header is always quoted."""
        if len(quoted) < _ECHO.size:
            return None
        kind, _, _, ident, number = _ECHO.unpack_from(quoted)
        return int(number) if kind == (ECHO6 if self.v6 else ECHO4) and ident == self.ident else -1

    def reply(self, data: bytes) -> int | None:
        """The number of an echo reply that carries our cookie."""
        if len(data) < _ECHO.size + _NUMBER.size or data[0] != (REPLY6 if self.v6 else REPLY4):
            return -1
        if self.summed and checksum(data):
            return -1
        cookie, number = _NUMBER.unpack_from(data, _ECHO.size)
        return int(number) if cookie == self.cookie else -1


class AllSettled(NamedTuple):
    """All that was asked for is answered or over."""


class Flow(QuietSocket):
    """The session: sends what it is asked for, `GAP_S` apart, and keeps what came back in `probes`."""

    def __init__(self, packets: Packets, to: Address, *, v6: bool, tos: int, timeout_s: float) -> None:
        self.packets, self.to, self.v6, self.tos, self.timeout_s = packets, to, v6, tos, timeout_s
        self.probes: list[Probe] = []
        self.alone = False  # one packet at a time, because quotes do not tell which packet they are of
        self.overheard = False  # an `IcmpListener` reads the quotes that the kernel's error queue shows too little of
        self.neighbour = ""  # what our own kernel says of the next hop
        self._queue: deque[Probe] = deque()
        self._out: dict[int, Probe] = {}
        self._stop, self._gap_s, self._next_at, self._quiet = True, GAP_S, 0.0, 0
        self._working = False

    def ask(self, wanted: Iterable[tuple[int, int]], now: float, *, stop: bool = True, gap_s: float = GAP_S) -> None:
        """Send a packet for each (hop limit, payload bytes). `stop`: none further than where the target answers."""
        self._stop, self._gap_s, self._quiet, self._working = stop, gap_s, 0, True
        self._next_at = max(now, self._next_at)
        for ttl, size in wanted:
            probe = Probe(ttl, len(self.probes), size)
            self.probes.append(probe)
            self._queue.append(probe)

    def close(self) -> None:
        """Ask no more and wait for nothing."""
        self._queue.clear()
        self._out.clear()

    # --- the driver's side ---

    @property
    def done(self) -> bool:
        """True when nothing is to be sent or awaited."""
        return not self._queue and not self._out

    def wake_at(self) -> float | None:
        """When to send or to give up next."""
        times = [probe.until for probe in self._out.values()]
        if self._queue and not (self.alone and self._out):
            times.append(self._next_at)
        return min(times, default=None)

    def judges_at(self) -> float:
        """Whatever came is read before each send: it may end the flow."""
        return 0.0

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """At most one packet; gives up what is out of time."""
        for probe in [late for late in self._out.values() if late.until <= now]:
            del self._out[probe.number]
            self._silent()
        if not self._queue or now < self._next_at or (self.alone and self._out):
            return
        probe = self._queue.popleft()
        self._next_at = now + self._gap_s
        probe.left_ns, probe.until = clock_ns, now + self.timeout_s
        self._out[probe.number] = probe
        yield Datagram(self.packets.write(probe.number, probe.size), self.to, self.tos, probe.ttl, probe.number)

    def _silent(self) -> None:
        self._quiet += 1
        if self.alone and self._stop and self._quiet >= SILENT_RUN:
            self._queue.clear()

    def sent(self, token: int, at_ns: int) -> None:
        """The kernel's stamp of a send."""
        self.probes[token].left_ns = at_ns

    def unsent(self, token: int, why: str) -> None:
        """This machine did not send it."""
        probe = self.probes[token]
        probe.left_ns, probe.unsent = 0, why
        self._out.pop(token, None)

    def events(self) -> list[AllSettled]:
        """`AllSettled`, once, when all that was asked for is over."""
        if self._working and self.done:
            self._working = False
            return [AllSettled()]
        return []

    # --- what comes back ---

    def receive(self, arrival: Arrival, now: float) -> None:
        """Something from a peer; the target's answer, or nothing to us."""
        if arrival.source[0] == self.to[0]:
            number = self.packets.reply(arrival.data)
            self._take(number, HopReply(arrival.source[0], None), arrival.at_ns, now)

    def unreachable(self, to: str, by: str, data: bytes, type: int, code: int, now: float) -> None:
        """An ICMP error without its details."""
        self.complaint(by, data, type, code, 0, 0, 0, now)

    def complaint(
        self, by: str, data: bytes, type: int, code: int, mtu: int, at_ns: int, after: int, now: float
    ) -> None:
        """An ICMP error as the kernel's error queue tells it; `after`: where in `data` its extension begins, or 0."""
        what = meaning(type, code, self.v6)
        if not by:
            self._stopped(icmp_fault(self.to[0], by, type, code), self.packets.number_of(data))
            return
        extension = labels_at(data, after or MIN_QUOTE - self.packets.skipped, sure=after > 0)
        number = self.packets.number_of(data)
        if number is not None or not self.overheard:
            answer = HopReply(by, what, type, code, mtu if what is IcmpMeaning.TOO_BIG else 0, None, extension)
            self._take(number, at_target(answer, self.to[0]), at_ns, now)

    def _stopped(self, fault: Fault | None, number: int | None) -> None:
        """Our own kernel complains: of a silent neighbour, or it let nothing out."""
        self.neighbour = fault.why if fault else self.neighbour
        if fault and fault.outcome is Outcome.LOCAL and number in self._out:
            self.unsent(number, fault.why)

    def heard(self, quote: Quote, by: str, at_ns: int, now: float) -> None:
        """The same error as a raw socket sees it: its quote shows the packet's own headers."""
        number = quote.number - 8 - MIN_PAYLOAD if quote.protocol == UDP else quote.number
        if 0 <= number < len(self.probes) and (quote.protocol != UDP or not self.probes[number].size):
            self._take(number, hop_reply(quote, by, self.to[0]), at_ns, now)

    def _take(self, number: int | None, answer: HopReply, at_ns: int, now: float) -> None:
        if number is None:
            number = self._guess(now)
        if number is None or not 0 <= number < len(self.probes):
            return
        probe = self.probes[number]
        if not probe.left_ns:
            return
        if at_ns > probe.left_ns:
            answer = answer._replace(rtt_ms=round((at_ns - probe.left_ns) / 1e6, 4))
        probe.answer = answer if probe.answer is None else _merged(probe.answer, answer)
        self._out.pop(number, None)
        self._quiet = 0
        if self._stop and answer.ends:
            self._no_further(probe.ttl)

    def _guess(self, now: float) -> int | None:
        """Whose answer it is that quotes too little: the only packet that is out, else nobody's, and from now on
        packets go out alone."""
        if len(self._out) == 1:
            return next(iter(self._out))
        if not self.alone:
            self.alone = True
            self._again(list(self._out.values()), now)
        return None

    def _again(self, lost: Sequence[Probe], now: float) -> None:
        """Ask anew for what is out, once its stragglers have had their time."""
        self._out.clear()
        for probe in lost:
            probe.left_ns = 0  # a straggler finds nothing to answer
        anew = [Probe(probe.ttl, len(self.probes) + at, probe.size) for at, probe in enumerate(lost)]
        self.probes += anew
        self._queue.extendleft(reversed(anew))
        self._next_at = now + self.timeout_s

    def _no_further(self, ttl: int) -> None:
        self._queue = deque(probe for probe in self._queue if probe.ttl < ttl)


def hop_reply(quote: Quote, by: str, target: str) -> HopReply:
    """The answer that a whole ICMP error gives."""
    answer = HopReply(by, quote.what, quote.type, quote.code, quote.mtu, None, quote.labels, quote.dscp)
    return at_target(answer, target)


def at_target(answer: HopReply, target: str) -> HopReply:
    """The target's own complaint of a closed port is its answer; so is its word that no hops are left, when it sends the
    packets on (to an address behind it): they have come to the target."""
    arrived = answer.what in (IcmpMeaning.PORT, IcmpMeaning.EXCEEDED) and answer.by == target.partition("%")[0]
    return answer._replace(what=None) if arrived else answer


def _merged(first: HopReply, second: HopReply) -> HopReply:
    """The first word counts; the second may show more of the same complaint."""
    if first.by != second.by:
        return first
    return first._replace(labels=first.labels or second.labels, dscp=second.dscp if first.dscp is None else first.dscp)
