"""The agent's session with the responder over a simulated link: rounds, losses, silence, nonsense, aborting."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trainworld import RESPONDER, TrainWorld

from probes.wire.handshake import PacketType, SessionFailed
from probes.wire.session import Arrival
from probes.wire.train import packet as train
from probes.wire.train.packet import PacketStream
from probes.wire.train.sender import RoundDone

TRAIN = PacketStream(200, 1000)


def done(world: TrainWorld) -> RoundDone:
    (got,) = world.run()
    assert isinstance(got, RoundDone), got
    return got


def test_a_train_there_is_told_packet_by_packet() -> None:
    world = TrainWorld(slot_s=0.0006)
    world.agent.begin(TRAIN, PacketStream())
    got = done(world)
    assert got.backward is None and got.forward is not None and not got.aborted
    assert [number for number, _ in got.forward.arrivals] == list(range(200)) and len(got.forward.sent_ns) == 200
    gaps = {after - before for (_, before), (_, after) in pairwise(got.forward.arrivals)}
    assert all(abs(gap - 600_000) < 1000 for gap in gaps)


def test_a_train_back_is_stamped_here() -> None:
    world = TrainWorld(slot_s=0.0006)
    world.agent.begin(PacketStream(), TRAIN)
    got = done(world)
    assert got.forward is None and got.backward is not None
    assert [number for number, _ in got.backward.arrivals] == list(range(200)) and len(got.backward.sent_ns) == 200


def test_many_rounds_are_one_test() -> None:
    world = TrainWorld()
    for _ in range(3):
        world.agent.begin(TRAIN, PacketStream())
        done(world)
    assert world.responder.counts["tests"] == 1 and world.responder.counts["hello"] == 1


def test_streams_go_both_ways_at_once_at_their_pace() -> None:
    world = TrainWorld()
    stream = PacketStream(100, 1200, 2_000_000)
    world.agent.begin(stream, stream)
    got = done(world)
    assert got.forward and got.backward and len(got.forward.arrivals) == len(got.backward.arrivals) == 100
    for trace in (got.forward, got.backward):
        assert trace.sent_ns[-1] == pytest.approx(99 * 2_000_000, rel=0.02) and trace.starved == 0


def test_a_slow_stream_has_not_ended_between_two_packets() -> None:
    world = TrainWorld()
    slow = PacketStream(8, 500, 450_000_000)
    world.agent.begin(slow, slow)
    got = done(world)
    assert got.forward and got.backward and len(got.forward.arrivals) == len(got.backward.arrivals) == 8


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 0.4))
def test_any_lost_packets_end_in_a_result(seed: int, share: float) -> None:
    import random

    chance = random.Random(seed)
    world = TrainWorld(slot_s=0.0002, drops=lambda direction, data, now: chance.random() < share, timeout_s=8.0)
    world.agent.begin(PacketStream(60, 1000), PacketStream(60, 1000))
    (got,) = world.run(60)
    if isinstance(got, RoundDone):
        assert got.forward and len(got.forward.arrivals) <= 60 and got.backward and len(got.backward.arrivals) <= 60
    else:
        assert share > 0.05


def test_a_stream_that_is_dropped_whole_has_no_arrivals() -> None:
    world = TrainWorld(drops=lambda direction, data, now: data[4] == PacketType.DATA)
    world.agent.begin(TRAIN, TRAIN)
    got = done(world)
    assert got.forward and got.backward and not got.forward.arrivals and not got.backward.arrivals


def test_nobody_there_is_silence() -> None:
    world = TrainWorld(drops=lambda direction, data, now: True)
    world.agent.begin(TRAIN, PacketStream())
    began = world.now
    (got,) = world.run()
    assert got == SessionFailed("silence", "nothing came back in time") and 0.9 < world.now - began < 1.5


def test_silence_in_the_middle_is_silence() -> None:
    world = TrainWorld(drops=lambda direction, data, now: direction == "back" and data[4] == PacketType.REPORT)
    world.agent.begin(TRAIN, PacketStream())
    (got,) = world.run()
    assert isinstance(got, SessionFailed) and got.how == "silence"


def test_another_key_is_nonsense_or_silence_and_never_a_result() -> None:
    for theirs, ours in ((b"key of the responder", b""), (b"", b"key of the agent"), (b"one key", b"another key")):
        world = TrainWorld(key=theirs, agent_key=ours)
        world.agent.begin(TRAIN, PacketStream())
        (got,) = world.run()
        assert isinstance(got, SessionFailed) and got.how in ("silence", "nonsense")


def test_a_shared_key_works() -> None:
    world = TrainWorld(key=b"key of both")
    world.agent.begin(TRAIN, TRAIN)
    assert done(world).forward


def test_what_is_no_train_protocol_is_nonsense() -> None:
    world = TrainWorld(drops=lambda direction, data, now: True)
    world.agent.begin(TRAIN, PacketStream())
    list(world.agent.transmit(world.now, 0))
    world.agent.receive(Arrival(b"SIP/2.0 400 Bad Request", RESPONDER, 0), world.now)
    (got,) = world.run()
    assert isinstance(got, SessionFailed) and got.how == "nonsense"


def test_a_delay_that_rises_cuts_both_streams_short() -> None:
    world = TrainWorld(slot_s=0.004)
    stream = PacketStream(400, 1200, 2_000_000)
    world.agent.begin(stream, stream, max_rise_ns=30_000_000)
    got = done(world)
    assert got.aborted and got.forward and got.backward
    assert len(got.forward.sent_ns) < 150 and len(got.backward.sent_ns) < 150


def test_unreachable_is_refused_and_our_own_kernels_word_is_not() -> None:
    world = TrainWorld()
    world.agent.begin(TRAIN, PacketStream())
    world.agent.unreachable(RESPONDER[0], "", b"", 3, 1, world.now)
    assert not world.agent.done
    world.agent.unreachable(RESPONDER[0], "192.0.2.9", b"", 3, 3, world.now)
    (got,) = world.agent.events()
    assert got.how == "refused"


def test_a_router_that_asks_for_shorter_packets_is_no_refusal() -> None:
    world = TrainWorld()
    world.agent.begin(TRAIN, PacketStream())
    world.agent.unreachable(RESPONDER[0], "192.0.2.9", b"", 3, 4, world.now)
    (got,) = world.agent.events()
    assert got.how == "ours" and "smaller size" in got.why


@given(
    st.lists(
        st.binary(max_size=120)
        | st.integers(1, 9).map(lambda what: train.CODEC.answer(PacketType(what), 77, bytes(40), tag=1)),
        max_size=20,
    )
)
def test_any_packets_never_raise(packets: list[bytes]) -> None:
    world = TrainWorld()
    world.agent.begin(TRAIN, TRAIN)
    for data in packets:
        world.agent.receive(Arrival(data, RESPONDER, 1), world.now)
        list(world.agent.transmit(world.now, 0))
        world.agent.wake_at()
    assert all(isinstance(event, SessionFailed) for event in world.agent.events())  # nothing of it is a result
