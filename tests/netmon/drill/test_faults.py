"""What a scenario's events do to one try: facts of times and seeds."""

from __future__ import annotations

import math
import random

import pytest

from netmon.drill.faults import Way, Ways, answer_to, effects_of
from netmon.drill.scenario import DrillEvent, Percent, Pick

PATH = ("agent:c00003", "commune:00003", "link:p01-c00003", "province:01", "link:core-p01", "site:core")
WRITES = PATH
LINKS = tuple(f"link:p01-c{number:05}" for number in range(1, 41))
TRIP_S = 0.03


def ways(
    *events: DrillEvent, seed: int = 1, twins: tuple[tuple[str, str], ...] = (), more: tuple[str, ...] = ()
) -> Ways:
    return Ways(effects_of(events, (*PATH, *more), seed), twins, 4.0, seed)


def event(
    do: str, element: str = "link:core-p01", at: float = 60.0, until: float | None = 120.0, **more: object
) -> DrillEvent:
    return DrillEvent(at=at, do=do, element=(element,), until=until, **more)  # type: ignore[arg-type]


def answers(way: Way, at_s: float, tries: int = 1) -> list[str]:
    chance = random.Random(7)
    return [answer_to(way, at_s, TRIP_S, chance)[0] for _ in range(tries)]


def test_a_cut_link_loses_packets_both_ways_and_writes_from_its_first_moment_to_its_last() -> None:
    cut = ways(event("cut"))
    outward, inward = cut.of_check("core-c00003", "ping", PATH[:0:-1]), cut.of_check("c00003-core", "ping", PATH)
    writes = cut.of_writes(WRITES)
    for at_s, answer in ((59.9, "ok"), (59.98, "lost"), (60.0, "lost"), (119.9, "lost"), (120.0, "ok")):
        assert answers(outward, at_s) == answers(inward, at_s) == [answer], at_s
    assert [writes.is_open(at_s) for at_s in (59.9, 60.0, 119.9, 120.0)] == [True, False, False, True]


def test_a_cut_of_some_kinds_leaves_other_kinds_and_writes_alone() -> None:
    cut = ways(event("cut", kinds=("sip",)))
    assert answers(cut.of_check("a", "sip", PATH), 60.0) == ["lost"]
    assert cut.of_check("a", "ping", PATH).is_calm
    assert cut.of_writes(WRITES).is_open(60.0)


def test_a_cut_elsewhere_is_none_of_a_check_s_business() -> None:
    assert ways(event("cut", "link:other"), more=("link:other",)).of_check("a", "ping", PATH).is_calm


@pytest.mark.parametrize(("one_way", "low", "high"), [(False, 0.46, 0.56), (True, 0.66, 0.74)])
def test_losses_are_drawn_once_there_and_once_back(one_way: bool, low: float, high: float) -> None:
    way = ways(event("lose", share=Percent(0.3), one_way=one_way)).of_check("a", "ping", PATH)
    came = answers(way, 61.0, 4000).count("ok") / 4000
    assert low < came < high  # 0.7 × 0.7, or 0.7


def test_writes_pass_a_lossy_link() -> None:
    assert ways(event("lose", share=Percent(1.0))).of_writes(WRITES).is_open(61.0)


def test_half_of_the_flows_are_always_the_same_checks() -> None:
    half = ways(event("flows", share=Percent(0.5)))
    dead = {name for name in map(str, range(400)) if answers(half.of_check(name, "ping", PATH), 61.0) == ["lost"]}
    assert 150 < len(dead) < 250
    for name in map(str, range(400)):
        assert answers(half.of_check(name, "ping", PATH), 100.0, 3) == ["lost" if name in dead else "ok"] * 3
    assert half.of_writes(WRITES).is_open(61.0)


def test_a_slow_link_adds_its_time() -> None:
    way = ways(event("slow", ms=200.0)).of_check("a", "ping", PATH)
    assert answer_to(way, 61.0, TRIP_S, random.Random(1)) == ("ok", pytest.approx(0.23))


def test_the_far_end_refuses_and_something_on_the_way_filters() -> None:
    assert answers(ways(event("refuse", "site:core", kinds=("http",))).of_check("a", "http", PATH), 61.0) == ["refused"]
    assert answers(ways(event("refuse", kinds=("http",))).of_check("a", "http", PATH), 61.0) == ["filtered"]


def test_a_second_uplink_takes_over_after_a_while_and_gives_back_at_once() -> None:
    pair = ("link:core-p01", "link:core-p01-b")
    dead = ways(event("cut"), twins=(pair,), more=pair[1:])
    way, writes = dead.of_check("a", "ping", PATH), dead.of_writes(WRITES)
    at = (59.0, 61.0, 63.9, 64.1, 119.0, 121.0)
    assert [answers(way, at_s)[0] for at_s in at] == ["ok", "lost", "lost", "ok", "ok", "ok"]
    assert [writes.is_open(at_s) for at_s in at] == [True, False, False, True, True, True]


def test_with_both_uplinks_dead_nothing_passes_and_the_second_s_death_alone_is_not_felt() -> None:
    pair = ("link:core-p01", "link:core-p01-b")
    both = ways(event("cut"), event("cut", pair[1]), twins=(pair,), more=pair[1:])
    second = ways(event("cut", pair[1]), twins=(pair,), more=pair[1:])
    assert answers(both.of_check("a", "ping", PATH), 100.0) == ["lost"]
    assert answers(second.of_check("a", "ping", PATH), 100.0) == ["ok"]


def test_drawn_elements_and_times_come_from_the_seed() -> None:
    storm = event("cut", "link:p01-c*", pick=Pick(12, None), spread=5.0, until_spread=30.0)
    effects = effects_of([storm], LINKS, 3)
    assert effects == effects_of([storm], LINKS, 3) != effects_of([storm], LINKS, 4)
    assert len({effect.element for effect in effects}) == 12
    assert all(60.0 <= effect.start_s <= 65.0 and 120.0 <= effect.end_s <= 150.0 for effect in effects)
    assert len({effect.start_s for effect in effects}) > 6


def test_what_is_repeated_comes_again_so_much_later() -> None:
    flap = event("cut", at=60.0, until=75.0, times=3, every=30.0)
    assert [(effect.start_s, effect.end_s) for effect in effects_of([flap], PATH, 1)] == [
        (60, 75),
        (90, 105),
        (120, 135),
    ]


def test_what_has_no_end_never_ends() -> None:
    assert effects_of([event("cut", until=None)], PATH, 1)[0].end_s == math.inf
