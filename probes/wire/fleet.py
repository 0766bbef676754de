"""Many targets probed on one socket: who is sent to when, what is in the air, and intervals that close by themselves.

Pure (see `probes.wire.session`). A protocol adds its packets: it calls `answered` for each good reply. Sends fall into
slots of 10 ms and go in small groups: one wake-up serves many, and no burst fills a narrow link's queue.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from probes.wire.session import Address, Datagram

SLOT_S = 0.010
GROUP = 10  # most packets of one slot while the fleet is small enough for that
_STEP_MS = 1.0  # wall and monotonic clock may differ so much over one round trip
_REMEMBERED = 64  # answered and timed-out packets of a target that duplicates and late answers are told by


class Flight:
    """One packet in the air. `tx_ns`: wall clock of its send, by the kernel when `stamped`."""

    __slots__ = ("deadline", "done", "now", "seq", "stamped", "track", "tx_ns", "window")

    def __init__(self, track: Track, window: Window, seq: int, tx_ns: int, now: float, deadline: float) -> None:
        self.track, self.window, self.seq = track, window, seq
        self.tx_ns, self.now, self.deadline = tx_ns, now, deadline
        self.stamped = self.done = False


@dataclass(slots=True)
class Window:
    """One interval of one target while it is filled. `open`: packets whose fate is not known yet."""

    at_ns: int
    began: float
    ends: float
    sent: int = 0
    rcvd: int = 0
    open: int = 0
    closed: bool = False
    rtts_ms: list[float] = field(default_factory=list)
    dup: int = 0
    late: int = 0
    unsent: int = 0
    refused: int = 0
    loss_run_max: int = 0
    send_late_ms: float = 0.0
    hops: int = -1
    unstamped: int = 0
    overflow: int = 0
    why: str = ""
    more: dict[str, Any] = field(default_factory=dict)  # what a protocol counts beside


@dataclass(slots=True)
class Track:
    """One target: its timing, its sequence, its open packets. `left`: packets still to send, -1 without end."""

    id: str
    index: int
    to: Address
    every_s: float
    interval_s: float
    timeout_s: float
    due: float
    left: int = -1
    tos: int = 0
    seq: int = 0
    run: int = 0  # losses in a row
    window: Window | None = None
    flights: dict[int, Flight] = field(default_factory=dict)
    past: dict[int, bool] = field(default_factory=dict)  # seq → answered? of packets whose fate is known
    more: Any = None


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval whose packets are all answered or timed out."""

    id: str
    window: Window
    took_ms: float


