"""Which way each packet was lost, told by the reflector's numbers, in simulated time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtualnet import EPOCH_NS, Line

from probes.answer.stamp.reflector import Reflector
from probes.base import Outcome
from probes.kinds.shared.packets import outcome_of
from probes.kinds.stamp import _more, _note
from probes.wire.fleet.track import FleetTarget, FleetWindow
from probes.wire.session import Arrival, Datagram
from probes.wire.stamp import packet as stamp
from probes.wire.stamp.sender import LossLedger, StampSender

RESIDENCE_NS = 5_000_000
FAR, NEAR, KEY = ("192.0.2.1", 862), ("192.0.2.9", 40000), b"a key of sixteen"
Fate = Callable[[int], bool]  # packet's number → does it get through?


def through(number: int) -> bool:
    return True


class Way:
    """A path with a real reflector at its end. `there`, `back`: which packets get through; delays by `delay`."""

    def __init__(self, there: Fate = through, back: Fate = through, delay: Callable[[], float] = lambda: 0.010) -> None:
        self.there, self.back, self.delay = there, back, delay
        self.key, self.comes = b"", 0.0
        self.restart()
        self.lost = {"there": 0, "back": 0}

    def restart(self) -> None:
        self.reflector = Reflector(
            stamp.ClockQuality(), self.key, now_ns=lambda: EPOCH_NS + round(self.comes * 1e9) + RESIDENCE_NS
        )

    def __call__(self, packet: Datagram, now: float) -> Iterable[tuple[float, Arrival]]:
        number = int.from_bytes(packet.data[:4], "big")
        if not self.there(number):
            self.lost["there"] += 1
            return
        comes = self.comes = now + self.delay()
        self.reflector.receive(Arrival(packet.data, NEAR, EPOCH_NS + round(comes * 1e9), 61, 0), comes)
        for answer in self.reflector.transmit(comes, 0):
            if not self.back(number):
                self.lost["back"] += 1
                continue
            when = comes + self.delay()
            yield when, Arrival(answer.data, FAR, EPOCH_NS + round(when * 1e9), 62, 0)


def line(way: Way, *, count: int = -1, every_s: float = 0.01, once: bool = True, stateful: bool = True) -> Line:
    session = StampSender(stamp.ClockQuality())
    track = session.add("a", FAR, every_s=every_s, interval_s=float("inf") if once else 1.0, timeout_s=0.5, first_at=0.0, count=count)  # fmt: skip
    session.fit(track, way.key, 112 if way.key else 44, stateful)
    return Line(session, way)


def losses(windows: Iterable[FleetWindow]) -> tuple[int, int, int]:
    told = [tuple(one.more[name] for name in ("lost_fwd", "lost_bwd", "lost_unknown")) for one in windows]
    return tuple(map(sum, zip(*told, strict=True)))  # type: ignore[return-value]


def none_of(*numbers: int) -> Fate:
    return lambda number: number not in numbers


def some(rng: random.Random, share: float) -> Fate:
    return lambda number: rng.random() >= share


@pytest.mark.parametrize(
    ("there", "back", "expected"),
    [
        ((), (), (0, 0, 0)),
        ((3,), (), (1, 0, 0)),
        ((), (3,), (0, 1, 0)),
        ((3, 4), (5, 6, 7), (2, 3, 0)),
        ((3, 5), (4,), (2, 1, 0)),
        ((0, 1), (2,), (2, 1, 0)),
        ((18, 19), (), (0, 0, 2)),
        ((), (19,), (0, 0, 1)),
        (range(20), (), (0, 0, 20)),
    ],
    ids=["none", "there", "back", "both", "mixed", "first", "last", "last-back", "all"],
)
def test_each_loss_has_its_direction(there: Iterable[int], back: Iterable[int], expected: tuple[int, ...]) -> None:
    (window,) = line(Way(none_of(*there), none_of(*back)), count=20).run(60).windows()
    assert losses([window]) == expected
    assert sum(expected) == window.sent - window.rcvd


class Unstamped(Way):
    """A reflector that leaves stamps at zero."""

    def __init__(self, *at: slice) -> None:
        super().__init__()
        self.at = at

    def __call__(self, packet: Datagram, now: float) -> Iterable[tuple[float, Arrival]]:
        for when, answer in super().__call__(packet, now):
            data = bytearray(answer.data)
            for place in self.at:
                data[place] = bytes(8)
            yield when, answer._replace(data=bytes(data))


@pytest.mark.parametrize("at", [(slice(4, 12),), (slice(16, 24),), (slice(4, 12), slice(16, 24))])
def test_without_a_reflectors_stamps_there_are_round_trips_and_no_direction(at: tuple[slice, ...]) -> None:
    (window,) = line(Unstamped(*at), count=20).run(60).windows()
    values = _more(window)
    assert window.rcvd == len(window.rtts_ms) == 20 and min(window.rtts_ms) == pytest.approx(20, abs=0.1)
    told = {name for name in values if name.startswith(("owd", "pdv", "residence", "drift", "clock_steps"))}
    assert not told and "no time stamps" in _note(window)
    assert (values["lost_fwd"], values["lost_bwd"]) == (0, 0)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("shares", [(0.02, 0.0), (0.0, 0.02), (0.05, 0.10), (0.4, 0.4)])
def test_directions_are_told_exactly_up_to_the_last_answer(shares: tuple[float, float], seed: int) -> None:
    rng = random.Random(seed)
    way = Way(some(rng, shares[0]), some(rng, shares[1]))
    (window,) = line(way, count=2000).run(60).windows()
    there, back, unknown = losses([window])
    assert there + back + unknown == window.sent - window.rcvd == sum(way.lost.values())
    assert way.lost["there"] - unknown <= there <= way.lost["there"]
    assert way.lost["back"] - unknown <= back <= way.lost["back"]
    assert unknown < 20
    assert (there == 0 or shares[0] > 0) and (back == 0 or shares[1] > 0)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("direction", ["there", "back"])
def test_reordering_moves_no_loss_to_the_other_direction(direction: str, seed: int) -> None:
    rng = random.Random(seed)
    fates = {direction: some(rng, 0.05)}
    (window,) = line(Way(**fates, delay=lambda: rng.uniform(0.005, 0.035)), count=2000).run(60).windows()
    there, back, unknown = losses([window])
    assert there + back + unknown == window.sent - window.rcvd > 50
    assert (there if direction == "back" else back) <= 0.02 * (there + back)


def test_intervals_told_one_by_one_add_up() -> None:
    rng = random.Random(7)
    way = Way(some(rng, 0.05), some(rng, 0.05))
    one = line(way, once=False, count=3000).run(60)
    windows = one.windows()
    there, back, unknown = losses(windows)
    assert sum(got.sent - got.rcvd for got in windows) == sum(way.lost.values())
    assert there + back <= sum(way.lost.values()) and there + back >= sum(way.lost.values()) - 5
    assert unknown <= 10 and len(windows) == 30


def test_a_loss_that_waits_for_an_answer_is_unknown_once_and_gets_its_direction_later() -> None:
    outage = Way(lambda number: not 300 <= number < 800)
    windows = line(outage, once=False, count=1200).run(60).windows()
    assert losses(windows) == (500, 0, 400)  # the last hundred's interval was still open when the answer came
    told = [got.more["lost_unknown"] for got in windows]
    assert max(told) <= 105  # never told again in the next interval
    assert next(got.more["lost_fwd"] for got in windows if got.more["lost_fwd"]) == 500


@pytest.mark.parametrize("first", [5, 100, 500])
def test_a_reflector_that_begins_anew_is_understood_again(first: int) -> None:
    way = Way()

    def there(number: int) -> bool:
        if number == first + 20:
            way.restart()
        return not first <= number < first + 20 and number not in (first + 100, first + 101)

    way.there = there
    way.back = none_of(first + 150)
    (window,) = line(way, count=first + 300).run(60).windows()
    assert losses([window]) == (2, 1, 20)


def test_a_stateless_reflector_tells_no_direction() -> None:
    (window,) = line(Way(none_of(3), none_of(7)), count=20, stateful=False).run(60).windows()
    assert losses([window]) == (0, 0, 2)


@pytest.mark.parametrize("seed", range(5))
def test_packets_doubled_on_the_way_are_no_losses(seed: int) -> None:
    rng = random.Random(seed)
    way = Way(some(rng, 0.05))

    def doubled(packet: Datagram, now: float) -> Iterable[tuple[float, Arrival]]:
        yield from way(packet, now)
        if int.from_bytes(packet.data[:4], "big") % 10 == 5:
            lossy, way.there = way.there, through
            yield from way(packet, now + 0.0001)
            way.there = lossy

    one = line(way, count=2000)
    one.path = doubled
    (window,) = one.run(60).windows()
    there, back, unknown = losses([window])
    assert back <= 2 and window.dup > 150 and there + back + unknown == window.sent - window.rcvd


def test_what_never_left_is_no_loss() -> None:
    session = StampSender(stamp.ClockQuality())
    track = session.add("a", FAR, every_s=0.1, interval_s=float("inf"), timeout_s=0.3, first_at=0.0, count=10)
    session.fit(track, b"", 44, True)
    one = Line(session, Way(none_of(5)))
    one.run(0.25)
    one.now = 0.305
    for packet in session.transmit(one.now, one.wall_ns()):
        session.unsent(packet.token, "no route")
    (window,) = one.run(10).windows()
    assert (window.sent, window.rcvd, window.ours) == (9, 8, 1)
    assert losses([window]) == (1, 0, 0)


def test_packets_slept_through_blur_the_directions_but_are_no_losses() -> None:
    one = line(Way(none_of(0, 3)), count=6, every_s=0.1)
    one.path = lambda packet, now: (
        [] if int.from_bytes(packet.data[:4], "big") in (1, 2) else Way.__call__(way, packet, now)
    )
    way = Way(none_of(0))
    one.run(0.21)
    one.stall(2.0)
    (window,) = one.run(10).windows()
    assert window.ours >= 2 and window.sent == 6 - window.ours
    assert sum(losses([window])) == window.sent - window.rcvd


# --- values ---


def test_the_reflectors_residence_is_no_part_of_the_round_trip() -> None:
    (window,) = line(Way(), count=5).run(10).windows()
    assert window.rtts_ms == pytest.approx([15.0] * 5, abs=1e-3)  # 10 there, 10 back, 5 of them the reflector's
    assert window.more["residence_ms"] == pytest.approx(5.0, abs=1e-3)
    assert [one[1] for one in window.more["split"]] == pytest.approx([10.0] * 5, abs=1e-3)
    assert [one[2] for one in window.more["split"]] == pytest.approx([5.0] * 5, abs=1e-3)
    assert (window.hops, window.more["dscp_seen_bwd"]) == (62, 0)


def test_a_reflector_that_claims_too_long_a_residence_gives_no_number() -> None:
    way = Way()

    def lying(packet: Datagram, now: float) -> Iterable[tuple[float, Arrival]]:
        for when, arrival in way(packet, now):
            reply = stamp.decode_reply(arrival.data)
            yield when, arrival._replace(data=stamp.encode_reply(reply._replace(sent_ns=reply.sent_ns + 10**9)))

    one = line(way, count=3)
    one.path = lying
    (window,) = one.run(10).windows()
    assert (window.rcvd, window.rtts_ms, outcome_of(window)) == (3, [], Outcome.OK)


def test_authenticated_tests_are_answered_and_forged_answers_are_not_taken() -> None:
    way = Way()
    way.key = KEY
    way.restart()
    (window,) = line(way, count=5).run(10).windows()
    assert (window.sent, window.rcvd) == (5, 5)

    def forged(packet: Datagram, now: float) -> Iterable[tuple[float, Arrival]]:
        for when, arrival in way(packet, now):
            yield when, arrival._replace(data=arrival.data[:-1] + bytes([arrival.data[-1] ^ 1]))

    way.restart()  # virtual time begins anew: these would be replays
    one = line(way, count=5)
    one.path = forged
    (window,) = one.run(10).windows()
    assert (window.rcvd, one.session.malformed) == (0, 5)


def test_targets_behind_one_address_are_told_apart() -> None:
    session = StampSender(stamp.ClockQuality())
    for name, numbers in (("a", 10), ("b", 10)):
        track = session.add(name, FAR, every_s=0.1, interval_s=float("inf"), timeout_s=0.3, first_at=0.0, count=numbers)
        session.fit(track, b"", 44, True)
    way = Way()

    def only_b(packet: Datagram, now: float) -> Iterable[tuple[float, Arrival]]:
        return way(packet, now) if packet.data[14:16] == b"\0\2" else ()

    one = Line(session, only_b).run(10)
    assert [(got.rcvd) for got in (*one.windows("a"), *one.windows("b"))] == [0, 10]


def test_a_twamp_light_reflector_gives_no_ssid_back() -> None:
    way = Way()

    def light(packet: Datagram, now: float) -> Iterable[tuple[float, Arrival]]:
        for when, arrival in way(packet, now):
            yield when, arrival._replace(data=arrival.data[:14] + b"\0\0" + arrival.data[16:41])

    one = line(way, count=5)
    one.path = light
    assert one.run(10).windows()[0].rcvd == 5


@pytest.mark.parametrize("source", [("192.0.2.2", 862), ("192.0.2.1", 863)])
def test_answers_from_elsewhere_are_not_taken(source: tuple[str, int]) -> None:
    way = Way()
    one = line(way, count=5)
    one.path = lambda packet, now: [(when, got._replace(source=source)) for when, got in way(packet, now)]
    assert one.run(10).windows()[0].rcvd == 0


def test_a_late_answer_between_two_intervals_stops_nothing() -> None:
    """Once it replaced the target's ledger, and nothing was sent any more."""
    one = line(Way(delay=lambda: 0.3), every_s=1.0, once=False, count=10).run(30)
    assert [(got.rcvd, got.late) for got in one.windows()] == [(0, 0), *[(0, 1)] * 9]


