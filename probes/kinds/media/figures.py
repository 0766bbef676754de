"""What became of one direction of a conference: losses, their pattern, delays, pictures, sound; whole or by windows.

A packet is late when its delay is more above the least one than a receiver's buffer holds. What left late by our own fault
is no evidence: with it go all packets of its 50 ms and of the next, whose queues it met. ClockWatch need not agree. Pure; times in ns or as the names say.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from probes import stats
from probes.kinds.media import emodel
from probes.wire.media.flow import MediaTrace
from probes.wire.media.shape import FRAME_RATE, Sort

SECOND_MS, WINDOW_MS = 1_000, 20_000
_BESIDE_NS = 50_000_000
GMIN = 16  # RFC 3611 §4.7.2: so many packets between two losses make two bursts of them
_CHANCE = 0.001  # what is less likely is not taken for chance
AUDIO_DELAY_MS = 20.0  # what a packet of sound holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """How the receivers there are thought of, and what of ours is no evidence."""

    audio_buffer_ms: float = 80.0
    video_buffer_ms: float = 200.0
    codec: emodel.Codec = emodel.CODECS["g711-plc"]
    recover_ms: float = 100.0  # from the request of a whole picture to its arrival, beside the round trip
    late_ms: float = 5.0  # a packet that left later than this is no evidence
    delay_ms: float = 0.0  # one way, on an empty path
    rtt_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Pattern:
    """Losses of one stream. RFC 3611: a burst begins and ends with a loss and holds fewer than `GMIN` received in a row;
    densities are shares lost within bursts and gaps, durations means in ms."""

    sent: int = 0
    lost: int = 0
    runs: Counter[int] = field(default_factory=Counter)  # length → how often
    burst_density: float = 0.0
    gap_density: float = 0.0
    burst_ms: float = 0.0
    gap_ms: float = 0.0

    @property
    def longest(self) -> int:
        """Most packets lost in a row."""
        return max(self.runs, default=0)

    @property
    def burst_r(self) -> float | None:
        """G.107's BurstR; None: too few losses to say."""
        return emodel.burst_ratio(self.lost, self.runs.total(), self.sent)


@dataclass(frozen=True, slots=True)
class Pictures:
    """What became of the pictures. `damaged`: a packet of it was lost or too late. `freeze_s`: how long a viewer saw no
    new one."""

    many: int = 0
    damaged: int = 0
    intra: int = 0
    intra_damaged: int = 0
    intra_packets: tuple[int, int] = (0, 0)  # lost or late, sent
    other_packets: tuple[int, int] = (0, 0)
    complete_p95_ms: float | None = None  # first packet sent to last received, above the least delay
    jitter_p95_ms: float | None = None  # of the last packet's delay above the least
    freeze_s: float = 0.0
    freeze_max_s: float = 0.0

    @property
    def too_large(self) -> bool:
        """At least half of the I-frames are damaged, and chance alone would not lose so many packets of them: they do not
        fit where the average does."""
        return 2 * self.intra_damaged >= max(1, self.intra) and not by_chance(self.intra_packets, self.other_packets)


@dataclass(frozen=True, slots=True)
class Sound:
    """What became of the sound. `ppl`: percent lost or too late."""

    ppl: float
    burst_r: float | None
    r: float
    mos: float


@dataclass(frozen=True, slots=True)
class ShortWindow:
    """A short window. `ours`: it is no evidence."""

    begins_ns: int
    sent: int
    lost: int
    ours: bool

    @property
    def share(self) -> float:
        """Lost of sent."""
        return self.lost / self.sent if self.sent else 0.0


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """A window, or all. Counts are of the evidence alone; `ours`: packets left out of it."""

    begins_ns: int
    lasts_s: float
    ours: int
    sent: int
    lost: int
    late_80: int
    late_200: int
    dup: int
    reordered: int
    pdv_p95_ms: float | None
    pdv_p99_ms: float | None
    rate_bps: float
    video: Pattern
    pictures: Pictures
    sound: Sound | None

    @property
    def evidence(self) -> float:
        """Share of the packets that are evidence."""
        return self.sent / (self.sent + self.ours) if self.sent + self.ours else 0.0

    @property
    def lost_percent(self) -> float:
        """Of the evidence."""
        return 100.0 * self.lost / self.sent if self.sent else 0.0


