"""One stream of a train: what leaves asks for no send stamp, what cannot leave is tried again, for a while."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from trainworld import TrainWorld

from probes.wire.handshake import PacketType, SessionFailed
from probes.wire.session import Datagram
from probes.wire.train import packet as train
from probes.wire.train.flow import StreamSender
from probes.wire.train.packet import PacketStream
from probes.wire.train.sender import RoundDone

TO = ("192.0.2.2", 8621)


def test_data_packets_ask_the_kernel_for_no_send_stamp() -> None:
    out = StreamSender(PacketStream(5, 100), 1, 77, TO, 0, lambda: 1_000)
    given = list(out.packets(1.0))
    assert [one.token for one in given] == [None] * 5 and out.over and not out.leaving


def test_a_packet_the_socket_has_no_room_for_is_given_again() -> None:
    out, numbers = StreamSender(PacketStream(3, 100), 1, 77, TO, 0, lambda: 1_000), list[int]()
    for now in (1.0, 1.001):
        for one in out.packets(now):
            numbers.append(train.read_data(one.data)[0])
            assert out.leaving
            if len(numbers) == 2:
                out.unsent("no buffer", now)
    assert numbers == [0, 1, 1, 2] and out.over and not out.fault


class _Full(TrainWorld):
    """A world where sockets of one side have no room for data from `from_s` until `until_s`."""

    direction, from_s, until_s = "there", 0.0, 0.0

    def _send(self, direction: str, side: Any, datagrams: Iterable[Datagram], source: tuple[str, int]) -> None:
        for datagram in datagrams:
            full = direction == self.direction and self.from_s <= self.now < self.until_s
            if full and train.CODEC.head(datagram.data).type is PacketType.DATA:
                side.unsent(None, "no buffer")
            else:
                super()._send(direction, side, [datagram], source)


@pytest.mark.parametrize(("direction", "ours", "theirs"), [("there", 20, 0), ("back", 0, 20)])
def test_no_room_for_a_moment_loses_nothing(direction: str, ours: int, theirs: int) -> None:
    world = _Full()
    world.direction, world.from_s, world.until_s = direction, 0.0, world.now + 0.1
    world.agent.begin(PacketStream(ours, 200), PacketStream(theirs, 200))
    (told,) = world.run()
    assert isinstance(told, RoundDone)
    trace = told.forward or told.backward
    assert trace is not None and sorted(number for number, _ in trace.arrivals) == list(range(20))
    assert (
        sum(
            direction == world.direction and train.CODEC.head(data).type is PacketType.DATA
            for direction, _, data in world.sent
        )
        == 20
    )


def test_a_socket_that_takes_nothing_for_long_is_our_own_fault() -> None:
    world = _Full()
    world.until_s = world.now + 60.0
    world.agent.begin(PacketStream(20, 200), PacketStream())
    (told,) = world.run()
    assert isinstance(told, SessionFailed) and told.how == "ours" and "no buffer" in told.why
