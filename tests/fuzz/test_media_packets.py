"""Real media packets, mutated, many: neither end raises, nobody without a cookie gets more than he sent, memory stays.

`NETMON_FUZZ=1000000` sets how many datagrams each test makes; the seed is printed when one fails.
"""

from __future__ import annotations

import os
import random
import time

import pytest
from mediaworld import AGENT, RESPONDER, MediaWorld

from probes.answer.streams.media import MediaResponder
from probes.wire.handshake import SessionFailed
from probes.wire.media.sender import MediaDone
from probes.wire.session import Arrival

MANY = int(os.environ.get("NETMON_FUZZ", "30000"))
SEED = int(os.environ.get("NETMON_SEED", str(time.time_ns() & 0xFFFFFFFF)))
KEY = b"a key of sixteen"


@pytest.fixture
def rng() -> random.Random:
    print(f"NETMON_SEED={SEED}")
    return random.Random(SEED)


def mutated(rng: random.Random, samples: list[bytes]) -> bytes:
    """Noise, or a good packet with bytes changed, put in, or cut off."""
    if rng.random() < 0.1:
        return rng.randbytes(rng.randrange(1500))
    data = bytearray(rng.choice(samples))
    for _ in range(rng.randrange(4)):
        place = rng.randrange(len(data) + 1)
        data[place : place + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
    return bytes(data[: rng.randrange(len(data) + 1)] if rng.random() < 0.1 else data)


def spoken(direction: str, key: bytes) -> list[bytes]:
    """PacketType one side said in a good session: few of the data, all of the rest."""
    world = MediaWorld(key=key)
    assert isinstance(world.run()[0], MediaDone)
    said = [data for to, _, data in world.sent if to == direction]
    return said[:6] + [data for data in said if data[4] != 6]


@pytest.mark.parametrize("key", [b"", KEY], ids=["open", "keyed"])
def test_strangers_get_no_more_than_they_sent_whatever_they_send(rng: random.Random, key: bytes) -> None:
    said, one, answered = spoken("there", key), MediaResponder(key), 0
    for number in range(MANY):
        data, now = mutated(rng, said), 100.0 + number / 1e3
        one.receive(
            Arrival(data, (f"192.0.{rng.randrange(4)}.{rng.randrange(256)}", rng.randrange(65536)), number), now
        )
        backward = list(one.transmit(now, number))
        answered += bool(backward)
        assert sum(len(out.data) for out in backward) <= len(data)
    assert 0 < answered < MANY and one.wake_at() is None


@pytest.mark.parametrize("key", [b"", KEY], ids=["open", "keyed"])
def test_both_ends_bear_anything_in_the_middle_of_a_session(rng: random.Random, key: bytes) -> None:
    forward, backward = spoken("there", key), spoken("back", key)
    for _ in range(3):
        world = MediaWorld(key=key)
        world.run(until_s=rng.uniform(0.005, 2.0))
        for number in range(MANY // 30):
            world.responder.receive(
                Arrival(mutated(rng, forward), AGENT, number, tos=rng.randrange(-1, 256)), world.now
            )
            world.agent.receive(
                Arrival(mutated(rng, backward), RESPONDER, number, tos=rng.randrange(-1, 256)), world.now
            )
        told = world.agent.events() or world.run()
        assert len(told) == 1 and isinstance(told[0], MediaDone | SessionFailed)
        if isinstance(told[0], MediaDone) and told[0].backward:
            assert len(told[0].backward.arrivals) <= 2 * len(told[0].backward.plan)
