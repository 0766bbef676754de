from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import header

from netmon.hub.ingest import seen
from netmon.hub.ingest.seen import Intervals, NotARepeat, SeenNumbers

_SPANS = st.lists(st.tuples(st.booleans(), st.integers(0, 60), st.integers(0, 12)), max_size=40)


@given(_SPANS, st.integers(0, 60), st.integers(0, 30))
def test_intervals_are_the_set_they_stand_for(steps: list[tuple[bool, int, int]], first: int, many: int) -> None:
    intervals, truth = Intervals(), set[int]()
    for adding, start, length in steps:
        span = range(start, start + length + 1)
        if adding:
            intervals.add(span[0], span[-1])
            truth.update(span)
        else:
            intervals.discard(span[0], span[-1])
            truth.difference_update(span)
    assert {number for low, high in intervals for number in range(low, high + 1)} == truth
    assert all(end + 1 < start for (_, end), (start, _) in zip(intervals, list(intervals)[1:], strict=False))
    missing = intervals.missing(first, first + many)
    assert [n for low, high in missing for n in range(low, high + 1)] == [
        n for n in range(first, first + many + 1) if n not in truth
    ]
    assert all((number in intervals) == (number in truth) for number in range(80))


def test_a_claim_tells_only_what_is_new_and_can_be_taken_back() -> None:
    known = SeenNumbers()
    assert known.claim("c1", "b", 1, 10) == [(1, 10)]
    assert known.claim("c1", "b", 5, 15) == [(11, 15)]
    assert known.claim("c1", "b", 5, 15) == []
    assert known.claim("c1", "other boot", 5, 15) == [(5, 15)]
    known.release("c1", "b", [(11, 15)])
    assert known.claim("c1", "b", 9, 12) == [(11, 12)]


def test_seen_ranges_survive_export_and_restore() -> None:
    known = SeenNumbers()
    for first in random.Random(3).sample(range(0, 1000, 7), 50):
        known.claim("c1", "b", first, first + 3)
    again = SeenNumbers.restore(known.export())
    assert again.export() == known.export()


def test_memory_is_bounded_by_boots_and_gaps() -> None:
    known = SeenNumbers()
    for number in range(seen.MAX_BOOTS + 5):
        known.claim("c1", f"b{number}", 1, 2)
    assert len(known.export()["c1"]) == seen.MAX_BOOTS
    for number in range(0, 4 * seen.MAX_INTERVALS, 2):
        known.claim("c2", "b", number, number)
    assert len(known.export()["c2"]["b"]) == seen.MAX_INTERVALS
    assert known.claim("c2", "b", 4 * seen.MAX_INTERVALS - 2, 4 * seen.MAX_INTERVALS - 2) == []


def test_newer_points_under_used_numbers_are_no_repeat() -> None:
    known = SeenNumbers()
    known.claim("c1", "b", 1, 3, [10, 20, 30], 1)
    assert known.claim("c1", "b", 2, 3, [20, 30], 2) == []
    with pytest.raises(NotARepeat):
        known.claim("c1", "b", 2, 4, [20, 31, 40], 3)
    assert known.claim("c1", "b", 3, 4, [30, 40], 4) == [(4, 4)]


def test_another_text_under_the_numbers_of_a_write_is_no_repeat() -> None:
    known = SeenNumbers()
    known.claim("c1", "b", 1, 3, [10, 20, 30], 77)
    assert known.claim("c1", "b", 1, 3, [10, 20, 30], 77) == []
    with pytest.raises(NotARepeat):
        known.claim("c1", "b", 1, 3, [10, 20, 30], 78)
    known.release("c1", "b", [(1, 3)])
    assert known.claim("c1", "b", 1, 3, [10, 20, 30], 78) == [(1, 3)]


def test_what_is_a_repeat_is_known_after_a_restart_too() -> None:
    known = SeenNumbers()
    known.claim("c1", "b", 1, 3, [10, 20, 30])
    known.again(header(boot="of a record", last=2), 50)
    later = SeenNumbers.restore(known.export(), known.newest())
    assert later.claim("c1", "b", 1, 3, [10, 20, 30], 1) == []
    assert later.claim("c1", "of a record", 2, 2, [50], 1) == []
    with pytest.raises(NotARepeat):
        later.claim("c1", "of a record", 1, 2, [49, 51], 2)
    earlier_version = SeenNumbers.restore(known.export())
    assert earlier_version.claim("c1", "b", 3, 3, [99], 1) == []
