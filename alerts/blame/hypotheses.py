"""Which element explains what fails: hypotheses weighed by who speaks for and against them. Pure; times are Unix ms.

A hypothesis says that an element (or one service of it) has been down since the last success that crossed it. Checks that
missed ever since speak for it; a success sent later speaks against it, unless its witness is held to be odd: it lies, is
answered by somebody nearer, or is stale. One odd witness costs as much as five checks that would have to be wrong
together; an agent that fell silent right behind the element speaks for the outage, too, where somebody fails to reach it at all,
and makes up for most of that. The hypothesis that explains most, after that price, is taken; what it explains is explained once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

Key = tuple[str, str]  # (element, "" for itself or the kind of a service it offers)
ODD_PRICE = 5  # so many witnesses must contradict one for it to be the odd one
MUTE_VOICE = 4  # an agent that fell silent speaks against an odd witness as much as so many checks
MAX_ODD = 3
NEWEST = 48  # successes looked at; more of them are not odd witnesses but most of the network


class Success(NamedTuple):
    """The latest success of a check that crosses an element."""

    at_ms: int
    agent: str
    check: str


@dataclass(frozen=True, slots=True)
class Failing:
    """A failing check as hypotheses see it. `limit_ms`: a success sent later speaks against what the check crosses;
    `weight`: 1, and less when the agent fails wherever it looks, so that all its checks are one witness."""

    check: str
    agent: str
    start_ms: int
    limit_ms: int
    keys: tuple[Key, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One element that explains checks. `proof_ms`: the last success that crossed it, 0: none is known."""

    key: Key
    checks: frozenset[str]
    proof_ms: int
    gain: float
    outvoted: frozenset[str] = frozenset()  # agents whose successes were not believed

    @property
    def element(self) -> str:
        """The element itself."""
        return self.key[0]


@dataclass(slots=True)
class Weighing:
    """All hypotheses of one tick. `successes`: the newest ones that speak for a key, newest first; `depth`: steps from the
    hub; `mute`: agents at an element, or right behind it, that fell silent."""

    failing: Mapping[str, Failing]
    successes: Callable[[Key], Sequence[Success]]
    depth: Callable[[str], int]
    mute: Callable[[str], int] = lambda _: 0
    _weighed: dict[Key, Hypothesis | None] = field(default_factory=dict)
    _by_key: dict[Key, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for failing in self.failing.values():
            for key in failing.keys:
                self._by_key.setdefault(key, set()).add(failing.check)

    def causes(self) -> Iterator[tuple[Hypothesis, list[str]]]:
        """The smallest set that explains, best first, each with the elements that explain the same as well; every check is
        explained at most once."""
        best = self._best()
        while best is not None:
            yield best, self._alike(best)
            self._explain(best.checks)
            best = self._best()

    def unexplained(self) -> set[str]:
        """Checks no hypothesis explains, after `causes`."""
        return set(chain.from_iterable(self._by_key.values()))

    def _alike(self, hypothesis: Hypothesis) -> list[str]:
        keys = {key for check in hypothesis.checks for key in self.failing[check].keys}
        others = (self._weighed.get(key) for key in keys)
        same = {other.element for other in others if other and _are_alike(other, hypothesis)}
        return sorted(same - {hypothesis.element}, key=lambda element: (self.depth(element), element))

    def _best(self) -> Hypothesis | None:
        for key in self._by_key.keys() - self._weighed.keys():
            self._weighed[key] = self._weigh(key)
        known = [hypothesis for hypothesis in self._weighed.values() if hypothesis is not None]
        return min(known, key=self._rank, default=None)

    def _rank(self, hypothesis: Hypothesis) -> tuple[float, int, bool, int, str]:
        """More explained first; of those alike the one nearest to the hub, itself before one of its services."""
        element, service = hypothesis.key
        return -hypothesis.gain, self.depth(element), service != "", -len(hypothesis.checks), element

    def _explain(self, checks: Collection[str]) -> None:
        for check in checks:
            for key in self.failing[check].keys:
                self._by_key[key].discard(check)
                self._weighed.pop(key, None)
        self._by_key = {key: left for key, left in self._by_key.items() if left}

    # --- one hypothesis ---

    def _weigh(self, key: Key) -> Hypothesis | None:
        """The best that can be said for a key: with nobody odd, or with some."""
        checks = [self.failing[check] for check in self._by_key[key]]
        blamers = Counter(failing.agent for failing in checks)
        voices = MUTE_VOICE * self.mute(key[0])
        best, odd, price = None, set[str](), 0
        for success in (*self.successes(key), Success(0, "", "")):
            if success.agent in odd and success.agent not in blamers:
                continue
            hypothesis = _supported(key, checks, success.at_ms, price, voices, odd)
            if hypothesis is not None and (best is None or hypothesis.gain > best.gain):
                best = hypothesis
            odd.add(success.agent)
            price += 1
            if len(odd) > MAX_ODD or ODD_PRICE * price > len(checks) + voices:
                break
        return best


def _are_alike(first: Hypothesis, other: Hypothesis) -> bool:
    """Do they explain the same, with as many witnesses held to be odd?"""
    return first.checks == other.checks and first.gain == other.gain


def _supported(
    key: Key, checks: Iterable[Failing], proof_ms: int, price: int, voices: int, odd: set[str]
) -> Hypothesis | None:
    """The hypothesis that the element is down since a proof; None when too few support it. `voices`: of mute agents."""
    support = [failing for failing in checks if failing.limit_ms >= proof_ms]
    weight = sum(failing.weight for failing in support)
    if not support or weight + voices < ODD_PRICE * price:
        return None
    explained = frozenset(failing.check for failing in support)
    return Hypothesis(key, explained, proof_ms, weight - max(0, ODD_PRICE * price - voices), frozenset(odd))
