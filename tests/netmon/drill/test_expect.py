"""What is expected of a run, held against pages made by hand: each thing that does not hold has its sentence, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from netmon.drill.expect import unmet, unmet_over
from netmon.drill.result import DrillPage, DrillResult, DrillTicks
from netmon.drill.scenario import (
    ChecksPlan,
    CountRange,
    DrillEvent,
    DrillNetwork,
    DrillScenario,
    Expectation,
    NamedPage,
    TickLimits,
)

LINK = "link:core-p01"


def page(at_s: float, element: str = LINK, status: str = "firing", **other: Any) -> DrillPage:
    rest: dict[str, Any] = {
        "kind": "down", "symptoms": 12, "severity": "critical", "id": "i1", "conferences": [], "hub": "core",
    }  # fmt: skip
    return {"at_s": at_s, "element": element, "status": status, **(rest | other)}  # type: ignore[typeddict-item]


def result(*pages: DrillPage, rss_mb: float = 300.0, **ticks: float) -> DrillResult:
    known: Any = {"n": 60, "p50_ms": 10.0, "p99_ms": 20.0, "max_ms": 30.0} | ticks
    took: DrillTicks = known
    return DrillResult(list(pages), [], took, rss_mb)


def scenario(hub: tuple[str, ...] = ("core",), seeds: tuple[int, ...] = (1,), **expect: Any) -> DrillScenario:
    return DrillScenario(
        name="some",
        about="A cut.",
        network=DrillNetwork(communes=(3,), hub=hub, checks=ChecksPlan()),
        events=(
            DrillEvent(at=30, do="silence", element=("commune:00001",)),
            DrillEvent(at=42, do="cut", element=(LINK,)),
        ),
        seeds=seeds,
        until=90,
        expect=Expectation(**expect),
    )


def named(**more: Any) -> tuple[NamedPage, ...]:
    return (NamedPage(any=(LINK, "province:01"), **more),)


def test_a_run_that_meets_all_has_no_sentence() -> None:
    expect = {
        "firing": CountRange(1, 1),
        "resolved": CountRange(1, 1),
        "named": named(within=5, kind=("down",), symptoms=CountRange(12, None), severity="critical"),
        "never": ("commune:*",),
        "held": {LINK: 67.0},
        "ticks": TickLimits(p50_ms=10, p99_ms=20, max_ms=30),
        "rss_mb": 300,
    }
    assert unmet(scenario(**expect), result(page(45), page(67, status="resolved"))) == []


@pytest.mark.parametrize(
    ("pages", "sentences"),
    [
        ((), ["0 firing, 1 expected"]),
        ((page(45), page(46, "agent:c00001"), page(47, status="update")), ["2 firing (link:core-p01, agent:c00001), 1 expected"]),
        ((page(45, status="other"), page(46)), []),
    ],
)  # fmt: skip
def test_firing_pages_are_counted_and_others_are_not(pages: tuple[DrillPage, ...], sentences: list[str]) -> None:
    assert unmet(scenario(firing=CountRange(1, 1)), result(*pages)) == sentences


def test_without_resolved_any_number_is_right() -> None:
    pages = [page(45), page(50, status="resolved"), page(60, status="resolved")]
    assert unmet(scenario(), result(*pages)) == []
    assert unmet(scenario(resolved=CountRange(0, 0)), result(*pages)) == ["2 resolved (link:core-p01), 0 expected"]


def test_a_named_page_is_counted_from_the_first_event_that_is_no_silence() -> None:
    assert unmet(scenario(named=named(within=5)), result(page(47))) == []
    assert unmet(scenario(named=named(within=5)), result(page(47.1))) == ["link:core-p01: after 5.1 s, 5 s expected"]
    assert unmet(scenario(named=named(within=5, at=43)), result(page(47.1))) == []
    assert unmet(scenario(named=named(within=5)), result(page(31))) == ["link:core-p01 or province:01: no page"]
    assert unmet(scenario(named=named()), result(page(45, status="resolved"))) == [
        "link:core-p01 or province:01: no page"
    ]


def test_the_first_such_page_is_the_one_that_must_say_it() -> None:
    wanted = named(kind=("loss", "delay"), symptoms=CountRange(13, 20), severity="warning")
    assert unmet(scenario(named=wanted), result(page(50, kind="loss", symptoms=13, severity="warning"), page(45))) == [
        "link:core-p01: kind down, loss or delay expected",
        "link:core-p01: 12 symptoms, 13..20 expected",
        "link:core-p01: severity critical, warning expected",
    ]


def test_conferences_a_page_must_and_must_not_speak_of() -> None:
    wanted = named(conferences=("a", "b"), not_conferences=("c", "d"))
    assert unmet(scenario(named=wanted), result(page(45, conferences=["b", "c"]))) == [
        "link:core-p01: does not speak of conference a", "link:core-p01: speaks of conference c",
    ]  # fmt: skip
    assert unmet(scenario(named=wanted), result(page(45, conferences=["b", "a", "e"]))) == []


def test_what_must_never_fire_is_told_and_what_is_resolved_is_not() -> None:
    pages = [page(45 + number, f"commune:0000{number}") for number in range(5)]
    assert unmet(scenario(never=("commune:*", "agent:*")), result(*pages, page(45))) == [
        "never expected, and firing: commune:00000, commune:00001, commune:00002 and 2 more"
    ]
    assert unmet(scenario(never=("commune:*",)), result(page(45, "commune:00001", "resolved"))) == []


def test_a_page_that_is_resolved_too_early() -> None:
    early = result(page(45), page(66.9, status="resolved"))
    assert unmet(scenario(held={LINK: 67.0}), early) == ["link:core-p01 resolved at 66.9 s, not before 67 s expected"]
    assert len(unmet(scenario(held={"*": 400.0}), early)) == 1 and unmet(scenario(held={"mcu:*": 400.0}), early) == []


def test_time_and_memory() -> None:
    limits = TickLimits(p99_ms=19, max_ms=31)
    assert unmet(scenario(ticks=limits, rss_mb=299), result()) == [
        "ticks: p99 20 ms, at most 19 ms expected", "300 MB of memory, at most 299 expected",
    ]  # fmt: skip


def test_every_hub_is_held_to_it() -> None:
    two = scenario(hub=("core", "p01"), firing=CountRange(1, 1), named=named(within=5))
    assert unmet(two, result(page(45), page(46, hub="p01"))) == []
    assert unmet(two, result(page(45), page(45, "agent:p01"))) == [
        "hub core: 2 firing (link:core-p01, agent:p01), 1 expected",
        "hub p01: 0 firing, 1 expected",
        "hub p01: link:core-p01 or province:01: no page",
    ]


def test_hubs_give_one_incident_one_id() -> None:
    two = scenario(hub=("core", "p01"), named=named(), same_ids=True)
    assert unmet(two, result(page(45), page(46, hub="p01"), page(60, "agent:c", id="x"))) == []
    assert unmet(two, result(page(45), page(46, hub="p01", id="i2"))) == [
        "link:core-p01 or province:01: ids differ: core i1, p01 i2"
    ]


def test_the_median_is_one_of_all_seeds() -> None:
    three = scenario(seeds=(1, 2, 3), named=named(within=10, p50_within=4))
    fast, slow = result(page(45)), result(page(50))
    assert unmet(three, slow) == []  # one seed alone may be slower than the median
    assert unmet_over(three, {1: fast, 2: slow, 3: fast}) == []
    assert unmet_over(three, {1: slow, 2: slow}) == []
    assert unmet_over(three, {1: fast, 2: slow, 3: slow}) == [
        "hub core: link:core-p01 or province:01: after 8.0 s as the median of all seeds, 4 s expected"
    ]
    assert "no page" in unmet_over(three, {1: fast, 2: result(), 3: result()})[0]
