"""Office hours and holidays of Viet Nam."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from alerts.calendar import HUNG_KINGS, TET, VIET_NAM, hour_of_week, is_holiday, is_office_hours, is_working_day


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=VIET_NAM).timestamp() * 1000)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-12-01T07:29:59", False),
        ("2026-12-01T07:30:00", True),
        ("2026-12-01T17:29:59", True),
        ("2026-12-01T17:30:00", False),
        ("2026-12-05T10:00:00", False),  # Saturday
        ("2027-02-05T10:00:00", False),  # the last day of the old year
        ("2027-02-09T10:00:00", False),
        ("2027-02-10T10:00:00", True),
        ("2026-09-01T10:00:00", False),
        ("2027-04-16T10:00:00", False),  # the Hùng Kings
    ],
)
def test_offices_are_open_on_working_days(moment: str, is_open: bool) -> None:
    assert is_office_hours(ms(moment)) is is_open


def test_lunar_days_are_known_to_2030_and_follow_the_moon() -> None:
    assert min(TET) == 2025 and set(TET) == set(HUNG_KINGS) and max(TET) == 2030
    new_moon, month_days = date(2000, 1, 7), 29.530588853  # a new moon in Viet Nam (6 January 2000, 18:14 UTC)
    for days, day_of_month in ((TET, 0), (HUNG_KINGS, 9)):
        for day in days.values():
            months = ((day - new_moon).days - day_of_month) / month_days
            assert abs(months - round(months)) * month_days < 1.7, day
    gaps = {(HUNG_KINGS[year] - TET[year]).days for year in TET}
    assert gaps <= {67, 68, 69}  # two months and nine days
    assert TET[2030] == date(2030, 2, 2)  # 3 February in China


def test_a_holiday_is_no_working_day() -> None:
    assert is_holiday(date(2026, 4, 30)) and not is_working_day(date(2026, 4, 30))
    assert not is_holiday(date(2026, 12, 1)) and is_working_day(date(2026, 12, 1))


def test_hours_of_the_week_begin_on_monday() -> None:
    assert hour_of_week(ms("2026-11-30T00:00:00")) == 0
    assert hour_of_week(ms("2026-12-06T23:59:59")) == 167
