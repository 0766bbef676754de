"""Headroom: do n meetings fit on the way to a responder? A stream at their own rate, packet size and DSCP, both ways at once.

Only the variation of delay is used: the two clocks need not agree.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from probes.base import Cost, Field, Kind, Measurement, Outcome, Target, Value
from probes.errors import BadSettings
from probes.kinds.capacity import rounds as trains
from probes.kinds.capacity.rounds import DIRECTIONS, IN_WORDS, TrainSettings
from probes.kinds.shared.begun import Begun
from probes.kinds.shared.key import key_of
from probes.kinds.shared.test_stream import ETHERNET, IPV4, Broken
from probes.settings import setting
from probes.target import Unresolved, parse, resolve
from probes.wire.train.packet import MIN_DATA, PORT, PacketStream
from probes.wire.train.sender import RoundDone, TrainTrace

PROFILES_BPS = {"conf-720p": 1_500_000.0, "conf-1080p": 4_000_000.0}
MAX_RISE_MS = 2.0  # a delay that grows by more while the stream runs is a queue that fills
MAX_OWN_MS = 10.0  # … or by so much, when its sender paused as long: what it made up for stands in a nearly full queue
ABORT_RISE_MS = 30.0
MAX_LOST = 0.005  # share of the packets
_MAX_STARVED = 0.05
_MIN_CAME = 40  # packets: fewer say nothing of a trend
_LONGEST_NS = 20_000_000_000  # … and so long may they take
_QUARTER = 4
_STEPS = 5  # of a test, each of which may wait for the responder


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadroomSettings(TrainSettings):
    """Settings of `headroom`."""

    profile: str = setting("whose rate a room has", choices=tuple(PROFILES_BPS), default="conf-1080p")
    rate_bps: float = setting(
        "UDP payload of one room, in place of the profile's (0: the profile's)", unit="bps", key="rate", low=0,
        high=100e6, default=0.0,
    )  # fmt: skip
    rooms: int = setting("meetings at once", low=1, high=50, default=1)
    duration_s: float = setting("how long, at most", unit="s", key="duration", low=0.2, high=20, default=3.0)
    max_bytes: int = setting(
        "UDP payload of one direction, at most", unit="B", low=50_000, high=4_000_000, default=1_000_000
    )
    size: int = setting("bytes of UDP payload of a packet", low=MIN_DATA, high=8972, default=1200)
    dscp: int = setting("DSCP of the packets; 34 is AF41, a conference's own", low=0, high=63, default=34)


FIELDS = (
    Field("fits", "", "1: all of it arrived in time both ways, 0: not so; absent when nothing was measured", "int"),
    Field("rate_bps", "bit/s", "UDP payload that was sent each way: all rooms together"),
    Field("rooms", "rooms", "meetings it stood for", "int"),
    Field("rise_fwd_ms", "ms", "growth of delay there: median of the last quarter less that of the first"),
    Field("rise_bwd_ms", "ms", "growth of delay back: median of the last quarter less that of the first"),
    Field("lost_fwd", "packets", "lost there", "int"),
    Field("lost_bwd", "packets", "lost back", "int"),
    Field("bytes_used", "B", "UDP payload sent for this test, both ways", "int"),
    Field("aborted", "", "1: cut short before the delay rose by 30 ms", "int", default=False),
    Field("queue_fwd_ms", "ms", "most delay above the least there, the test's own queue with it", default=False),
    Field("queue_bwd_ms", "ms", "most delay above the least back, the test's own queue with it", default=False),
    Field("sent", "packets", "both ways", "int", default=False),
    Field("starved", "packets", "delayed by a sender's own lateness, both ways", "int", default=False),
)


@dataclass(frozen=True, slots=True)
class DirectionDelay:
    """One direction's stream as it arrived. `rise_ms` None: too few packets to say. `queue_ms`: most above the least;
    `paused_ms`: the longest its sender was late."""

    sent: int
    lost: int
    rise_ms: float | None
    starved: int
    queue_ms: float | None = None
    paused_ms: float = 0.0

    @property
    def fits(self) -> bool:
        """True when next to nothing was lost and the delay did not grow."""
        return self.rise_ms is not None and not self.grew and self.lost <= MAX_LOST * self.sent

    @property
    def grew(self) -> bool:
        """True when the delay grew by more than its sender's own pauses explain."""
        return self.rise_ms is not None and self.rise_ms > MAX_RISE_MS + min(self.paused_ms, MAX_OWN_MS)


