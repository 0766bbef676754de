"""What a receiver of RTP makes of the packets that come (RFC 3550 §6.4.1, appendix A). Pure.

Losses are counted by number: a packet that comes twice is one packet, one that comes late is not lost. A sender may start
anew in the middle of a call: another source, other numbers, another media clock. None of these is a loss, and one stray
packet is none of them: two packets in a row are needed (appendix A.1). When the new row's media clock goes on
from the old one's, what is missing in between was lost, too.
"""

from __future__ import annotations

from typing import NamedTuple

from probes.wire.rtp.packet import RtpPacket

_MAX_DROPOUT, _MAX_MISORDER = 3000, 100  # appendix A.1: a larger step, there or back, may be a new beginning
# A longer step must have taken its time, else the numbers began anew: of an even stream, and of one that comes in bursts
# (a picture's packets leave together: many of them may be lost within no time).
_DOUBTFUL_STEP, _DOUBTFUL_BURST = 8, 300
_MAX_MISSING = 50
_MAX_KEPT = 65_536  # numbers of one stream that are remembered: more than 20 minutes of audio
_MAX_SOURCES = 4  # that are followed; a flood of sources must not fill our memory
_CLOCK_STEP_S, _CLOCK_SLACK_S = 0.25, 0.2  # the media clock goes on by more a packet, and time did not: it was set


class _Awaited(NamedTuple):
    """A packet that fits nothing so far: it counts when the next of its row comes."""

    packet: RtpPacket
    at_ns: int


class _SourceStream:
    """One row of numbers: from one source, and from where it began to where it began anew."""

    def __init__(self, clock_hz: int, packet: RtpPacket, at_ns: int, missing: int = 0) -> None:
        """`missing`: packets that were lost before the first one (see `missing_before`)."""
        self._clock_hz, self._missing = clock_hz, missing
        self._pace: int | None = (
            0  # what the media clock goes on by each packet; 0: not known yet, None: not always the same
        )
        self.received = self.dup = self.reordered = 0
        self.base = self.highest = packet.number
        self.first_at_ns = self.last_at_ns = at_ns
        self.jitter = 0.0  # in the payload's clock
        self._stamps: dict[int, int] = {}  # of the packets that came, by number
        self._oldest = self._newest = packet.stamp
        self._before: tuple[int, int, int] | None = None  # the packet before: number, stamp, wall ns
        self.take(packet, at_ns)

    @property
    def expected(self) -> int:
        """Packets from the first to the highest number, and those missing before."""
        return self.highest - self.base + 1 + self._missing

    def missing_before(self, packet: RtpPacket, at_ns: int) -> int:
        """Packets lost between this row's last one and the first of the next: those the media clock, which goes on at this
        row's pace, has no packet for. A marker says that there was silence in between (RFC 3551 §4.1), not a loss."""
        passed = _signed(packet.stamp - self._newest)
        if not self._pace or packet.marker or passed <= 0 or passed % self._pace:
            return 0
        missing = passed // self._pace - 1
        passed_ns, pace_ns = at_ns - self.last_at_ns, self._pace * 1e9 / self._clock_hz
        is_in_time = abs(passed_ns - passed * 1e9 / self._clock_hz) < pace_ns
        return missing if is_in_time and missing <= _MAX_MISSING else 0

    def fits(self, packet: RtpPacket, at_ns: int) -> bool:
        """True when the packet can belong to this row; a repeat can, too."""
        step = self._step(packet)
        if step > 0:
            doubtful = _DOUBTFUL_STEP if self._pace else _DOUBTFUL_BURST
            return step <= _MAX_DROPOUT and (step <= doubtful or self._is_time_for(step, packet, at_ns))
        known = self._stamps.get(self.highest + step)
        if known is not None:
            return known == packet.stamp
        return -step <= _MAX_MISORDER and _signed(packet.stamp - self._newest) <= 0  # else: an old number, a new sound

    def _is_time_for(self, step: int, packet: RtpPacket, at_ns: int) -> bool:
        """Could so many packets have been sent since the newest, at the rate seen so far? Our clock or theirs tells."""
        if self.received < 2:
            return True
        each_ns = (self.last_at_ns - self.first_at_ns) / (self.received - 1)
        each = _signed(self._newest - self._oldest) / (self.received - 1)
        passed = _signed(packet.stamp - self._newest)
        return at_ns - self.last_at_ns >= step * each_ns / 4 or step * each / 4 <= passed <= step * each * 4 > 0

    def _step(self, packet: RtpPacket) -> int:
        """How far beyond the highest number: without the wrap of 16 bits."""
        return (packet.number - self.highest + 0x8000 & 0xFFFF) - 0x8000

    def take(self, packet: RtpPacket, at_ns: int) -> bool:
        """Take a packet that fits; False for a repeat."""
        number = self.highest + self._step(packet)
        if number in self._stamps or len(self._stamps) >= _MAX_KEPT:
            self.dup += number in self._stamps
            return False
        self._stamps[number] = packet.stamp
        self.received += 1
        self.last_at_ns = at_ns
        if number < self.highest:
            self.reordered += 1
            self.base = min(self.base, number)  # the first of all came second
        else:
            self.highest, self._newest = number, packet.stamp
        self._vary(number, packet.stamp, at_ns)
        return True

    def _vary(self, number: int, stamp: int, at_ns: int) -> None:
        """Interarrival jitter (§6.4.1); a media clock that was set is no jitter."""
        before, self._before = self._before, (number, stamp, at_ns)
        if before is None:
            return
        clock_step = _signed(stamp - before[1])
        self._keep_pace(clock_step, number - before[0])
        step = clock_step - (at_ns - before[2]) * self._clock_hz / 1e9
        each = abs(clock_step) / max(1, abs(number - before[0]))
        if each > _CLOCK_STEP_S * self._clock_hz and abs(step) > _CLOCK_SLACK_S * self._clock_hz:
            return
        self.jitter += (abs(step) - self.jitter) / 16

    def _keep_pace(self, clock_step: int, numbers: int) -> None:
        pace = clock_step // numbers if numbers and clock_step % numbers == 0 else None
        self._pace = pace if self._pace in (0, pace) else None


