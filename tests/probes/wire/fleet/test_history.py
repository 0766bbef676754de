"""The memory of fates against a plain table of everything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from probes.wire.fleet.history import Fates

STEPS = st.lists(st.tuples(st.sampled_from([-80, -9, -3, -1, 0, 1, 1, 1, 1, 2, 7, 70, 1000]), st.booleans()), max_size=80)  # fmt: skip


@given(st.sampled_from([0, 5, 2**32 - 20]), STEPS, st.integers(1, 64))
def test_it_remembers_what_a_table_would(start: int, steps: list[tuple[int, bool]], kept: int) -> None:
    fates, table, newest = Fates(kept), dict[int, bool](), start
    fates.note(start % 2**32, True)
    table[start] = True
    for step, answered in steps:
        seq = max(start, newest + step)
        fates.note(seq % 2**32, answered)
        newest = max(newest, seq)
        if newest - seq < kept:
            table[seq] = answered
    expected = {seq: known for seq, known in table.items() if newest - seq < kept}
    assert len(fates) == len(expected)
    for seq in range(newest - kept - 3, newest + 3):
        assert fates.get(seq % 2**32) == expected.get(seq)


def test_nothing_is_known_of_nothing() -> None:
    assert Fates(64).get(0) is None and len(Fates(64)) == 0


def test_numbers_from_the_far_side_of_the_circle_are_not_known() -> None:
    fates = Fates(64)
    for seq in range(10):
        fates.note(seq, True)
    assert fates.get(2**31) is None and fates.get(0xFFFF0003) is None and fates.get(9) is True
