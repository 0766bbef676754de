"""How many trains, how long, and when they agree: single trains err by more than half when a machine stalls, so three
that agree within 1 % make a figure, or two where a third costs more than may be sent; nothing less does
(`reference/performance.md` §3.3)."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from dataclasses import dataclass, field

from probes.kinds.capacity.knee import LATEST, MIN_TAIL, MIN_TAIL_NS, Fit

FIRST = 32  # packets of the first train
AGREE = 3  # trains that must agree
WITHIN = 0.01
_BUCKETS_NEAR, _PACKET_NEAR = 0.1, 0.25  # trains saw the same bucket: a share of it, or of a packet
_BUCKET_SHARE = 0.6  # of what may be sent: so much is spent before a bucket that no three trains agree on is told
_NEAR = 0.03  # the accepted trains' median must lie so near to those that agree
_MAX_PACKETS, _MAX_TRAINS = 4096, 24
_LINES_BPS = (10e6, 100e6, 1e9, 2.5e9, 10e9)  # Ethernet's own speeds
_PREAMBLE_BYTES = 24  # FCS, preamble and gap: on the line, not in a frame's length
_AT_LINE = 0.03
_SPREAD = 1.3  # how much longer the tail becomes when trains do not agree
_WHY = {
    "undrained": "no bucket ran dry in {bytes} bytes: a bucket deeper than that, or a link as fast as we can send",
    "unsteady": "the packets came too unevenly for a figure (jitter or load behind the bottleneck)",
    "lossy": "too many packets of the trains were lost: a policer, or a queue shorter than a train",
    "short": "too few packets of the trains arrived",
    "idle": "this machine was too busy: its sending paused in the middle of trains",
    "few": "{bytes} bytes drained the bucket, but three such trains cost more than may be sent",
    "knee": "the trains did not agree within 1 %",
    "flat": "the trains arrive at the rate of a line ({rate:.1f} Mbit/s); no bucket ran dry in {bytes} bytes",
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """The end of it. `rate_bps` None: unknown, and `why`; `starved`: unknown because of this machine; `unsettled`: no three
    trains saw the same bucket."""

    rate_bps: float | None
    bucket_bytes: float | None = None
    why: str = ""
    starved: bool = False
    unsettled: bool = False


@dataclass(slots=True)
class Planner:
    """Says how long the next train is, until `answer` is there.

    `budget_bytes`: for all trains together; `max_queue_ns`: delay a train may add, as far as figures can be had so.
    """

    wire_bytes: int
    budget_bytes: int
    max_queue_ns: int = 30_000_000
    packets: int = FIRST
    used_bytes: int = 0
    longest: int = 0
    fits: list[Fit] = field(default_factory=list)
    answer: Estimate | None = None
    _lossy: int = 0
    _flats: list[Fit] = field(default_factory=list)

    def take(self, packets: int, fit: Fit) -> None:
        """A train of so many packets is over."""
        self.used_bytes += packets * self.wire_bytes
        self.longest = max(self.longest, packets)
        self.fits.append(fit)
        if fit.how == "flat" and packets >= self._flat_enough(fit.rate_bps):
            self._flats.append(fit)
        self._lossy += fit.how in ("lossy", "short")
        self.packets = min(_MAX_PACKETS, self._next(packets, fit))
        too_dear = self.used_bytes + self.packets * self.wire_bytes > self.budget_bytes
        ends = too_dear or self._lossy >= AGREE or len(self.fits) >= _MAX_TRAINS
        self.answer = self._agreed(last=ends)
        if self.answer and self.answer.unsettled and not ends and self._is_cheap():
            self.answer = None
        if self.answer is None and ends:
            self.answer = self._unknown()

    def _is_cheap(self) -> bool:
        return self.used_bytes + self.packets * self.wire_bytes <= _BUCKET_SHARE * self.budget_bytes

    def pause_s(self) -> float:
        """How long the link's bucket needs to be full again, about."""
        known = [fit for fit in self.fits if fit.rate_bps and fit.bucket_bytes]
        if not known:
            return 0.2
        return min(2.0, max(0.05, 1.2 * known[-1].bucket_bytes * 8 / known[-1].rate_bps))

    def _next(self, packets: int, fit: Fit) -> int:
        if fit.how == "undrained" and fit.knee and fit.rate_bps:
            return max(packets * 5 // 4, min(packets * 2, self._after(fit)))
        if fit.how == "undrained":
            return packets * 2 if packets == FIRST else packets * 5 // 2
        if fit.how == "flat":
            return max(packets, min(packets * 2, self._flat_enough(fit.rate_bps)))
        if fit.how == "knee":
            return self._after(fit)
        # a bend near the end looks uneven too: the second such train in a row makes the next one longer
        return packets + packets // 2 if [fit.how for fit in self.fits[-2:]] == ["unsteady"] * 2 else packets

    def _after(self, fit: Fit) -> int:
        """A train that goes on long enough after this knee."""
        return max(fit.knee + 1 + self._tail(fit), math.ceil(fit.knee / LATEST) + 2)

    def _tail(self, fit: Fit) -> int:
        """Gaps the next train has after its knee: more when trains disagree, no more than the queue may hold."""
        slot_ns = self.wire_bytes * 8e9 / fit.rate_bps
        tail = max(MIN_TAIL + 4, math.ceil(1.5 * MIN_TAIL_NS / slot_ns))
        knees = sum(fit.how == "knee" for fit in self.fits)
        wanted = math.ceil(tail * _SPREAD ** max(0, knees - AGREE))
        return max(MIN_TAIL + 4, min(wanted, int(self.max_queue_ns / slot_ns)))

    def _flat_enough(self, rate_bps: float) -> int:
        """So long a train without a knee says there is none: a quarter of what may be sent, or all the queue may hold."""
        slot_ns = self.wire_bytes * 8e9 / rate_bps
        return max(FIRST, min(self.budget_bytes // self.wire_bytes // 5, int(self.max_queue_ns / slot_ns)))

    def _agreed(self, *, last: bool) -> Estimate | None:
        """Three rates within 1 %, at the middle of all: not any three of many that lie about. Two when it is the `last`."""
        knees = [fit for fit in self.fits if fit.how == "knee"]
        group = _tightest(knees)
        rate_bps = _middle(group) if group else 0.0
        if last and not group and (group := _tightest(knees, 2)):
            rate_bps = group[-1].rate_bps  # the faster of two: others' packets only ever slow a train
        if group:
            bucket, settled = _fullest(_near(knees, rate_bps), self.wire_bytes)
            return Estimate(rate_bps, bucket, unsettled=not settled)
        group = _tightest(self._flats) if len(self._flats) > len(knees) else []
        if not group:
            return None
        return self._unknown() if self._at_line(_middle(group)) else Estimate(_middle(group))

    def _at_line(self, rate_bps: float) -> bool:
        """True when packets come as a line of Ethernet carries them: its shaper, if any, has not begun to work."""
        share = self.wire_bytes / (self.wire_bytes + _PREAMBLE_BYTES)
        return any(abs(rate_bps / (line * share) - 1) < _AT_LINE for line in _LINES_BPS)

    def _unknown(self) -> Estimate:
        usual, _ = Counter[str](fit.how for fit in self.fits).most_common(1)[0]
        knees = sum(fit.how == "knee" for fit in self.fits)
        if 0 < knees < AGREE:
            usual = "few"
        elif usual == "flat" and not self._at_line(_middle([fit for fit in self.fits if fit.how == "flat"])):
            usual = "knee"
        rate = statistics.median([fit.rate_bps for fit in self.fits if fit.how == usual] or [0.0]) / 1e6
        why = _WHY[usual].format(bytes=self.longest * self.wire_bytes, rate=rate)
        return Estimate(None, None, why, usual == "idle")


def _tightest(fits: list[Fit], many: int = AGREE) -> list[Fit]:
    """The rates closest together, when so many agree and lie in the middle of all; else nothing."""
    ordered = sorted(fits, key=lambda fit: fit.rate_bps)
    groups = [ordered[at : at + many] for at in range(len(ordered) - many + 1)]
    if not groups:
        return []
    best = min(groups, key=_apart)
    middle = _middle(best)
    near = _near(ordered, middle)
    central = abs(_middle(ordered) / middle - 1) <= _NEAR and len(near) * 2 > len(ordered)
    return best if _apart(best) <= WITHIN and central else []


def _near(fits: list[Fit], rate_bps: float) -> list[Fit]:
    return [fit for fit in fits if abs(fit.rate_bps / rate_bps - 1) <= _NEAR]


def _fullest(knees: list[Fit], wire_bytes: int) -> tuple[float, bool]:
    """The deepest bucket that three trains saw, and True; else that two saw, or the second deepest, and False.

    Others' packets and our own lateness make a bucket look emptier than it is, never fuller; a stall may do either: one
    train alone that saw more is not believed.
    """
    deepest = sorted((fit.bucket_bytes for fit in knees), reverse=True)
    for many in (AGREE, 2):
        for deep, last in zip(deepest[:2], deepest[many - 1 :], strict=False):
            if deep - last <= max(_BUCKETS_NEAR * deep, _PACKET_NEAR * wire_bytes):
                return deep, many == AGREE
    return deepest[min(1, len(deepest) - 1)], False


def _middle(fits: list[Fit]) -> float:
    return statistics.median(fit.rate_bps for fit in fits)


def _apart(fits: list[Fit]) -> float:
    return fits[-1].rate_bps / fits[0].rate_bps - 1
