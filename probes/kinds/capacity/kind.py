"""Capacity: a shaped link's rate and bucket from short packet trains, both ways, with a responder (`netmon reflector --train`)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from probes.base import Cost, Field, Kind, Measurement, Outcome, Target, Value
from probes.kinds.capacity import rounds as trains
from probes.kinds.capacity.agreement import FIRST, Estimate, Planner
from probes.kinds.capacity.knee import Train, fit
from probes.kinds.capacity.rounds import DIRECTIONS, IN_WORDS, Testing, TrainSettings, payload
from probes.kinds.shared.begun import Begun
from probes.kinds.shared.key import key_of
from probes.kinds.shared.test_stream import ETHERNET, IPV4, Broken
from probes.settings import setting
from probes.target import Unresolved, parse, resolve
from probes.wire.train.packet import PORT, PacketStream
from probes.wire.train.sender import TrainTrace

_MAX_OVER = 1.2  # of `max_queue`, before it is told
_WAY_S = 60.0  # one direction's trains with their pauses: some seconds, unless the responder is slow


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacitySettings(TrainSettings):
    """Settings of `capacity`."""

    max_bytes: int = setting(
        "all trains of one direction together, at most", unit="B", low=50_000, high=4_000_000, default=1_000_000
    )
    max_queue_s: float = setting(
        "delay a train may add, where a figure can be had so",
        unit="s",
        key="max_queue",
        low=0.005,
        high=1,
        default=0.03,
    )
    size: int = setting(
        "bytes of UDP payload of a packet (IPv6: 20 fewer, so that it is as long)", low=84, high=8972, default=1472
    )
    dscp: int = setting("DSCP of the packets", low=0, high=63, default=0)


FIELDS = (
    Field("rate_l2_fwd_bps", "bit/s", "the shaper's rate there, Ethernet header counted; absent when unknown"),
    Field("rate_l2_bwd_bps", "bit/s", "the shaper's rate back, Ethernet header counted; absent when unknown"),
    Field("rate_ip_fwd_bps", "bit/s", "the same there in bytes of IP packets of this size"),
    Field("rate_ip_bwd_bps", "bit/s", "the same back in bytes of IP packets of this size"),
    Field("bucket_fwd_bytes", "B", "what the shaper lets pass at once there; absent without a bucket", "int"),
    Field("bucket_bwd_bytes", "B", "what the shaper lets pass at once back; absent without a bucket", "int"),
    Field("bytes_used", "B", "sent for this test both ways, Ethernet header counted; of one cut short too", "int"),
    Field("queue_ms", "ms", "most delay our trains added, either way: what others met meanwhile"),
    Field("trains", "trains", "sent for this test, both ways", "int", default=False),
    Field("queue_fwd_ms", "ms", "delay our longest train added there", default=False),
    Field("queue_bwd_ms", "ms", "delay our longest train added back", default=False),
    Field("lost_fwd", "packets", "of all trains there", "int", default=False),
    Field("lost_bwd", "packets", "of all trains back", "int", default=False),
)


@dataclass(slots=True)
class _Direction:
    """One direction's trains."""

    plan: Planner
    lost: int = 0
    queued_ns: int = 0
    flying: int = 0  # packets of a train that was cut short

    @property
    def used_bytes(self) -> int:
        """All that was sent, what came of it or not."""
        return self.plan.used_bytes + self.flying * self.plan.wire_bytes

    @property
    def hurt(self) -> bool:
        """Our trains added more delay than they should; others' packets among them may add some."""
        return self.queued_ns > _MAX_OVER * self.plan.max_queue_ns


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """One test. `count` means packets elsewhere and nothing here: how many are sent depends on what they say."""
    endpoint = parse(target.text, PORT)
    key = key_of(settings.key_file)
    begun = Begun("capacity", target)
    directions: dict[str, _Direction] = {}

    try:
        family, sockaddr = (await resolve(endpoint))[0]
        async with trains.testing(family, sockaddr, key=key, dscp=settings.dscp, timeout_s=settings.timeout_s) as test:
            for direction in DIRECTIONS[settings.direction]:
                wire = settings.size + IPV4 + ETHERNET
                directions[direction] = _Direction(Planner(wire, settings.max_bytes, int(settings.max_queue_s * 1e9)))
                await _measure(test, direction, directions[direction], payload(family, settings.size))
            dropped = test.session.local_drop
    except Unresolved as fault:
        return begun.ended(Outcome.UNRESOLVED, str(fault), _values(directions))
    except Broken as fault:
        return begun.ended(fault.outcome, fault.why, _values(directions))
    outcome, why = verdict(
        {direction: state.plan.answer or Estimate(None) for direction, state in directions.items()}, dropped
    )
    return begun.ended(outcome, "; ".join(filter(None, (why, cost_in_words(directions)))), _values(directions))


