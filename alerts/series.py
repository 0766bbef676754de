"""All that rules need of every check: facts as they come in, rings as the agents' frontiers move.

Points enter the rings up to the bucket their agent's frontier stands in; later ones wait. A point that comes after
its bucket was passed still counts in the windows that hold it, but nothing that was decided is decided anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from alerts.base import LOCAL, LOST, OK, PROTOCOL, REFUSED, UNRESOLVED, Sample
from alerts.buckets import PREFIX, field_bucket
from alerts.condition import Ask
from alerts.rings import Array, Extreme, Last, Ring, Sum
from alerts.spread import Spreads
from alerts.words import OUTCOMES, RTT, TAGS

STEPS = 16  # seconds of a jump of the frontier that are judged one by one
GAP_MS = 16_000  # series that said nothing for longer (and for longer than three periods) have a hole
GAPS_KEPT = 5
NAN = float("nan")
QUANTILES = {"p50": 0.5, "p95": 0.95}
_SILENT = (LOCAL, UNRESOLVED)  # nothing left this machine


class Point(NamedTuple):
    """A sample with what follows from it and from those before it."""

    time_ms: int
    outcome: int
    sent: float
    rcvd: float
    reply_ms: float  # start of the latest interval in which something came back, up to this point
    ok_ms: float  # … with outcome OK
    no_reply: float  # points in a row without a reply
    no_ok: float
    period_ms: float
    values: Mapping[str, int | float]


class Track(NamedTuple):
    """One ring and what each point puts into it."""

    ring: Ring
    of: Callable[[Point], float]
    begins: bool  # until the first point the time of the series' start stands in it


class Series:
    """The store. Rows are numbers of checks, in order of appearance."""

    def __init__(self, asked: Iterable[Ask], most_window_s: int) -> None:
        self.width = 256
        self._long = most_window_s + STEPS + 2
        self.names: list[str] = []
        self.owners: list[str] = []  # names of agents
        self._row: dict[str, int] = {}
        self.agent = np.zeros(self.width, np.int64)  # number of its agent
        self.kind = np.zeros(self.width, np.int64)
        self.bucket = np.zeros(self.width, np.int64)  # newest open bucket
        self.since = np.zeros(self.width, np.int64)  # bucket from which on it is known without a hole
        self.judged_ms = np.zeros(self.width, np.int64)
        self.tag = {name: np.full(self.width, -1, np.int64) for name in TAGS}
        self._kind_number: dict[str, int] = {}
        self._tag_number: dict[tuple[str, str], int] = {}
        # Facts, by row; 0 stands for "never".
        self.newest_ms: list[int] = []
        self.reply_ms: list[int] = []
        self.ok_ms: list[int] = []
        self.miss_ms: list[int] = []
        self.late_miss_ms: list[int] = []
        self.refused_ms: list[int] = []
        self.latest: list[int] = []
        self.period_ms: list[int] = []
        self._no_reply: list[int] = []
        self._no_ok: list[int] = []
        self._gaps: list[deque[int]] = []
        # Points that wait for the frontier.
        self._points: list[tuple[int, int, list[float]]] = []
        self._counted: list[tuple[int, int, int, int]] = []
        self.tracks: dict[str, Track] = {}
        asked = list(asked)
        for ask in asked:
            self._track(ask)
        spreads = {(ask.window_s, QUANTILES[ask.function]) for ask in asked if ask.what == RTT}
        self.spreads = Spreads(spreads, self.width) if spreads else None

    # --- what is kept ---

    def _track(self, ask: Ask) -> None:
        """The rings one function needs."""
        for name, of in _needed(ask):
            if name in self.tracks:
                continue
            head = name.partition(":")[0]
            if head in ("low", "high"):
                ring: Ring = Extreme(self._long, self.width, np.fmin if head == "low" else np.fmax)
            elif head in ("last", "time", "run", "period"):
                ring = Last(STEPS + 2, self.width, np.float64)
            else:
                ring = Sum(self._long, self.width, np.float64 if head == "sum" else np.int32)
            self.tracks[name] = Track(ring, of, head == "time")

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
            row = self._row[sample.check] = len(self.names)
            if row == self.width:
                self._widen()
            self.names.append(sample.check)
            self.owners.append(sample.agent)
            self.kind[row] = self._kind_number.setdefault(sample.kind, len(self._kind_number))
            for facts in self._facts():
                facts.append(0)
            self._gaps.append(deque(maxlen=GAPS_KEPT))
            self.agent[row] = agent
            self._tags(row, sample)
            self._begin(row, sample.time_ms)
        return row

    def _facts(self) -> tuple[list[int], ...]:
        return (
            self.newest_ms, self.reply_ms, self.ok_ms, self.miss_ms, self.late_miss_ms, self.refused_ms, self.latest,
            self.period_ms, self._no_reply, self._no_ok,
        )  # fmt: skip

    def _tags(self, row: int, sample: Sample) -> None:
        own = {"agent": sample.agent, "kind": sample.kind}
        for name in TAGS:
            text = own.get(name) or sample.tags.get(name, "-")
            if text != "-":
                self.tag[name][row] = self._tag_number.setdefault((name, text), len(self._tag_number))

    def _begin(self, row: int, at_ms: int) -> None:
        """A series without a past from a moment on."""
        for facts in self._facts():
            facts[row] = 0
        self._gaps[row].clear()
        self.bucket[row] = at_ms // 1000 - 1
        self.since[row] = at_ms // 1000
        self.judged_ms[row] = at_ms
        for track in self.tracks.values():
            track.ring.begin(row, at_ms if track.begins else NAN)

    def begin_again(self, rows: Array, at_ms: int) -> None:
        """The clock of these series was set back: what they said before counts no more."""
        known = set(rows.tolist())
        self._points = [one for one in self._points if one[0] not in known]
        self._counted = [one for one in self._counted if one[0] not in known]
        for row in known:
            self._begin(row, at_ms)
        if self.spreads is not None:
            self.spreads.begin(rows)

    def _widen(self) -> None:
        self.width *= 2
        for name in ("agent", "kind", "bucket", "since", "judged_ms"):
            setattr(self, name, np.concatenate((getattr(self, name), np.zeros(self.width // 2, np.int64))))
        for name, tags in self.tag.items():
            self.tag[name] = np.concatenate((tags, np.full(self.width // 2, -1, np.int64)))
        for track in self.tracks.values():
            track.ring.widen(self.width)
        if self.spreads is not None:
            self.spreads.widen(self.width)

    def is_of(self, kinds: Iterable[str]) -> Array:
        """Which rows are checks of some kinds."""
        table = np.zeros(len(self._kind_number) + 1, bool)
        for kind in kinds:
            table[self._kind_number.get(kind, len(self._kind_number))] = True
        table[-1] = False
        found: Array = table[self.kind[: len(self.names)]]
        return found

    # --- what comes in ---

    def add(self, row: int, sample: Sample) -> None:
        """One more point of a check."""
        point = self._point(row, sample.time_ms, sample.values)
        bucket = sample.time_ms // 1000
        self._points.append((row, bucket, [track.of(point) for track in self.tracks.values()]))
        if self.spreads is not None:
            for name, many in sample.values.items():
                if name.startswith(PREFIX) and (log := field_bucket(name)) is not None and many > 0:
                    self._counted.append((row, bucket, log, int(many)))

    def _point(self, row: int, at_ms: int, values: Mapping[str, int | float]) -> Point:
        outcome, sent, rcvd = _outcome(values)
        back = rcvd > 0 or outcome in (OK, PROTOCOL)
        refuses = outcome in (REFUSED, PROTOCOL)
        if at_ms >= self.newest_ms[row]:
            self.latest[row] = outcome
        self._rhythm(row, at_ms)
        if back:
            self._reply(row, at_ms)
        elif outcome == LOST:
            self._miss(row, at_ms)
        if refuses:
            self.refused_ms[row] = max(self.refused_ms[row], at_ms)
        if outcome == OK:
            self.ok_ms[row] = max(self.ok_ms[row], at_ms)
        if outcome not in _SILENT:
            self._no_reply[row] = 0 if back else self._no_reply[row] + 1
            self._no_ok[row] = 0 if outcome == OK else self._no_ok[row] + 1
        return Point(
            at_ms, outcome, sent, rcvd, self.reply_ms[row] or NAN, self.ok_ms[row] or NAN,
            self._no_reply[row], self._no_ok[row], self.period_ms[row] or NAN, values,
        )  # fmt: skip

    def _rhythm(self, row: int, at_ms: int) -> None:
        """Time between points, holes, the latest outcome's time."""
        gap = at_ms - self.newest_ms[row]
        if gap <= 0:
            return
        if self.newest_ms[row]:
            gaps = self._gaps[row]
            gaps.append(gap)
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
        """Points into their buckets, up to the bucket each series' frontier stands in."""
        count = len(self.names)
        old = self.bucket[:count].copy()
        new = np.maximum(old, frontier_ms // 1000)
        rows, buckets, x = self._ready(new)
        start = np.maximum(old, new - self._long)
        self._skip(old, start)
        ahead = buckets - start[rows]
        late = np.flatnonzero((ahead <= 0) & (buckets > start[rows] - self._long))
        for (ring, _, _), column in zip(self.tracks.values(), x, strict=True):
            ring.put_late(rows[late], buckets[late], column[late], start[rows[late]])
        for step in range(1, int((new - start).max(initial=0)) + 1):
            moving = np.flatnonzero(new - start >= step)
            here = np.flatnonzero(ahead == step)
            at = start[moving] + step
            for (ring, _, _), column in zip(self.tracks.values(), x, strict=True):
                ring.carry(moving, at - 1, at)
                if len(here):
                    ring.put(rows[here], buckets[here], column[here])
        if self.spreads is not None:
            self.spreads.move(self._ready_counts(new), old, new)
        self.bucket[:count] = new

    def _skip(self, old: Array, start: Array) -> None:
        """Series whose frontier jumped over the whole ring begin it anew with what stood at its end."""
        jumped = np.flatnonzero(start > old)
        if len(jumped):
            for ring, _, _ in self.tracks.values():
                ring.carry(jumped, old[jumped], start[jumped])

    def _ready(self, new: Array) -> tuple[Array, Array, Array]:
        """Points that may enter: rows, buckets, and a line of values for each track."""
        ready = [one for one in self._points if one[1] <= new[one[0]]]
        if len(ready) < len(self._points):
            self._points = [one for one in self._points if one[1] > new[one[0]]]
        else:
            self._points = []
        rows = np.array([one[0] for one in ready], np.int64)
        buckets = np.array([one[1] for one in ready], np.int64)
        x = np.array([one[2] for one in ready], np.float64).reshape(len(ready), len(self.tracks)).T
        return rows, buckets, x

    def _ready_counts(self, new: Array) -> Array:
        counted = np.array(self._counted, np.int64).reshape(len(self._counted), 4)
        enter = counted[:, 1] <= new[counted[:, 0]]
        self._counted = [self._counted[at] for at in np.flatnonzero(~enter)]
        return counted[enter].T


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


_EVENT: dict[tuple[str, str], Callable[[Point], float]] = {
    ("age", "reply"): lambda point: point.reply_ms,
    ("age", "ok"): lambda point: point.ok_ms,
    ("missed", "reply"): lambda point: point.no_reply,
    ("missed", "ok"): lambda point: point.no_ok,
}


def _needed(ask: Ask) -> list[tuple[str, Callable[[Point], float]]]:
    """Names of the rings behind a function, and what a point puts into each."""
    name, what = ask.function, ask.what
    if name in ("sent", "lost", "loss"):
        return [("count:sent", lambda point: point.sent), ("count:reply", lambda point: point.rcvd)]
    if name == "period":
        return [("period", lambda point: point.period_ms)]
    if (name, what) in _EVENT:
        return [(f"{'time' if name == 'age' else 'run'}:{what}", _EVENT[name, what])]
    if name == "count" and what == "reply":
        return [("count:reply", lambda point: point.rcvd)]
    if name == "count" and what in OUTCOMES:
        number = OUTCOMES.index(what)
        return [(f"count:{what}", lambda point: float(point.outcome == number))]
    value: Callable[[Point], float] = lambda point: point.values.get(what, NAN)  # noqa: E731
    has: Callable[[Point], float] = lambda point: float(what in point.values)  # noqa: E731
    when: Callable[[Point], float] = lambda point: point.time_ms if what in point.values else NAN  # noqa: E731
    return {
        "age": [(f"time:{what}", when)],
        "count": [(f"count:field:{what}", has)],
        "avg": [(f"sum:{what}", value), (f"count:field:{what}", has)],
        "min": [(f"low:{what}", value)],
        "max": [(f"high:{what}", value)],
        "last": [(f"last:{what}", value)],
    }.get(name, [])
