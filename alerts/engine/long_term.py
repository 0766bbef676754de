"""What rules ask of weeks rather than minutes: what is usual at this hour, how full links are. Kept apart from what ticks keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np

from alerts.engine.baselines import Baselines
from alerts.engine.rings import Array
from alerts.engine.weeks import WeekSamples
from alerts.language.tree import Figure
from alerts.language.vocabulary import RTT

BASELINES, WEEKS = ("base", "mad"), ("p95_7d", "trend_7d")
HOUR_MS = 3_600_000
Arrays = dict[str, Array]  # one row a series


class _Part(Protocol):
    """Long-term figures of one field."""

    def add(self, row: int, values: Mapping[str, int | float]) -> None: ...
    def turn(self, now_ms: int, rows: int) -> None: ...
    def value(self, function: str, rows: Array) -> Array: ...
    def known(self) -> list[int]: ...
    def memory(self, rows: Sequence[int]) -> Arrays: ...
    def recall(self, arrays: Mapping[str, Array], rows: Sequence[int]) -> None: ...


class LongTerm:
    """Nothing of it is kept unless a rule asks. What is remembered of a check waits until that check speaks."""

    def __init__(self, figures: Iterable[Figure]) -> None:
        self._parts: dict[str, _Part] = {}  # by field
        for figure in figures:
            if figure.function in BASELINES:
                self._parts.setdefault(RTT, Baselines())
            elif figure.function in WEEKS and figure.what not in self._parts:
                self._parts[figure.what] = WeekSamples(figure.what)
        self._waiting: dict[str, tuple[dict[str, int], Arrays]] = {}  # field → check → place, and what is remembered
        self._placed = 0  # rows whose memory was looked for
        self._hour = -1
        self.is_due = False  # an hour is over: what was learnt wants to be kept

    def add(self, row: int, values: Mapping[str, int | float]) -> None:
        """A point of a check."""
        for part in self._parts.values():
            part.add(row, values)

    def turn(self, now_ms: int, names: Sequence[str]) -> None:
        """Time passed, by the hub's clock. `names` of checks, by row."""
        for part in self._parts.values():
            part.turn(now_ms, len(names))
        if self._waiting and self._placed < len(names):
            self._place(names)
        self.is_due |= bool(self._parts) and 0 <= self._hour != now_ms // HOUR_MS
        self._hour = now_ms // HOUR_MS

    def value(self, figure: Figure, rows: Array) -> Array:
        """A figure in its field's own unit (of round trips: s), NaN where it is not known."""
        return self._parts[figure.what].value(figure.function, rows)

    # --- across a restart ---

    def memory(self, names: Sequence[str]) -> tuple[dict[str, list[str]], Arrays]:
        """(field → names of checks, arrays by `FIELD/what`) of all that is known, or still waits for its check."""
        checks, arrays = dict[str, list[str]](), Arrays()
        for field, part in self._parts.items():
            rows = part.known()
            places, remembered = self._waiting.get(field, ({}, Arrays()))
            checks[field] = [*(names[row] for row in rows), *places]
            for key, array in part.memory(rows).items():
                rest = remembered[key][list(places.values())] if places else array[:0]
                arrays[f"{field}/{key}"] = np.concatenate((array, rest))
        return checks, arrays

    def recall(self, checks: Mapping[str, Sequence[str]], arrays: Mapping[str, Array]) -> None:
        """Remember this of checks as they speak. Fields no rule asks for any more are forgotten. Raises ValueError, KeyError
        when the parts do not fit together."""
        for field, names in checks.items():
            if field not in self._parts:
                continue
            ahead = f"{field}/"
            its = {key.removeprefix(ahead): array for key, array in arrays.items() if key.startswith(ahead)}
            shapes = {key: array.shape[1:] for key, array in self._parts[field].memory([]).items()}
            if {key: array.shape for key, array in its.items()} != {
                key: (len(names), *shape) for key, shape in shapes.items()
            }:
                raise ValueError(f"what is remembered of {field} has another shape")
            self._waiting[field] = ({name: number for number, name in enumerate(names)}, its)
        self._placed = 0

    def _place(self, names: Sequence[str]) -> None:
        for field, (places, remembered) in list(self._waiting.items()):
            rows = [row for row in range(self._placed, len(names)) if names[row] in places]
            if rows:
                numbers = [places.pop(names[row]) for row in rows]
                self._parts[field].recall({key: array[numbers] for key, array in remembered.items()}, rows)
            if not places:
                del self._waiting[field]
        self._placed = len(names)
