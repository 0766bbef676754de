"""Who is broken, by weight of evidence: hypotheses over hand-made witnesses."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from alerts.blame.hypotheses import MAX_ODD, ODD_PRICE, Failing, Hypothesis, Key, Success, Weighing

CUT_MS = 60_000
DEPTH = {"site:core": 0, "link:up": 1, "province:01": 2, **{f"link:c{n}": 3 for n in range(30)}}


def failing(check: str, agent: str, *elements: str, start_ms: int = CUT_MS, weight: float = 1.0) -> Failing:
    return Failing(check, agent, start_ms, start_ms + 500, tuple((element, "") for element in elements), weight)


def weigh(checks: Sequence[Failing], successes: dict[Key, list[Success]]) -> Weighing:
    newest = {key: sorted(those, reverse=True) for key, those in successes.items()}
    return Weighing(
        {check.check: check for check in checks}, lambda key: newest.get(key, []), lambda e: DEPTH.get(e, 9)
    )


def causes(weighing: Weighing) -> list[Hypothesis]:
    return [cause for cause, _ in weighing.causes()]


def behind(count: int) -> list[Failing]:
    """A check of the core to each commune behind an uplink."""
    return [failing(f"core-c{n}", "core", "site:core", "link:up", "province:01", f"link:c{n}") for n in range(count)]


def test_what_all_failing_checks_share_is_named_and_the_nearest_of_those_alike() -> None:
    alive = {("site:core", ""): [Success(CUT_MS + 5_000, "core", "core-mcu")]}
    weighing = weigh(behind(6), alive)
    [(cause, alike)] = list(weighing.causes())
    assert (cause.element, alike) == ("link:up", ["province:01"])
    assert len(cause.checks) == 6 and cause.outvoted == frozenset()


def test_a_success_later_than_the_cut_clears_what_it_crossed_and_nothing_else() -> None:
    up = [Success(CUT_MS + 2_000, "core", "core-c9")]
    alive = {("site:core", ""): up, ("link:up", ""): up, ("province:01", ""): up}
    named = {cause.element for cause in causes(weigh(behind(2), alive))}
    assert named == {"link:c0", "link:c1"}


def test_one_witness_against_many_is_outvoted_and_named() -> None:
    checks = [failing(f"c{n}-dns", f"c{n}", "service:dns") for n in range(20)]
    liar = {("service:dns", ""): [Success(CUT_MS + 5_000, "c20", "c20-dns")]}
    [cause] = causes(weigh(checks, liar))
    assert (cause.element, cause.outvoted) == ("service:dns", frozenset({"c20"}))


def test_one_witness_against_four_is_believed() -> None:
    checks = [failing(f"c{n}-dns", f"c{n}", "service:dns") for n in range(ODD_PRICE - 1)]
    alive = {("service:dns", ""): [Success(CUT_MS + 5_000, "c20", "c20-dns")]}
    weighing = weigh(checks, alive)
    assert causes(weighing) == []
    assert weighing.unexplained() == {check.check for check in checks}


def test_more_than_three_are_never_held_to_be_odd() -> None:
    checks = [failing(f"c{n}-dns", f"c{n}", "service:dns") for n in range(300)]
    others = [Success(CUT_MS + 5_000 + n, f"d{n}", f"d{n}-dns") for n in range(MAX_ODD + 1)]
    assert causes(weigh(checks, {("service:dns", ""): others})) == []


def test_flows_of_one_agent_that_succeed_beside_its_failing_ones_are_no_odd_witness() -> None:
    checks = [failing(f"c{n}-{kind}", f"c{n}", "link:up") for n in range(5) for kind in ("a", "b")]
    halves = [Success(CUT_MS + 5_000, f"c{n}", f"c{n}-{kind}") for n in range(5) for kind in ("x", "y")]
    assert causes(weigh(checks, {("link:up", ""): halves})) == []


def test_an_agent_that_fails_wherever_it_looks_is_one_witness() -> None:
    checks = [failing(f"c7-{n}", "c7", "link:c7", weight=1 / 12) for n in range(12)]
    alive = {("link:c7", ""): [Success(CUT_MS + 5_000, "core", "core-c7")]}
    assert causes(weigh(checks, alive)) == []


def test_a_success_sent_before_an_odd_one_dates_the_outage() -> None:
    checks = [failing(f"c{n}-dns", f"c{n}", "service:dns") for n in range(20)]
    heard = [Success(CUT_MS - 300, "c1", "c1-dns"), Success(CUT_MS + 9_000, "c20", "c20-dns")]
    [cause] = causes(weigh(checks, {("service:dns", ""): heard}))
    assert cause.proof_ms == CUT_MS - 300


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 20_000)), max_size=30),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 40_000)), max_size=30),
)
def test_every_check_is_explained_once_or_left_over(
    bad: list[tuple[int, int, int]], good: list[tuple[int, int, int]]
) -> None:
    checks = [
        failing(f"k{at}", f"a{agent}", "site:core", f"link:c{link}", start_ms=CUT_MS + start_ms)
        for at, (agent, link, start_ms) in enumerate(bad)
    ]
    alive: dict[Key, list[Success]] = {}
    for at, (agent, link, sent_ms) in enumerate(good):
        for element in ("site:core", f"link:c{link}"):
            alive.setdefault((element, ""), []).append(Success(CUT_MS + sent_ms, f"a{agent}", f"g{at}"))
    weighing = weigh(checks, alive)
    chosen = causes(weighing)
    explained = [check for cause in chosen for check in cause.checks]
    assert len(explained) == len(set(explained))
    assert set(explained) | weighing.unexplained() == {check.check for check in checks}
    assert not set(explained) & weighing.unexplained()
    assert all(len(cause.outvoted) <= MAX_ODD for cause in chosen)
