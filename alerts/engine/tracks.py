"""What each point puts into the rings behind the functions of conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from alerts.language.tree import Figure
from alerts.language.vocabulary import OUTCOMES

NAN = float("nan")


class SeriesPoint(NamedTuple):
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
    is_newest: bool  # no later point of the check came before it
    values: Mapping[str, int | float]
    row: int


_EVENT: dict[tuple[str, str], Callable[[SeriesPoint], float]] = {
    ("age", "reply"): lambda point: point.reply_ms,
    ("age", "ok"): lambda point: point.ok_ms,
    ("missed", "reply"): lambda point: point.no_reply,
    ("missed", "ok"): lambda point: point.no_ok,
}


def needed(figure: Figure) -> list[tuple[str, Callable[[SeriesPoint], float]]]:
    """Names of the rings behind a function, and what a point puts into each."""
    name, what = figure.function, figure.what
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
        return [(f"points:{what}", lambda point: float(point.outcome == number))]
    value: Callable[[SeriesPoint], float] = lambda point: point.values.get(what, NAN)  # noqa: E731
    has: Callable[[SeriesPoint], float] = lambda point: float(what in point.values)  # noqa: E731
    newest: Callable[[SeriesPoint], float] = lambda point: value(point) if point.is_newest else NAN  # noqa: E731
    when: Callable[[SeriesPoint], float] = lambda point: point.time_ms if newest(point) == newest(point) else NAN  # noqa: E731
    tracks: dict[str, list[tuple[str, Callable[[SeriesPoint], float]]]] = {
        "age": [(f"time:{what}", when)],
        "count": [(f"points:field:{what}", has)],
        "avg": [(f"sum:{what}", value), (f"points:field:{what}", has)],
        "min": [(f"low:{what}", value)],
        "max": [(f"high:{what}", value)],
        "last": [(f"last:{what}", newest)],
        "changed": [(f"moved:{what}", Mover(newest))],
        "rate": [(f"gain:{what}", Gain(newest)), (f"points:field:{what}", has)],
        "slope": [(f"sum:{what}", value), (f"points:field:{what}", has)],
    }
    return tracks.get(name, [])


class ValueChange:
    """What a field's newest value has to do with the one before it. `before`: row → its latest value."""

    def __init__(self, newest: Callable[[SeriesPoint], float]) -> None:
        self._newest = newest
        self.before: dict[int, float] = {}

    def __call__(self, point: SeriesPoint) -> float:
        value = self._newest(point)
        if value != value:
            return NAN
        old, self.before[point.row] = self.before.get(point.row, value), value
        return self.change(point, old, value)

    def change(self, point: SeriesPoint, old: float, value: float) -> float:
        """What the point says of it, NaN: nothing."""
        raise NotImplementedError


class Mover(ValueChange):
    """When a value became another one."""

    def change(self, point: SeriesPoint, old: float, value: float) -> float:
        """See `ValueChange`."""
        return NAN if value == old else point.time_ms


class Gain(ValueChange):
    """By how much a counter grew; one that begins anew counts from 0."""

    def change(self, point: SeriesPoint, old: float, value: float) -> float:
        """See `ValueChange`."""
        return value - old if value >= old else value
