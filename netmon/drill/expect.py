"""Whether a run came to what its scenario expects, with a sentence for each thing that did not. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence

from netmon.drill.names import fits
from netmon.drill.result import DrillPage, DrillResult, DrillTicks
from netmon.drill.scenario import CountRange, DrillScenario, NamedPage, TickLimits

NAMED = 3  # elements a sentence names before it counts the rest


def unmet(scenario: DrillScenario, result: DrillResult) -> list[str]:
    """A sentence for everything that does not hold in one run; empty when all does.

    What is about all seeds together is `unmet_over`'s.
    """
    expect = scenario.expect
    sentences = list[str]()
    for hub in scenario.network.hub:
        pages = _pages_of(hub, scenario, result)
        where = f"hub {hub}: " if len(scenario.network.hub) > 1 else ""
        sentences += [where + sentence for sentence in _of_hub(scenario, pages)]
    if expect.same_ids:
        sentences += _ids(scenario, result)
    sentences += _ticks(expect.ticks, result.ticks)
    if expect.rss_mb is not None and result.rss_mb > expect.rss_mb:
        sentences.append(f"{result.rss_mb:.0f} MB of memory, at most {expect.rss_mb:g} expected")
    return sentences


def unmet_over(scenario: DrillScenario, results: Mapping[int, DrillResult]) -> list[str]:
    """A sentence for every median over seeds that is too long: nothing is said while a seed is missing."""
    if not set(scenario.seeds) <= results.keys():
        return []
    return [
        f"hub {hub}: {_label(named)}: {_after(median_s)} as the median of all seeds, {named.p50_within:g} s expected"
        for named in scenario.expect.named
        for hub in scenario.network.hub
        if named.p50_within is not None and (median_s := _median_s(scenario, named, hub, results)) > named.p50_within
    ]


def _median_s(scenario: DrillScenario, named: NamedPage, hub: str, results: Mapping[int, DrillResult]) -> float:
    starts_s = _starts_s(scenario, named)
    return statistics.median(
        page["at_s"] - starts_s if page is not None else math.inf
        for page in (
            _first(scenario, named, _pages_of(hub, scenario, results[seed])) for seed in dict.fromkeys(scenario.seeds)
        )
    )


def _pages_of(hub: str, scenario: DrillScenario, result: DrillResult) -> list[DrillPage]:
    only = len(scenario.network.hub) == 1
    return sorted((page for page in result.pages if only or page["hub"] == hub), key=lambda page: page["at_s"])


def _of_hub(scenario: DrillScenario, pages: Sequence[DrillPage]) -> Iterator[str]:
    expect = scenario.expect
    firing, resolved = _with("firing", pages), _with("resolved", pages)
    yield from _count("firing", expect.firing, firing)
    yield from _count("resolved", expect.resolved, resolved)
    for named in expect.named:
        yield from _named(scenario, named, pages)
    if wrong := [page["element"] for page in firing if fits(page["element"], expect.never)]:
        yield f"never expected, and firing: {_some(wrong)}"
    for element, from_s in expect.held.items():
        early = [page for page in resolved if fits(page["element"], (element,)) and page["at_s"] < from_s]
        if early:
            yield f"{early[0]['element']} resolved at {early[0]['at_s']:.1f} s, not before {from_s:g} s expected"


def _with(status: str, pages: Iterable[DrillPage]) -> list[DrillPage]:
    return [page for page in pages if page["status"] == status]


def _count(status: str, expected: CountRange | None, pages: Sequence[DrillPage]) -> Iterator[str]:
    if expected is not None and len(pages) not in expected:
        of = f" ({_some([page['element'] for page in pages])})" if pages else ""
        yield f"{len(pages)} {status}{of}, {expected} expected"


# --- a page there must be ---


def _starts_s(scenario: DrillScenario, named: NamedPage) -> float:
    return scenario.first_event_s if named.at is None else named.at


def _first(scenario: DrillScenario, named: NamedPage, pages: Iterable[DrillPage]) -> DrillPage | None:
    """The first firing page that names one of the elements, from the time on that it is counted from."""
    from_s = _starts_s(scenario, named)
    return next(
        (page for page in _with("firing", pages) if page["at_s"] >= from_s and fits(page["element"], named.any)), None
    )


def _named(scenario: DrillScenario, named: NamedPage, pages: Sequence[DrillPage]) -> Iterator[str]:
    page = _first(scenario, named, pages)
    if page is None:
        yield f"{_label(named)}: no page"
        return
    late_s = page["at_s"] - _starts_s(scenario, named)
    if named.within is not None and late_s > named.within:
        yield f"{page['element']}: {_after(late_s)}, {named.within:g} s expected"
    for sentence in _said(named, page):
        yield f"{page['element']}: {sentence}"


def _said(named: NamedPage, page: DrillPage) -> Iterator[str]:
    """What the page says and should not, or does not and should."""
    if named.kind and page["kind"] not in named.kind:
        yield f"kind {page['kind']}, {' or '.join(named.kind)} expected"
    if named.symptoms is not None and page["symptoms"] not in named.symptoms:
        yield f"{page['symptoms']} symptoms, {named.symptoms} expected"
    if named.severity and page["severity"] != named.severity:
        yield f"severity {page['severity']}, {named.severity} expected"
    if missing := [id for id in named.conferences if id not in page["conferences"]]:
        yield f"does not speak of conference {_some(missing)}"
    if wrong := [id for id in named.not_conferences if id in page["conferences"]]:
        yield f"speaks of conference {_some(wrong)}"


def _label(named: NamedPage) -> str:
    return " or ".join(named.any)


def _after(seconds: float) -> str:
    return "no page" if math.isinf(seconds) else f"after {seconds:.1f} s"


def _some(names: Sequence[str]) -> str:
    """The first few different ones, and how many more."""
    different = list(dict.fromkeys(names))
    more = f" and {len(different) - NAMED} more" if len(different) > NAMED else ""
    return ", ".join(different[:NAMED]) + more


# --- ids, time, memory ---


def _ids(scenario: DrillScenario, result: DrillResult) -> Iterator[str]:
    """Do all hubs give the incidents of each named element the same ids?"""
    for named in scenario.expect.named:
        ids = {
            hub: sorted({page["id"] for page in _firing_of(named, _pages_of(hub, scenario, result))})
            for hub in scenario.network.hub
        }
        if any(known != ids[scenario.network.hub[0]] for known in ids.values()):
            each = ", ".join(f"{hub} {' and '.join(known) or 'none'}" for hub, known in ids.items())
            yield f"{_label(named)}: ids differ: {each}"


def _firing_of(named: NamedPage, pages: Iterable[DrillPage]) -> list[DrillPage]:
    return [page for page in _with("firing", pages) if fits(page["element"], named.any)]


def _ticks(limits: TickLimits, ticks: DrillTicks) -> Iterator[str]:
    rows = (
        ("p50", ticks["p50_ms"], limits.p50_ms),
        ("p99", ticks["p99_ms"], limits.p99_ms),
        ("max", ticks["max_ms"], limits.max_ms),
    )
    for name, took_ms, limit_ms in rows:
        if limit_ms is not None and took_ms > limit_ms:
            yield f"ticks: {name} {took_ms:.0f} ms, at most {limit_ms:g} ms expected"
