"""Made-up traces of a conference's stream: what was lost, held up, sent late."""

from __future__ import annotations

from collections.abc import Collection

from probes.kinds.media.figures import Direction, Reception
from probes.wire.media.flow import MediaTrace
from probes.wire.media.shape import MediaShape, PlannedPacket, Sort, Variant, plan

PLAN = plan(MediaShape(2_000_000, 10_000, Variant.BURST, 1))
APART_NS = 7_000_000_000
VIDEO = [number for number, one in enumerate(PLAN) if one.sort is Sort.VIDEO]
AUDIO = [number for number, one in enumerate(PLAN) if one.sort is Sort.AUDIO]
INTRA = sorted({PLAN[number].frame for number in VIDEO if PLAN[number].intra})
DEFAULT = Reception()


def of_frame(frame: int) -> list[int]:
    """Numbers of a picture's packets."""
    return [number for number in VIDEO if PLAN[number].frame == frame]


def trace(
    lost: Collection[int] = (), held: dict[int, float] | None = None, late: dict[int, int] | None = None,
    packets: list[PlannedPacket] | None = None, again: Collection[int] = (), tos: int = 136,
) -> MediaTrace:  # fmt: skip
    """All of the plan 5 ms later but what is `lost`; `held`: more ms; `late`: µs the sender was late."""
    packets, held, late = packets or PLAN, held or {}, late or {}
    sent = [one.due_ns + 1_000_000_000 for one in packets]
    came = [
        (sent[number] + 5_000_000 + int(held.get(number, 0.0) * 1e6) + APART_NS, number)
        for number in range(len(packets))
        if number not in lost
    ]
    came += [(at + 100_000, number) for at, number in came if number in again]
    arrivals = [(number, at, tos) for at, number in sorted(came)]
    return MediaTrace(packets, sent, [late.get(number, 0) for number in range(len(packets))], arrivals)


def direction(lost: Collection[int] = (), reception: Reception = DEFAULT, **more: object) -> Direction:
    """A trace, looked at."""
    return Direction(trace(lost, **more), reception)  # type: ignore[arg-type]
