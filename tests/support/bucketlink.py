"""A simulated shaped link: token bucket, FIFO, others' traffic, jitter behind it, stalls of both ends. No clock, one seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from probes.kinds.capacity.agreement import Planner
from probes.kinds.capacity.knee import Train, fit

WIRE = 1514
_OTHERS = (202, 742, 1242, 1442)  # bytes of others' packets


@dataclass
class Link:
    """`rate_bps`, `bucket` bytes; `sends_bps`: the sender's own speed; `cross_bps`: others' load; `jitter_s` behind it;
    `stalls`: chance that a train meets one, at each end; `loss` behind it; `queue_bytes` before it."""

    rate_bps: float
    bucket: float
    seed: int = 0
    sends_bps: float = 700e6
    cross_bps: float = 0.0
    jitter_s: float = 0.0
    noise_s: float = 15e-6
    stalls: float = 0.0
    loss: float = 0.0
    queue_bytes: float = 1e6
    offset_ns: int = 5_000_000_000_000  # the receiver's clock against the sender's
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def train(self, packets: int) -> Train:
        """A train sent through the link when its bucket is full."""
        sent = self._sent(packets)
        arrivals = self._held([(number, self._late(at)) for number, at in self._passed(sent)])
        came = [
            (number, int(at * 1e9) + self.offset_ns) for number, at in arrivals if self.random.random() >= self.loss
        ]
        return Train(WIRE, [int(at * 1e9) for at in sent], sorted(came, key=lambda one: one[1]))

    def _sent(self, packets: int) -> list[float]:
        now, found = 0.0, []
        for _ in range(packets):
            found.append(now)
            now += WIRE * 8 / self.sends_bps * self.random.uniform(0.7, 1.5)
            if self.random.random() < self.stalls / packets:
                now += self.random.uniform(0.001, 0.015)
        return found

    def _passed(self, sent: list[float]) -> list[tuple[int, float]]:
        """(number, when it left the shaper) of the packets its queue had room for; a number below 0 is another's size."""
        tokens, free_at, filled_at, found = self.bucket, -1.0, -1.0, []
        waiting: list[tuple[float, int]] = []
        for at, number in sorted([(at, number) for number, at in enumerate(sent)] + self._others(sent[-1])):
            size = WIRE if number >= 0 else -number
            waiting = [one for one in waiting if one[0] > at]
            if sum(one[1] for one in waiting) + size > self.queue_bytes:
                continue
            leaves = max(at, free_at)
            tokens = min(self.bucket, tokens + (leaves - filled_at) * self.rate_bps / 8)
            if tokens < size:
                leaves += (size - tokens) * 8 / self.rate_bps
                tokens = size
            tokens, free_at, filled_at = tokens - size, leaves, leaves
            waiting.append((leaves, size))
            if number >= 0:
                found.append((number, leaves))
        return found

    def _others(self, until: float) -> list[tuple[float, int]]:
        now, found = -0.1, list[tuple[float, int]]()
        while self.cross_bps and now < until:
            now += self.random.expovariate(self.cross_bps / 8 * len(_OTHERS) / sum(_OTHERS))
            found.append((now, -self.random.choice(_OTHERS)))
        return found

    def _late(self, at: float) -> float:
        return at + 0.005 + abs(self.random.gauss(0, self.noise_s)) + self.random.uniform(0, self.jitter_s)

    def _held(self, arrivals: list[tuple[int, float]]) -> list[tuple[int, float]]:
        """Without jitter they stay in order; a stall holds some back and lets them go at once."""
        if self.random.random() < self.stalls:
            begins = self.random.choice(arrivals)[1]
            ends = begins + self.random.uniform(0.001, 0.015)
            arrivals = [(number, ends if begins <= at < ends else at) for number, at in arrivals]
        if not self.jitter_s:
            latest, kept = 0.0, []
            for number, at in arrivals:
                latest = max(latest, at)
                kept.append((number, latest))
            return kept
        return arrivals


def measured(link: Link, budget: int = 1_000_000) -> Planner:
    """All trains of one measurement."""
    plan = Planner(WIRE, budget)
    while plan.answer is None:
        plan.take(plan.packets, fit(link.train(plan.packets)))
    return plan