class Fleet:
    """The common part of packet sessions. Subclasses give `packet` and `receive`."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self.malformed = 0
        self._due: list[tuple[float, int]] = []
        self._flying: dict[float, deque[Flight]] = {}
        self._events: list[Any] = []
        self._overflow = 0
        self._rate = 0.0

    # --- what a protocol gives ---

    def packet(self, track: Track, seq: int, clock_ns: int) -> bytes:
        """The bytes of one packet."""
        raise AssertionError("a protocol gives its packets")

    def ended(self, track: Track, window: Window) -> None:
        """Called as an interval closes: a protocol adds its own counts to `window.more`."""

    def fate(self, track: Track, seq: int, window: Window, answered: bool) -> None:
        """Called once for each packet, as soon as its fate is known."""

    # --- targets ---

    def add(
        self, id: str, to: Address, *, every_s: float, interval_s: float, timeout_s: float, first_at: float,
        count: int = -1, tos: int = 0,
    ) -> Track:  # fmt: skip
        """One more target; its first packet leaves at `first_at` (monotonic s)."""
        track = Track(id, len(self.tracks), to, every_s, interval_s, timeout_s, first_at, left=count, tos=tos)
        self.tracks.append(track)
        heapq.heappush(self._due, (first_at, track.index))
        self._flying.setdefault(timeout_s, deque())
        self._rate += 1.0 / every_s
        return track

    # --- sending ---

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """Packets of this slot; packets whose time is over become lost."""
        self._expire(now)
        due, out = self._due, list[Datagram]()
        room = max(GROUP, math.ceil(self._rate * SLOT_S * 2))
        while due and due[0][0] <= now and len(out) < room:
            when, index = due[0]
            track = self.tracks[index]
            flight = self._launch(track, when, now, clock_ns)
            out.append(Datagram(self.packet(track, flight.seq, clock_ns), track.to, track.tos, 0, flight))
            if track.left == 0:
                heapq.heappop(due)
            else:
                heapq.heapreplace(due, (track.due, index))
        return out

    def _launch(self, track: Track, when: float, now: float, clock_ns: int) -> Flight:
        window = track.window
        if window is None:
            window = track.window = Window(clock_ns, now, when + track.interval_s - 1e-6)
            window.overflow = self._overflow
        flight = Flight(track, window, track.seq, clock_ns, now, now + track.timeout_s)
        track.flights[track.seq] = flight
        self._flying[track.timeout_s].append(flight)
        track.seq += 1
        window.sent += 1
        window.open += 1
        late_ms = (now - when) * 1000.0
        if late_ms > window.send_late_ms:
            window.send_late_ms = late_ms
        self._plan(track, when, now)
        if track.left == 0 or track.due >= window.ends:
            window.closed = True
            track.window = None
        return flight

    @staticmethod
    def _plan(track: Track, when: float, now: float) -> None:
        """The next send keeps its phase; slots we slept through are left out, not made up for in a burst."""
        track.left -= track.left > 0
        behind = now - when
        track.due = when + track.every_s * (1 + (int(behind / track.every_s) if behind > track.every_s else 0))

    def unsent(self, token: Any, why: str) -> None:
        """The packet never left: it is no evidence about the network."""
        if token is None or token.done:
            return
        window = token.window
        window.sent -= 1
        window.unsent += 1
        window.why = window.why or f"this machine did not send: {why}"
        self._close(token, now=token.now)

    def sent(self, token: Any, at_ns: int) -> None:
        """The kernel's send stamp."""
        token.tx_ns = at_ns
        token.stamped = True

    # --- answers ---

    def answered(self, track: Track, seq: int, at_ns: int, now: float, hops: int = -1, less_ns: int = 0) -> bool:
        """A good reply to packet `seq`; its round trip is wall stamps' difference, less what the far end spent.
        True when it is the first and in time."""
        flight = track.flights.get(seq)
        if flight is None:
            self._again(track, seq)
            return False
        window = flight.window
        window.rcvd += 1
        track.run = 0
        if hops >= 0:
            window.hops = hops
        rtt_ms = (at_ns - flight.tx_ns - less_ns) / 1e6
        window.unstamped += not flight.stamped
        if 0.0 <= rtt_ms <= (now - flight.now) * 1000.0 + _STEP_MS:  # else a clock was set meanwhile: no number
            window.rtts_ms.append(rtt_ms)
        self.fate(track, seq, window, True)
        self._close(flight, now, True)
        return True

    def _again(self, track: Track, seq: int) -> None:
        """A second answer, or one after its time: counted in the interval that runs now, or the next."""
        known = track.past.get(seq)
        if known is None:
            return
        window = track.window
        if window is None:
            counts = track.more if isinstance(track.more, dict) else None
            if counts is None:
                counts = track.more = {}
            counts["dup" if known else "late"] = counts.get("dup" if known else "late", 0) + 1
        elif known:
            window.dup += 1
        else:
            window.late += 1
        track.past[seq] = True

    def _expire(self, now: float) -> None:
        for queue in self._flying.values():
            while queue and (queue[0].done or queue[0].deadline <= now):
                flight = queue.popleft()
                if not flight.done:
                    self._lost(flight, now)

    def _lost(self, flight: Flight, now: float) -> None:
        track, window = flight.track, flight.window
        track.run += 1
        window.loss_run_max = max(window.loss_run_max, track.run)
        self.fate(track, flight.seq, window, False)
        self._close(flight, now)

    def _close(self, flight: Flight, now: float, answered: bool = False) -> None:
        flight.done = True
        track, window = flight.track, flight.window
        track.flights.pop(flight.seq, None)
        past = track.past
        past[flight.seq] = answered
        if len(past) > _REMEMBERED:
            del past[next(iter(past))]
        window.open -= 1
        if window.closed and not window.open:
            self._end(track, window, now)

    def _end(self, track: Track, window: Window, now: float) -> None:
        self.ended(track, window)
        counts = track.more if isinstance(track.more, dict) else None
        if counts:
            window.dup += counts.pop("dup", 0)
            window.late += counts.pop("late", 0)
        window.overflow = self._overflow - window.overflow
        self._events.append(Interval(track.id, window, (now - window.began) * 1000.0))

    def overflow(self, total: int) -> None:
        """Our own buffer dropped datagrams."""
        self._overflow = total

    # --- the session's other duties ---

    def wake_at(self) -> float | None:
        """The next slot with a send or a time-out in it (monotonic s)."""
        when = self._due[0][0] if self._due else math.inf
        for queue in self._flying.values():
            while queue and queue[0].done:
                queue.popleft()
            if queue and queue[0].deadline < when:
                when = queue[0].deadline
        return None if when == math.inf else math.ceil(when / SLOT_S - 1e-6) * SLOT_S + 1e-6

    def events(self) -> list[Any]:
        """Closed intervals since the last call."""
        if not self._events:
            return []
        events, self._events = self._events, []
        return events

    @property
    def done(self) -> bool:
        """True when nothing more will be sent or is awaited."""
        return not self._due and not any(not one.done for queue in self._flying.values() for one in queue)
