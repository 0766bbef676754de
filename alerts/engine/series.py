"""All that rules need of every check: facts as they come in, rings as the agents' frontiers move.

Points enter the rings up to the bucket their agent's frontier stands in; later ones wait. A point that comes after
its bucket was passed still counts in the windows that hold it, but nothing that was decided is decided anew.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from alerts.base import LOCAL, LOST, OK, PROTOCOL, REFUSED, UNRESOLVED, Sample
from alerts.engine.log_buckets import FIELD_BUCKETS
from alerts.engine.long_term import LongTerm
from alerts.engine.quantiles import WindowHistograms
from alerts.engine.rings import Array, Extreme, Last, Ring, RingEntry, Sum
from alerts.engine.tracks import NAN, EnteringPoints, Source, WaitingPoints, field_of, needed
from alerts.language.tree import Figure
from alerts.language.vocabulary import TAGS

STEPS = 16  # seconds of a jump of the frontier that are judged one by one
GAP_MS = 16_000  # series that said nothing for longer (and for longer than three periods) have a hole
GAPS_KEPT = 5
QUANTILES = {"p50": 0.5, "p95": 0.95}
_SUMS = {"sum": np.float64, "gain": np.float64, "points": np.uint16}
_SILENT = (LOCAL, UNRESOLVED)  # nothing left this machine


class SeriesTrack(NamedTuple):
    """One ring and what points put into it."""

    ring: Ring
    of: Source
    begins: bool  # until the first point the time of the series' start stands in it


class Series:
    """The store. Rows are numbers of checks, in order of appearance."""

    def __init__(self, figures: Iterable[Figure], max_window_s: int, room: int = 0) -> None:
        """`room`: for so many there is room at once, for more when they come."""
        self.width = max(256, room)
        self.max_window_s = max_window_s
        self._long = max_window_s + STEPS + 2
        self.names: list[str] = []
        self.owners: list[str] = []  # names of agents
        self._row: dict[str, int] = {}
        self.agent = np.zeros(self.width, np.int64)  # number of its agent
        self.kind = np.zeros(self.width, np.int64)
        self.bucket = np.zeros(self.width, np.int64)  # newest open bucket
        self.since = np.zeros(self.width, np.int64)  # bucket from which on it is known without a hole
        self.judged_ms = np.zeros(self.width, np.int64)
        self.tag = {name: np.full(self.width, -1, np.int64) for name in TAGS}
        self.kind_number: dict[str, int] = {}
        self.tag_number: dict[tuple[str, str], int] = {}
        # Facts, by row; 0 stands for "never".
        self.newest_ms = array("q")
        self.reply_ms = array("q")
        self.ok_ms = array("q")
        self.miss_ms = array("q")
        self.late_miss_ms = array("q")
        self.refused_ms = array("q")
        self.latest = array("q")
        self.period_ms = array("q")
        self.failing: set[int] = set()  # rows with a miss or a refusal since their last success
        self._no_reply = array("q")
        self._no_ok = array("q")
        self.gaps: list[tuple[int, ...]] = []
        figures = list(figures)
        self._points = WaitingPoints(filter(None, map(field_of, figures)))  # … for the frontier
        self._counted = array("q")  # (row, bucket, log bucket, how many), one after the other
        self.tracks: dict[str, SeriesTrack] = {}
        for figure in figures:
            self._track(figure)
        self._dated = [track.ring for track in self.tracks.values() if track.begins]
        histograms = {
            (figure.window_s, QUANTILES[figure.function]) for figure in figures if figure.function in QUANTILES
        }
        self.long_term = LongTerm(figures)
        self.histograms = WindowHistograms(histograms, self.width) if histograms else None

    # --- what is kept ---

    def _track(self, figure: Figure) -> None:
        """The rings one function needs."""
        for name, of in needed(figure):
            if name in self.tracks:
                continue
            head = name.partition(":")[0]
            if head in ("low", "high"):
                ring: Ring = Extreme(self._long, self.width, np.fmin if head == "low" else np.fmax)
            elif head in ("last", "time", "moved", "run", "period"):
                ring = Last(STEPS + 2, self.width, np.float64)
            else:
                ring = Sum(self._long, self.width, _SUMS.get(head, np.int32))
            self.tracks[name] = SeriesTrack(ring, of, head == "time")

    def number(self, check: str) -> int | None:
        """The row of a check, None when it never spoke."""
        return self._row.get(check)

    def own(self, row: int, agent: int, name: str) -> None:
        """Another agent runs the check from now on."""
        self.agent[row] = agent
        self.owners[row] = name

    def row(self, sample: Sample, agent: int) -> int:
        """The row of a sample's check, made when it is new."""
        row = self._row.get(sample.check)
        if row is None:
            row = self.make(sample.check, sample.kind, sample.agent, agent, sample.time_ms)
            self._tags(row, sample)
        return row

    def make(self, check: str, kind: str, owner: str, agent: int, at_ms: int) -> int:
        """The row of a new check, without a past from a moment on."""
        row = self._row[check] = len(self.names)
        if row == self.width:
            self._widen()
        self.names.append(check)
        self.owners.append(owner)
        self.kind[row] = self.kind_number.setdefault(kind, len(self.kind_number))
        for facts in self.facts():
            facts.append(0)
        self.gaps.append(())
        self.agent[row] = agent
        self._begin_times(row, at_ms)
        for ring in self._dated:  # the others are empty still
            ring.begin(row, at_ms)
        return row

    def facts(self) -> tuple[array[int], ...]:
        """Everything known of each row's points, in a fixed order."""
        return (
            self.newest_ms, self.reply_ms, self.ok_ms, self.miss_ms, self.late_miss_ms, self.refused_ms, self.latest,
            self.period_ms, self._no_reply, self._no_ok,
        )  # fmt: skip

    def _tags(self, row: int, sample: Sample) -> None:
        own = {"agent": sample.agent, "kind": sample.kind}
        for name in TAGS:
            text = own.get(name) or sample.tags.get(name, "-")
            if text != "-":
                self.tag[name][row] = self.tag_number.setdefault((name, text), len(self.tag_number))

    def _begin(self, row: int, at_ms: int) -> None:
        """A series without a past from a moment on."""
        for facts in self.facts():
            facts[row] = 0
        self.gaps[row] = ()
        self.failing.discard(row)
        self._begin_times(row, at_ms)
        for track in self.tracks.values():
            track.ring.begin(row, at_ms if track.begins else NAN)

    def _begin_times(self, row: int, at_ms: int) -> None:
        self.bucket[row] = at_ms // 1000 - 1
        self.since[row] = at_ms // 1000
        self.judged_ms[row] = at_ms

    def begin_again(self, rows: Array, at_ms: int) -> None:
        """The clock of these series was set back: what they said before counts no more."""
        known = set(rows.tolist())
        self._points.take(lambda waiting, _: np.isin(waiting, rows))
        counted = self._ready_counts(np.full(len(self.names), 1 << 60, np.int64))
        self._counted = array("q", counted[:, ~np.isin(counted[0], rows)].T.ravel().tolist())
        for row in known:
            self._begin(row, at_ms)
        if self.histograms is not None:
            self.histograms.begin(rows)

    def _widen(self) -> None:
        more = self.width // 2
        self.width += more
        for name in ("agent", "kind", "bucket", "since", "judged_ms"):
            setattr(self, name, np.concatenate((getattr(self, name), np.zeros(more, np.int64))))
        for name, tags in self.tag.items():
            self.tag[name] = np.concatenate((tags, np.full(more, -1, np.int64)))
        for track in self.tracks.values():
            track.ring.widen(self.width)
        if self.histograms is not None:
            self.histograms.widen(self.width)

    def is_of(self, kinds: Iterable[str]) -> Array:
        """Which rows are checks of some kinds."""
        table = np.zeros(len(self.kind_number) + 1, bool)
        for kind in kinds:
            table[self.kind_number.get(kind, len(self.kind_number))] = True
        table[-1] = False
        rows: Array = table[self.kind[: len(self.names)]]
        return rows

    # --- what comes in ---

    def add(self, row: int, sample: Sample) -> None:
        """One more point of a check."""
        values, points = sample.values, self._points
        bucket, number = sample.time_ms // 1000, len(points.rows)
        points.facts.extend(self._facts_of(row, sample.time_ms, values))
        points.rows.append(row)
        points.buckets.append(bucket)
        fields, is_counted = points.fields, self.histograms is not None
        for name, value in values.items():
            if name in fields:
                numbers, its = fields[name]
                numbers.append(number)
                its.append(value)
            if is_counted and name in FIELD_BUCKETS and value > 0:
                self._counted.extend((row, bucket, FIELD_BUCKETS[name], int(value)))
        self.long_term.add(row, values)

    def _facts_of(self, row: int, at_ms: int, values: Mapping[str, int | float]) -> tuple[float, ...]:
        """What is known of a point, as `tracks.FACTS` has it; what it says of its check is noted."""
        outcome, sent, rcvd = _outcome(values)
        # What a router or firewall says in the far host's place proves no way to it: silence, for whoever asks who is broken.
        heard = LOST if outcome == REFUSED and "by_another" in values and rcvd <= 0 else outcome
        refuses = heard in (REFUSED, PROTOCOL)
        # A room whose stream got a verdict is refused for what came back.
        is_answered = rcvd > 0 or outcome in (OK, PROTOCOL) or (refuses and "verdict" in values)
        is_newest = at_ms >= self.newest_ms[row]
        if is_newest:
            self.latest[row] = heard
        self._rhythm(row, at_ms)
        if is_answered:
            self._reply(row, at_ms)
        elif heard == LOST:
            self._miss(row, at_ms)
        if refuses and at_ms > self.refused_ms[row]:
            self.refused_ms[row] = at_ms
        if outcome == OK and at_ms > self.ok_ms[row]:
            self.ok_ms[row] = at_ms
        self.note_failing(row)
        if is_newest and outcome not in _SILENT:
            self._no_reply[row] = 0 if is_answered else self._no_reply[row] + 1
            self._no_ok[row] = 0 if outcome == OK else self._no_ok[row] + 1
        return (
            at_ms, outcome, sent, rcvd, self.reply_ms[row] or NAN, self.ok_ms[row] or NAN,
            self._no_reply[row], self._no_ok[row], self.period_ms[row] or NAN, is_newest,
        )  # fmt: skip

    def note_failing(self, row: int) -> None:
        """Had it a miss or a refusal since its last success?"""
        if self.miss_ms[row] or 0 < self.refused_ms[row] >= self.reply_ms[row]:
            self.failing.add(row)
        else:
            self.failing.discard(row)

    def _rhythm(self, row: int, at_ms: int) -> None:
        """Time between points, holes, the latest outcome's time."""
        gap = at_ms - self.newest_ms[row]
        if gap <= 0:
            return
        if self.newest_ms[row]:
            gaps = self.gaps[row] = (*self.gaps[row][1 - GAPS_KEPT :], gap)
            self.period_ms[row] = sorted(gaps)[(len(gaps) - 1) // 2]
            if gap > max(GAP_MS, 3.5 * self.period_ms[row]):
                self.since[row] = at_ms // 1000
        self.newest_ms[row] = at_ms

    def _reply(self, row: int, at_ms: int) -> None:
        if at_ms <= self.reply_ms[row]:
            return
        self.reply_ms[row] = at_ms
        if self.miss_ms[row] <= at_ms:
            self.miss_ms[row] = self.late_miss_ms[row] if self.late_miss_ms[row] > at_ms else 0

    def _miss(self, row: int, at_ms: int) -> None:
        self.late_miss_ms[row] = max(self.late_miss_ms[row], at_ms)
        if at_ms > self.reply_ms[row] and (not self.miss_ms[row] or at_ms < self.miss_ms[row]):
            self.miss_ms[row] = at_ms

    # --- the frontier moves ---

    def advance(self, frontier_ms: Array) -> None:
        """Points into their buckets, up to the newest bucket before each series' frontier."""
        count = len(self.names)
        old = self.bucket[:count].copy()
        new = np.maximum(old, bucket_before(frontier_ms))
        start = np.maximum(old, new - self._long)  # a jump over a whole ring begins with what stood at its end
        jumped = np.flatnonzero(start > old)
        moving = np.flatnonzero(new > start)
        steps = (new - start)[moving]
        rows, buckets = np.repeat(moving, steps), np.repeat(new[moving] + 1, steps) - _count_down(steps)
        points = self._points.take(lambda rows, buckets: buckets <= new[rows])
        places = _Places(points, start, new, self._long)
        carried, to = np.concatenate((jumped, rows)), np.concatenate((start[jumped], buckets))
        moves: dict[int, tuple[Array, Array]] = {}  # length of a ring → from where, to where
        for ring, of, _ in self.tracks.values():
            if ring.length not in moves:
                moves[ring.length] = ring.at(carried, old[carried]), ring.at(carried, to)
            ring.carry(*moves[ring.length])
            entering = of(points)
            ring.put(places.of(ring, entering.points), entering.values)
        if self.histograms is not None:
            self.histograms.move(self._ready_counts(new), old, new)
        self.bucket[:count] = new

    def _ready_counts(self, new: Array) -> Array:
        counted = np.array(self._counted, np.int64).reshape(-1, 4)
        enter = counted[:, 1] <= new[counted[:, 0]]
        self._counted = array("q", counted[~enter].ravel().tolist())
        return np.asarray(counted[enter].T)


class _Places:
    """Where points are told, by sort of ring. What several rings ask for is reckoned once."""

    def __init__(self, points: EnteringPoints, start: Array, new: Array, length: int) -> None:
        self._rows, self._buckets = points.rows, points.buckets
        self._newest = new[points.rows]
        self._start = start[points.rows]
        self._is_kept = points.buckets > self._newest - length
        self._known: dict[tuple[type[Ring], int, int], tuple[Array, RingEntry]] = {}

    def of(self, ring: Ring, points: Array) -> RingEntry:
        """Where some of the points go."""
        key = type(ring), ring.length, id(points)
        if key not in self._known:
            self._known[key] = points, self._entry(ring, points)  # as long as it is kept, its id is its own
        return self._known[key][1]

    def _entry(self, ring: Ring, points: Array) -> RingEntry:
        """Sums count late points where they belong; the latest value is known from now on only."""
        if isinstance(ring, Last):
            every = np.arange(len(points))
            return self._from(ring, points, every, np.maximum(self._buckets[points], self._start[points]))
        kept = np.flatnonzero(self._is_kept[points])
        those = points[kept]
        if isinstance(ring, Extreme):
            return RingEntry(kept, ring.at(self._rows[those], self._buckets[those]))
        return self._from(ring, points, kept, self._buckets[those])

    def _from(self, ring: Ring, points: Array, kept: Array, first: Array) -> RingEntry:
        """Each kept point in all buckets from `first` to the newest."""
        newest = self._newest[points[kept]]
        many = newest - first + 1
        each = np.repeat(kept, many)
        return RingEntry(each, ring.at(self._rows[points[each]], np.repeat(newest + 1, many) - _count_down(many)))


def bucket_before(at_ms: Array) -> Array:
    """The bucket in which the last millisecond before a moment lies: what was told up to it stands there."""
    return np.asarray((at_ms - 1) // 1000)


def _count_down(many: Array) -> Array:
    """`many[0] … 2 1  many[1] … 2 1  …`."""
    ends = np.cumsum(many)
    return np.asarray(np.repeat(ends, many) - np.arange(int(ends[-1]) if len(ends) else 0))


def _outcome(values: Mapping[str, int | float]) -> tuple[int, float, float]:
    """(outcome, sent, rcvd): what says no outcome is judged by its counts; what says no counts is one try."""
    sent, rcvd = values.get("sent"), values.get("rcvd")
    outcome = values.get("outcome")
    if outcome is None:
        outcome = LOST if sent and rcvd is not None and rcvd <= 0 else OK
    if outcome in _SILENT:
        return int(outcome), 0.0, 0.0
    if sent is None or rcvd is None:
        return int(outcome), 1.0, 1.0 if outcome in (OK, PROTOCOL) else 0.0
    if outcome == LOST and sent <= 0:
        return LOCAL, 0.0, 0.0
    return int(outcome), float(sent), float(min(sent, rcvd))
