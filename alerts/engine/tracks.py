"""What each point puts into the rings behind the functions of conditions: read for many points at once as they enter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from alerts.engine.rings import Array
from alerts.language.tree import Figure
from alerts.language.vocabulary import OUTCOMES

NAN = float("nan")
# What is known of every point, and of those before it. `reply`, `ok`: start of the latest interval in which something came
# back, in which it was good (ms), up to this point; `no_reply`, `no_ok`: points in a row without; `is_newest`: no later point of
# the check came before it.
FACTS = ("time", "outcome", "sent", "rcvd", "reply", "ok", "no_reply", "no_ok", "period", "is_newest")
_AT = {name: at for at, name in enumerate(FACTS)}
_EVENTS = {("age", "reply"): "reply", ("age", "ok"): "ok", ("missed", "reply"): "no_reply", ("missed", "ok"): "no_ok"}


class PointValues(NamedTuple):
    """What some points say. `points`: which of those that enter."""

    points: Array
    values: Array


class EnteringPoints:
    """Points that enter the rings, in order of arrival: their rows, buckets, facts, and the fields they have."""

    def __init__(self, rows: Array, buckets: Array, facts: Array, fields: dict[str, PointValues]) -> None:
        self.rows, self.buckets, self._facts, self.fields = rows, buckets, facts, fields
        self._all = np.arange(len(rows))
        self._newest: dict[str, PointValues] = {}

    def fact(self, name: str) -> PointValues:
        """A fact of all points."""
        return PointValues(self._all, self._facts[:, _AT[name]])

    def newest(self, field: str) -> PointValues:
        """A field's values, but for those that came after later ones."""
        if field not in self._newest:
            points, values = self.fields[field]
            is_newest = self._facts[points, _AT["is_newest"]] > 0
            whole = is_newest & (values == values)
            self._newest[field] = PointValues(points[whole], values[whole])
        return self._newest[field]

    def times(self, points: Array) -> Array:
        """When some points were measured (ms)."""
        return np.asarray(self._facts[points, _AT["time"]])


Source = Callable[[EnteringPoints], PointValues]


def needed(figure: Figure) -> list[tuple[str, Source]]:
    """Names of the rings behind a function, and what points put into each."""
    return _of_facts(figure) or _of_field(figure)


def field_of(figure: Figure) -> str:
    """The field whose values a function needs, "" when it needs none."""
    return figure.what if not _of_facts(figure) and _of_field(figure) else ""


def _fact(name: str) -> Source:
    return lambda points: points.fact(name)


def _of_facts(figure: Figure) -> list[tuple[str, Source]]:
    name, what = figure.function, figure.what
    if name in ("sent", "lost", "loss"):
        return [("count:sent", _fact("sent")), ("count:reply", _fact("rcvd"))]
    if name == "period":
        return [("period", _fact("period"))]
    if (name, what) in _EVENTS:
        return [(f"{'time' if name == 'age' else 'run'}:{what}", _fact(_EVENTS[name, what]))]
    if name == "count" and what == "reply":
        return [("count:reply", _fact("rcvd"))]
    if name == "count" and what in OUTCOMES:
        return [(f"points:{what}", _has_outcome(OUTCOMES.index(what)))]
    return []


def _has_outcome(number: int) -> Source:
    def of(points: EnteringPoints) -> PointValues:
        every, outcomes = points.fact("outcome")
        return PointValues(every, (outcomes == number).astype(np.float64))

    return of


def _of_field(figure: Figure) -> list[tuple[str, Source]]:
    what = figure.what
    has = (f"points:field:{what}", _has(what))
    tracks: dict[str, list[tuple[str, Source]]] = {
        "age": [(f"time:{what}", _when(what))],
        "count": [has],
        "avg": [(f"sum:{what}", _value(what)), has],
        "min": [(f"low:{what}", _value(what))],
        "max": [(f"high:{what}", _value(what))],
        "last": [(f"last:{what}", lambda points: points.newest(what))],
        "changed": [(f"moved:{what}", Mover(what))],
        "rate": [(f"gain:{what}", Gain(what)), has],
        "slope": [(f"sum:{what}", _value(what)), has],
    }
    return tracks.get(figure.function, [])


def _value(field: str) -> Source:
    return lambda points: points.fields[field]


def _has(field: str) -> Source:
    def of(points: EnteringPoints) -> PointValues:
        those = points.fields[field].points
        return PointValues(those, np.ones(len(those)))

    return of


def _when(field: str) -> Source:
    def of(points: EnteringPoints) -> PointValues:
        those = points.newest(field).points
        return PointValues(those, points.times(those))

    return of


class ValueChange(ABC):
    """What a field's newest values have to do with those before them. `before`: row → its latest value."""

    def __init__(self, field: str) -> None:
        self._field = field
        self.before: dict[int, float] = {}

    def __call__(self, points: EnteringPoints) -> PointValues:
        """See `Source`."""
        those, values = points.newest(self._field)
        rows, changes = points.rows[those].tolist(), list[float]()
        for row, value, at_ms in zip(rows, values.tolist(), points.times(those).tolist(), strict=True):
            old, self.before[row] = self.before.get(row, value), value
            changes.append(self.change(at_ms, old, value))
        return PointValues(those, np.array(changes, np.float64))

    @abstractmethod
    def change(self, at_ms: float, old: float, value: float) -> float:
        """What a point says of it, NaN: nothing."""


class Mover(ValueChange):
    """When a value became another one."""

    def change(self, at_ms: float, old: float, value: float) -> float:
        """See `ValueChange`."""
        return NAN if value == old else at_ms


class Gain(ValueChange):
    """By how much a counter grew; one that begins anew counts from 0."""

    def change(self, at_ms: float, old: float, value: float) -> float:
        """See `ValueChange`."""
        return value - old if value >= old else value


class WaitingPoints:
    """Points on their way into the rings, in order of arrival. Whoever adds one appends to all of it."""

    def __init__(self, fields: Iterable[str]) -> None:
        self.rows, self.buckets, self.facts = array("q"), array("q"), array("d")
        self.fields = {field: (array("q"), array("d")) for field in fields}  # (numbers of points, their values)

    def take(self, is_ready: Callable[[Array, Array], Array]) -> EnteringPoints:
        """Those that may enter, by their rows and buckets; the others wait on."""
        rows, buckets = np.array(self.rows, np.int64), np.array(self.buckets, np.int64)
        facts = np.array(self.facts, np.float64).reshape(len(rows), len(FACTS))
        enter = is_ready(rows, buckets)
        stay = ~enter
        self.rows, self.buckets = array("q", rows[stay].tobytes()), array("q", buckets[stay].tobytes())
        self.facts = array("d", facts[stay].tobytes())
        number = np.where(enter, np.cumsum(enter), np.cumsum(stay)) - 1  # of each point, among its own
        fields = {field: self._take_field(field, enter, number) for field in self.fields}
        return EnteringPoints(rows[enter], buckets[enter], facts[enter], fields)

    def _take_field(self, field: str, enter: Array, number: Array) -> PointValues:
        points, values = (np.array(part) for part in self.fields[field])
        points = points.astype(np.int64)
        enters = enter[points]
        waiting = number[points[~enters]], values[~enters].astype(np.float64)
        self.fields[field] = array("q", waiting[0].tobytes()), array("d", waiting[1].tobytes())
        return PointValues(number[points[enters]], values[enters])
