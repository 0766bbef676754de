"""A stream as its sender and its receiver see it: real send times, full queues and buffers, what never came."""

from __future__ import annotations

import os
from errno import EAGAIN, ENOBUFS

import pytest

from probes.errors import WireError
from probes.wire.delay_rise import DelayRise
from probes.wire.media import packet as media
from probes.wire.media.flow import Marks, PlanReceiver, PlanSender
from probes.wire.media.shape import MediaShape, PlannedPacket, Sort, Variant, plan
from probes.wire.session import Arrival, Datagram

TO = ("192.0.2.2", 8622)
PLAN = plan(MediaShape(1_000_000, 1000, Variant.PACED, 3))


class Clock:
    """Monotonic ns that goes on by `step_ns` with each look."""

    def __init__(self, step_ns: int = 0) -> None:
        self.now_ns, self.step_ns = 5_000_000_000, step_ns

    def __call__(self) -> int:
        self.now_ns += self.step_ns
        return self.now_ns


def outflow(clock: Clock, packets: list[PlannedPacket] | None = None) -> PlanSender:
    return PlanSender(PLAN if packets is None else packets, 9, TO, Marks(136, 184), clock)


def emptied(out: PlanSender, clock: Clock) -> list[Datagram]:
    found: list[Datagram] = []
    while not out.over:
        found += out.packets()
        clock.now_ns += 1_000_000
    return found


def test_each_packet_bears_the_moment_it_left() -> None:
    clock = Clock(step_ns=30_000)
    out = outflow(clock)
    said = [media.read_data(one.data) for one in emptied(out, clock)]
    assert [one.sent_ns for one in said] == out.sent_ns and len(set(out.sent_ns)) == len(PLAN)
    assert [(one.sort, one.frame, one.part, one.parts) for one in said] == [one[:4] for one in PLAN]
    assert {one.dscp for one in said} == {34, 46} and [one.number for one in said] == list(range(len(PLAN)))


def test_a_packet_is_as_long_as_planned() -> None:
    clock = Clock()
    assert [len(one.data) for one in emptied(outflow(clock), clock)] == [one.size for one in PLAN]


def test_what_a_queue_of_this_machine_drops_is_a_loss_not_a_second_try() -> None:
    clock = Clock()
    out = outflow(clock)
    for _ in out.packets():
        out.unsent(os.strerror(ENOBUFS))
    assert out.queue_full == len(out.sent_ns) >= 1


def test_a_full_buffer_is_tried_again_and_the_delay_is_owned_up_to() -> None:
    clock = Clock()
    out = outflow(clock)
    for _ in out.packets():
        out.unsent(os.strerror(EAGAIN))
    assert out.sent_ns == [] and out.wake_at == pytest.approx(clock.now_ns / 1e9 + 0.001)
    clock.now_ns += 7_000_000
    emptied(out, clock)
    assert out.late_us[0] == 7000 and len(out.sent_ns) == len(PLAN)


def test_a_socket_that_takes_nothing_is_a_fault() -> None:
    clock = Clock()
    out = outflow(clock)
    while not out.over:
        for _ in out.packets():
            out.unsent(os.strerror(EAGAIN))
        clock.now_ns += 50_000_000
    assert out.fault == os.strerror(EAGAIN) and out.sent_ns == []


def test_of_a_burst_only_the_first_can_be_late_for_its_time() -> None:
    burst = plan(MediaShape(4_000_000, 1000, Variant.BURST, 3))
    clock = Clock(step_ns=200_000)
    out = outflow(clock, burst)
    first = list(out.packets())
    assert len(first) > 60 and out.sent_ns[60] - out.sent_ns[0] > 10_000_000 and max(out.late_us[:60]) == 200


def taken(numbers: list[int], delay_ns: int = 1_000_000) -> PlanReceiver:
    clock = Clock()
    sent = emptied(outflow(clock), clock)
    into = PlanReceiver(PLAN)
    for number in numbers:
        at_ns = media.read_data(sent[number].data).sent_ns + delay_ns
        into.take(Arrival(sent[number].data, TO, at_ns, tos=sent[number].tos), 1.0)
    return into


def test_what_never_came_left_with_its_neighbours() -> None:
    trace = taken([0, 1, 2, 7, 8, 30]).trace(len(PLAN))
    assert len(trace.sent_ns) == len(PLAN) == len(trace.late_us)
    assert list(trace.sent_ns) == sorted(trace.sent_ns)
    offsets = [sent - one.due_ns for sent, one in zip(trace.sent_ns, PLAN, strict=True)]
    assert max(offsets) - min(offsets) <= 1_000_000


def test_a_packet_that_comes_twice_is_kept_twice_and_a_flood_is_not() -> None:
    assert [number for number, _, _ in taken([0, 1, 1, 2]).arrivals] == [0, 1, 1, 2]
    assert len(taken([0] * 3 * len(PLAN)).arrivals) == 2 * len(PLAN)


def test_what_the_plan_does_not_hold_is_not_kept() -> None:
    into = PlanReceiver(PLAN)
    data = media.data_packets(9)(media.Data(Sort.VIDEO, 34, 0, len(PLAN), 0, 0, 1, 1), 64)
    into.take(Arrival(data, TO, 5), 1.0)
    assert into.arrivals == [] and into.many == 0
    with pytest.raises(WireError):
        into.take(Arrival(data[:50], TO, 5), 1.0)


def test_parts_of_the_arrivals_make_the_whole() -> None:
    into = taken(list(range(len(PLAN))))
    parts = [into.report(known) for known in range(0, len(PLAN), media.PART)]
    assert [number for part in parts for number, _, _ in part] == list(range(len(PLAN)))
    assert into.report(len(PLAN)) == ()


def test_losses_of_the_first_moments() -> None:
    due = sum(one.due_ns < 500_000_000 for one in PLAN)
    kept = [number for number in range(len(PLAN)) if number % 10]
    lost, sent = taken(kept).lost_of_first(500_000_000)
    assert (lost, sent) == (-(-due // 10), due)
    assert PlanReceiver(PLAN).lost_of_first(500_000_000) == (due, due)  # nothing came at all


def test_one_packet_held_up_is_no_rise() -> None:
    rise = DelayRise()
    for transit in (5, 5, 5, 900, 5, 5, 5, 5, 5):
        rise.add(transit)
    assert rise.now == 0
    for _ in range(8):
        rise.add(305)
    assert rise.now == 300
