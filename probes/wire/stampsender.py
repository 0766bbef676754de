"""The STAMP Session-Sender (RFC 8762 §4.2) for many reflectors on one socket, and which way each packet was lost.

A stateful reflector counts what it answers. Between two answers (sender numbers s1 < s2, reflector numbers r1 < r2)
(s2 − s1) − (r2 − r1) packets were lost on the way there and (r2 − r1) − 1 on the way back. Losses after the last
answer cannot be told apart yet: they stay `unknown` until the next one comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from probes.errors import WireError
from probes.wire import stamp
from probes.wire.fleet import Fleet, Track, Window
from probes.wire.session import Arrival

_SKIPPED = -2  # never left this machine
_TIMED_OUT = -1


@dataclass(slots=True)
class Ledger:
    """One target's losses while they are attributed. `at`: sender and reflector number of the last settled answer."""

    key: bytes = b""
    size: int = stamp.PLAIN
    stateful: bool = True
    at: tuple[int, int] = (-1, -1)
    next: int = 0  # the first packet whose fate is not settled
    fates: dict[int, int] = field(default_factory=dict)  # sender number → reflector number, or why there is none
    missing: int = 0  # timed out since `at`
    forward: int = 0
    backward: int = 0
    unknown: int = 0  # can never be told (the reflector began anew, or keeps no state)

    def settle(self, seq: int, fate: int) -> None:
        """Take one packet's fate; attribute what can be attributed now, in the order of sending."""
        self.fates[seq] = fate
        while self.next in self.fates:
            known = self.fates.pop(self.next)
            if known >= 0:
                self._answer(self.next, known)
            elif known == _TIMED_OUT:
                self.missing += 1
            else:
                self.at = (self.at[0] + 1, self.at[1])  # a number nobody sent is no loss
            self.next += 1

    def _answer(self, seq: int, reflected: int) -> None:
        steps = reflected - self.at[1]
        if self.missing and self.stateful and 1 <= steps <= self.missing + 1:
            self.backward += steps - 1
            self.forward += self.missing - (steps - 1)
        else:
            self.unknown += self.missing
        self.missing, self.at = 0, (seq, reflected)


class StampSender(Fleet):
    """A sender session. `clock`: what our stamps are worth."""

    def __init__(self, clock: stamp.Clock) -> None:
        super().__init__()
        self._error = clock.field

    def fit(self, track: Track, key: bytes, size: int, stateful: bool) -> None:
        """A new target's own part."""
        track.more = Ledger(key=key, size=size, stateful=stateful)

    def packet(self, track: Track, seq: int, clock_ns: int) -> bytes:
        """One test packet; the SSID (1 and up) tells targets behind one address apart."""
        ledger = track.more
        return stamp.encode_test(stamp.Test(seq, clock_ns, self._error, _ssid(track)), ledger.key, ledger.size)

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
        residence_ns = max(0, reply.sent_ns - reply.received_ns)
        if flight is not None:
            _note(flight.window, flight.tx_ns, reply, arrival)
            track.more.fates[reply.sender_seq] = reply.seq  # found by `fate` below
        self.answered(track, reply.sender_seq, arrival.at_ns, now, arrival.hops, residence_ns)

    def _track_of(self, arrival: Arrival) -> Track | None:
        """By SSID; by address alone where the reflector does not give it back (TWAMP-Light)."""
        data = arrival.data
        if len(data) < stamp.TWAMP:
            self.malformed += 1
            return None
        if len(data) >= stamp.AUTHENTICATED:
            for place in (26, 14):  # authenticated and plain packets keep it in different places
                found = self._by_ssid(int.from_bytes(data[place : place + 2], "big"), arrival, bool(place == 26))
                if found is not None:
                    return found
        found = self._by_ssid(int.from_bytes(data[14:16], "big"), arrival, False)
        return found or next((one for one in self.tracks if _from(arrival, one)), None)

    def _by_ssid(self, ssid: int, arrival: Arrival, keyed: bool) -> Track | None:
        if not 0 < ssid <= len(self.tracks):
            return None
        track = self.tracks[ssid - 1]
        return track if _from(arrival, track) and bool(track.more.key) is keyed else None

    def fate(self, track: Track, seq: int, window: Window, answered: bool) -> None:
        """Into the ledger."""
        ledger = track.more
        ledger.settle(seq, ledger.fates[seq] if answered else _TIMED_OUT)

    def unsent(self, token: object, why: str) -> None:
        """A number that was never sent is no loss."""
        super().unsent(token, why)
        if token is not None:
            token.track.more.settle(token.seq, _SKIPPED)  # type: ignore[attr-defined]

    def ended(self, track: Track, window: Window) -> None:
        """What was attributed since the last interval; what waits for the next answer."""
        ledger = track.more
        window.more["lost_fwd"], window.more["lost_bwd"] = ledger.forward, ledger.backward
        window.more["lost_unknown"] = ledger.missing + ledger.unknown
        ledger.forward = ledger.backward = ledger.unknown = 0

    def unreachable(self, to: str, by: str, data: bytes, type: int, code: int, now: float) -> None:
        """ICMP about a test packet: told by its number when enough is quoted."""
        if len(data) < 4:
            return
        seq = int.from_bytes(data[:4], "big")
        for track in self.tracks:
            flight = track.flights.get(seq) if track.to[0] == to else None
            if flight is not None:
                flight.window.refused += by == to
                flight.window.why = f"{by} says it cannot be reached (ICMP type {type} code {code})"


def _ssid(track: Track) -> int:
    return (track.index + 1) & 0xFFFF


def _from(arrival: Arrival, track: Track) -> bool:
    return arrival.source[0] == track.to[0] and arrival.source[1] == track.to[1]


def _note(window: Window, tx_ns: int, reply: stamp.Reply, arrival: Arrival) -> None:
    """One-way differences (clocks are not assumed equal), residence and the far end's word about its clock."""
    more = window.more
    more.setdefault("fwd", []).append((reply.received_ns - tx_ns) / 1e6)
    more.setdefault("bwd", []).append((arrival.at_ns - reply.sent_ns) / 1e6)
    more["residence_ms"] = max(more.get("residence_ms", 0.0), (reply.sent_ns - reply.received_ns) / 1e6)
    if arrival.tos >= 0:
        more["dscp_seen_bwd"] = arrival.tos >> 2