class Direction:
    """One direction, looked at."""

    def __init__(self, trace: MediaTrace, reception: Reception) -> None:
        self._trace, self._reception = trace, reception
        self._sent_ns = list(trace.sent_ns)
        self._came: dict[int, int] = {}  # number → when it came first
        self._again: Counter[int] = Counter()
        self._overtaken: set[int] = set()
        self._tos: dict[Sort, Counter[int]] = {sort: Counter() for sort in Sort}
        highest = dict.fromkeys(Sort, -1)
        for number, at_ns, tos in trace.arrivals:
            if number >= len(self._sent_ns):
                continue
            if number in self._came:
                self._again[number] += 1
                continue
            sort = trace.plan[number].sort
            self._came[number] = at_ns
            self._tos[sort][tos] += 1
            if number < highest[sort]:
                self._overtaken.add(number)
            highest[sort] = max(highest[sort], number)
        self._min_ns = min((at - self._sent_ns[number] for number, at in self._came.items()), default=0)
        self._above = [self._delay_ms(number) for number in range(self.sent)]  # above the least; None: lost
        ours = self._late_cells()
        self._is_ours = [self._cell(number) in ours for number in range(self.sent)]

    @property
    def sent(self) -> int:
        """Packets that left, evidence or not."""
        return len(self._sent_ns)

    @property
    def rcvd(self) -> int:
        """Different packets that came."""
        return len(self._came)

    def sent_of(self, sort: Sort) -> int:
        """Packets of a stream that left, evidence or not."""
        return sum(packet.sort is sort for packet in self._trace.plan[: self.sent])

    @property
    def intra(self) -> bool:
        """Some I-frame left, evidence or not."""
        return any(packet.intra for packet in self._trace.plan[: self.sent])

    def dscp(self, sort: Sort) -> int | None:
        """What most packets of a stream came with; None when none came."""
        return self._tos[sort].most_common(1)[0][0] >> 2 if self._tos[sort] else None

    def _late_cells(self) -> set[int]:
        max_us = self._reception.late_ms * 1000
        late = (number for number, late_us in enumerate(self._trace.late_us) if late_us > max_us)
        return {cell for number in late for cell in (self._cell(number), self._cell(number) + 1)}

    def _cell(self, number: int) -> int:
        return (self._sent_ns[number] - self._sent_ns[0]) // _BESIDE_NS

    def _delay_ms(self, number: int) -> float | None:
        at_ns = self._came.get(number)
        return None if at_ns is None else (at_ns - self._sent_ns[number] - self._min_ns) / 1e6

    def _in_time(self, number: int, buffer_ms: float) -> bool:
        above = self._above[number]
        return above is not None and above <= buffer_ms

    # --- windows ---

    def cells(self, width_ms: int) -> list[ShortWindow]:
        """What was sent and lost in each window of so many milliseconds."""
        cells = []
        for begins_ns, numbers in self._windows(width_ms):
            ours = any(self._is_ours[numbers.start : numbers.stop])
            lost = sum(number not in self._came for number in numbers)
            cells.append(ShortWindow(begins_ns, len(numbers), lost, ours))
        return cells

    @cached_property
    def windows(self) -> list[WindowFigures]:
        """Everything, by windows of 20 s."""
        return self.by(WINDOW_MS)

    def by(self, width_ms: int) -> list[WindowFigures]:
        """Everything, by windows of so many milliseconds; a rest shorter than half a window belongs to the last."""
        groups = [numbers for _, numbers in self._windows(width_ms)]
        if len(groups) > 1 and self._lasts_ns(groups[-1]) < width_ms * 500_000:
            rest = groups.pop()
            groups[-1] = range(groups[-1].start, rest.stop)
        return [self.whole] if len(groups) == 1 else [self._figures(numbers) for numbers in groups]

    @cached_property
    def whole(self) -> WindowFigures:
        """All of it as one."""
        return self._figures(range(self.sent))

    def _windows(self, width_ms: int) -> Iterator[tuple[int, range]]:
        if not self._sent_ns:
            return
        first, width_ns, at = self._sent_ns[0], width_ms * 1_000_000, 0
        while at < self.sent:
            begins_ns = (self._sent_ns[at] - first) // width_ns * width_ns
            end = max(at + 1, bisect_left(self._sent_ns, first + begins_ns + width_ns, at))
            yield begins_ns, range(at, end)
            at = end

    def _lasts_ns(self, numbers: range) -> int:
        return self._sent_ns[numbers[-1]] - self._sent_ns[numbers[0]] if numbers else 0

    # --- one window ---

    def _figures(self, numbers: range) -> WindowFigures:
        good = [number for number in numbers if not self._is_ours[number]]
        above = sorted(ms for number in good if (ms := self._above[number]) is not None)
        came = [number for number in good if number in self._came]
        lasts_s = self._lasts_ns(numbers) / 1e9
        share = len(good) / len(numbers) if numbers else 0.0
        octets = sum(self._trace.plan[number].size for number in came)
        reception = self._reception
        return WindowFigures(
            begins_ns=self._sent_ns[numbers[0]] - self._sent_ns[0] if numbers else 0,
            lasts_s=lasts_s,
            ours=len(numbers) - len(good),
            sent=len(good),
            lost=len(good) - len(came),
            late_80=sum(ms > reception.audio_buffer_ms for ms in above),
            late_200=sum(ms > reception.video_buffer_ms for ms in above),
            dup=sum(self._again[number] for number in good),
            reordered=sum(number in self._overtaken for number in good),
            pdv_p95_ms=stats.quantile(above, 0.95) if above else None,
            pdv_p99_ms=stats.quantile(above, 0.99) if above else None,
            rate_bps=octets * 8 / (lasts_s * share) if lasts_s * share else 0.0,
            video=pattern(self._fates(good, Sort.VIDEO), lambda number: number in self._came, lasts_s),
            pictures=self._pictures(good),
            sound=self._sound(good, lasts_s),
        )

    def _fates(self, good: Sequence[int], sort: Sort) -> list[int]:
        return [number for number in good if self._trace.plan[number].sort is sort]

    def _sound(self, good: Sequence[int], lasts_s: float) -> Sound | None:
        """None when nothing of it is evidence."""
        audio, reception = self._fates(good, Sort.AUDIO), self._reception
        if not audio:
            return None
        losses = pattern(audio, lambda number: self._in_time(number, reception.audio_buffer_ms), lasts_s)
        ppl = 100.0 * losses.lost / losses.sent
        ta_ms = AUDIO_DELAY_MS + reception.audio_buffer_ms + reception.delay_ms
        ie, bpl = reception.codec
        call = emodel.VoicePath(ie=ie, bpl=bpl, ppl=ppl, burst_r=losses.burst_r or 1.0, ta_ms=ta_ms)
        rating = emodel.rate(call)
        return Sound(ppl, losses.burst_r, rating.r, rating.mos)

    def _pictures(self, good: Sequence[int]) -> Pictures:
        frames: dict[int, list[int]] = {}
        for number in self._fates(good, Sort.VIDEO):
            frames.setdefault(self._trace.plan[number].frame, []).append(number)
        whole = {frame: numbers for frame, numbers in frames.items() if self._is_complete(numbers)}
        if not whole:
            return Pictures()
        buffer_ms = self._reception.video_buffer_ms
        bad = {
            frame for frame, numbers in whole.items() if not all(self._in_time(number, buffer_ms) for number in numbers)
        }
        intra = {frame for frame, numbers in whole.items() if self._trace.plan[numbers[0]].intra}
        complete, jitter = self._frame_delays(numbers for frame, numbers in whole.items() if frame not in bad)
        pictures = Pictures(
            many=len(whole),
            damaged=len(bad),
            intra=len(intra),
            intra_damaged=len(intra & bad),
            intra_packets=self._packets_of(whole, intra),
            other_packets=self._packets_of(whole, whole.keys() - intra),
            complete_p95_ms=stats.quantile(complete, 0.95) if complete else None,
            jitter_p95_ms=stats.quantile(jitter, 0.95) if jitter else None,
        )
        recover_s = math.inf if pictures.too_large else (self._reception.rtt_ms + self._reception.recover_ms) / 1000
        frozen = _frozen_s(sorted(whole), bad, intra, recover_s)
        return replace(pictures, freeze_s=sum(frozen, 0.0), freeze_max_s=max(frozen, default=0.0))

    def _is_complete(self, numbers: Sequence[int]) -> bool:
        """All of the picture's packets left, and all are evidence."""
        return len(numbers) == self._trace.plan[numbers[0]].parts

    def _packets_of(self, frames: dict[int, list[int]], chosen: set[int]) -> tuple[int, int]:
        numbers = [number for frame in chosen for number in frames[frame]]
        return sum(not self._in_time(number, self._reception.video_buffer_ms) for number in numbers), len(numbers)

    def _frame_delays(self, frames: Iterator[list[int]]) -> tuple[list[float], list[float]]:
        """Of the pictures that came whole: (first sent to last received, above the least), (the worst packet's delay
        above the least), both sorted."""
        complete, jitter = [], []
        for numbers in frames:
            last = max(self._came[number] for number in numbers)
            complete.append((last - self._sent_ns[numbers[0]] - self._min_ns) / 1e6)
            jitter.append(max(self._above[number] or 0.0 for number in numbers))
        return sorted(complete), sorted(jitter)


