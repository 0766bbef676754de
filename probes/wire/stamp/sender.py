"""The STAMP Session-Sender (RFC 8762 §4.2) for many reflectors on one socket, and which way each packet was lost.

A stateful reflector numbers what it answers. Between two answers the numbers that are missing on its side were lost on
the way back; the rest of what is missing on ours never reached it. Losses after the last answer cannot be told apart
yet: they are `unknown` in their own interval, and get their direction in the interval whose answer tells it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from probes.errors import WireError
from probes.wire.fleet.fleet import Fleet
from probes.wire.fleet.track import FleetTarget, FleetWindow, Flight
from probes.wire.session import Arrival
from probes.wire.stamp import packet as stamp
from probes.wire.stamp import tlv
from probes.wire.stamp.oneway import Directions
from probes.wire.stamp.requests import TlvRequests, mark

_TIMED_OUT, _SKIPPED, _OURS = -1, -2, -3  # lost; never sent; sent, but this machine slept
_REORDER = 64  # a reflector's number that falls back further than this was counted from the beginning again


@dataclass(slots=True)
class LossLedger:
    """One target's losses while they are attributed, in the order of sending."""

    key: bytes = b""
    size: int = stamp.PLAIN
    stateful: bool = True
    high: int = -1  # the reflector's highest number that was settled
    recent: deque[int] = field(default_factory=lambda: deque(maxlen=2 * _REORDER))  # its last numbers settled
    doubles: set[int] = field(default_factory=set)  # its numbers above `high` that were second answers
    next: int = 0  # the first packet whose fate is not settled
    fates: dict[int, int] = field(default_factory=dict)  # sender's number → reflector's, or why there is none
    missing: int = 0  # timed out since the last answer
    fresh: int = 0  # … of them in the interval that runs
    blurred: bool = False  # the reflector may have counted packets we slept through
    forward: int = 0
    backward: int = 0
    unknown: int = 0  # can never be told (the reflector began anew, or keeps no state)
    directions: Directions = field(default_factory=Directions)
    asks: TlvRequests | None = None

    def settle(self, seq: int, fate: int) -> None:
        """Take one packet's fate; attribute what can be attributed now."""
        self.fates[seq] = fate
        while self.next in self.fates:
            known = self.fates.pop(self.next)
            self.next = self.next + 1 & 0xFFFFFFFF
            if known >= 0:
                self._answer(known)
            elif known == _TIMED_OUT:
                self.missing += 1
                self.fresh += 1
            elif known == _OURS:
                self.blurred = True

    def again(self, number: int) -> None:
        """A second answer: the reflector has counted one packet twice."""
        if number > self.high and len(self.doubles) < _REORDER:
            self.doubles.add(number)

    def take(self) -> tuple[int, int, int]:
        """Lost there, back, and not told, since the last call. Each packet is `unknown` at most once."""
        lost = self.forward, self.backward, self.unknown + min(self.fresh, self.missing)
        self.forward = self.backward = self.unknown = self.fresh = 0
        return lost

    def _answer(self, number: int) -> None:
        if number <= self.high:
            if number not in self.recent and number >= self.high - _REORDER:
                self.recent.append(number)  # overtaken on the way there: the next answer tells what is missing
                return
            self.recent.clear()  # it counts from the beginning again
            self.doubles.clear()
            self._attribute(-1)
        else:
            self._attribute(number - self.high - 1 - self._known_below(number))
        self.recent.append(number)
        self.high = number

    def _attribute(self, back: int) -> None:
        """`back` numbers are missing on the reflector's side since the last answer."""
        if self.stateful and not self.blurred and 0 <= back <= self.missing:
            self.backward += back
            self.forward += self.missing - back
        else:
            self.unknown += min(self.missing, self.fresh)  # what is older was told as unknown
        self.missing, self.blurred = 0, False

    def _known_below(self, number: int) -> int:
        """How many of the reflector's numbers between the last settled and this one are no losses."""
        if number == self.high + 1:
            return 0
        early = sum(self.high < known < number for known in self.fates.values())
        doubles = {known for known in self.doubles if known < number}
        self.doubles -= doubles
        return early + sum(known > self.high for known in doubles)


