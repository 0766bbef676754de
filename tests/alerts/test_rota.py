"""Weekly turns, in Viet Nam's time."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from alerts.calendar import VIET_NAM
from alerts.rota import FIRST_MONDAY, on_duty

ROTA = ("lan", "minh", "hoa")


@pytest.mark.parametrize(
    ("moment", "who"),
    [
        ("2026-11-30T07:59", "hoa"),  # the week before goes on until both are awake
        ("2026-11-30T08:00", "lan"),
        ("2026-12-06T23:59", "lan"),
        ("2026-12-07T07:59", "lan"),
        ("2026-12-07T08:00", "minh"),
        ("2026-12-14T08:00", "hoa"),
        ("2026-12-21T08:00", "lan"),
        ("2026-11-23T08:00", "hoa"),  # before the first week they took turns, too
    ],
)
@pytest.mark.parametrize("first", ["2026-11-30", "2026-12-02", "2026-12-06"])
def test_a_week_begins_on_monday_morning(moment: str, who: str, first: str) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=VIET_NAM)
    assert on_duty(ROTA, date.fromisoformat(first), int(at.timestamp() * 1000)) == who


def test_a_rota_of_one_is_always_on_duty() -> None:
    assert on_duty(("lan",), FIRST_MONDAY, 1_790_000_000_000) == "lan"


def test_the_first_monday_is_one() -> None:
    assert FIRST_MONDAY.weekday() == 0
