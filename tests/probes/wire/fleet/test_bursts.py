"""Quick packets after a miss, in virtual time: what they tell, when, and what they must not change."""

from __future__ import annotations

import pytest
from virtualnet import Line, Path

from probes.base import Outcome
from probes.kinds.ping import RECIPE, PingSettings
from probes.kinds.shared.packets import measurement, outcome_of
from probes.wire.fleet import bursts
from probes.wire.fleet.fleet import Interval
from probes.wire.fleet.track import FleetTarget
from probes.wire.icmp.echo import Ping
from probes.wire.icmp.header import REPLY4
from probes.wire.session import Arrival, Datagram

HOST = ("192.0.2.1", 0)
EPOCH = 1_800_000_000_000_000_000


def number(packet: Datagram) -> int:
    return int.from_bytes(packet.data[20:24], "big")


def answers(cut: tuple[float, float], spare: int = 0, delay_s: float = 0.02) -> Path:
    """A path that is cut for a time, but for the first `spare` quick packets."""
    left = [spare]

    def path(packet: Datagram, now: float) -> list[tuple[float, Arrival]]:
        if cut[0] <= now < cut[1]:
            if number(packet) < bursts.NUMBERS or not left[0]:
                return []
            left[0] -= 1
        when = now + delay_s
        data = bytes([REPLY4]) + packet.data[1:]
        return [(when, Arrival(data, packet.to, EPOCH + round(when * 1e9), 60))]

    return path


def line(path: Path, *, every_s: float = 60.0, timeout_s: float = 1.0, burst: int = 3, count: int = -1) -> Line:
    session = Ping(ident=1, cookie=b"8 bytes!")
    interval_s = max(every_s, 1.0)
    track = session.add("a", HOST, every_s=every_s, interval_s=interval_s, timeout_s=timeout_s, first_at=0.5, count=count)  # fmt: skip
    settings = PingSettings(every_s=every_s, timeout_s=timeout_s, burst=burst)
    RECIPE.fit(session, track, settings)
    return Line(session, path)


def told_at(one: Line, before: float, until: float) -> float:
    """When (to 10 ms) the next interval is told after `before`."""
    one.run(before)
    known = len(one.events)
    while len(one.events) == known:
        assert one.now < until
        one.run(one.now + 0.01)
    return one.now


def test_a_cut_of_a_slow_check_is_known_within_three_seconds() -> None:
    one = line(answers((60, 10_000)))
    when = told_at(one, 60.0, 120.0)
    assert 62.0 < when < 60.5 + 3.0
    window = one.windows()[-1]
    assert (window.sent, window.rcvd, window.lost, window.burst_sent, window.burst_rcvd) == (1, 0, [1], 3, 0)
    assert outcome_of(window) == Outcome.LOST and window.at_ns == EPOCH + 60_510_000_000 - 10_000_000 + 1000
    assert [when for when, packet in one.sent if number(packet) >= bursts.NUMBERS] == pytest.approx([61.51, 61.71, 61.91], abs=0.011)  # fmt: skip


def test_a_chance_loss_is_told_as_a_loss_of_one_and_no_cut() -> None:
    one = line(answers((60, 61)))
    told_at(one, 60.0, 70.0)
    window = one.windows()[-1]
    assert (window.sent, window.rcvd, window.burst_sent, window.burst_rcvd) == (1, 0, 3, 3)
    got = measurement(RECIPE, "192.0.2.1", Interval("a", window, 1.0))
    assert got.outcome == Outcome.OK and got.why == "lost, but 3 of 3 sent at once after it were answered"
    assert "rtt_min_ms" not in got.values and (got.values["burst_sent"], got.values["burst_rcvd"]) == (3, 3)


