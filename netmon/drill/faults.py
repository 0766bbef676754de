"""What a scenario's events do to elements, and what becomes of one try that crosses them. Pure: functions of time and seed.

Times are seconds of the scenario.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from netmon.drill.names import matching
from netmon.drill.scenario import DrillEvent

ON_PACKETS = ("cut", "lose", "slow", "flows", "refuse", "power")
DEADLY = ("cut", "power")  # of all kinds: writes do not pass, traffic takes another way
Answer = Literal["ok", "lost", "refused", "filtered"]  # filtered: something on the way refused in the far end's place


class Effect(NamedTuple):
    """What an event does to one element, once. `event`: its number in the scenario."""

    event: int
    do: str
    element: str
    start_s: float
    end_s: float
    kinds: tuple[str, ...] = ()
    share: float = 0.0
    one_way: bool = False
    ms: float = 0.0
    boot_s: float = 0.0
    away_s: float = 0.0
    by_s: float = 0.0
    known_s: float = 0.0

    def holds(self, at_s: float) -> bool:
        """Is it so at a time?"""
        return self.start_s <= at_s < self.end_s

    @property
    def is_deadly(self) -> bool:
        """Does nothing pass at all?"""
        return self.do in DEADLY and not self.kinds


def effects_of(events: Sequence[DrillEvent], elements: Sequence[str], seed: int) -> list[Effect]:
    """Every event as what it does to each of its elements, each time. `elements`: all there are, agents and hubs too."""
    effects = list[Effect]()
    for number, event in enumerate(events):
        chance = random.Random(f"{seed}|event {number}")
        chosen = _drawn(event, matching(elements, event.element), chance)
        for element in chosen:
            begin_s, end_s = chance.uniform(0.0, event.spread), chance.uniform(0.0, event.until_spread)
            effects += [_effect(number, event, element, begin_s + late_s, end_s + late_s) for late_s in _repeats(event)]
    return effects


def _drawn(event: DrillEvent, elements: Sequence[str], chance: random.Random) -> Sequence[str]:
    return elements if event.pick is None else chance.sample(elements, event.pick.of(len(elements)))


def _repeats(event: DrillEvent) -> Iterator[float]:
    return (number * event.every for number in range(event.times))


def _effect(number: int, event: DrillEvent, element: str, begin_s: float, end_s: float) -> Effect:
    until_s = math.inf if event.until is None else event.until + end_s
    return Effect(
        number,
        event.do,
        element,
        event.at + begin_s,
        until_s,
        event.kinds,
        float(event.share),
        event.one_way,
        event.ms,
        event.boot,
        event.away,
        event.by,
        event.known,
    )


@dataclass(frozen=True, slots=True)
class Way:
    """What a check, or an agent's writes, cross: what may befall them, and the pairs of uplinks on it."""

    effects: tuple[Effect, ...] = ()
    pairs: tuple[UplinkPair, ...] = ()

    @property
    def is_calm(self) -> bool:
        """Will nothing ever happen on it?"""
        return not self.effects and not self.pairs

    def holding(self, at_s: float) -> Iterator[Effect]:
        """What befalls a packet at a time."""
        yield from (effect for effect in self.effects if effect.holds(at_s))
        for pair in self.pairs:
            yield from pair.holding(at_s)

    def is_open(self, at_s: float) -> bool:
        """Do writes pass?"""
        return not any(effect.is_deadly for effect in self.holding(at_s))


@dataclass(frozen=True, slots=True)
class UplinkPair:
    """Two links of which the first carries all while it lives; after its death packets are lost for `reroute_s`, then the
    second carries them. `deaths`: when nothing passes the first one."""

    first: tuple[Effect, ...]
    second: tuple[Effect, ...]
    deaths: tuple[Effect, ...]
    reroute_s: float

    def holding(self, at_s: float) -> Iterator[Effect]:
        """What befalls a packet at a time, by the link that carries it."""
        died_s = min((death.start_s for death in self.deaths if death.holds(at_s)), default=None)
        if died_s is not None and at_s < died_s + self.reroute_s:
            yield Effect(-1, "cut", "", died_s, died_s + self.reroute_s)
            return
        carrying = self.first if died_s is None else self.second
        yield from (effect for effect in carrying if effect.holds(at_s))


