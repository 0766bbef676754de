"""Moments: what is read, what is refused, and that nothing else is raised."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.timestamp import BadTimestamp, Timestamp, seconds


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-25T08:00:00+07:00", "2026-11-25T01:00:00"),
        ("2026-11-25T01:00:00Z", "2026-11-25T01:00:00"),
        ("2026-11-25t01:00:00z", "2026-11-25T01:00:00"),
        ("2026-11-25 08:00+07:00", "2026-11-25T01:00:00"),
        ("2026-11-25T00:30:00.5-00:30", "2026-11-25T01:00:00.500000"),
    ],
)
def test_a_moment_is_the_same_in_every_zone(text: str, utc: str) -> None:
    assert Timestamp.parse(text).at_s == datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text", ["", "25/11/2026 08:00", "2026-11-25", "20261125T080000+0700", "2026-11-25T8:00+07:00"]
)
def test_what_has_another_shape_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadTimestamp) as caught:
        Timestamp.parse(text)
    assert "2026-11-25T08:00:00+07:00" in caught.value.write


def test_a_time_without_offset_is_nobodys_and_says_how_to_write_it() -> None:
    with pytest.raises(BadTimestamp) as caught:
        Timestamp.parse("2026-11-25T08:00:00")
    assert caught.value.write == "if it is Vietnamese time, write 2026-11-25T08:00:00+07:00"
    assert Timestamp.parse(caught.value.write.rpartition(" ")[2]).at_s == 1_795_568_400


@given(st.datetimes(datetime(1971, 1, 1), datetime(9998, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_every_moment_reads_back(naive: datetime, offset_min: int) -> None:
    at = naive.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    assert abs(seconds(at.isoformat()) - at.timestamp()) < 1e-3


@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", fullmatch=True))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(BadTimestamp):
        assert seconds(text) < 253_402_300_800 + 86_400