def complaint(quote: bytes) -> FleetWindow:
    one = line(Way(none_of(0)), count=1).run(0.05)
    one.session.unreachable(FAR[0], "192.0.2.254", quote, 3, 3, 0.06)  # type: ignore[attr-defined]
    return one.run(5).windows()[0]


@pytest.mark.parametrize("quote", [bytes(44), bytes(4), b""])
def test_an_icmp_error_refuses_the_packet_it_is_about(quote: bytes) -> None:
    assert outcome_of(complaint(quote)) == Outcome.REFUSED
    assert outcome_of(complaint(b"\0\0\0\1")) == Outcome.LOST


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(-3, 70)), max_size=80), st.booleans())
def test_a_ledger_takes_any_fates(fates: list[tuple[int, int]], stateful: bool) -> None:
    ledger, lost = LossLedger(stateful=stateful), 0
    for seq, (skip, number) in enumerate(fates):
        ledger.settle(seq, number)
        ledger.again(skip)
        lost += number == -1
    there, back, unknown = ledger.take()
    assert min(there, back, unknown) >= 0 and there + back + unknown == lost
    assert not ledger.fates and len(ledger.doubles) <= 64


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_never_raise(data: bytes, keyed: bool) -> None:
    way = Way()
    way.key = KEY if keyed else b""
    way.restart()
    one = line(way, count=3, every_s=0.1)
    one.run(0.15)
    good = one.sent[0][1].data
    for got in (data, data + good[len(data) :], good[:28] + data):
        one.session.receive(Arrival(got, FAR, EPOCH_NS, -1, -1), one.now)
        one.session.unreachable(FAR[0], "192.0.2.254", got, 3, 3, one.now)  # type: ignore[attr-defined]
    windows: list[Any] = one.run(10).windows()
    assert windows[0].sent == 3