def by_chance(some: tuple[int, int], others: tuple[int, int]) -> bool:
    """Might `some` (lost, sent) have lost so many where `others` show how often a packet is lost? A Poisson tail."""
    (lost, sent), (others_lost, others_sent) = some, others
    expected = sent * (others_lost + 0.5) / max(1, others_sent)
    term, fewer = math.exp(-expected), 0.0
    for many in range(lost):
        fewer += term
        term *= expected / (many + 1)
    return 1.0 - fewer >= _CHANCE


def _frozen_s(frames: Sequence[int], bad: set[int], intra: set[int], recover_s: float) -> list[float]:
    """How long each freeze lasted: from a damaged picture to the next whole one (intra) that came undamaged, or to the one
    a receiver asked for, which is there after `recover_s` (infinite: whole ones do not get through)."""
    lengths, began, until = list[float](), -1.0, -1.0  # until: when the picture that was asked for is there
    for frame in frames:
        at = frame / FRAME_RATE
        if began >= 0.0 and (at >= until or (frame in intra and frame not in bad)):
            lengths.append(min(at, until) - began)
            began = -1.0
        if frame in bad:
            began, until = at if began < 0.0 else began, at + recover_s
    if began >= 0.0:
        lengths.append(min((frames[-1] + 1) / FRAME_RATE, until) - began)
    return lengths


