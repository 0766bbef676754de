"""Silences: no pages for an element and everything behind it, for a time. Incidents themselves stay. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from alerts.base import Topology, inward

_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class SilenceTerms:
    """What more a silence asks for: all that is set must hold; names may have `*` and `?`. `every_s`: it begins again so often
    (maintenance each week), and lasts `lasts_s` each time."""

    kinds: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    carriers: tuple[str, ...] = ()
    every_s: float = 0.0
    lasts_s: float = 0.0

    @property
    def is_selective(self) -> bool:
        """Is it about some kinds, owners or carriers alone?"""
        return bool(self.kinds or self.owners or self.carriers)


@dataclass(frozen=True, slots=True)
class Silence:
    """Times are Unix seconds. `element`: one element, a pattern of elements (`link:p79-*`), or "" for any."""

    id: str
    element: str
    from_s: float
    until_s: float
    who: str
    note: str
    terms: SilenceTerms = SilenceTerms()

    def holds(self, now_s: float) -> bool:
        """Is it in force now?"""
        if not self.from_s <= now_s < self.until_s:
            return False
        terms = self.terms
        return not terms.every_s or (now_s - self.from_s) % terms.every_s < terms.lasts_s


def silence_over(
    element: str, silences: Iterable[Silence], topology: Topology, now_s: float, *, kind: str = ""
) -> Silence | None:
    """The silence that holds for an element now: the nearest to it. Work on an element covers what is behind it: a
    silenced uplink silences its communes. `kind`: of the incident, for silences that are about some kinds alone."""
    holding = [silence for silence in silences if silence.holds(now_s)]
    if not holding:
        return None
    info = topology.info(element)
    fitting = [silence for silence in holding if _fits(silence.terms, kind, info.owner, info.carrier)]
    return next((silence for step in inward(element, topology) for silence in fitting if _is_at(silence, step)), None)


def silence_of(
    element: str, suspects: Sequence[str], kind: str, silences: Sequence[Silence], topology: Topology, now_s: float
) -> Silence | None:
    """The silence that holds for an incident: one that covers the named element or any of its suspects. They look alike: when
    work on one of them is known, nobody is woken for its neighbour."""
    if not silences:
        return None
    looks_alike = (element, *(suspect for suspect in suspects if suspect != element))
    covering = (silence_over(suspect, silences, topology, now_s, kind=kind) for suspect in looks_alike)
    return next((silence for silence in covering if silence is not None), None)


def _fits(terms: SilenceTerms, kind: str, owner: str, carrier: str) -> bool:
    if not terms.is_selective:
        return True
    asked = ((terms.kinds, kind), (terms.owners, owner), (terms.carriers, carrier))
    return all(not wanted or any(fnmatchcase(value, pattern) for pattern in wanted) for wanted, value in asked)


def _is_at(silence: Silence, step: str) -> bool:
    if not silence.element or silence.element == step:
        return True
    return is_pattern(silence.element) and fnmatchcase(step, silence.element)


def is_pattern(element: str) -> bool:
    """Does it stand for several elements?"""
    return not _GLOB.isdisjoint(element)


def is_silenced(element: str, silences: Iterable[Silence], topology: Topology, now_s: float) -> bool:
    """Does a silence hold for an element now?"""
    return silence_over(element, silences, topology, now_s) is not None
