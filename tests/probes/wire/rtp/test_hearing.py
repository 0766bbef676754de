"""Whether the far end hears us, by its reports: said only when they say it."""

from __future__ import annotations

import pytest

from probes.wire.rtp.hearing import Hearing
from probes.wire.rtp.rtcp import Block, Goodbye, RtcpReport

OURS, THEIRS, FIRST = 0xA, 0xB, 65_500


def hearing() -> Hearing:
    return Hearing(OURS, FIRST, began=10.0)


def report(highest: int | None = None, fraction: float = 0.0, source: int = OURS) -> list[RtcpReport | Goodbye]:
    blocks = () if highest is None else (Block(source, fraction, 0, highest & 0xFFFF, 0, 0, 0.0),)
    return [RtcpReport(THEIRS, None, blocks)]


def sent(after_s: float) -> int:
    return int(50 * after_s)


def test_nothing_said_is_nothing_known() -> None:
    assert hearing().hears is None and not hearing().is_settled


def test_a_block_about_us_says_that_it_hears_us() -> None:
    far = hearing()
    far.reported(report(FIRST + sent(3.0) - 2), sent(3.0), 13.0)
    assert far.hears and far.is_settled and far.block is not None


def test_a_report_that_leaves_us_out_says_that_it_does_not() -> None:
    far = hearing()
    far.reported(report(), sent(2.0), 12.0)
    assert far.hears is False and not far.is_settled  # a second one makes sure
    far.reported(report(FIRST, source=OURS + 1), sent(4.0), 14.0)
    assert far.hears is False and far.is_settled


def test_a_report_that_leaves_us_out_before_it_can_have_heard_us_says_nothing() -> None:
    far = hearing()
    far.reported(report(), sent(0.3), 10.3)
    assert far.hears is None


def test_the_empty_report_that_a_goodbye_begins_with_says_nothing() -> None:
    far = hearing()
    far.reported([*report(), Goodbye((THEIRS,))], sent(3.0), 13.0)
    assert far.hears is None
    far.reported(report(FIRST + sent(4.0) - 1), sent(4.0), 14.0)
    far.reported([*report(), Goodbye((THEIRS,))], sent(5.0), 15.0)
    assert far.hears
    far.reported([*report(), Goodbye((THEIRS + 1,))], sent(6.0), 16.0)
    assert far.hears is False  # somebody else left


def test_a_highest_number_that_stands_still_says_that_it_went_deaf() -> None:
    far = hearing()
    far.reported(report(FIRST + sent(2.0) - 1), sent(2.0), 12.0)
    assert far.hears
    far.reported(report(FIRST + sent(2.0) - 1), sent(7.0), 17.0)
    assert far.hears is False


@pytest.mark.parametrize(("highest", "fraction"), [(0, 0.0), (FIRST - 1, 0.0), (FIRST + 150, 255 / 256)])
def test_a_block_of_nothing_heard_is_no_hearing(highest: int, fraction: float) -> None:
    far = hearing()
    far.reported(report(highest, fraction), sent(3.0) + 1, 13.0)
    assert far.hears is False


def test_it_may_hear_us_later_than_it_says_so_first() -> None:
    far = hearing()
    far.reported(report(), sent(1.5), 11.5)
    far.reported(report(FIRST + sent(5.0) - 5), sent(5.0), 15.0)
    assert far.hears and far.is_settled


def test_a_second_source_of_theirs_may_leave_the_report_to_the_first() -> None:
    far = hearing()
    far.reported(report(FIRST + sent(3.0) - 2), sent(3.0), 13.0)
    far.reported([RtcpReport(THEIRS + 1, None, ())], sent(3.1), 13.1)
    assert far.hears
    far.reported(report(), sent(8.0), 18.0)
    assert far.hears is False


def test_our_own_packets_that_come_back_were_heard() -> None:
    far = hearing()
    far.echoed(THEIRS)
    assert far.hears is None
    far.echoed(OURS)
    assert far.hears


def test_our_own_reports_that_come_back_say_nothing_and_a_goodbye_neither() -> None:
    far = hearing()
    far.reported([RtcpReport(OURS, None, ()), Goodbye((THEIRS,))], sent(5.0), 15.0)
    assert far.hears is None