async def _measure(test: Testing, direction: str, state: _Direction, size: int) -> None:
    """Trains one way until three agree or what may be sent is sent."""
    plan = state.plan
    while plan.answer is None:
        ours, theirs = PacketStream(plan.packets, size), PacketStream()
        if direction == "bwd":
            ours, theirs = theirs, ours
        try:
            got = await test.round(ours, theirs)
        except Broken:
            state.flying = test.session.unfinished
            raise
        trace = got.forward if direction == "fwd" else got.backward
        _take(state, trace or TrainTrace(PacketStream(), (), ()))
        if plan.answer is None:
            await asyncio.sleep(plan.pause_s())


def _take(state: _Direction, trace: TrainTrace) -> None:
    fitted = fit(Train(state.plan.wire_bytes, trace.sent_ns, trace.arrivals))
    state.lost += trace.stream.packets - len(trace.arrivals)
    state.queued_ns = max(state.queued_ns, fitted.queued_ns)
    state.plan.take(trace.stream.packets, fitted)


def verdict(answers: dict[str, Estimate], dropped: int) -> tuple[Outcome, str]:
    """OK also when no figure could be had, for the responder did its part; LOCAL when this machine was in the way.

    `answers` by way; `dropped`: packets that came and our own buffer had no room for.
    """
    unknown = {direction: answer for direction, answer in answers.items() if answer.rate_bps is None}
    why = "; ".join(f"{IN_WORDS[direction]}: {answer.why}" for direction, answer in unknown.items())
    if dropped and "bwd" in unknown:
        return Outcome.LOCAL, f"this machine was too busy: it dropped {dropped} packets that had come; {why}"
    starved = unknown and len(unknown) == len(answers) and all(answer.starved for answer in unknown.values())
    return Outcome.LOCAL if starved else Outcome.OK, why


def cost_in_words(directions: dict[str, _Direction]) -> str:
    """What others met of our trains, when it was more than the check allows; else nothing."""
    hurt = [
        f"{state.queued_ns / 1e6:.0f} ms {IN_WORDS[direction]}" for direction, state in directions.items() if state.hurt
    ]
    return f"our own trains added delay: up to {', '.join(hurt)}, more than max_queue" if hurt else ""


def _values(directions: dict[str, _Direction]) -> dict[str, Value]:
    """What was measured; nothing of a test that never began."""
    values: dict[str, Value] = {}
    for direction, state in directions.items():
        plan, answer = state.plan, state.plan.answer
        if answer and answer.rate_bps is not None:
            values[f"rate_l2_{direction}_bps"] = round(answer.rate_bps)
            values[f"rate_ip_{direction}_bps"] = round(answer.rate_bps * (plan.wire_bytes - ETHERNET) / plan.wire_bytes)
            if answer.bucket_bytes is not None:
                values[f"bucket_{direction}_bytes"] = round(answer.bucket_bytes)
        if plan.fits:
            values[f"queue_{direction}_ms"] = round(state.queued_ns / 1e6, 3)
            values[f"lost_{direction}"] = state.lost
    begun = [state for state in directions.values() if state.plan.fits]
    if begun:
        values["queue_ms"] = round(max(state.queued_ns for state in begun) / 1e6, 3)
        values["trains"] = sum(len(state.plan.fits) for state in begun)
    if used := sum(state.used_bytes for state in directions.values()):
        values["bytes_used"] = used
    return values


def cost(settings: CapacitySettings) -> Cost:
    """The most a test sends: after the first no train begins that would go over `max_bytes`."""
    directions = len(DIRECTIONS[settings.direction])
    first = FIRST * (settings.size + IPV4 + ETHERNET)
    return Cost(directions * max(settings.max_bytes, first), directions * _WAY_S)


CAPACITY = Kind(
    "capacity",
    CapacitySettings,
    FIELDS,
    run,
    None,
    "a shaped link's rate and bucket from short packet trains, both ways",
    cost,
)
