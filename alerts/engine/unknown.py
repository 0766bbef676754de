"""Which rules nobody can judge for which series: one row of bits a rule, read as a set of (rule, series).

When a hub starts everything is unknown: a hundred rules over 33,210 checks would be 3.3 million pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from typing import NamedTuple, cast

import numpy as np

from alerts.engine.rings import Array

Pair = tuple[str, str]


class UnknownSeries(NamedTuple):
    """One rule's: by row, who stands in a row (never another), and in which row a series stands."""

    is_unknown: Array
    names: list[str]
    row_of: Callable[[str], int | None]


class UnknownMembers(Set[Pair]):
    """All rules'. What is reckoned with it is a plain set, but a union, which stays as small as its parts."""

    def __init__(self, rules: dict[str, UnknownSeries], others: Set[Pair] = frozenset()) -> None:
        self._rules, self._others = rules, others

    def __contains__(self, member: object) -> bool:
        if member in self._others:
            return True
        rule, series = cast(Pair, member)
        its = self._rules.get(rule)
        row = None if its is None else its.row_of(series)
        return its is not None and row is not None and row < len(its.is_unknown) and bool(its.is_unknown[row])

    def __iter__(self) -> Iterator[Pair]:
        for rule, its in self._rules.items():
            yield from ((rule, its.names[row]) for row in np.flatnonzero(its.is_unknown).tolist())
        own = UnknownMembers(self._rules)
        yield from (member for member in self._others if member not in own)

    def __len__(self) -> int:
        own = UnknownMembers(self._rules)
        many = sum(int(np.count_nonzero(its.is_unknown)) for its in self._rules.values())
        return many + sum(member not in own for member in self._others)

    def __or__(self, other: Iterable[Pair]) -> UnknownMembers:  # type: ignore[override]
        return UnknownMembers(self._rules, self._others | frozenset(other))

    __ror__ = __or__

    @classmethod
    def _from_iterable(cls, it: Iterable[Pair]) -> frozenset[Pair]:  # type: ignore[override]
        return frozenset(it)