def pattern(numbers: Sequence[int], came: Callable[[int], bool], lasts_s: float) -> Pattern:
    """Losses among `numbers` (packets in the order of sending that took `lasts_s`)."""
    places = [place for place, number in enumerate(numbers) if not came(number)]
    if not places:
        return Pattern(len(numbers))
    runs = Counter(after - before for before, after in _groups(places, 1))
    bursts = [(first, last) for first, last in _groups(places, GMIN) if last - first > 1]
    within = sum(last - first for first, last in bursts)
    lost_within = sum(bisect_left(places, last) - bisect_left(places, first) for first, last in bursts)
    each_ms, gap = lasts_s * 1000 / len(numbers), len(numbers) - within
    return Pattern(
        len(numbers),
        len(places),
        runs,
        lost_within / within if within else 0.0,
        (len(places) - lost_within) / gap if gap else 0.0,
        within * each_ms / len(bursts) if bursts else 0.0,
        gap * each_ms / (len(bursts) + 1),
    )


def _groups(places: Sequence[int], max_gap: int) -> Iterator[tuple[int, int]]:
    """Places no more than `max_gap` apart belong together: (first, one past the last) of each group."""
    first = last = places[0]
    for place in places[1:]:
        if place - last > max_gap:
            yield first, last + 1
            first = place
        last = place
    yield first, last + 1
