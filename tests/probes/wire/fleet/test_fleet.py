"""Many targets on one socket in virtual time: every fate a packet can have, and what is never the network's fault."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import pytest
from virtualnet import Line, Path

from probes.base import Outcome
from probes.kinds.shared.packets import outcome_of
from probes.wire.fleet.fleet import GROUP, SLOT_S, STALL_S, Fleet
from probes.wire.fleet.track import FleetTarget, FleetWindow
from probes.wire.icmp.echo import Ping
from probes.wire.icmp.header import ECHO4, REPLY4, checksum
from probes.wire.session import Arrival, Datagram

COOKIE, IDENT = b"8 bytes!", 4711
HOST = ("192.0.2.1", 0)


def reply(packet: Datagram) -> bytes:
    return bytes([REPLY4]) + packet.data[1:]


def after(delay_s: float) -> Path:
    """A path of so much delay."""
    return lambda packet, now: [(now + delay_s, arrival(packet, now + delay_s))]


def arrival(packet: Datagram, when: float, source: str = "", hops: int = 60) -> Arrival:
    return Arrival(reply(packet), (source or packet.to[0], 0), EPOCH + round(when * 1e9), hops)


EPOCH = 1_800_000_000_000_000_000


def number(packet: Datagram) -> int:
    return int.from_bytes(packet.data[20:24], "big")


def ping() -> Ping:
    return Ping(ident=IDENT, cookie=COOKIE)


def lost(*numbers: int, delay_s: float = 0.02) -> Path:
    return lambda packet, now: [] if number(packet) in numbers else after(delay_s)(packet, now)


def line(path: Path, *, count: int = 5, every_s: float = 1.0, timeout_s: float = 1.0, once: bool = True) -> Line:
    session = ping()
    interval_s = float("inf") if once else 1.0
    session.add("a", HOST, every_s=every_s, interval_s=interval_s, timeout_s=timeout_s, first_at=0.5, count=count)
    return Line(session, path)


def only(one: Line) -> FleetWindow:
    (window,) = one.windows()
    return window


def test_every_answer_is_counted_and_timed_by_its_stamps() -> None:
    window = only(line(after(0.020)).run(60))
    assert (window.sent, window.rcvd, window.loss_run_max, window.hops) == (5, 5, 0, 60)
    assert window.rtts_ms == pytest.approx([20.0] * 5)


def test_a_lost_packet_has_no_number() -> None:
    window = only(line(lost(1, 2, 4)).run(60))
    assert (window.sent, window.rcvd, len(window.rtts_ms), window.loss_run_max) == (5, 2, 2, 2)
    nothing = only(line(lambda packet, now: []).run(60))
    assert (nothing.sent, nothing.rcvd, nothing.rtts_ms, outcome_of(nothing)) == (5, 0, [], Outcome.LOST)


def test_runs_of_losses_are_counted_in_the_order_of_sending() -> None:
    """Losses are told when their time is over, long after the answers to the packets between them."""
    assert only(line(lost(1, 3, 5, 6, 8), count=10, every_s=0.01).run(60)).loss_run_max == 2


def test_a_run_of_losses_goes_on_in_the_next_interval() -> None:
    session = ping()
    session.add("a", HOST, every_s=0.1, interval_s=1.0, timeout_s=0.5, first_at=1.0, count=40)
    windows = Line(session, lost(*range(8, 23), 25)).run(10).windows()
    assert [one.loss_run_max for one in windows] == [2, 12, 15, 0]


def test_an_answer_after_its_time_is_late_and_lost_once() -> None:
    one = line(lambda packet, now: after(1.5 if number(packet) == 1 else 0.01)(packet, now)).run(60)
    window = only(one)
    assert (window.sent, window.rcvd, window.late, window.dup, window.loss_run_max) == (5, 4, 1, 0, 1)
    assert max(window.rtts_ms) < 20


def test_an_answer_is_judged_by_its_stamps_not_by_when_we_read_it() -> None:
    def slow(packet: Datagram, now: float) -> Iterable[tuple[float, Arrival]]:
        return after(1.3)(packet, now)

    one = line(slow, count=1).run(1.0)  # sent at 0.5
    one.stall(1.2)  # both the answer and the end of its time are past now
    assert (only(one).rcvd, only(one).late, outcome_of(only(one))) == (0, 1, Outcome.LOST)


def test_an_answer_read_late_by_us_is_in_time() -> None:
    one = line(after(0.030), count=1).run(0.52)
    one.stall(3.0)
    assert only(one).rtts_ms == pytest.approx([30.0])


def test_second_answers_are_counted_and_change_nothing_else() -> None:
    window = only(line(lambda packet, now: [*after(0.01)(packet, now), *after(0.02)(packet, now)]).run(60))
    assert (window.sent, window.rcvd, window.dup, window.late) == (5, 5, 4, 0)  # the last one's double is too late
    assert window.rtts_ms == pytest.approx([10.0] * 5)


def test_reordered_answers_are_each_their_own() -> None:
    one = line(lambda packet, now: after(0.9 - 0.2 * number(packet))(packet, now), every_s=0.1).run(60)
    assert sorted(only(one).rtts_ms) == pytest.approx([100.0, 300.0, 500.0, 700.0, 900.0])
    assert only(one).loss_run_max == 0


def forged(**change: object) -> Path:
    def path(packet: Datagram, now: float) -> Iterable[tuple[float, Arrival]]:
        good = arrival(packet, now + 0.001)
        data = bytearray(good.data)
        for at, value in change.get("bytes", {}).items():  # type: ignore[attr-defined]
            data[at] ^= value
        source = (str(change.get("source", good.source[0])), 0)
        yield now + 0.001, good._replace(data=bytes(data)[: change.get("length", 9999)], source=source)  # type: ignore[index]

    return path


@pytest.mark.parametrize(
    "path",
    [
        forged(bytes={4: 1, 8: 1}),  # neither our identifier nor our mark
        forged(bytes={4: 1, 16: 0x80}),  # a target that is not there
        forged(bytes={23: 0x40}),  # a number that was never sent
        forged(bytes={0: ECHO4 ^ REPLY4}),  # a request, not an answer
        forged(source="192.0.2.66"),
        forged(bytes={7: 0x40, 8: 1}),  # rewritten, and a number that is not in the air
        forged(length=7),
        forged(length=0),
    ],
    ids=["mark", "index", "number", "request", "source", "rewritten", "short", "empty"],
)
def test_what_is_not_ours_is_no_answer(path: Path) -> None:
    window = only(line(path).run(60))
    assert (window.rcvd, window.dup, window.late, window.rtts_ms) == (0, 0, 0, [])


@pytest.mark.parametrize("path", [forged(bytes={8: 1}), forged(length=23), forged(length=8)])
def test_an_answer_whose_payload_was_rewritten_or_cut_is_known_by_its_header_and_marked(path: Path) -> None:
    window = only(line(path).run(60))
    assert (window.rcvd, window.more["changed"]) == (5, 5)


def test_broken_answers_are_counted() -> None:
    one = line(forged(length=7)).run(60)
    assert one.session.malformed == 5


# --- intervals ---


def test_one_interval_is_told_each_second_and_losses_stay_in_their_own() -> None:
    session = ping()
    session.add("a", HOST, every_s=0.1, interval_s=1.0, timeout_s=0.5, first_at=1.0)
    windows = Line(session, lost(*range(12, 15))).run(6.0).windows()
    assert [(one.sent, one.rcvd) for one in windows[:4]] == [(10, 10), (10, 7), (10, 10), (10, 10)]
    starts = [(one.at_ns - EPOCH) / 1e9 for one in windows]
    assert starts == pytest.approx([1.0, 2.0, 3.0, 4.0, 5.0], abs=0.011)


def test_an_interval_waits_for_its_last_packet_and_no_longer() -> None:
    session = ping()
    session.add("a", HOST, every_s=1.0, interval_s=1.0, timeout_s=0.3, first_at=1.0)
    one = Line(session, lost(0, 1, 2, 3))
    one.run(1.29)
    assert one.windows() == []
    one.run(1.32)
    assert [(got.sent, got.rcvd) for got in one.windows()] == [(1, 0)]


def test_late_and_second_answers_between_intervals_are_told_in_the_next() -> None:
    session = ping()
    session.add("a", HOST, every_s=1.0, interval_s=1.0, timeout_s=0.3, first_at=0.0)
    windows = Line(session, lambda packet, now: [*after(0.1)(packet, now), *after(0.2)(packet, now)]).run(4.5).windows()
    assert [one.dup for one in windows] == [0, 1, 1, 1, 1]
    session = ping()
    session.add("a", HOST, every_s=1.0, interval_s=1.0, timeout_s=0.3, first_at=0.0)
    windows = Line(session, after(0.4)).run(4.4).windows()
    assert [(one.rcvd, one.late) for one in windows] == [(0, 0), (0, 1), (0, 1), (0, 1), (0, 1)]


# --- our own faults ---


def test_drops_of_our_own_socket_are_local() -> None:
    one = line(lambda packet, now: [], count=2).run(1.0)
    one.session.overflow(3)
    one.run(60)
    assert (only(one).overflow, outcome_of(only(one))) == (3, Outcome.LOCAL)


def test_drops_before_an_interval_do_not_excuse_it() -> None:
    session = ping()
    session.overflow(3)
    session.add("a", HOST, every_s=1.0, interval_s=1.0, timeout_s=0.3, first_at=0.0, count=1)
    window = only(Line(session, lambda packet, now: []).run(5.0))
    assert (window.overflow, outcome_of(window)) == (0, Outcome.LOST)


def test_a_packet_that_never_left_is_no_evidence() -> None:
    session = ping()
    session.add("a", HOST, every_s=1.0, interval_s=float("inf"), timeout_s=0.3, first_at=0.0, count=2)
    for packet in session.transmit(0.0, EPOCH):
        session.unsent(packet.token, "no route")
        session.unsent(packet.token, "told twice")
    window = only(Line(session, after(0.01)).run(5.0))
    assert (window.sent, window.rcvd, window.ours, outcome_of(window)) == (1, 1, 1, Outcome.OK)


def test_a_target_nothing_could_be_sent_to_is_local() -> None:
    session = ping()
    session.add("a", HOST, every_s=1.0, interval_s=1.0, timeout_s=0.3, first_at=0.0, count=1)
    for packet in session.transmit(0.0, EPOCH):
        session.unsent(packet.token, "no route")
    (event,) = session.events()
    assert (event.window.sent, outcome_of(event.window)) == (0, Outcome.LOCAL)
    assert event.window.why == "this machine did not send: no route" and session.done


def test_a_stall_is_our_own_fault() -> None:
    one = line(lambda packet, now: [], count=1).run(1.0)
    one.stall(5.0)
    assert (only(one).sent, only(one).rcvd, only(one).ours) == (0, 0, 1)
    assert outcome_of(only(one)) == Outcome.LOCAL and "stood still" in only(one).why


def test_what_was_lost_before_a_stall_stays_lost() -> None:
    one = line(lambda packet, now: [], count=1, timeout_s=0.5).run(0.99)
    one.now = 1.0 + STALL_S * 0.9  # late, but not so late that nobody can tell
    one.take(), one.send()
    assert (only(one).sent, outcome_of(only(one))) == (1, Outcome.LOST)


def test_slots_slept_through_are_left_out_and_the_phase_is_kept() -> None:
    session = ping()
    session.add("a", HOST, every_s=1.0, interval_s=1.0, timeout_s=0.3, first_at=0.25)
    one = Line(session, after(0.01)).run(2.0)
    one.stall(10.0)
    one.run(15.0)
    times = [round(when, 2) for when, _ in one.sent]
    assert times == [0.26, 1.26, 12.0, 12.26, 13.26, 14.26] or times == [0.25, 1.25, 12.0, 12.25, 13.25, 14.25]


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 0.4, -0.015])
def test_a_clock_that_is_set_costs_the_number_not_the_answer(step_s: float) -> None:
    session = ping()
    session.add("a", HOST, every_s=1.0, interval_s=float("inf"), timeout_s=0.9, first_at=0.5, count=3)
    moved = [0]

    def path(packet: Datagram, now: float) -> Iterable[tuple[float, Arrival]]:
        when = now + 0.02
        jump = round(step_s * 1e9) if number(packet) == 1 or moved[0] else 0
        yield when, arrival(packet, when)._replace(at_ns=EPOCH + moved[0] + jump + round(when * 1e9))

    one = Line(session, path).run(1.505)
    one.run(1.515)
    one.set_ns = moved[0] = round(step_s * 1e9)  # while packet 1 is in the air
    one.path = lambda packet, now: [(now + 0.02, arrival(packet, now + 0.02)._replace(at_ns=one.wall_ns(now + 0.02)))]
    one.run(60)
    window = only(one)
    assert (window.sent, window.rcvd) == (3, 3)
    assert window.rtts_ms == pytest.approx([20.0, 20.0])


def test_a_slewed_clock_is_no_step() -> None:
    session = ping()
    session.add("a", HOST, every_s=1.0, interval_s=float("inf"), timeout_s=10.0, first_at=0.0, count=1)
    (packet,) = session.transmit(0.0, EPOCH)
    session.clocks(8.0, EPOCH + round(8.0 * 1e9 * 1.0005))
    session.receive(arrival(packet, 8.0), 8.0)
    assert len(session.events()[0].window.rtts_ms) == 1


def test_without_kernel_stamps_answers_are_told_as_such() -> None:
    session = ping()
    session.add("a", HOST, every_s=1.0, interval_s=float("inf"), timeout_s=0.9, first_at=0.5, count=3)
    window = only(Line(session, after(0.02), stamps=False).run(60))
    assert (window.rcvd, window.unstamped) == (3, 3)


# --- ICMP errors ---


def complaint(
    by: str, type: int = 3, code: int = 1, quote: Callable[[bytes], bytes] = bytes
) -> tuple[FleetWindow, Line]:
    session = ping()
    session.add("a", HOST, every_s=1.0, interval_s=float("inf"), timeout_s=0.3, first_at=0.0, count=1)
    one = Line(session, lambda packet, now: [])
    one.run(0.05)
    session.unreachable(HOST[0], by, quote(one.sent[0][1].data), type, code, 0.06)
    return only(one.run(5.0)), one


@pytest.mark.parametrize("by", [HOST[0], "192.0.2.254"])
@pytest.mark.parametrize("length", [64, 8])
def test_unreachable_by_another_host_is_a_refusal(by: str, length: int) -> None:
    window, _ = complaint(by, quote=lambda data: data[:length])
    assert outcome_of(window) == Outcome.REFUSED
    own = "forbids it: a firewall of the host itself"  # whatever it says, it is there
    words = own if by == HOST[0] else "finds the host silent: it is off, or not there"
    assert window.why == f"{by} {words} (ICMP type 3 code 1)"


def test_a_silent_next_hop_is_silence() -> None:
    window, _ = complaint("")
    assert outcome_of(window) == Outcome.LOST and "next hop" in window.why


@pytest.mark.parametrize(("type", "code"), [(11, 0), (3, 4), (12, 0)])
def test_other_icmp_is_no_refusal(type: int, code: int) -> None:
    window, _ = complaint("192.0.2.254", type, code)
    assert outcome_of(window) == Outcome.LOST and f"ICMP type {type} code {code}" in window.why


@pytest.mark.parametrize("quote", [lambda d: d[:7], lambda d: d[:4] + b"\0\0" + d[6:], lambda d: d[:8] + bytes(56)])
def test_errors_about_others_packets_are_left_alone(quote: Callable[[bytes], bytes]) -> None:
    window, _ = complaint(HOST[0], quote=quote)
    assert (outcome_of(window), window.refused) == (Outcome.LOST, 0)


def test_an_answer_after_a_complaint_still_counts() -> None:
    session = ping()
    session.add("a", HOST, every_s=1.0, interval_s=float("inf"), timeout_s=0.3, first_at=0.0, count=1)
    (packet,) = session.transmit(0.0, EPOCH)
    session.unreachable(HOST[0], "192.0.2.254", packet.data, 3, 1, 0.01)
    session.receive(arrival(packet, 0.02), 0.02)
    assert outcome_of(session.events()[0].window) == Outcome.OK


# --- many ---


def test_a_thousand_targets_leave_in_small_groups_and_none_is_forgotten() -> None:
    session = ping()
    for index in range(1000):
        session.add(f"t{index}", (f"10.0.{index >> 8}.{index & 255}", 0), every_s=1.0, interval_s=1.0, timeout_s=0.5, first_at=0.0, count=3)  # fmt: skip
    one = Line(session, after(0.02)).run(10.0)
    slots: dict[int, int] = {}
    for when, _ in one.sent:
        slots[int(when / SLOT_S)] = slots.get(int(when / SLOT_S), 0) + 1
    assert max(slots.values()) <= 2 * 1000 * SLOT_S
    windows = [event.window for event in one.events]
    assert (sum(got.sent for got in windows), sum(got.rcvd for got in windows)) == (3000, 3000)
    assert max(got.send_late_ms for got in windows) < 1000 and session.done


def test_a_small_fleet_due_at_once_is_spread_in_groups_of_ten() -> None:
    session = ping()
    for index in range(25):
        session.add(f"t{index}", (f"10.0.0.{index}", 0), every_s=1.0, interval_s=1.0, timeout_s=0.5, first_at=0.0, count=1)  # fmt: skip
    one = Line(session, after(0.02)).run(5.0)
    times = [when for when, _ in one.sent]
    assert [sum(abs(when - first) < 1e-4 for when in times) for first in sorted(set(times))] == [GROUP, GROUP, 5]


def test_fast_checks_keep_their_rate() -> None:
    session = ping()
    session.add("a", HOST, every_s=0.001, interval_s=float("inf"), timeout_s=0.5, first_at=0.0, count=2000)
    one = Line(session, after(0.02)).run(30.0)
    assert only(one).rcvd == 2000
    assert one.sent[-1][0] == pytest.approx(2.0, abs=0.05)


def test_answers_from_the_address_before_a_move_still_count() -> None:
    session = ping()
    track = session.add("a", HOST, every_s=1.0, interval_s=float("inf"), timeout_s=0.9, first_at=0.0, count=2)
    one = Line(session, after(0.02)).run(0.01)
    session.move(track, ("198.51.100.7", 0))
    assert only(one.run(5.0)).rcvd == 2 and one.sent[1][1].to == ("198.51.100.7", 0)


@pytest.mark.parametrize("seed", range(20))
def test_no_packet_is_counted_twice_or_forgotten(seed: int) -> None:
    """Any mix of loss, delay, doubles and stalls: sent = answered + lost + ours, and every interval is told."""
    rng = random.Random(seed)

    def path(packet: Datagram, now: float) -> Iterable[tuple[float, Arrival]]:
        for _ in range(rng.choice((0, 1, 1, 1, 1, 2))):
            yield from after(rng.choice((0.001, 0.05, 0.3, 0.6, 1.1)))(packet, now)

    session = Counting(ident=IDENT, cookie=COOKIE)
    for index in range(5):
        session.add("a", (f"10.0.0.{index}", 0), every_s=rng.choice((0.05, 0.3, 1.0)), interval_s=1.0, timeout_s=rng.choice((0.2, 0.5)), first_at=rng.random(), count=40)  # fmt: skip
    one = Line(session, path)
    while not session.done:
        one.run(one.now + rng.uniform(0.1, 2.0))
        if rng.random() < 0.2:
            one.stall(rng.uniform(0.05, 3.0))
    windows = one.windows()
    assert sum(got.sent + got.ours for got in windows) == len(one.sent) == 200
    assert sum(got.rcvd for got in windows) == session.fates[True]
    assert sum(got.sent - got.rcvd for got in windows) == session.fates[False]
    assert all(len(got.rtts_ms) <= got.rcvd <= got.sent for got in windows)
    assert all(not track.flights and not track.window for track in session.tracks)


class Counting(Ping):
    """A session that counts the fates it is told of."""

    def __init__(self, *, ident: int, cookie: bytes) -> None:
        super().__init__(ident=ident, cookie=cookie)
        self.fates = {True: 0, False: 0}

    def fate(self, track: FleetTarget, seq: int, window: FleetWindow, answered: bool) -> None:
        self.fates[answered] += 1


def test_after_a_stall_no_target_is_blamed_whatever_its_time_out() -> None:
    session = ping()
    for number_, timeout_s in enumerate((0.2, 0.5, 1.0)):
        session.add("a", (f"10.0.0.{number_}", 0), every_s=1.0, interval_s=float("inf"), timeout_s=timeout_s, first_at=0.0, count=1)  # fmt: skip
    one = Line(session, lambda packet, now: []).run(0.1)
    one.stall(5.0)
    assert [(got.sent, got.ours, got.lost) for got in one.windows()] == [(0, 1, [])] * 3


def test_memory_of_fates_is_bounded() -> None:
    session = ping()
    track = session.add("a", HOST, every_s=0.001, interval_s=1.0, timeout_s=0.5, first_at=0.0)
    Line(session, after(0.002)).run(5.0)
    assert len(track.past) == 1000 and sum(len(one) for one in session._flying.values()) < 100


def test_a_bare_fleet_has_no_packets() -> None:
    with pytest.raises(AssertionError):
        Fleet().packet(None, 0, 0)  # type: ignore[arg-type]
    assert checksum(b"") == 0xFFFF
