"""Silences: no pages for an element and everything behind it, for a time. Incidents themselves stay. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alerts.base import Topology, inward


@dataclass(frozen=True, slots=True)
class Silence:
    """Times are Unix seconds."""

    id: str
    element: str
    from_s: float
    until_s: float
    who: str
    note: str


def silence_over(element: str, silences: Iterable[Silence], topology: Topology, now_s: float) -> Silence | None:
    """The silence that holds for an element now: the nearest to it. Work on an element covers what is behind it: a
    silenced uplink silences its communes."""
    quiet = {silence.element: silence for silence in silences if silence.from_s <= now_s < silence.until_s}
    return next((quiet[step] for step in inward(element, topology) if step in quiet), None) if quiet else None


def is_silenced(element: str, silences: Iterable[Silence], topology: Topology, now_s: float) -> bool:
    """Does a silence hold for an element now?"""
    return silence_over(element, silences, topology, now_s) is not None