class StampSender(Fleet):
    """A sender session. `clock`: what our stamps are worth; `ask` tells it anew."""

    def __init__(self, clock: stamp.ClockQuality, ask: Callable[[], stamp.ClockQuality | None] | None = None) -> None:
        super().__init__()
        self._clock = stamp.AskedClock(clock, ask)

    def clocks(self, now: float, clock_ns: int) -> None:
        """Our own clock's worth is asked for here too."""
        super().clocks(now, clock_ns)
        self._clock.look(now)

    def fit(self, track: FleetTarget, key: bytes, size: int, stateful: bool, types: tuple[int, ...] = ()) -> None:
        """A new target's own part. `types`: the TLVs to ask for (`probes.wire.stamp.tlv`)."""
        asks = TlvRequests(types, track.tos) if types else None
        track.more = LossLedger(key=key, size=size, stateful=stateful, asks=asks)

    def packet(self, track: FleetTarget, seq: int, clock_ns: int) -> bytes:
        """One test packet; the SSID (1 and up) tells targets behind one address apart."""
        ledger = track.more
        test = stamp.Test(seq, clock_ns, self._clock.field, _ssid(track))
        if ledger.asks is None:
            return stamp.encode_test(test, ledger.key, ledger.size)
        base = stamp.encode_test(test, ledger.key)
        return base + bytes(ledger.asks.chain(base[:4], ledger.key, ledger.size - len(base)))

    def receive(self, arrival: Arrival, now: float) -> None:
        """A reflector's answer."""
        track = self._track_of(arrival)
        if track is None:
            return
        try:
            reply = stamp.decode_reply(arrival.data, track.more.key)
        except WireError:
            self.malformed += 1
            return
        flight = track.flights.get(reply.sender_seq)
        if flight is None:
            if track.past.get(reply.sender_seq):
                track.more.again(reply.seq)
        else:
            track.more.fates[reply.sender_seq] = reply.seq  # found by `fate` below
        residence_ns = max(0, reply.sent_ns - reply.received_ns) if reply.stamped else 0
        timed = 0 if flight is None else len(flight.window.rtts_ms)
        if self.answered(track, reply.sender_seq, arrival.at_ns, now, arrival.hops, residence_ns) and flight:
            _note(flight, reply, arrival)
            tells = reply.stamped and self.steady(flight, now)
            split = _split(flight, reply, arrival) if tells else None
            if track.more.asks is not None:
                key, window = track.more.key, flight.window
                chain = stamp.tail(arrival.data, bool(key))
                values = tlv.answered(chain, key=key, head=arrival.data[:4])
                track.more.asks.take(values, reply, window, split, len(window.rtts_ms) > timed)

    def _track_of(self, arrival: Arrival) -> FleetTarget | None:
        """By SSID; by address alone where the reflector does not give it back (TWAMP-Light)."""
        data = arrival.data
        if len(data) < stamp.TWAMP:
            self.malformed += 1
            return None
        if len(data) >= stamp.AUTHENTICATED:
            for place in (26, 14):  # authenticated and plain packets keep it in different places
                target = self._by_ssid(int.from_bytes(data[place : place + 2], "big"), arrival, bool(place == 26))
                if target is not None:
                    return target
        target = self._by_ssid(int.from_bytes(data[14:16], "big"), arrival, False)
        there = self.hosts.get(arrival.source[0], ())
        return target or next((target for target in there if _from(arrival, target)), None)

    def _by_ssid(self, ssid: int, arrival: Arrival, keyed: bool) -> FleetTarget | None:
        if not 0 < ssid <= len(self.tracks):
            return None
        track = self.tracks[ssid - 1]
        return track if _from(arrival, track) and bool(track.more.key) is keyed else None

    def fate(self, track: FleetTarget, seq: int, window: FleetWindow, answered: bool) -> None:
        """Into the ledger."""
        ledger = track.more
        ledger.settle(seq, ledger.fates[seq] if answered else _TIMED_OUT)

    def unsent(self, token: Any, why: str) -> None:
        """A number that was never sent is no loss."""
        if token is not None and not token.done:
            token.track.more.settle(token.seq, _SKIPPED)
            if token.track.more.asks is not None:
                token.track.more.asks.sent -= 1
        super().unsent(token, why)

    def slept(self, flight: Flight, why: str, now: float) -> None:
        """The reflector may have counted it, and answered a machine that stood still."""
        flight.track.more.settle(flight.seq, _OURS)
        super().slept(flight, why, now)

    def ended(self, track: FleetTarget, window: FleetWindow) -> None:
        """What was attributed since the last interval; what waits for the next answer."""
        more = window.more
        more["lost_fwd"], more["lost_bwd"], more["lost_unknown"] = track.more.take()
        more["clock"] = self._clock.known
        more["drift"] = track.more.directions.drift()
        more["tos"] = track.tos
        if track.more.asks is not None and "direct" in more:
            more["direct_lost_fwd"], more["direct_lost_bwd"] = track.more.asks.lost()

    def unreachable(self, to: str, by: str, data: bytes, type: int, code: int, now: float) -> None:
        """ICMP about a test packet: told by its number; by its address alone when only the UDP header is quoted."""
        seq = int.from_bytes(data[:4], "big") if len(data) >= 4 else None
        for track in self.hosts.get(to, ()):
            newest = next(reversed(track.flights.values()), None)
            flight = newest if seq is None else track.flights.get(seq)
            if flight is not None:
                self.complained(flight, by, type, code)


def _ssid(track: FleetTarget) -> int:
    return (track.index + 1) & 0xFFFF


def _from(arrival: Arrival, track: FleetTarget) -> bool:
    source = (arrival.source[0], arrival.source[1])
    return source == track.to[:2] or source == track.was[:2]


def _note(flight: Flight, reply: stamp.StampReply, arrival: Arrival) -> None:
    """Residence, and the far end's word about its clock."""
    more = flight.window.more
    if reply.stamped:
        more["residence_ms"] = max(more.get("residence_ms", 0.0), (reply.sent_ns - reply.received_ns) / 1e6)
    else:
        more["far_unstamped"] = True
    more["far_error"] = reply.error
    if arrival.tos >= 0:
        mark(more, "dscp_seen_bwd", arrival.tos >> 2, flight.track.tos >> 2)


def _split(flight: Flight, reply: stamp.StampReply, arrival: Arrival) -> tuple[float, float, float] | None:
    """One-way differences (clocks are not assumed equal); a clock step parts the interval: what was before is left out."""
    more = flight.window.more
    forward_ms, backward_ms = (reply.received_ns - flight.tx_ns) / 1e6, (arrival.at_ns - reply.sent_ns) / 1e6
    fits = flight.track.more.directions.add(flight.now, forward_ms, backward_ms)
    if fits is None:
        more["clock_steps"] = more.get("clock_steps", 0) + 1
        more["split"] = []
    if fits is False:
        return None
    split = (flight.now, forward_ms, backward_ms)
    more.setdefault("split", []).append(split)
    return split
