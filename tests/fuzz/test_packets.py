"""Random and mutated datagrams, many: nothing but a WireError, no answer longer than its request, and memory stays.

`make fuzz`. `NETMON_FUZZ=1000000` sets how many datagrams each test makes; the seed is printed when one fails.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from mutation import mutated

from probes.answer.stamp.reflector import MAX_SESSIONS, Reflector
from probes.errors import BadTarget, WireError
from probes.target import parse
from probes.wire.icmp.echo import Ping
from probes.wire.session import Arrival
from probes.wire.stamp import packet as stamp
from probes.wire.stamp import tlv
from probes.wire.stamp.sender import StampSender

MANY = int(os.environ.get("NETMON_FUZZ", "100000"))
SEED = int(os.environ.get("NETMON_SEED", str(time.time_ns() & 0xFFFFFFFF)))
KEY, HOST = b"a key of sixteen", ("192.0.2.1", 862)
AT_NS = 1_800_000_000_000_000_000
TESTS = [stamp.encode_test(stamp.Test(7, AT_NS, 0x1601, 1), key, size) for key in (b"", KEY) for size in (0, 112, 300)]
CHAINS = [
    tlv.chain_of({tlv.COS: bytes(4), tlv.DIRECT: bytes(12), tlv.FOLLOW_UP: bytes(16), 200: b"?"}, head=TESTS[0][:4], key=key, size=80)
    for key in (b"", KEY)
]  # fmt: skip
TESTS += [TESTS[0] + CHAINS[0], TESTS[3] + CHAINS[1], TESTS[3] + CHAINS[0]]
REPLIES = [
    stamp.encode_reply(stamp.StampReply(3, AT_NS + 10**6, 0x8001, 1, AT_NS, 7, AT_NS, 0x1601, 63), key, size)
    for key, size in ((b"", 44), (b"", 300), (KEY, 112), (KEY, 300))
]


@pytest.fixture
def rng() -> random.Random:
    print(f"NETMON_SEED={SEED}")
    return random.Random(SEED)


@pytest.mark.parametrize("key", [b"", KEY], ids=["open", "keyed"])
@pytest.mark.parametrize("decode", [stamp.decode_test, stamp.decode_reply])
def test_decoders_raise_nothing_but_a_wire_error(rng: random.Random, decode: Callable[..., object], key: bytes) -> None:
    good = 0
    for _ in range(MANY):
        with suppress(WireError):
            decode(mutated(rng, TESTS + REPLIES), key)
            good += 1
    assert 0 < good < MANY


@pytest.mark.parametrize("key", [b"", KEY], ids=["open", "keyed"])
def test_the_reflector_answers_no_longer_than_it_was_asked_and_forgets(rng: random.Random, key: bytes) -> None:
    one, answered, asked = Reflector(stamp.ClockQuality(), key), 0, 0
    for number in range(MANY):
        data = mutated(rng, TESTS + REPLIES)
        source = (f"192.0.{rng.randrange(4)}.{rng.randrange(256)}", rng.randrange(65536))
        one.receive(Arrival(data, source, AT_NS + number, rng.randrange(-1, 256), rng.randrange(-1, 256)), number / 1e3)
        for out in one.transmit(number / 1e3, 0):
            assert len(out.data) <= len(data) and out.to == source and out.tos & 3 == 0
            answered += 1
        asked += len(data)
    assert answered == one.answered and answered + sum(one.dropped.values()) == MANY
    assert 0 < answered < MANY and len(one.sessions) <= MAX_SESSIONS and one.wake_at() is None


def session(kind: str) -> StampSender | Ping:
    if kind == "ping":
        return Ping(ident=7, cookie=bytes(8))
    return StampSender(stamp.ClockQuality())


@pytest.mark.parametrize("kind", ["stamp", "keyed", "ping"])
def test_senders_take_anything_and_account_for_every_packet(rng: random.Random, kind: str) -> None:
    one = session(kind)
    for index in range(3):
        track = one.add(str(index), HOST, every_s=0.05, interval_s=1.0, timeout_s=0.2, first_at=0.0)
        if isinstance(one, StampSender):
            one.fit(track, KEY if kind == "keyed" else b"", 200, True, tuple(tlv.NAMES.values()))
    now, recent, sent, windows = 0.0, [bytes(64)], 0, 0
    told = {"sent": 0, "rcvd": 0}
    for _ in range(MANY // 10):
        now += rng.choice((0.0, 0.001, 0.01, 0.03, 0.5 if rng.random() < 0.01 else 0.0))
        for packet in one.transmit(now, AT_NS + int(now * 1e9)):
            sent += 1
            recent.append(packet.data)
            if rng.random() < 0.02:
                one.unsent(packet.token, "no route")
                sent -= 1
            elif rng.random() < 0.9:
                one.sent(packet.token, AT_NS + int(now * 1e9))
        del recent[:-20]
        for _ in range(10):
            data = answer(rng, rng.choice(recent), kind)
            if rng.random() < 0.05:
                one.unreachable(HOST[0], rng.choice(("", HOST[0], "192.0.2.9", "fd99::1")), data, rng.randrange(256), rng.randrange(256), now)  # fmt: skip
            else:
                one.receive(Arrival(data, HOST, AT_NS + int(now * 1e9) + rng.randrange(-(10**9), 10**9), -1, -1), now)
        for event in one.events():
            windows += 1
            told["sent"] += event.window.sent
            told["rcvd"] += event.window.rcvd
            assert 0 <= event.window.rcvd <= event.window.sent and min(event.window.rtts_ms, default=0) >= 0
            if kind != "ping":
                assert min(event.window.more[name] for name in ("lost_fwd", "lost_bwd", "lost_unknown")) >= 0
    assert windows > min(10, MANY // 10_000) and 0 < told["rcvd"] <= told["sent"] <= sent
    assert all(len(track.flights) < 20 and len(track.past) <= track.past.kept for track in one.tracks)


def answer(rng: random.Random, packet: bytes, kind: str) -> bytes:
    """An answer to a packet of ours, right or spoiled."""
    if kind == "ping":
        good = b"\0" + packet[1:]
    else:
        key = KEY if kind == "keyed" else b""
        reply = stamp.StampReply(
            rng.randrange(100), AT_NS, 0x8001, 1, AT_NS, int.from_bytes(packet[:4], "big"), AT_NS, 1, 63
        )
        base, chain = stamp.encode_reply(reply, key, 112 if key else 44), stamp.tail(packet, bool(key))
        good = base + (tlv.reflected(chain, {}, key=key, head=packet[:4], reply_head=base[:4]) if chain else b"")
    return good if rng.random() < 0.1 else mutated(rng, [good, packet])


def test_target_texts_are_understood_or_told(rng: random.Random) -> None:
    parts = ["192.0.2.1", "[", "]", ":", "::1", "%", "eth0", "fe80::", "a", "-", ".", "65536", "0", " ", "\x1b[31m", "é", "\0", "\n"]  # fmt: skip
    good = 0
    for _ in range(MANY):
        text = "".join(rng.choice(parts) for _ in range(rng.randrange(7)))
        try:
            host, port = parse(text)
        except BadTarget as fault:
            told = str(fault)
            assert told.isprintable()
        else:
            good += 1
            assert host in text and 0 <= port < 65536 and host.isprintable()
    assert good
