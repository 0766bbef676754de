"""The agent's session with the responder over a simulated link: streams, losses, silence, nonsense, cutting short."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mediaworld import RESPONDER, SHAPE, MediaWorld

from probes.answer.streams.media import MediaLimits
from probes.wire.handshake import PacketType, SessionFailed
from probes.wire.media import packet as media
from probes.wire.media.flow import MediaTrace
from probes.wire.media.packet import BACKWARD, FORWARD
from probes.wire.media.sender import AbortRule, MediaDone, far_shape
from probes.wire.media.shape import plan
from probes.wire.session import Arrival


def done(world: MediaWorld) -> MediaDone:
    (got,) = world.run()
    assert isinstance(got, MediaDone), got
    return got


def failed(world: MediaWorld) -> SessionFailed:
    (got,) = world.run()
    assert isinstance(got, SessionFailed), got
    return got


def both(got: MediaDone) -> tuple[MediaTrace, MediaTrace]:
    assert got.forward is not None and got.backward is not None
    return got.forward, got.backward


def number_of(data: bytes) -> int:
    return media.read_data(data).number if media.CODEC.head(data).type is PacketType.DATA else -1


def test_a_conference_goes_both_ways_and_every_packet_is_told() -> None:
    forward, backward = both(done(MediaWorld()))
    for trace, shape in ((forward, SHAPE), (backward, far_shape(SHAPE))):
        wanted = plan(shape)
        assert [one for one, _, _ in trace.arrivals] == list(range(len(wanted)))
        offsets = [sent - one.due_ns for sent, one in zip(trace.sent_ns, wanted, strict=True)]
        assert max(offsets) - min(offsets) < 10_000 and max(trace.late_us) < 5
        transits = [at - trace.sent_ns[number] for number, at, _ in trace.arrivals]
        assert max(transits) - min(transits) < 10_000
        assert {tos for _, _, tos in trace.arrivals} == {136, 184}


@pytest.mark.parametrize("directions", [FORWARD, BACKWARD])
def test_one_direction_alone(directions: int) -> None:
    got = done(MediaWorld(directions=directions))
    assert (got.forward is not None, got.backward is not None) == (directions == FORWARD, directions == BACKWARD)


def test_a_loss_is_lost_in_its_own_direction_only() -> None:
    dropped = {"there": {3, 4, 90}, "back": {7}}
    world = MediaWorld(drops=lambda direction, data, now: number_of(data) in dropped[direction])
    forward, backward = both(done(world))
    for trace, gone in ((forward, dropped["there"]), (backward, dropped["back"])):
        assert set(range(len(trace.plan))) - {number for number, _, _ in trace.arrivals} == gone
        assert len(trace.sent_ns) == len(trace.plan)


def test_the_last_packets_of_a_stream_may_be_lost() -> None:
    last = len(plan(far_shape(SHAPE))) - 5
    forward, backward = both(done(MediaWorld(drops=lambda direction, data, now: number_of(data) >= last)))
    assert len(backward.sent_ns) == len(backward.plan) and len(backward.arrivals) == last
    assert len(forward.sent_ns) == len(forward.plan)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_words_that_are_lost_are_said_again(seed: int) -> None:
    def drops(direction: str, data: bytes, now: float) -> bool:
        nonlocal seed
        seed = seed * 1103515245 + 12345 & 0x7FFFFFFF
        return media.CODEC.head(data).type is not PacketType.DATA and seed >> 16 & 7 < 2

    forward, backward = both(done(MediaWorld(drops=drops, timeout_s=3.0)))
    assert len(forward.arrivals) == len(forward.plan) and len(backward.arrivals) == len(backward.plan)


def test_round_trips_are_told_from_stamps_without_the_responders_holding() -> None:
    got = done(MediaWorld())
    assert len(got.rtts_ms) >= 10 and all(rtt == pytest.approx(10.0, abs=0.5) for rtt in got.rtts_ms)


def test_marks_that_are_changed_on_the_way_are_seen_where_they_arrive() -> None:
    forward, backward = both(done(MediaWorld(tos=lambda direction, tos: 0 if direction == "back" else tos)))
    assert {tos for _, _, tos in forward.arrivals} == {136, 184} and {tos for _, _, tos in backward.arrivals} == {0}


@pytest.mark.parametrize("direction", ["there", "back"])
def test_more_than_five_percent_lost_in_the_first_two_seconds_cuts_it_short(direction: str) -> None:
    world = MediaWorld(
        drops=lambda to, data, now: to == direction and number_of(data) % 10 == 3,
        shape=SHAPE._replace(duration_ms=8000),
    )
    began = world.now
    got = done(world)
    assert f"lost {direction} in the first 2 s" in got.aborted and world.now - began < 4.5
    forward, backward = both(got)
    assert len(forward.sent_ns) < len(forward.plan) / 2 and len(backward.sent_ns) < len(backward.plan) / 2


def test_four_percent_do_not_cut_it_short() -> None:
    assert done(MediaWorld(drops=lambda direction, data, now: number_of(data) % 25 == 3)).aborted == ""


def test_a_delay_that_rises_too_far_cuts_it_short() -> None:
    world = MediaWorld(slot_s=0.012, shape=SHAPE._replace(duration_ms=8000), guard=AbortRule(rise_ms=250.0))
    began = world.now
    got = done(world)
    assert "delay rose by" in got.aborted and world.now - began < 5


def test_nothing_answers() -> None:
    got = failed(MediaWorld(drops=lambda direction, data, now: True))
    assert got.how == "silence"


def test_a_responder_that_dies_is_silence() -> None:
    assert failed(MediaWorld(drops=lambda direction, data, now: now > 101)).how == "silence"


def test_another_key_is_silence_there_and_nonsense_here() -> None:
    world = MediaWorld(key=b"one key of many", agent_key=b"another key at all")
    assert failed(world).how == "silence" and world.responder.counts["forged"] >= 1
    world = MediaWorld(key=b"", agent_key=b"another key at all")
    assert failed(world).how == "nonsense"


def test_a_key_on_both_sides_is_good() -> None:
    forward, backward = both(done(MediaWorld(key=b"one key of many")))
    assert len(forward.arrivals) == len(forward.plan) and len(backward.arrivals) == len(backward.plan)


def test_a_refusal_is_told() -> None:
    assert failed(MediaWorld(limits=MediaLimits(streams=0))).how == "busy"
    assert failed(MediaWorld(limits=MediaLimits(rate_bps=100_000))).how == "refused"
    assert failed(MediaWorld(limits=MediaLimits(bytes_per_minute=1000))).how == "refused"


def test_a_sender_that_was_put_aside_says_so_in_both_directions() -> None:
    world = MediaWorld()
    world.stalls = lambda now: 101.3 if 101.27 <= now < 101.3 else now
    for trace in both(done(world)):
        late = [late for late in trace.late_us if late > 5000]
        assert late and max(late) <= 31_000 and len(late) < 30


def test_a_sender_that_was_put_aside_for_long_does_not_hurry() -> None:
    world = MediaWorld()
    world.stalls = lambda now: 101.8 if 101.3 <= now < 101.8 else now
    forward, _ = both(done(world))
    behind = [sent - one.due_ns for sent, one in zip(forward.sent_ns, forward.plan, strict=True)]
    assert behind[-1] - behind[0] > 400_000_000 and max(forward.late_us[-50:]) < 1000


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=20), st.integers(1, 9), st.integers(0, 2))
def test_no_bytes_break_the_agent(strange: list[bytes], what: int, stage: int) -> None:
    world = MediaWorld()
    world.run(until_s=0.05 * stage)
    head = media.CODEC.hello(77)[:4] + bytes([what, 0, 0, 0]) + (77).to_bytes(8, "big")
    for data in strange:
        for whole in (data, head + data):
            world.agent.receive(Arrival(whole, RESPONDER, 5), world.now)
    list(world.agent.transmit(world.now, 0))
    assert all(isinstance(event, SessionFailed) for event in world.agent.events())  # nothing of it is a result


def test_our_own_absence_is_never_the_responders_fault() -> None:
    world = MediaWorld(shape=SHAPE._replace(duration_ms=8000))
    world.stalls = lambda now: 104.5 if 101.3 <= now < 104.5 else now
    got = failed(world)
    assert got.how == "ours" and "this machine let us stand for 3.2 s" in got.why


@pytest.mark.parametrize("whose", ["this machine's", "the responder's"])
def test_a_wall_clock_that_is_set_meanwhile_is_told(whose: str) -> None:
    world = MediaWorld()
    world.run(until_s=1.0)
    side = world.agent if whose == "this machine's" else world.responder
    for ahead_ns in (0, 100_000, -30_000_000):
        side.clocks(world.now, world.clock_ns() + ahead_ns)
    assert done(world).clock_set == whose


def test_a_wall_clock_that_is_corrected_slowly_is_not() -> None:
    world = MediaWorld()
    world.run(until_s=1.0)
    for ahead_ns in range(0, 50_000_000, 1_000_000):
        world.agent.clocks(world.now, world.clock_ns() + ahead_ns)
    assert done(world).clock_set == ""


def test_packets_of_others_are_left_aside() -> None:
    world = MediaWorld()
    world.run(until_s=0.01)
    world.agent.receive(Arrival(media.CODEC.answer(PacketType.NO, 77, b"\1"), ("192.0.2.9", 8622), 5), world.now)
    assert not world.agent.done
