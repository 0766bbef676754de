"""A silence as the state API takes it: when it holds, and what it is about. Pure; faults are answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException

from alerts.silences import SilenceTerms

MAX_SILENCE_S = 90 * 86400
MAX_PLAN_S = 366 * 86400  # ahead, and of maintenance that comes again
MAX_PATTERNS = 20
_LISTS = ("kinds", "owners", "carriers")


class SilenceTimes(NamedTuple):
    """Unix seconds; `from_s` None: from now on."""

    from_s: float | None
    until_s: float
    terms: SilenceTerms


def is_selective(body: Mapping[str, Any]) -> bool:
    """Does it say itself what it is about, so that it needs no element?"""
    return any(body.get(name) for name in _LISTS)


def times_of(body: Mapping[str, Any], now_s: float) -> SilenceTimes:
    """`for_s` from now, or from `from_s`; with `every_s` so long each time, until `until_s`. Raises `HTTPException` 400."""
    for_s, from_s = _seconds(body, "for_s", 1, MAX_SILENCE_S), None
    if "from_s" in body:
        from_s = _seconds(body, "from_s", now_s - MAX_SILENCE_S, now_s + MAX_PLAN_S)
    begins_s = now_s if from_s is None else from_s
    kinds, owners, carriers = (_patterns(body, name) for name in _LISTS)
    terms = SilenceTerms(kinds, owners, carriers)
    if "every_s" not in body:
        return SilenceTimes(from_s, begins_s + for_s, terms)
    every_s = _seconds(body, "every_s", 60, MAX_SILENCE_S)
    if for_s >= every_s:
        raise HTTPException(400, "for_s must be shorter than every_s")
    until_s = _seconds(body, "until_s", begins_s + for_s, now_s + MAX_PLAN_S)
    return SilenceTimes(begins_s, until_s, replace(terms, every_s=every_s, lasts_s=for_s))


def _seconds(body: Mapping[str, Any], name: str, low_s: float, high_s: float) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low_s <= value <= high_s:
        raise HTTPException(400, f"{name} must be a number of seconds from {low_s:.0f} to {high_s:.0f}")
    return float(value)


def _patterns(body: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = body.get(name, [])
    is_good = isinstance(value, list) and len(value) <= MAX_PATTERNS
    if not is_good or not all(isinstance(text, str) and 0 < len(text) <= 200 for text in value):
        raise HTTPException(400, f"{name} must be a list of at most {MAX_PATTERNS} texts")
    return tuple(value)
