"""ICMP echo (RFC 792, RFC 4443 §4) for many targets on one socket.

Payload: 8 bytes known to this session only, then the target's index and the packet's number (32 bits each), then zeros.
"""

from __future__ import annotations

import struct

from probes.wire.fleet.fleet import Fleet
from probes.wire.fleet.track import FleetTarget, Flight
from probes.wire.icmp.header import ECHO4, ECHO6, HEADER, REPLY4, REPLY6, checksum
from probes.wire.session import Arrival

MIN_PAYLOAD = 16  # bytes of payload that hold cookie, index, number
SIZE = 56  # bytes of payload when nothing else is asked for
_FILL = bytes(SIZE - MIN_PAYLOAD)
_ECHO = struct.Struct("!BBHHH8sII")
_REPLY = struct.Struct("!BxxxxxH8sII")


class Ping(Fleet):
    """An echo session. `ident`: identifier of the socket (a datagram socket's kernel puts its own). `summed`: checksums of
    answers are ours to check, as on raw IPv4 sockets (RFC 1122 §3.2.2); elsewhere the kernel has."""

    def __init__(self, *, ident: int, cookie: bytes, v6: bool = False, summed: bool = False) -> None:
        super().__init__()
        self.ident, self.cookie, self.v6, self._summed = ident, cookie, v6, summed
        self._fills: dict[int, bytes] = {}  # index → what fills its packets, where that is not `_FILL`
        self._reply, self._echo = (REPLY6, ECHO6) if v6 else (REPLY4, ECHO4)
        self._sum = (ECHO4 << 8) + ident + sum(struct.unpack("!4H", cookie))  # never 0: a remainder of 0 means 0xFFFF

    def fill(self, index: int, size: int) -> None:
        """A target's packets have a payload of `size` bytes (`MIN_PAYLOAD` at least)."""
        self._fills[index] = _FILL if size == SIZE else bytes(max(0, size - MIN_PAYLOAD))

    def packet(self, track: FleetTarget, seq: int, clock_ns: int) -> bytes:
        """One echo request, most of its checksum added up beforehand. IPv6: the kernel fills it in."""
        index, low = track.index, seq & 0xFFFF
        if self.v6:
            sum_ = 0
        else:  # the packet's number stands in the header and in the payload
            left = (self._sum + (index >> 16) + (index & 0xFFFF) + (seq >> 16) + 2 * low) % 0xFFFF
            sum_ = ~left & 0xFFFF if left else 0
        head = _ECHO.pack(self._echo, 0, sum_, self.ident, low, self.cookie, index, seq)
        return head + self._fills.get(index, _FILL)

    def receive(self, arrival: Arrival, now: float) -> None:
        """An echo reply; what is not ours is left alone, what is broken is counted."""
        data, source, at_ns, hops, tos, _ = arrival
        if len(data) < HEADER:
            self.malformed += 1
            return
        if data[0] != self._reply:
            return
        named = self._named(data, source[0])
        if named is None:
            return
        if self._summed and checksum(data):
            self.malformed += 1
            return
        track, seq, marked = named
        if not marked or data[HEADER + MIN_PAYLOAD :] != self._fills.get(track.index, _FILL):
            _changed(track, seq, len(data) - HEADER)
        if tos ^ track.tos > 3 and tos >= 0 and (flight := track.flights.get(seq)) is not None:
            flight.window.more["dscp_seen"] = tos >> 2
        self.answered(track, seq, at_ns, now, hops)

    def _named(self, data: bytes, source: str) -> tuple[FleetTarget, int, bool] | None:
        """Whose answer it is, to which packet, and whether it bears our mark. One whose payload was cut or rewritten is known by its header alone: by
        identifier and number, of a packet that is still in the air (RFC 792)."""
        if len(data) >= HEADER + MIN_PAYLOAD:
            _, _, cookie, index, seq = _REPLY.unpack_from(data)
            if cookie == self.cookie and index < len(self.tracks):
                track = self.tracks[index]
                return (track, seq, True) if source in (track.to[0], track.was[0]) else None
        if int.from_bytes(data[4:6], "big") != self.ident:
            return None
        flight = self._numbered(source, int.from_bytes(data[6:8], "big"))
        return None if flight is None else (flight.track, flight.seq, False)

    def _numbered(self, to: str, low: int) -> Flight | None:
        """The packet in the air to a host whose number ends so; the header holds no more of it."""
        flights = (flight for track in self.hosts.get(to, ()) for flight in track.flights.values())
        return next((flight for flight in flights if flight.seq & 0xFFFF == low), None)

    def unreachable(self, to: str, by: str, data: bytes, type: int, code: int, now: float) -> None:
        """A router or the host says no. The packet stays in the air until its time is over: another may still come."""
        flight = self._quoted(to, data)
        if flight is not None:
            self.complained(flight, by, type, code)

    def too_big(self, to: str, by: str, data: bytes, type: int, code: int, mtu: int) -> None:
        """A router says that a packet that must not be cut does not fit (RFC 1191 §4, RFC 4443 §3.2)."""
        flight = self._quoted(to, data)
        if flight is not None:
            self.complained(flight, by, type, code, mtu)

    def _quoted(self, to: str, data: bytes) -> Flight | None:
        """The packet an ICMP error quotes; many routers quote 8 bytes only (RFC 792)."""
        if len(data) < HEADER or int.from_bytes(data[4:6], "big") != self.ident:
            return None
        if len(data) >= HEADER + MIN_PAYLOAD:
            _, _, cookie, index, seq = _REPLY.unpack_from(data)
            known = cookie == self.cookie and index < len(self.tracks) and self.tracks[index].to[0] == to
            return self.tracks[index].flights.get(seq) if known else None
        return self._numbered(to, int.from_bytes(data[6:8], "big"))


def _changed(track: FleetTarget, seq: int, size: int) -> None:
    """An answer must bring back what was sent (RFC 792): this one was cut, filled or rewritten on the way."""
    flight = track.flights.get(seq)
    if flight is not None:
        more = flight.window.more
        more["changed"], more["changed_size"] = more.get("changed", 0) + 1, size
