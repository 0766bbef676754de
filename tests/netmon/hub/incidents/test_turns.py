"""Time between turns: the network's, or the hub's own pause, or a clock that was set."""

from __future__ import annotations

import pytest

from netmon.hub.incidents.turns import ListenedTime


def after(*steps: tuple[float, float | None]) -> ListenedTime:
    """A hub that turned each second for a while, then in these steps of wall and steady clock."""
    turns, wall_s, steady_s = ListenedTime(), 1000.0, 50.0
    for step_s, steady_step_s in (*(((1.0, 1.0),) * 5), *steps):
        assert turns.turn(wall_s, None if steady_step_s is None else steady_s) is None
        wall_s, steady_s = wall_s + step_s, steady_s + (steady_step_s or 0)
    turns.turn(wall_s, steady_s)
    return turns


def last(step_s: float, steady_step_s: float | None) -> object:
    turns = ListenedTime()
    for at in range(6):
        assert turns.turn(1000.0 + at, 50.0 + at) is None
    return turns.turn(1005.0 + step_s, None if steady_step_s is None else 55.0 + steady_step_s)


@pytest.mark.parametrize(
    ("step_s", "steady_s", "told"),
    [
        (1.4, 1.4, None),
        (4.0, 4.0, (2.0, False, False)),  # slow, and no more than that
        (45.0, 45.0, (43.0, True, False)),  # stopped and continued
        (3601.0, 1.0, (3600.0, True, True)),  # set on
        (-3599.0, 1.0, (-3600.0, True, True)),  # set back
        (-3599.0, None, (-3599.0, True, False)),
        (300.0, None, (298.0, True, False)),
    ],
)
def test_what_is_not_the_networks_time_is_told(
    step_s: float, steady_s: float | None, told: tuple[float, ...] | None
) -> None:
    assert last(step_s, steady_s) == (None if told is None else pytest.approx(told))


def test_a_hub_that_is_slow_for_long_still_counts() -> None:
    turns = ListenedTime()
    for at in range(0, 200, 10):
        turns.turn(1000.0 + at, float(at))
    before_s = turns.listened_s
    assert turns.turn(1200.0, 200.0) is None
    assert turns.listened_s - before_s == 10
