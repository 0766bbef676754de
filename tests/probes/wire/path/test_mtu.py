"""The search for the path MTU finds it exactly, in few steps, whatever the routers say or do not say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from probes.wire.path.mtu import CONTROL, MtuSearch


def found(true: int, high: int, hints: list[int | None]) -> tuple[MtuSearch, int]:
    """The search against a path where `true` bytes pass; each larger one gets the next hint (None: no word)."""
    search, steps, said = MtuSearch(CONTROL, high), 0, iter(hints)
    while search.mtu is None:
        steps += 1
        assert steps <= 40 and CONTROL < search.size <= high
        if search.size <= true:
            search.passed()
            continue
        hint = next(said, None)
        if hint is None:
            search.vanished()
        else:
            search.too_big(hint, "192.0.2.1")
    return search, steps


@given(st.integers(CONTROL, 9300), st.integers(CONTROL + 1, 9216))
def test_a_black_hole_is_measured_by_halving(true: int, high: int) -> None:
    search, steps = found(true, high, [])
    assert search.mtu == min(true, high) and steps <= 15
    assert search.black_hole == (true < high)


@given(st.integers(CONTROL + 1, 1499))
def test_a_router_that_names_its_mtu_is_believed_and_tried(true: int) -> None:
    search, steps = found(true, 1500, [true])
    assert (search.mtu, steps, search.black_hole, search.said_by) == (true, 2, False, "192.0.2.1")


def test_one_router_after_the_other_may_name_its_mtu() -> None:
    search, steps = found(1300, 1500, [1492, 1400, 1300])
    assert (search.mtu, steps, search.black_hole) == (1300, 4, False)


def test_old_routers_that_name_none_make_it_halve_without_a_black_hole() -> None:
    search, _ = found(1400, 1500, [0] * 20)
    assert (search.mtu, search.black_hole) == (1400, False)


def test_the_black_hole_behind_a_router_that_speaks_is_found() -> None:
    search, _ = found(1200, 1500, [1492])
    assert (search.mtu, search.black_hole) == (1200, True)


@given(st.integers(CONTROL, 2000), st.lists(st.one_of(st.none(), st.integers(0, 70000)), max_size=30))
def test_liars_end_the_search_too_and_never_above_the_truth(true: int, hints: list[int | None]) -> None:
    search, _ = found(true, 1500, hints)
    assert search.mtu is not None and CONTROL <= search.mtu <= min(true, 1500)
