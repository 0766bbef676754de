"""Office hours and public holidays of Viet Nam, for rules and routes that hold at such times only. Pure.

Holidays are those of the Labour Code 2019 (45/2019/QH14), article 112. The lunar dates are reckoned with the new moons and the sun's
longitude at UTC+7 (J. Meeus, Astronomical Algorithms; the method the Vietnamese calendar has used since Decision 121/CP of 1967): in
2030 Tết is a day earlier here than in China. Days that are moved to or from a weekend by decree are not known: such a day
counts as a working day, which wakes one person too many rather than nobody.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone

VIET_NAM = timezone(timedelta(hours=7), "+07")  # no summer time since 1975
OPENS, CLOSES = time(7, 30), time(17, 30)  # Monday to Friday
TET = {  # the first day of the lunar year
    2025: date(2025, 1, 29),
    2026: date(2026, 2, 17),
    2027: date(2027, 2, 6),
    2028: date(2028, 1, 26),
    2029: date(2029, 2, 13),
    2030: date(2030, 2, 2),
}
HUNG_KINGS = {  # the tenth day of the third lunar month
    2025: date(2025, 4, 7),
    2026: date(2026, 4, 26),
    2027: date(2027, 4, 16),
    2028: date(2028, 4, 4),
    2029: date(2029, 4, 23),
    2030: date(2030, 4, 12),
}
_BEFORE_TET, _AFTER_TET = (
    1,
    4,
)  # of the five days of Tết: the last one of the old year, and the second to fourth after the first
_FIXED = ((1, 1), (4, 30), (5, 1), (9, 1), (9, 2))  # National Day is two days: 2 September and the one before


def is_holiday(day: date) -> bool:
    """Is it a public holiday? After 2030 the lunar ones are not known."""
    if (day.month, day.day) in _FIXED or day == HUNG_KINGS.get(day.year):
        return True
    tet = TET.get(day.year)
    return tet is not None and -_BEFORE_TET <= (day - tet).days < _AFTER_TET


def is_working_day(day: date) -> bool:
    """Monday to Friday, and no holiday."""
    return day.weekday() < 5 and not is_holiday(day)


def is_office_hours(at_ms: int) -> bool:
    """Is a moment (Unix ms) on a working day, from 07:30 until 17:30 in Viet Nam?"""
    local = datetime.fromtimestamp(at_ms / 1000, VIET_NAM)
    return is_working_day(local.date()) and OPENS <= local.time() < CLOSES


def hour_of_week(at_ms: int) -> int:
    """The hour in which a moment (Unix ms) lies, 0 (Monday, midnight to one o'clock) to 167, in Viet Nam."""
    local = datetime.fromtimestamp(at_ms / 1000, VIET_NAM)
    return 24 * local.weekday() + local.hour