def stream(settings: HeadroomSettings) -> PacketStream:
    """All rooms' packets, evenly spaced; raises `BadSettings` for a rate at which 40 packets take too long."""
    rate_bps = total_bps(settings)
    gap_ns = int(settings.size * 8e9 / rate_bps)
    if _MIN_CAME * gap_ns > _LONGEST_NS:
        raise BadSettings(
            f"rate: {rate_bps:.0f} bit/s in packets of {settings.size} bytes takes too long to judge (write a smaller size)"
        )
    lasts = int(settings.duration_s * 1e9 / gap_ns)
    return PacketStream(max(_MIN_CAME, min(lasts, settings.max_bytes // settings.size)), settings.size, gap_ns)


def total_bps(settings: HeadroomSettings) -> float:
    """UDP payload of all rooms."""
    return (settings.rate_bps or PROFILES_BPS[settings.profile]) * settings.rooms


def judge(trace: TrainTrace) -> DirectionDelay:
    """What one direction's stream says."""
    transit = [at - trace.sent_ns[number] for number, at in trace.arrivals if number < len(trace.sent_ns)]
    sent, rise_ms = len(trace.sent_ns), None
    if len(transit) >= min(_MIN_CAME, sent) and transit:
        many = max(1, len(transit) // _QUARTER)
        rise_ms = round((statistics.median(transit[-many:]) - statistics.median(transit[:many])) / 1e6, 3)
    queue_ms = round((max(transit) - min(transit)) / 1e6, 3) if transit else None
    gaps = (after - before for before, after in zip(trace.sent_ns, trace.sent_ns[1:], strict=False))
    paused_ms = max(0.0, (max(gaps, default=0) - trace.stream.gap_ns) / 1e6)
    return DirectionDelay(sent, sent - len(transit), rise_ms, trace.starved, queue_ms, paused_ms)


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """One test. `count` means packets elsewhere and nothing here."""
    endpoint = parse(target.text, PORT)
    key = key_of(settings.key_file)
    begun = Begun("headroom", target)

    wanted = DIRECTIONS[settings.direction]
    ours, theirs = (stream(settings) if direction in wanted else PacketStream() for direction in ("fwd", "bwd"))
    try:
        family, sockaddr = (await resolve(endpoint))[0]
        async with trains.testing(family, sockaddr, key=key, dscp=settings.dscp, timeout_s=settings.timeout_s) as test:
            got = await test.round(ours, theirs, max_rise_ns=int(ABORT_RISE_MS * 1e6))
            dropped = test.session.local_drop
    except Unresolved as fault:
        return begun.unresolved(fault)
    except Broken as fault:
        return begun.ended(fault.outcome, fault.why)
    return begun.ended(*verdict(got, settings, dropped))


def verdict(got: RoundDone, settings: HeadroomSettings, dropped: int) -> tuple[Outcome, str, dict[str, Value]]:
    """Outcome, its reason and the values. That it does not fit is an answer, so OK; our own lateness says nothing."""
    directions = {name: judge(trace) for name, trace in (("fwd", got.forward), ("bwd", got.backward)) if trace}
    sent, starved = (
        sum(direction.sent for direction in directions.values()),
        sum(direction.starved for direction in directions.values()),
    )
    values: dict[str, Value] = {"bytes_used": sent * settings.size, "sent": sent, "starved": starved}
    if not got.aborted and (starved > _MAX_STARVED * sent or dropped):
        what = f"{dropped} packets were dropped here" if dropped else f"{starved} packets left late"
        return Outcome.LOCAL, f"this machine, or the responder's, was too busy: {what}", values
    for name, direction in directions.items():
        values[f"lost_{name}"] = direction.lost
        for what, delay_ms in (("rise", direction.rise_ms), ("queue", direction.queue_ms)):
            if delay_ms is not None:
                values[f"{what}_{name}_ms"] = delay_ms
    if all(direction.lost == direction.sent for direction in directions.values()):
        return Outcome.LOST, "the responder answers, but nothing of the stream arrived", values
    fits = not got.aborted and all(direction.fits for direction in directions.values())
    values |= {"fits": int(fits), "rate_bps": total_bps(settings), "rooms": settings.rooms, "aborted": int(got.aborted)}
    return Outcome.OK, "" if fits else _in_words(directions, got.aborted), values


def _in_words(directions: dict[str, DirectionDelay], aborted: bool) -> str:
    """What did not fit."""
    said = []
    for name, direction in directions.items():
        if direction.lost > MAX_LOST * direction.sent:
            said.append(f"{direction.lost} of {direction.sent} packets lost {IN_WORDS[name]}")
        if direction.grew:
            said.append(f"delay grew by {direction.rise_ms:.1f} ms {IN_WORDS[name]}")
    cut = " (cut short)" if aborted else ""
    return f"does not fit: {', '.join(said) or 'the delay grew'}{cut}"


def cost(settings: HeadroomSettings) -> Cost:
    """The stream with its headers, each way; raises `BadSettings` as `stream` does."""
    sent = stream(settings)
    wire = sent.packets * (settings.size + IPV4 + ETHERNET)
    lasts_s = sent.packets * sent.gap_ns / 1e9
    return Cost(len(DIRECTIONS[settings.direction]) * wire, lasts_s + _STEPS * settings.timeout_s)


HEADROOM = Kind(
    "headroom",
    HeadroomSettings,
    FIELDS,
    run,
    None,
    "do n meetings fit? a stream of their rate, both ways at once",
    cost,
)
