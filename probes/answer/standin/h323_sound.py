"""The echo of a called end: each packet of sound goes back as one of its own stream, and RTCP tells what did not come."""

from __future__ import annotations

import socket
import time

from probes.answer.standin.echo import EchoPair, send
from probes.wire.rtp import packet as rtp
from probes.wire.rtp import rtcp
from probes.wire.rtp.packet import RtpPacket
from probes.wire.rtp.reception import RtpReception
from probes.wire.rtp.silent_media import SILENT_MEDIA
from probes.wire.session import Address, Arrival

_SOURCE = 0x6E65_746D
_SOUND = SILENT_MEDIA["PCMA"]


class Echo(EchoPair):
    """Two sockets of one call. `rtp`, `rtcp`: where they listen. Only the caller is heard, only the addresses it told get
    anything, and no more packets than came. Raises OSError when no pair of ports is to be had."""

    def __init__(self, host: str, to_rtp: Address, to_rtcp: Address) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__(family, host, to_rtp[0])
        self.rtp, self.rtcp = (host, self._media.port), (host, self._control.port)
        self.reception = RtpReception(_SOUND.clock_hz)
        self._to_rtp, self._to_rtcp = to_rtp, to_rtcp
        self._sent = 0

    def _sound(self, arrival: Arrival) -> None:
        came = rtp.decode(arrival.data)
        self.reception.receive(came, arrival.at_ns)
        back = RtpPacket(came.payload_type, self._sent, came.stamp, _SOURCE, came.payload, came.marker)
        self._sent += 1
        send(self._media, rtp.encode(back), self._to_rtp, arrival.tos)

    def _account(self, arrival: Arrival) -> None:
        """A sender report is answered at once with ours, and with what we received of theirs."""
        for part in rtcp.decode(arrival.data):
            if isinstance(part, rtcp.RtcpReport) and part.sent:
                fraction, lost, highest, jitter = self.reception.report()
                last_sr = part.sent.ntp >> 16 & 0xFFFFFFFF
                block = rtcp.Block(part.source, fraction / 256, lost, highest, jitter, last_sr, 0.0)
                octets = self._sent * _SOUND.step
                sent = rtcp.Sent(rtcp.ntp64(time.time_ns()), octets, self._sent, octets)
                data = rtcp.encode(rtcp.RtcpReport(_SOURCE, sent, (block,)), "standin")
                send(self._control, data, self._to_rtcp, 0)
