"""What a packet train tells of a shaped link: its rate and how deep its token bucket is (`reference/measurement.md` §10b).

A train leaves at the sender's speed. While the bucket holds, packets arrive as fast as they were sent; once it is empty
they arrive one a slot of the shaper. The bend between the two, the knee, is where the bucket ran dry, and the rate is the
slope after it. Times are nanoseconds of one clock each: the sender's and the receiver's need not agree.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, NamedTuple

from probes.kinds.capacity.pace import Pace, pace

MIN_TAIL = 16  # gaps after the knee: fewer are not exact to 1 %
MIN_TAIL_NS = 3_000_000  # … and not shorter than this: a kernel's own lateness is some 50 µs
_BEND = 1.5  # how much slower packets come after the knee than before
LATEST = 0.8  # the knee lies in this share of the train, or the bucket may not be drained at all
_DRAINED = 0.5  # slots: a packet that waited less did not stand behind another
_MAX_ALONE = 0.1  # share of the tail that may have: the queue is low at the knee, and after a short pause of our own
_MIN_BUCKET = 1.5  # packets: less is no bucket to speak of
_FIRST_OF_TAIL = 16  # packets that tell the bucket: a rate that is a little off moves them least
_MAX_UNSEEN = 0.3  # share of a train that may be lost
How = Literal["knee", "flat", "undrained", "unsteady", "idle", "lossy", "short"]


class Train(NamedTuple):
    """A train: wire bytes of a packet, when each left (by number) and (number, when) of each arrival, as they came."""

    wire_bytes: int
    sent_ns: Sequence[int]
    arrivals: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Fit:
    """What one train says. `rate_bps` counts wire bytes; `bucket_bytes` is there for a knee only.

    `how`: a knee; `flat`: slower than sent, evenly from the first packet on; `undrained`: no knee yet
    (double the train), or one so near the end (`knee`) that no rate can be read;
    `unsteady`: no two lines fit; `idle`: our own sending paused and let the queue run empty; `lossy`; `short`: too few came.
    """

    how: How
    rate_bps: float = 0.0
    bucket_bytes: float = 0.0
    knee: int = 0
    tail: int = 0  # gaps the rate was read from
    queued_ns: int = 0  # what the last packets waited more than the first: delay the train itself has made


def fit(train: Train) -> Fit:
    """What a train says of the link."""
    came = _first_arrivals(train)
    if len(came) < MIN_TAIL + 3:
        return Fit("short")
    times = [at for _, at in came]
    queued = _queued(train, came)
    if len(came) < (1 - _MAX_UNSEEN) * len(train.sent_ns):
        return Fit("lossy", queued_ns=queued[-1])
    knee = bend(times)
    slot_ns, before_ns = _slope(times[knee:]), _slope(times[: knee + 1])
    if slot_ns <= _BEND * before_ns:
        return _straight(train, came, queued)
    if knee >= LATEST * len(times) or len(times) - knee <= MIN_TAIL:
        return Fit("undrained", train.wire_bytes * 8e9 / slot_ns, 0.0, knee, len(times) - knee - 1, queued[-1])
    return _tail(train, came, queued, knee)


def _first_arrivals(train: Train) -> list[tuple[int, int]]:
    """Arrivals in the order of time, without repeats and without numbers that were never sent."""
    seen: set[int] = set()
    arrivals = []
    for number, at in sorted(train.arrivals, key=lambda arrival: arrival[1]):
        if number not in seen and 0 <= number < len(train.sent_ns):
            seen.add(number)
            arrivals.append((number, at))
    return arrivals


def _queued(train: Train, came: list[tuple[int, int]]) -> list[int]:
    """How long each packet waited more than the one that waited least."""
    transit = [at - train.sent_ns[number] for number, at in came]
    shortest = min(transit)
    return [delay - shortest for delay in transit]


def bend(times: Sequence[int]) -> int:
    """Where two straight lines, one to the knee and one from it, fit the arrivals with the least squared error."""
    origin = times[0]
    seconds = [(at - origin) / 1e9 for at in times]
    ahead, behind = _errors(seconds), _errors(seconds[::-1])[::-1]
    return min(range(1, len(times) - 2), key=lambda knee: ahead[knee] + behind[knee])


def _errors(values: Sequence[float]) -> list[float]:
    """Squared error of the straight line through the first 1, 2, 3, … values."""
    sums = list(accumulate(values))
    squares = list(accumulate(value * value for value in values))
    products = list(accumulate(place * value for place, value in enumerate(values)))
    errors = []
    for place, (total, square, product) in enumerate(zip(sums, squares, products, strict=True)):
        many = place + 1
        spread = many * (many * many - 1) / 12
        covariance = product - total * place / 2
        error = square - total * total / many - (covariance * covariance / spread if spread else 0.0)
        errors.append(max(0.0, error))
    return errors


def _slope(times: Sequence[int]) -> float:
    """Nanoseconds a packet, end to end."""
    return (times[-1] - times[0]) / (len(times) - 1)


def _straight(train: Train, came: list[tuple[int, int]], queued: list[int]) -> Fit:
    """No bend: the bucket still holds, or it is so small that the queue grew almost from the first packet on."""
    times = [at for _, at in came]
    sent = sorted(train.sent_ns)  # the middle gap: a pause of our own makes no slow sender
    sent_gap_ns = max(1.0, statistics.median(after - before for before, after in zip(sent, sent[1:], strict=False)))
    if _slope(times) < _BEND * sent_gap_ns:
        return Fit("undrained", rate_bps=train.wire_bytes * 8e9 / max(1.0, _slope(times)), queued_ns=queued[-1])
    tail = _tail(train, came, queued, 1)
    if tail.how == "knee" and tail.bucket_bytes < _MIN_BUCKET * train.wire_bytes:
        return Fit("flat", tail.rate_bps, 0.0, 0, tail.tail, tail.queued_ns)
    return tail


def _tail(train: Train, came: list[tuple[int, int]], queued: list[int], knee: int) -> Fit:
    """The pace after the knee, when nothing else than the shaper, and others in its queue, made it."""
    slots, times = _slots(came[knee:])
    tail = slots[-1]
    if len(slots) <= MIN_TAIL or times[-1] - times[0] < MIN_TAIL_NS:
        rate_bps = train.wire_bytes * 8e9 * tail / max(1, times[-1] - times[0])
        return Fit("undrained", rate_bps, 0.0, knee, tail, queued[-1])
    paced = pace(slots, times)
    if paced is None:
        return Fit("unsteady", train.wire_bytes * 8e9 * tail / (times[-1] - times[0]), 0.0, knee, tail, queued[-1])
    rate_bps = train.wire_bytes * 8e9 / paced.slot_ns
    alone = sum(queued[knee + place] < _DRAINED * paced.slot_ns for place in paced.places[2:])
    if alone > _MAX_ALONE * len(paced.places):
        return Fit("idle", rate_bps, 0.0, knee, tail, queued[-1])
    return Fit("knee", rate_bps, _bucket(train, came, knee, paced), knee, tail, queued[-1])


def _slots(came: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """The shaper's slot of each packet and its time. A packet lost behind the shaper had a slot, one lost before had none:
    the gap it leaves tells which."""
    gap = statistics.median(after[1] - before[1] for before, after in zip(came, came[1:], strict=False))
    slots, times = [0], [came[0][1]]
    for (number, at), (follows, then) in zip(came, came[1:], strict=False):
        missed = max(1, follows - number)
        passed = then - at
        slots.append(slots[-1] + (missed if abs(passed - missed * gap) < abs(passed - gap) else 1))
        times.append(then)
    return slots, times


def _bucket(train: Train, came: list[tuple[int, int]], knee: int, paced: Pace) -> float:
    """Bytes above the shaper's rate that passed: what the line through the tail's first packets is ahead of the start.

    Those ahead of the knee tell the start better than the first alone, which may have been late.
    """
    fastest_ns = min(at - train.sent_ns[number] for number, at in came[: knee + 1])
    began = train.sent_ns[came[0][0]] + fastest_ns
    ahead = [
        came[knee + place][0] + 1 - (came[knee + place][1] - others_ns - began) / paced.slot_ns
        for place, others_ns in zip(paced.places, paced.others_ns, strict=True)
        if place
    ][:_FIRST_OF_TAIL]
    return max(0.0, max(ahead) * train.wire_bytes)