class Totals(NamedTuple):
    """Figures of rows together: packets from the first to the highest number of each row, those that came without repeats,
    those that came again, and after a later one."""

    expected: int = 0
    received: int = 0
    dup: int = 0
    reordered: int = 0

    @property
    def lost(self) -> int:
        """Expected and not come."""
        return self.expected - self.received


class _Source:
    """All that came from one source: the row that goes on, and the figures of those before it."""

    def __init__(self, stream: _SourceStream) -> None:
        self.current = stream
        self._past = Totals()
        self.awaited: _Awaited | None = None
        self.reported = Totals()
        self._longest = (0, 0.0)  # packets and jitter of a row before

    def begin_anew(self, stream: _SourceStream) -> None:
        """Another row goes on from now."""
        self._past, self._longest = self.totals, self.longest
        self.current, self.awaited = stream, None

    @property
    def totals(self) -> Totals:
        """Of all its rows."""
        past, now = self._past, self.current
        return Totals(
            past.expected + now.expected,
            past.received + now.received,
            past.dup + now.dup,
            past.reordered + now.reordered,
        )

    @property
    def longest(self) -> tuple[int, float]:
        """Packets of its longest row, and their jitter."""
        return max(self._longest, (self.current.received, self.current.jitter))


class RtpReception:
    """What arrived of one media line. Feed it each packet with the kernel's stamp; its figures may be read at any time.

    `source`: whose packets come now. `foreign`: packets that belong to no row. `totals` are of all sources together.
    """

    def __init__(self, clock_hz: int) -> None:
        self._clock_hz = clock_hz
        self._sources: dict[int, _Source] = {}
        self._strangers: dict[int, _Awaited] = {}
        self.source: int | None = None
        self.octets = self.foreign = 0
        self.first_at_ns = self.last_at_ns = 0

    def receive(self, packet: RtpPacket, at_ns: int) -> None:
        """Take one packet."""
        source = self._sources.get(packet.source)
        if source is None:
            self._stranger(packet, at_ns)
        elif source.current.fits(packet, at_ns):
            self._count(source.current.take(packet, at_ns), packet, at_ns)
        elif _follows(source.awaited, packet):
            assert source.awaited
            source.begin_anew(self._began(source.awaited, packet, at_ns))
        else:
            source.awaited = _Awaited(packet, at_ns)
            self.foreign += 1

    def _stranger(self, packet: RtpPacket, at_ns: int) -> None:
        """The first source is taken at its word, another one after two packets in a row."""
        awaited = self._strangers.pop(packet.source, None)
        if not self._sources:
            self._sources[packet.source] = _Source(_SourceStream(self._clock_hz, packet, at_ns))
            self.first_at_ns = at_ns
            self._count(True, packet, at_ns)
        elif _follows(awaited, packet) and len(self._sources) < _MAX_SOURCES:
            assert awaited
            self._sources[packet.source] = _Source(self._began(awaited, packet, at_ns))
        else:
            self.foreign += 1
            if len(self._strangers) < _MAX_SOURCES:
                self._strangers[packet.source] = _Awaited(packet, at_ns)

    def _began(self, awaited: _Awaited, packet: RtpPacket, at_ns: int) -> _SourceStream:
        """A new row: the packet that was awaited for and the one that proves it."""
        before = self._sources[self.source].current if self.source is not None else None
        missing = before.missing_before(awaited.packet, awaited.at_ns) if before else 0
        stream = _SourceStream(self._clock_hz, awaited.packet, awaited.at_ns, missing)
        self.foreign -= 1
        self.octets += len(awaited.packet.payload)
        self._count(stream.take(packet, at_ns), packet, at_ns)
        return stream

    def _count(self, is_new: bool, packet: RtpPacket, at_ns: int) -> None:
        if not is_new:
            return
        self.source = packet.source
        self.octets += len(packet.payload)
        self.last_at_ns = at_ns

    @property
    def totals(self) -> Totals:
        """Figures of all sources."""
        each = [source.totals for source in self._sources.values()]
        return Totals(*(sum(column) for column in zip(*each, strict=True)))

    @property
    def jitter_ms(self) -> float | None:
        """RFC 3550's jitter in ms, of the longest row; None before a second packet of it."""
        packets, jitter = max((source.longest for source in self._sources.values()), default=(0, 0.0))
        return 1000.0 * jitter / self._clock_hz if packets > 1 else None

    def report(self) -> tuple[int, int, int, int]:
        """For a report block about `source`: fraction lost since the last report (of 256), lost in all, highest number, jitter."""
        if self.source is None:
            return 0, 0, 0, 0
        source = self._sources[self.source]
        now, before = source.totals, source.reported
        source.reported = now
        expected, received = now.expected - before.expected, now.received - before.received
        fraction = min(255, 256 * max(0, expected - received) // expected) if expected > 0 else 0
        current = source.current
        return fraction, max(0, now.expected - now.received), current.highest & 0xFFFFFFFF, int(current.jitter)


def _follows(awaited: _Awaited | None, packet: RtpPacket) -> bool:
    """True for the number right behind the one that is awaited for."""
    return awaited is not None and packet.number == (awaited.packet.number + 1) & 0xFFFF


def _signed(stamp: int) -> int:
    """A difference of stamps of 32 bits."""
    return (stamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
