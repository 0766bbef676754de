"""What a fleet keeps of a target: its timing, its packets in the air, the interval that is being filled. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from probes.wire.fleet.history import Fates
from probes.wire.fleet.loss_runs import LossRuns
from probes.wire.session import Address

REMEMBERED = (64, 4096)  # least, most packets of known fate a target keeps, to tell duplicates and late answers by


class Flight:
    """One packet in the air. `tx_ns`: wall clock of its send, by the kernel when `stamped`; `skew_ns`: see
    `Fleet.clocks`."""

    __slots__ = ("deadline", "done", "now", "seq", "skew_ns", "stamped", "track", "tx_ns", "window")

    def __init__(self, track: FleetTarget, window: FleetWindow, tx_ns: int, skew_ns: int, now: float) -> None:
        self.track, self.window, self.seq = track, window, track.seq
        self.tx_ns, self.skew_ns, self.now, self.deadline = tx_ns, skew_ns, now, now + track.timeout_s
        self.stamped = self.done = False


@dataclass(slots=True)
class FleetWindow:
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
    ours: int = 0  # packets this machine did not send, or slept through
    refused: int = 0
    lost: list[int] = field(default_factory=list)  # numbers of the packets whose time was over
    loss_run_max: int = 0
    send_late_ms: float = 0.0
    hops: int = -1
    hops_between: tuple[int, int] | None = None  # least and most, when the answers' hops differ
    reordered: int = 0
    runs: dict[int, int] | None = None  # see `probes.wire.fleet.loss_runs`
    after_lost: int = 0
    lost_after_lost: int = 0
    jitter_ms: float = -1.0  # the target's, as this interval ends; -1: never two answers
    unstamped: int = 0
    overflow: int = 0
    burst: bool = False  # a miss has asked for quick packets (`probes.wire.fleet.bursts`)
    burst_sent: int = 0
    burst_rcvd: int = 0
    why: str = ""
    more: dict[str, Any] = field(default_factory=dict)  # what a protocol counts beside


@dataclass(slots=True)
class FleetTarget:
    """One target: its timing, its sequence, its open packets. `left`: packets still to send, -1 without end."""

    id: str
    index: int
    to: Address
    every_s: float
    interval_s: float
    timeout_s: float
    due: float
    was: Address = ("", 0)  # the address before the last `move`: answers from there may still come
    left: int = -1
    tos: int = 0
    seq: int = 0
    run: tuple[int, int] = (-1, 0)  # last lost packet, and how many before it in a row with it
    dup: int = 0  # second and late answers that no interval has counted yet
    late: int = 0
    high: int = 0  # highest number answered in time
    trip_ms: float = -1.0  # the last answer's round trip
    jitter_ms: float = -1.0
    losses: LossRuns | None = None  # since the first packet that was lost, or ours
    window: FleetWindow | None = None
    flights: dict[int, Flight] = field(default_factory=dict)
    past: Fates = field(default_factory=lambda: Fates(REMEMBERED[0]))
    burst: int = 0  # quick packets after a miss
    bursts: int = 0  # numbers of such that were used
    more: Any = None  # a protocol's own


def runs_of(track: FleetTarget) -> LossRuns:
    """Most targets lose nothing for days: no memory for those."""
    if track.losses is None:
        track.losses = LossRuns()
    return track.losses


def note_hops(window: FleetWindow, hops: int) -> None:
    """The interval's first answer, or one that came another way than the one before it."""
    if hops < 0:
        return
    if window.hops >= 0:
        minimum, maximum = window.hops_between or (window.hops, window.hops)
        window.hops_between = min(minimum, hops), max(maximum, hops)
    window.hops = hops


def vary(track: FleetTarget, window: FleetWindow) -> None:
    """The target's interarrival jitter goes on over this interval's round trips (RFC 3550 §6.4.1, A.8)."""
    before, jitter = track.trip_ms, track.jitter_ms
    for trip in window.rtts_ms:
        if jitter >= 0.0:
            jitter += (abs(trip - before) - jitter) / 16.0
        elif before >= 0.0:
            jitter = abs(trip - before) / 16.0
        before = trip
    track.trip_ms = before
    track.jitter_ms = window.jitter_ms = jitter
