"""Many targets probed on one socket: who is sent to when, what is in the air, and intervals that close by themselves.

Pure (see `probes.wire.session`). A protocol adds its packets: it calls `answered` for each good reply. Sends fall into
slots of 10 ms and go in small groups: one wake-up serves many, and no burst fills a narrow link's queue.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from probes.base import Outcome
from probes.wire.fleet import bursts
from probes.wire.fleet.loss_runs import longest
from probes.wire.fleet.track import REMEMBERED, FleetTarget, FleetWindow, Flight, note_hops, runs_of, vary
from probes.wire.fleet.wheel import SLOT_S, Wheel
from probes.wire.icmp.fault import icmp_fault
from probes.wire.session import Address, Datagram, EventQueue

GROUP = 10  # most packets of one slot while the fleet is small enough for that
STALL_S = 0.5  # a session woken so much after its time cannot tell what the network did meanwhile
_NAP_S = 0.1  # sends this late are made up for; later ones are left out
_STEP_NS = 1_000_000  # a wall clock that moved more than this (and slewing, 500 ppm) against the monotonic one was set
_HALF = 1 << 31  # packet numbers begin again after 2^32


class Interval(NamedTuple):
    """An interval whose packets are all answered or timed out."""

    id: str
    window: FleetWindow
    took_ms: float


class Fleet(EventQueue):
    """The common part of packet sessions. Subclasses give `packet` and `receive`. Its events are the closed intervals."""

    def __init__(self) -> None:
        super().__init__()
        self.tracks: list[FleetTarget] = []
        self.hosts: dict[str, list[FleetTarget]] = {}  # host address → its targets
        self.malformed = 0
        self._wheel: Wheel[FleetTarget] = Wheel()
        self._bursts: Wheel[tuple[FleetTarget, FleetWindow]] = Wheel()
        self._flying: dict[float, deque[Flight]] = {}
        self._overflow = 0
        self._rate = 0.0
        self._rest_until = 0.0  # a full group left: the next one waits for its slot
        self._on_fate = None if type(self).fate is Fleet.fate else self.fate
        self._skew_ns = 0  # wall less monotonic clock

    # --- what a protocol gives ---

    def packet(self, track: FleetTarget, seq: int, clock_ns: int) -> bytes:
        """The bytes of one packet."""
        raise AssertionError("a protocol gives its packets")

    def ended(self, track: FleetTarget, window: FleetWindow) -> None:
        """Called as an interval closes: a protocol adds its own counts to `window.more`."""

    def fate(self, track: FleetTarget, seq: int, window: FleetWindow, answered: bool) -> None:
        """Called once for each packet, as soon as its fate is known."""

    # --- targets ---

    def add(
        self, id: str, to: Address, *, every_s: float, interval_s: float, timeout_s: float, first_at: float,
        count: int = -1, tos: int = 0,
    ) -> FleetTarget:  # fmt: skip
        """One more target; its first packet leaves at `first_at` (monotonic s)."""
        track = FleetTarget(id, len(self.tracks), to, every_s, interval_s, timeout_s, first_at, left=count, tos=tos)
        track.past.kept = min(REMEMBERED[1], max(REMEMBERED[0], int(2 * timeout_s / every_s)))
        self.tracks.append(track)
        self.hosts.setdefault(to[0], []).append(track)
        self._wheel.put(first_at, track)
        self._flying.setdefault(timeout_s, deque())
        self._rate += 1.0 / every_s
        return track

    def move(self, track: FleetTarget, to: Address) -> None:
        """The target's name has another address now."""
        self.hosts[track.to[0]].remove(track)
        track.was, track.to = track.to, to
        self.hosts.setdefault(to[0], []).append(track)

    # --- sending ---

    def clocks(self, now: float, clock_ns: int) -> None:
        """Both clocks at one moment, before anything that came is taken in: a clock that was set shows here."""
        self._skew_ns = clock_ns - int(now * 1e9)

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """Packets of this slot; packets whose time is over become lost."""
        self.clocks(now, clock_ns)
        self._expire(now)
        if now < self._rest_until:
            return []
        new = tuple.__new__  # half of what the class itself costs to call
        out: list[Datagram] = []
        wheel, packet, room = self._wheel, self.packet, max(GROUP, math.ceil(self._rate * SLOT_S * 2))
        while len(out) < room and (tracks := wheel.take(now, room - len(out))):
            for track in tracks:
                flight = self._launch(track, now, clock_ns)
                out.append(new(Datagram, (packet(track, flight.seq, clock_ns), track.to, track.tos, 0, flight, b"")))
                if track.left:
                    wheel.put(track.due, track)
        if self._bursts:
            out += [self._send_burst(*miss, now, clock_ns) for miss in self._bursts.take(now, room - len(out))]
        if len(out) == room:
            self._rest_until = math.floor(now / SLOT_S + 1.0) * SLOT_S
        return out

    def _launch(self, track: FleetTarget, now: float, clock_ns: int) -> Flight:
        when, window = track.due, track.window
        if window is None:
            window = track.window = FleetWindow(clock_ns, now, when + track.interval_s - 1e-6)
            window.overflow = self._overflow
        flight = Flight(track, window, clock_ns, self._skew_ns, now)
        track.flights[flight.seq] = flight
        self._flying[track.timeout_s].append(flight)
        track.seq = flight.seq + 1 & 0xFFFFFFFF
        window.sent += 1
        window.open += 1
        late_ms = (now - when) * 1000.0
        if late_ms > window.send_late_ms:
            window.send_late_ms = late_ms
        if track.left > 0:
            track.left -= 1
        track.due = when = when + track.every_s
        if late_ms > _NAP_S * 1000.0:
            track.due += track.every_s * _left_out(late_ms / 1000.0, track.every_s)
            when = track.due
        if when >= window.ends or not track.left:
            window.closed = True
            track.window = None
        return flight

    def _send_burst(self, track: FleetTarget, window: FleetWindow, now: float, clock_ns: int) -> Datagram:
        """One of the packets that follow a miss."""
        flight = Flight(track, window, clock_ns, self._skew_ns, now)
        flight.seq = bursts.NUMBERS | track.bursts & 0xFFFF
        track.bursts += 1
        wait_s = min(track.timeout_s, bursts.WAIT_S)
        flight.deadline = now + wait_s
        track.flights[flight.seq] = flight
        self._flying.setdefault(wait_s, deque()).append(flight)
        window.burst_sent += 1
        return Datagram(self.packet(track, flight.seq, clock_ns), track.to, track.tos, 0, flight)

    def unsent(self, token: Any, why: str) -> None:
        """The packet never left: it is no evidence about the network."""
        if token is not None and not token.done:
            self._not_counted(token, f"this machine did not send: {why}", token.now)

    def _not_counted(self, flight: Flight, why: str, now: float) -> None:
        window = flight.window
        if flight.seq >= bursts.NUMBERS:
            window.burst_sent -= 1
        else:
            window.sent -= 1
            window.ours += 1
            runs_of(flight.track).ours(flight.seq)
        window.why = window.why or why
        self._close(flight, now)

    def sent(self, token: Any, at_ns: int) -> None:
        """The kernel's send stamp."""
        token.tx_ns = at_ns
        token.stamped = True

    # --- answers ---

    def answered(self, track: FleetTarget, seq: int, at_ns: int, now: float, hops: int = -1, less_ns: int = 0) -> bool:
        """A good reply to packet `seq`; its round trip is wall stamps' difference, less what the far end spent.
        True when it is the first and in time: by its stamps, whenever we came to read it."""
        flight = track.flights.get(seq)
        if flight is None:
            self._again(track, seq)
            return False
        delay_ms = (at_ns - flight.tx_ns) / 1e6 if self.steady(flight, now) else -1.0
        window = flight.window
        if seq >= bursts.NUMBERS:
            window.burst_rcvd += delay_ms <= bursts.WAIT_S * 1000.0
            self._close(flight, now)
            return False
        if delay_ms > track.timeout_s * 1000.0:
            window.late += 1
            self._lost(flight, now)
            track.past.note(seq, True)
            return False
        window.rcvd += 1
        if hops != window.hops:
            note_hops(window, hops)
        if seq >= track.high or track.high - seq > _HALF:
            track.high = seq
        else:
            window.reordered += 1  # RFC 4737 §3.3
        if not flight.stamped:
            window.unstamped += 1
        rtt_ms = delay_ms - less_ns / 1e6
        if rtt_ms >= 0.0:  # else a clock was set meanwhile, or the far end's is wrong: no number
            window.rtts_ms.append(rtt_ms)
        if self._on_fate is not None:
            self._on_fate(track, seq, window, True)
        self._close(flight, now, True)
        return True

    def steady(self, flight: Flight, now: float) -> bool:
        """False when the wall clock was set while this packet was in the air: its stamps cannot be compared."""
        return abs(self._skew_ns - flight.skew_ns) <= _STEP_NS + (now - flight.now) * 5e5

    def _again(self, track: FleetTarget, seq: int) -> None:
        """A second answer, or one after its time: counted in the target's next interval that ends."""
        known = track.past.get(seq)
        if known is None:
            return
        if known:
            track.dup += 1
        else:
            track.late += 1
            track.past.note(seq, True)

    def _expire(self, now: float) -> None:
        """Packets whose time is over are lost, but not when it ended while this machine stood still."""
        asked: float | None = None  # when this call was due: the same for all
        for queue in self._flying.values():
            while queue and queue[0].done:
                queue.popleft()
            if queue and queue[0].deadline <= now:
                asked = asked or self.wake_at() or now
                self._judge(queue, now, now - asked)

    def _judge(self, queue: deque[Flight], now: float, late_s: float) -> None:
        while queue and (queue[0].done or queue[0].deadline <= now):
            flight = queue.popleft()
            if flight.done:
                continue
            if late_s < STALL_S:
                self._lost(flight, now)
            else:
                self.slept(flight, f"this machine stood still for {late_s:.1f} s", now)

    def slept(self, flight: Flight, why: str, now: float) -> None:
        """This machine stood still while the answer could have come: nobody can tell whether it did."""
        self._not_counted(flight, why, now)

    def _lost(self, flight: Flight, now: float) -> None:
        track, window = flight.track, flight.window
        if flight.seq >= bursts.NUMBERS:
            self._close(flight, now)
            return
        if track.burst and not window.burst:
            window.burst = True
            window.open += track.burst
            for number in range(track.burst):
                self._bursts.put(now + number * bursts.GAP_S, (track, window))
        window.lost.append(flight.seq)
        runs_of(track).lost(flight.seq)
        self.fate(track, flight.seq, window, False)
        self._close(flight, now)

    def _close(self, flight: Flight, now: float, answered: bool = False) -> None:
        flight.done = True
        track, window = flight.track, flight.window
        track.flights.pop(flight.seq, None)
        if flight.seq < bursts.NUMBERS:
            track.past.note(flight.seq, answered)
        window.open -= 1
        if window.closed and not window.open:
            self._end(track, window, now)

    def _end(self, track: FleetTarget, window: FleetWindow, now: float) -> None:
        self.ended(track, window)
        window.dup += track.dup
        window.late += track.late
        track.dup = track.late = 0
        window.overflow = self._overflow - window.overflow
        if window.lost:
            window.loss_run_max, track.run = longest(window.lost, track.run)
        if track.losses is not None and track.losses.busy:
            track.losses.settle(next(iter(track.flights), track.seq), track.left == 0 and not track.flights)
            window.runs, window.after_lost, window.lost_after_lost = track.losses.take()
        vary(track, window)
        self._events.append(Interval(track.id, window, (now - window.began) * 1000.0))

    def stop(self, now: float) -> None:
        """Send no more, and wait for nothing: a packet in the air is no evidence. Open intervals close with what is known."""
        for track in self.tracks:
            track.left = 0
            window, track.window = track.window, None
            if window is not None:
                window.closed = True
                if not window.open:
                    self._end(track, window, now)
            for flight in list(track.flights.values()):
                flight.window.sent -= flight.seq < bursts.NUMBERS
                flight.window.burst_sent -= flight.seq >= bursts.NUMBERS
                runs_of(track).ours(flight.seq)
                self._close(flight, now)

    def overflow(self, total: int) -> None:
        """Our own buffer dropped datagrams."""
        self._overflow = total

    def complained(self, flight: Flight, by: str, type: int, code: int, mtu: int = 0) -> None:
        """ICMP about a packet in the air (`probes.wire.icmp.fault`; `by` "": our own kernel). When sizes are what is measured
        (`mtu`: what fits) a packet that is too big is refused, too; one our own rules stopped never left."""
        message, window = f"ICMP type {type} code {code}", flight.window
        if mtu:
            window.refused += 1
            window.more["mtu"] = min(mtu, window.more.get("mtu", mtu))
            window.why = (
                f"{by or 'this machine'} says it is too big: at most {window.more['mtu']} bytes pass ({message})"
            )
            return
        fault = icmp_fault(str(flight.track.to[0]), by, type, code)
        if fault is None:
            return
        if fault.outcome is Outcome.LOCAL:
            self.unsent(flight, fault.why)
            return
        window.refused += fault.outcome is Outcome.REFUSED
        window.why = fault.why

    # --- the session's other duties ---

    def wake_at(self) -> float | None:
        """The next slot with a send or a time-out in it (monotonic s)."""
        when = max(min(self._wheel.next_at(), self._bursts.next_at()), self._rest_until)
        for queue in self._flying.values():
            while queue and queue[0].done:
                queue.popleft()
            if queue and queue[0].deadline < when:
                when = queue[0].deadline
        return None if when == math.inf else math.ceil(when / SLOT_S - 1e-6) * SLOT_S + 1e-6

    def judges_at(self) -> float:
        """When the next packet's time is over (monotonic s); never: infinity."""
        heads = (queue[0].deadline for queue in self._flying.values() if queue)
        return min(heads, default=math.inf)

    @property
    def done(self) -> bool:
        """True when nothing more will be sent or is awaited."""
        return (
            not self._wheel
            and not self._bursts
            and not any(not flight.done for queue in self._flying.values() for flight in queue)
        )


def _left_out(behind_s: float, every_s: float) -> int:
    """Slots we slept through are left out, not made up for in a burst; the phase is kept."""
    return int(behind_s / every_s) if behind_s > max(every_s, _NAP_S) else 0