def test_a_ledger_belongs_to_its_track() -> None:
    session = StampSender(stamp.ClockQuality())
    track: FleetTarget = session.add("a", FAR, every_s=1, interval_s=1, timeout_s=1, first_at=0)
    session.fit(track, KEY, 112, True)
    assert len(session.packet(track, 0, 0)) == 112


def test_both_clocks_words_are_in_the_packets_and_kept_for_the_values() -> None:
    way = Way()
    way.reflector = Reflector(stamp.ClockQuality(0.004, True), now_ns=lambda: EPOCH_NS + round(way.comes * 1e9))
    session = StampSender(stamp.UNKNOWN, lambda: stamp.ClockQuality(0.002, True))
    session.fit(session.add("a", FAR, every_s=0.01, interval_s=float("inf"), timeout_s=0.5, first_at=0.0, count=3), b"", 44, True)  # fmt: skip
    one = Line(session, way).run(10)
    (window,) = one.windows()
    assert {stamp.decode_test(packet.data).error for _, packet in one.sent} == {stamp.ClockQuality(0.002, True).field}
    assert (window.more["clock"], window.more["far_error"]) == (
        stamp.ClockQuality(0.002, True),
        stamp.ClockQuality(0.004, True).field,
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_reflectors_clock_that_is_set_is_an_event_and_no_round_trip_changes(seed: int) -> None:
    rng, way = random.Random(seed), Way()
    way.delay = lambda: 0.010 + rng.expovariate(1000)
    plain = way.__call__

    def stepped(packet: Datagram, now: float) -> Iterable[tuple[float, Arrival]]:
        for when, arrival in plain(packet, now):
            reply = stamp.decode_reply(arrival.data)
            far_ns = round(1e9 * (5e-5 * now + (0.25 if now >= 130 else 0.0)))
            reply = reply._replace(sent_ns=reply.sent_ns + far_ns, received_ns=reply.received_ns + far_ns)
            yield when, arrival._replace(data=stamp.encode_reply(reply))

    one = line(way, every_s=0.1, once=False)
    one.session.tracks[0].interval_s = 60.0
    one.path = stepped
    windows = one.run(270).windows()
    assert [window.more.get("clock_steps", 0) for window in windows[:4]] == [0, 0, 1, 0]
    assert all(min(window.rtts_ms) >= 14.9 and max(window.rtts_ms) < 60 for window in windows)
    for window in (windows[1], windows[3]):
        assert window.more["drift"].slope * 1000 == pytest.approx(50.0, abs=5.0)
    assert sum(len(window.more["split"]) for window in windows[:4]) > 1900