@pytest.mark.parametrize("spare", [0, 1, 2, 3])
def test_every_answer_of_a_burst_counts_and_only_in_the_burst(spare: int) -> None:
    one = line(answers((60, 119), spare)).run(200.0)
    windows = one.windows()
    assert [(got.sent, got.rcvd) for got in windows] == [(1, 1), (1, 0), (1, 1), (1, 1)]
    assert [(got.burst_sent, got.burst_rcvd) for got in windows] == [(0, 0), (3, spare), (0, 0), (0, 0)]
    assert [len(got.rtts_ms) for got in windows] == [1, 0, 1, 1]


def test_a_long_cut_is_one_run_of_losses_whatever_the_bursts_say() -> None:
    one = line(answers((60, 290))).run(500.0)
    windows = one.windows()
    assert [got.loss_run_max for got in windows][:6] == [0, 1, 2, 3, 4, 0]
    assert [got.runs for got in windows if got.runs] == [{3: 1}]
    assert (sum(got.after_lost for got in windows), sum(got.lost_after_lost for got in windows)) == (4, 3)
    assert sum(got.reordered + got.dup + got.late for got in windows) == 0
    assert sum(got.burst_sent for got in windows) == 12


@pytest.mark.parametrize(("every_s", "timeout_s", "burst"), [(1.0, 1.0, 3), (4.9, 1.0, 3), (60.0, 1.0, 0), (5.0, 4.0, 3)])  # fmt: skip
def test_frequent_checks_and_those_that_want_none_send_no_burst(every_s: float, timeout_s: float, burst: int) -> None:
    one = line(answers((0, 1000)), every_s=every_s, timeout_s=timeout_s, burst=burst).run(100.0)
    assert all(number(packet) < bursts.NUMBERS for _, packet in one.sent)


def test_a_point_with_a_burst_is_told_before_the_next_and_no_later_than_the_agent_waits() -> None:
    settings = PingSettings(every_s=5.0, timeout_s=3.0)
    one = line(answers((0, 1000)), every_s=5.0, timeout_s=3.0)
    assert settings.later_s(5.0) > 1.0
    for number_ in range(5):
        sent_at = 0.51 + 5 * number_
        assert told_at(one, sent_at, 100.0) <= sent_at + 3.0 + settings.later_s(5.0) < sent_at + 5.0


def test_one_measurement_now_ends_with_its_burst() -> None:
    one = line(answers((0, 1000)), count=1).run(10.0)
    assert one.session.done and len(one.events) == 1 and one.windows()[0].burst_sent == 3
    one = line(answers((0, 0)), count=1).run(10.0)
    assert one.session.done and one.windows()[0].burst_sent == 0


def test_quick_packets_we_could_not_send_are_no_evidence() -> None:
    one = line(answers((0, 1000)), count=1)

    def sent(token: object, at_ns: int) -> None:
        if token.seq >= bursts.NUMBERS:  # type: ignore[attr-defined]
            one.session.unsent(token, "no route")

    one.session.sent = sent  # type: ignore[assignment,method-assign]
    one.run(10.0)
    window = one.windows()[0]
    assert (window.sent, window.ours, window.burst_sent, window.burst_rcvd) == (1, 0, 0, 0)
    assert "burst_sent" not in measurement(RECIPE, "x", Interval("a", window, 1.0)).values


def test_second_and_late_answers_to_quick_packets_count_nowhere() -> None:
    def twice(packet: Datagram, now: float) -> list[tuple[float, Arrival]]:
        return (
            [] if number(packet) == 1 else [*answers((0, 0))(packet, now), *answers((0, 0), delay_s=1.5)(packet, now)]
        )  # type: ignore[list-item]

    windows = line(twice).run(250.0).windows()
    assert [got.burst_rcvd for got in windows[:2]] == [0, 3]
    assert sum(got.dup for got in windows) == sum(got.rcvd for got in windows[:-1]) and windows[1].late == 0


def test_the_track_of_another_kind_sends_no_burst() -> None:
    assert FleetTarget("a", 0, HOST, 60.0, 60.0, 1.0, 0.0).burst == 0
