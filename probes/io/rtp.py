"""Carries one media line of a test call: sends its stream on time, and takes what comes back with the kernel's stamps.

Only packets from the address the far end named are its media; RTCP is read from its own port or from the media's. What
arrived before the call was taken (an announcement, music) is no media of the call.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from typing import Any, NamedTuple

from probes.errors import NeedsPrivilege, WireError
from probes.io.datagram.socket import PacketSocket, open_udp
from probes.io.datagram.timer import Timer
from probes.wire.rtp import packet as rtp
from probes.wire.rtp import rtcp
from probes.wire.rtp.hearing import Hearing
from probes.wire.rtp.packet import RtpPacket
from probes.wire.rtp.reception import RtpReception
from probes.wire.rtp.rtcp import Block, RtcpReport, Sent
from probes.wire.rtp.silent_media import SilentMedia

LOWEST, HIGHEST = 16_384, 32_766  # where pairs of ports are looked for
_TRIES = 64
_REPORT_S = 2.0
_CATCH_UP = 5  # packets that leave at once after we were put aside; the others are left out, and counted


class MediaHeard(NamedTuple):
    """A media line after its call. `came`: what we received; `block`: the far end's last report of what it received.

    `first_ms`: from the start to the first packet of theirs; `late_ms`: the worst lateness of our own sending;
    `tos`: type-of-service bytes seen on their packets; `rtt_ms`: by RTCP. `hears`: whether it hears ours, by its reports or
    because ours came back; None: it did not say. `strange`: packets of payload types nobody spoke of (RFC 3550 §5.1: to be
    ignored), and `strange_type` one of those; `quiet_s`: from the last packet of its media to the end, 0 when none came.
    `elsewhere`: an address its answer does not name, from which such packets came.
    """

    sent: int
    skipped: int
    came: RtpReception
    block: Block | None
    first_ms: float | None
    late_ms: float
    tos: frozenset[int]
    rtt_ms: float | None
    local_drop: int
    hears: bool | None = None
    strange: int = 0
    strange_type: int | None = None
    quiet_s: float = 0.0
    elsewhere: str = ""

    @property
    def rcvd(self) -> int:
        """Packets of its media."""
        return max(0, self.came.totals.received - self.strange)


class MediaLine:
    """One media line's two sockets, RTP on an even port and RTCP on the next. Open, then `start`, `stop`, `close`."""

    def __init__(self, family: int, host: str, *, tos: int = 0) -> None:
        """Raises OSError when no pair of ports is to be had."""
        self._tos = tos
        self._media, self._control = pair(family, host)
        self.port = self._media.port
        self._source, self._number = secrets.randbits(32), secrets.randbits(15)
        self._stamp = secrets.randbits(31)
        self._loop = asyncio.get_running_loop()
        self._timer: Timer | None = None
        self._sample: SilentMedia | None = None
        self._payload_type = 0
        self._to: Any = None
        self._control_to: Any = None
        self._began = self._due = self._report_due = 0.0
        self._began_ns = 0
        self._sent = self._skipped = self._octets = 0
        self._late_s = 0.0
        self._came: RtpReception | None = None
        self._hearing: Hearing | None = None
        self._rtt_ms: float | None = None
        self._seen_tos: set[int] = set()
        self._types: frozenset[int] = frozenset()
        self._strange, self._strange_type = 0, -1
        self._last_at_ns = 0
        self._elsewhere = ""
        self._last_sr = (0, 0.0)  # the middle of their last report's NTP time, when it came

    def start(
        self, sample: SilentMedia, payload_type: int, to: Any, control_port: int, types: frozenset[int] = frozenset()
    ) -> None:
        """Send to `to` (a socket address) from now on, and listen; `control_port` 0: no RTCP. `types`: payload types that are
        understood; none: all of them."""
        if type(self._loop).__module__.startswith("uvloop"):
            raise NeedsPrivilege("uvloop loses packets whose stamps lie on the error queue: use asyncio's own loop")
        self._sample, self._payload_type, self._to, self._types = sample, payload_type, to, types
        self._control_to = (to[0], control_port, *to[2:]) if control_port else None
        for sock in (self._media, self._control):
            for _ in sock.arrivals():
                pass  # what waits here came before the call was taken
        self._came = RtpReception(sample.clock_hz)
        self._began = self._due = time.monotonic()
        self._began_ns, self._report_due = time.time_ns(), self._began + _REPORT_S
        self._hearing = Hearing(self._source, self._number, self._began)
        for sock in (self._media, self._control):
            self._loop.add_reader(sock.fileno(), self._readable)
        self._timer = Timer(self._loop, self._turn)
        self._turn()

    @property
    def is_settled(self) -> bool:
        """True when it is known whether the far end hears us, or nothing more will tell: no RTCP, or nothing at all came."""
        if self._came is None or self._hearing is None or not self._came.totals.received:
            return True
        return self._control_to is None or self._hearing.is_settled

    def stop(self) -> MediaHeard | None:
        """End the stream with a goodbye; what was heard, None when it never began."""
        if self._timer is None or self._came is None or self._hearing is None:
            return None
        self._take()
        self._send_report(leaving=True)
        self._quiet()
        first = self._came.first_at_ns
        first_ms = (first - self._began_ns) / 1e6 if first else None
        drops = self._media.dropped()
        return MediaHeard(
            self._sent, self._skipped, self._came, self._hearing.block, first_ms, self._late_s * 1000,
            frozenset(self._seen_tos), self._rtt_ms, drops, self._hearing.hears,
            self._strange, self._strange_type if self._strange else None, self._quiet_s(), self._elsewhere,
        )  # fmt: skip

    def _quiet_s(self) -> float:
        return max(0.0, (time.time_ns() - self._last_at_ns) / 1e9) if self._last_at_ns else 0.0

    def close(self) -> None:
        """Give everything back."""
        self._quiet()
        for sock in (self._media, self._control):
            sock.close()

    def _quiet(self) -> None:
        if self._timer is not None:
            self._timer.close()
            self._timer = None
            for sock in (self._media, self._control):
                self._loop.remove_reader(sock.fileno())

    def _turn(self) -> None:
        """Send what is due."""
        if self._timer is None or self._sample is None:
            return
        now, sample = time.monotonic(), self._sample
        self._late_s = max(self._late_s, now - self._due)
        behind = int((now - self._due) / sample.gap_s) - _CATCH_UP
        if behind > 0:  # numbers are left out too: the far end must not call our sleep a loss
            self._skipped += behind
            self._due += behind * sample.gap_s
            self._stamp += behind * sample.step
        while self._due <= now:
            self._send(sample)
            self._due += sample.gap_s
        if now >= self._report_due:
            self._report_due = now + _REPORT_S
            self._send_report()
        self._timer.at(self._due)

    def _send(self, sample: SilentMedia) -> None:
        last = len(sample.payloads) - 1
        for place, payload in enumerate(sample.payloads):
            self._packet(payload, sample.marked and place == last)
        self._stamp += sample.step

    def _packet(self, payload: bytes, marker: bool) -> None:
        packet = RtpPacket(self._payload_type, self._number, self._stamp, self._source, payload, marker)
        try:
            self._media.send(rtp.encode(packet), self._to, self._tos)
        except OSError:
            self._skipped += 1
            return
        self._number = self._number + 1 & 0xFFFF
        self._sent += 1
        self._octets += len(payload)

    def _readable(self) -> None:
        self._take()

    def _take(self) -> None:
        for sock in (self._media, self._control):
            for _ in sock.errors():
                pass  # a port that is closed shows as silence here; the call itself tells more
            for arrival in sock.arrivals():
                if arrival.source[0] == self._to[0]:
                    self._one(arrival.data, arrival.at_ns, arrival.tos)
                elif sock is self._media and not self._elsewhere:
                    self._foreign(arrival.data, arrival.source[0])

    def _foreign(self, data: bytes, source: str) -> None:
        """Anybody may send it: it is told, and counts for nothing."""
        with suppress(WireError):
            if rtp.decode(data).payload_type in (self._types or {self._payload_type}):
                self._elsewhere = source

    def _one(self, data: bytes, at_ns: int, tos: int) -> None:
        assert self._came is not None and self._hearing is not None
        try:
            if len(data) >= 2 and 192 <= data[1] <= 223:  # RFC 5761 §4
                self._reported(rtcp.decode(data), at_ns)
            else:
                self._media_came(rtp.decode(data), at_ns, tos)
        except WireError:
            return

    def _media_came(self, packet: RtpPacket, at_ns: int, tos: int) -> None:
        """Also what is not understood has a number, and is not lost (keys that are dialled, comfort noise)."""
        assert self._came is not None and self._hearing is not None
        self._came.receive(packet, at_ns)
        self._hearing.echoed(packet.source)
        self._seen_tos.add(tos)
        if self._types and packet.payload_type not in self._types:
            self._strange, self._strange_type = self._strange + 1, packet.payload_type
        else:
            self._last_at_ns = at_ns

    def _reported(self, reports: list[RtcpReport | rtcp.Goodbye], at_ns: int) -> None:
        for report in reports:
            if isinstance(report, RtcpReport) and report.sent:
                self._last_sr = (report.sent.ntp >> 16 & 0xFFFFFFFF, time.monotonic())
        assert self._hearing is not None
        for block in self._hearing.reported(reports, self._sent, time.monotonic()):
            round_trip = rtcp.round_trip_ms(block, at_ns)
            self._rtt_ms = self._rtt_ms if round_trip is None else round_trip

    def _send_report(self, *, leaving: bool = False) -> None:
        if self._control_to is None or self._came is None:
            return
        blocks: tuple[Block, ...] = ()
        if self._came.source is not None:
            fraction, lost, highest, jitter = self._came.report()
            last, at = self._last_sr
            delay_s = time.monotonic() - at if last else 0.0
            blocks = (Block(self._came.source, fraction / 256, lost, highest, jitter, last, delay_s),)
        sent = Sent(rtcp.ntp64(time.time_ns()), self._stamp, self._sent, self._octets)
        data = rtcp.encode(RtcpReport(self._source, sent, blocks), "netmon", leaving=leaving)
        try:
            self._control.send(data, self._control_to)
        except OSError:
            return  # a report that does not leave is one report less


def pair(family: int, host: str) -> tuple[PacketSocket, PacketSocket]:
    """Two sockets: RTP on an even port, RTCP on the next (RFC 3550 §11). Raises OSError when none are to be had."""
    refused: OSError | None = None
    for _ in range(_TRIES):
        port = LOWEST + 2 * secrets.randbelow((HIGHEST - LOWEST) // 2)
        try:
            media = open_udp(family, host, port)
        except OSError as fault:
            refused = fault.with_traceback(None)  # else a ring that holds our callers
            continue
        try:
            return media, open_udp(family, host, port + 1)
        except OSError as fault:
            refused = fault.with_traceback(None)  # else a ring that holds our callers
            media.close()
    assert refused is not None
    raise refused
