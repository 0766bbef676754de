"""What a receiver makes of a sender that starts anew, of several senders, and of strays: no loss that was none."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire.rtp.packet import RtpPacket
from probes.wire.rtp.reception import RtpReception

GAP_NS = 20_000_000
Row = tuple[int, int, int, int]  # place in time, number, stamp, source


def received(rows: Iterable[Row], clock_hz: int = 8000) -> RtpReception:
    stream = RtpReception(clock_hz)
    for place, number, stamp, source in rows:
        stream.receive(RtpPacket(8, number & 0xFFFF, stamp & 0xFFFFFFFF, source, b"x" * 160), 10**18 + place * GAP_NS)
    return stream


def row(places: Iterable[int], numbers_from: int, source: int = 1, stamps_from: int = 0) -> list[Row]:
    return [(place, numbers_from + place, stamps_from + 160 * place, source) for place in places]


def test_another_source_is_another_row_and_both_are_counted() -> None:
    lost = {40, 41, 50}
    rest = [place for place in range(25, 125) if place not in lost]
    stream = received([*row(range(25), 100), *row(rest, 40_000, source=2, stamps_from=77)])
    assert (stream.totals.received, stream.totals.lost, stream.foreign) == (25 + 97, 3, 0)


def test_a_packet_missing_where_the_source_changes_is_lost_when_the_media_clock_goes_on() -> None:
    assert received([*row(range(25), 100), *row(range(26, 60), 40_000, source=2)]).totals.lost == 1
    assert received([*row(range(25), 100), *row(range(26, 60), 40_000, source=2, stamps_from=5)]).totals.lost == 0


def test_silence_where_the_source_changes_is_no_loss() -> None:
    stream = received(row(range(25), 100))
    for place in range(30, 40):
        packet = RtpPacket(8, 500 + place, 160 * place, 2, b"x", marker=place == 30)
        stream.receive(packet, 10**18 + place * GAP_NS)
    assert (stream.totals.received, stream.totals.lost) == (35, 0)


@pytest.mark.parametrize("to", [9_000, 9_950, 10_024, 10_400, 13_500, 30_000, 65_530])
def test_numbers_that_start_anew_are_no_loss(to: int) -> None:
    stream = received([*row(range(25), 10_000), *row(range(25, 125), to)])
    assert (stream.totals.received, stream.totals.lost, stream.totals.dup, stream.foreign) == (125, 0, 0, 0)


def test_what_is_lost_behind_a_new_beginning_is_counted() -> None:
    rest = [place for place in range(25, 125) if place % 10 != 7]
    assert received([*row(range(25), 10_000), *row(rest, 30_000)]).totals.lost == 10


def test_a_long_outage_is_a_loss_and_no_new_beginning() -> None:
    stream = received([*row(range(25), 10_000), *row(range(525, 600), 10_000)])
    assert (stream.totals.received, stream.totals.lost) == (100, 500)


def test_what_was_lost_while_the_rest_waited_in_a_queue_is_a_loss() -> None:
    late = [(600, number, stamp, source) for _, number, stamp, source in row(range(300, 330), 10_000)]
    stream = received([*row(range(25), 10_000), *late])
    assert (stream.totals.received, stream.totals.lost) == (55, 275)


def test_many_packets_of_one_picture_lost_within_no_time_are_a_loss() -> None:
    stream, number = RtpReception(90_000), 0
    for picture in range(20):
        for _ in range(120):
            number += 1
            if picture != 10 or not 20 < number % 120 < 81:
                stream.receive(RtpPacket(97, number, 3000 * picture, 1, b""), picture * 33_000_000 + number * 1000)
    assert stream.totals.lost == 60


def test_a_picture_whose_numbers_start_anew_loses_nothing() -> None:
    stream = RtpReception(90_000)
    for place in range(400):
        number = place + (2000 if place >= 200 else 0)
        stream.receive(RtpPacket(97, number, 3000 * (place // 4), 1, b""), place // 4 * 33_000_000 + place)
    assert (stream.totals.received, stream.totals.lost) == (400, 0)


def test_two_sources_at_once_are_both_counted() -> None:
    both = [one for pair in zip(row(range(100), 7), row(range(100), 9_000, source=2), strict=True) for one in pair]
    stream = received(both)
    assert (stream.totals.received, stream.totals.lost, stream.foreign) == (200, 0, 0)


def test_a_stray_of_another_source_or_number_changes_nothing() -> None:
    rows = row(range(100), 100)
    rows[30:30] = [(30, 5_000, 0, 99)]
    rows[60:60] = [(60, 40_000, 0, 1)]
    stream = received(rows)
    assert (stream.totals.received, stream.totals.lost, stream.foreign) == (100, 0, 2)


@pytest.mark.parametrize("jump", [3_000_000_000, -4_000, 8_000, -3_000_000_000])
def test_a_media_clock_that_is_set_is_no_jitter(jump: int) -> None:
    later = [(place, 100 + place, 160 * place + jump, 1) for place in range(40, 90)]
    stream = received([*row(range(40), 100), *later])
    assert stream.jitter_ms == pytest.approx(0.0, abs=0.01) and (stream.totals.received, stream.totals.lost) == (90, 0)


def test_a_late_packet_is_jitter_whatever_its_clock() -> None:
    rows = row(range(50), 100)
    rows[30] = (80, *rows[30][1:])  # a second late
    jitter_ms = received(rows).jitter_ms
    assert jitter_ms is not None and jitter_ms > 20


def test_a_report_is_about_the_source_that_is_heard_now() -> None:
    stream = received([*row(range(25), 100), *row([25, 26, 28, 29], 40_000, source=2, stamps_from=9)])
    fraction, lost, highest, _ = stream.report()
    assert (stream.source, fraction, lost, highest) == (2, 256 // 5, 1, 40_029)


@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(0, 65_535), st.integers(0, 2**32 - 1), st.integers(1, 12)),
        max_size=300,
    )
)
def test_whatever_comes_nothing_is_counted_twice_or_lost_below_nothing(rows: list[Row]) -> None:
    stream = received(rows)
    assert stream.totals.lost >= 0 and stream.totals.received + stream.totals.dup + stream.foreign <= len(rows)
    assert stream.report()[1] >= 0


@given(st.sets(st.integers(1, 198), max_size=60), st.integers(0, 65_535))
def test_what_is_left_out_is_what_is_lost_wherever_the_numbers_begin(lost: set[int], start: int) -> None:
    stream = received(row([place for place in range(200) if place not in lost], start))
    assert (stream.totals.received, stream.totals.lost) == (200 - len(lost), len(lost))
