"""The responder on an open network: cookies, bounds, one test at a time, silence, any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trainworld import AGENT, TrainWorld

from probes.answer.streams.train import TrainLimits, TrainResponder
from probes.wire.handshake import PacketType, SessionFailed, cookie_of
from probes.wire.session import Arrival, Datagram
from probes.wire.train import packet as train
from probes.wire.train.packet import PacketStream, TrainGo
from probes.wire.train.sender import RoundDone

TRAIN, NOTHING, OTHER = PacketStream(100, 1000), PacketStream(), ("192.0.2.7", 50_000)


def told(responder: TrainResponder, data: bytes, source: tuple[str, int] = AGENT, now: float = 1.0) -> list[Datagram]:
    responder.receive(Arrival(data, source, 1), now)
    return list(responder.transmit(now, 0))


def cookie_for(responder: TrainResponder, source: tuple[str, int] = AGENT, now: float = 1.0) -> bytes:
    (answer,) = told(responder, train.CODEC.hello(5), source, now)
    return cookie_of(train.CODEC.checked(answer.data, b""))[0]


def go(cookie: bytes, theirs: PacketStream = TRAIN, ours: PacketStream = NOTHING) -> bytes:
    return train.CODEC.ask(PacketType.GO, 5, cookie, train.go_body(TrainGo(ours, theirs, 0)), tag=1)


def test_a_cookie_is_good_for_the_address_it_was_sent_to_only() -> None:
    responder = TrainResponder()
    cookie = cookie_for(responder)
    assert told(responder, go(cookie), OTHER) == []
    assert told(responder, go(cookie), (AGENT[0], AGENT[1] + 1)) == []
    assert responder.counts["no cookie"] == 2
    assert len(told(responder, go(cookie))) == 101  # READY and the train


def test_a_cookie_grows_old() -> None:
    responder = TrainResponder()
    cookie = cookie_for(responder)
    assert told(responder, go(cookie), now=1000.0) == []


def test_nobody_without_a_cookie_gets_more_than_he_sent() -> None:
    responder = TrainResponder()
    for what in PacketType:
        for size in (16, 60, 95, 96, 1400):
            data = train.CODEC.ask(what, 5, bytes(16), train.go_body(TrainGo(TRAIN, TRAIN, 0)), tag=1)[:size].ljust(
                size, b"\0"
            )
            assert sum(len(one.data) for one in told(responder, data)) <= len(data)


def test_one_test_at_a_time_and_the_other_is_told() -> None:
    world = TrainWorld()
    world.agent.begin(TRAIN, PacketStream())
    assert isinstance(world.run()[0], RoundDone)
    other = world.another(test=78)
    other.begin(TRAIN, PacketStream())
    (got,) = world.run(agent=other, source=OTHER)
    assert isinstance(got, SessionFailed) and got.how == "busy"


def test_a_farewell_makes_room_and_so_does_silence() -> None:
    for parts in (True, False):
        world = TrainWorld()
        world.agent.begin(TRAIN, PacketStream())
        world.run()
        if parts:
            world.responder.receive(Arrival(world.agent.farewell(), AGENT, 0), world.now)
        else:
            world.now += 3.0
        other = world.another(test=78)
        other.begin(TRAIN, PacketStream())
        assert isinstance(world.run(agent=other, source=OTHER)[0], RoundDone)


def test_a_stream_ends_when_its_agent_is_silent() -> None:
    responder = TrainResponder()
    cookie = cookie_for(responder)
    told(responder, go(cookie, PacketStream(3000, 1000, 10_000_000)))
    sent = 0
    for step in range(2000):
        sent += len(list(responder.transmit(1.0 + step / 100, 0)))
    assert sent < 250 and responder.counts["ended by silence"] == 1


@pytest.mark.parametrize(
    ("stream", "limits", "says"),
    [
        (PacketStream(5000, 1400), TrainLimits(), "so much"),
        (PacketStream(1000, 1000, 1_000_000_000), TrainLimits(), "so much"),
        (PacketStream(100, 1000), TrainLimits(bytes_per_minute=50_000), "no more bytes"),
    ],
)
@pytest.mark.parametrize("backward", [False, True])
def test_what_is_too_much_is_refused(stream: PacketStream, limits: TrainLimits, says: str, backward: bool) -> None:
    world = TrainWorld(limits=limits)
    world.agent.begin(PacketStream() if backward else stream, stream if backward else PacketStream())
    (got,) = world.run()
    assert isinstance(got, SessionFailed) and got.how == "refused" and says in got.why


def test_bytes_come_back_with_the_next_minute() -> None:
    world = TrainWorld(limits=TrainLimits(bytes_per_minute=150_000))
    world.now = 121.0
    for expected in (RoundDone, SessionFailed):
        world.agent.begin(TRAIN, PacketStream())
        assert isinstance(world.run()[0], expected)
    world.now += 60
    world.agent = world.another(test=79)
    world.agent.begin(TRAIN, PacketStream())
    assert isinstance(world.run()[0], RoundDone)


def test_a_privileged_source_port_is_not_answered() -> None:
    assert told(TrainResponder(), train.CODEC.hello(5), ("192.0.2.1", 53)) == []


def test_a_repeated_go_sends_its_train_once() -> None:
    responder = TrainResponder()
    cookie = cookie_for(responder)
    assert len(told(responder, go(cookie))) == 101
    assert len(told(responder, go(cookie))) == 1


def test_no_more_arrivals_are_kept_than_were_announced() -> None:
    responder = TrainResponder()
    cookie = cookie_for(responder)
    told(responder, go(cookie, PacketStream(), PacketStream(10, 100)))
    for number in range(500):
        told(responder, train.data_head(1, 5, number, 0) + bytes(72))
        told(responder, train.data_head(1, 5, 3, 0) + bytes(72))
    (answer,) = told(responder, train.CODEC.ask(PacketType.ASK, 5, cookie, train.part_body(0), tag=1))
    assert len(train.read_summary(train.CODEC.checked(answer.data, b"")).arrivals) == 10


@given(
    st.lists(
        st.binary(max_size=150)
        | st.tuples(st.integers(1, 9), st.binary(max_size=80)).map(
            lambda one: train.CODEC.ask(PacketType(one[0]), 5, COOKIE, one[1], tag=1)
        ),
        max_size=20,
    )
)
def test_any_packets_never_raise(packets: list[bytes]) -> None:
    responder = TrainResponder(secret=b"known")
    for data in packets:
        assert sum(len(answer.data) for answer in told(responder, data)) <= len(data)
        responder.wake_at()


COOKIE = cookie_for(TrainResponder(secret=b"known"))
