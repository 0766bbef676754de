"""What nobody can judge, as bits: it behaves as the set of pairs it stands for."""

from __future__ import annotations

import numpy as np
import pytest

from alerts.engine.unknown import UnknownMembers, UnknownSeries

NAMES = ["a", "b", "c", "new"]
ROWS = {name: row for row, name in enumerate(NAMES)}
PAIRS = {("r", "a"), ("r", "c"), ("s", "b")}


@pytest.fixture
def unknown() -> UnknownMembers:
    bits = {"r": [True, False, True], "s": [False, True, False]}
    return UnknownMembers({rule: UnknownSeries(np.array(its), NAMES, ROWS.get) for rule, its in bits.items()})


def test_it_is_the_set_of_its_pairs(unknown: UnknownMembers) -> None:
    assert unknown == PAIRS and unknown == PAIRS and set(unknown) == PAIRS and len(unknown) == 3
    assert ("r", "a") in unknown and ("r", "b") not in unknown and ("x", "a") not in unknown
    assert ("r", "new") not in unknown and ("r", "nobody") not in unknown


def test_what_is_reckoned_with_it_is_what_sets_give(unknown: UnknownMembers) -> None:
    some = frozenset({("r", "a"), ("r", "b"), ("q", "a")})
    for left, right in ((unknown, some), (some, unknown)):
        plain = [frozenset(side) for side in (left, right)]
        assert left - right == plain[0] - plain[1]
        assert left & right == plain[0] & plain[1]
        assert left | right == plain[0] | plain[1] and len(left | right) == 5
    assert unknown <= PAIRS and not unknown <= some
    assert {("q", "a"), ("s", "b")} & (some | unknown) == {("q", "a"), ("s", "b")}