_Seen = Callable[[Effect], Effect | None]


class Ways:
    """Ways through the network of one run."""

    def __init__(
        self, effects: Iterable[Effect], twins: Iterable[tuple[str, str]], reroute_s: float, seed: int
    ) -> None:
        """`twins`: pairs of links of which the first carries all while it lives."""
        self._of: dict[str, list[Effect]] = {}
        for effect in effects:
            if effect.do in ON_PACKETS:
                self._of.setdefault(effect.element, []).append(effect)
        self._twins = {link: pair for pair in twins for link in pair}
        self._reroute_s, self._seed = reroute_s, seed

    def of_check(self, check: str, kind: str, path: Sequence[str]) -> Way:
        """What a check meets. `path`: its elements, the far end last."""
        return self._way(path, lambda effect: self._on_check(effect, check, kind, path[-1]))

    def of_writes(self, path: Sequence[str]) -> Way:
        """What an agent's writes meet."""
        return self._way(path, lambda effect: effect if effect.is_deadly else None)

    def _way(self, path: Sequence[str], seen: _Seen) -> Way:
        pairs = dict.fromkeys(self._twins[element] for element in path if element in self._twins)
        single = [element for element in path if element not in self._twins]
        return Way(self._met(single, seen), tuple(self._pair(pair, seen) for pair in pairs))

    def _met(self, elements: Iterable[str], seen: _Seen) -> tuple[Effect, ...]:
        met = (seen(effect) for element in elements for effect in self._of.get(element, ()))
        return tuple(effect for effect in met if effect is not None)

    def _pair(self, pair: tuple[str, str], seen: _Seen) -> UplinkPair:
        deaths = tuple(effect for effect in self._of.get(pair[0], ()) if effect.is_deadly)
        return UplinkPair(self._met(pair[:1], seen), self._met(pair[1:], seen), deaths, self._reroute_s)

    def _on_check(self, effect: Effect, check: str, kind: str, end: str) -> Effect | None:
        """What an effect is for one check; None: nothing."""
        if effect.kinds and kind not in effect.kinds:
            return None
        if effect.do == "flows":
            draw = random.Random(f"{self._seed}|event {effect.event}|{effect.element}|{check}").random()
            return effect._replace(do="cut") if draw < effect.share else None
        if effect.do == "refuse":
            return effect if effect.element == end else effect._replace(do="filter")
        return effect


def answer_to(way: Way, sent_s: float, trip_s: float, chance: random.Random) -> tuple[Answer, float]:
    """What becomes of one try, and how long an answer takes (s). `trip_s`: how long it takes when all is well."""
    refusal: Answer = "ok"
    effects = set(way.holding(sent_s)) | set(way.holding(sent_s + trip_s))
    for effect in sorted(effects):
        if effect.do in DEADLY:
            return "lost", 0.0
        if effect.do == "lose" and _is_lost(effect, sent_s, sent_s + trip_s, chance):
            return "lost", 0.0
        if effect.do == "slow" and effect.holds(sent_s):
            trip_s += effect.ms / 1000
        elif effect.do in ("refuse", "filter"):
            refusal = "refused" if effect.do == "refuse" and refusal != "filtered" else "filtered"
    return refusal, trip_s


def _is_lost(effect: Effect, sent_s: float, back_s: float, chance: random.Random) -> bool:
    """Once there and, unless it is of one direction only, once back."""
    there = effect.holds(sent_s) and chance.random() < effect.share
    back = not effect.one_way and effect.holds(back_s) and chance.random() < effect.share
    return there or back
