"""The STAMP reflector: never longer than it was asked, counts what it drops, and forgets the oldest session first."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.answer.guard import Policy
from probes.answer.stamp import reflector as answers
from probes.answer.stamp.reflector import Reflector
from probes.wire.session import Arrival, Datagram
from probes.wire.stamp import packet as stamp
from probes.wire.stamp.packet import StampReply, Test

Test.__test__ = False  # type: ignore[attr-defined]
KEY, ASKER = b"a key of sixteen", ("192.0.2.9", 40000)
AT_NS = 1_800_000_000_000_000_000


def ask(reflector: Reflector, data: bytes, source: tuple[str, int] = ASKER, tos: int = 0) -> list[Datagram]:
    reflector.receive(Arrival(data, source, AT_NS, 61, tos, b"via"), 0.0)
    assert (reflector.wake_at() is not None) == bool(reflector._waiting)
    return list(reflector.transmit(0.0, AT_NS))


def request(seq: int = 1, ssid: int = 7, key: bytes = b"", size: int = 0) -> bytes:
    return stamp.encode_test(Test(seq, AT_NS - 10**7, 0x1601, ssid), key, size)


def reflector(key: bytes = b"", own_port: int = 862) -> Reflector:
    return Reflector(stamp.ClockQuality(), key, own_port, lambda: AT_NS + 10**6)


@pytest.mark.parametrize("key", [b"", KEY])
def test_the_answer_repeats_the_test_and_adds_its_own(key: bytes) -> None:
    (out,) = ask(reflector(key), request(42, key=key), tos=0xB9)
    reply = stamp.decode_reply(out.data, key)
    assert reply == (0, AT_NS + 10**6, stamp.ClockQuality().field, 7, AT_NS, 42, AT_NS - 10**7, 0x1601, 61, True)
    assert (out.to, out.tos, out.via) == (ASKER, 0xB8, b"via")  # the DSCP goes back, ECN does not


def test_it_counts_its_answers_for_each_session() -> None:
    one = reflector()
    for seq, source, ssid, expected in (
        (0, ASKER, 7, 0),
        (5, ASKER, 7, 1),
        (6, ASKER, 8, 0),
        (7, ("192.0.2.9", 40001), 7, 0),
        (8, ASKER, 7, 2),
    ):
        (out,) = ask(one, request(seq, ssid), source)
        assert stamp.decode_reply(out.data).seq == expected


def test_random_padding_of_twamp_light_is_no_new_session_each_time() -> None:
    rng, one = random.Random(1), reflector()
    for expected in range(5):
        (out,) = ask(one, request(expected)[:14] + rng.randbytes(60))
        assert stamp.decode_reply(out.data).seq == expected


@pytest.mark.parametrize("length", [41, 42, 43, 44, 45, 111, 112, 1472])
def test_an_open_answer_is_as_long_as_its_request(length: int) -> None:
    data = request(size=length)[:length]
    (out,) = ask(reflector(), data)
    assert len(out.data) == length


@pytest.mark.parametrize("length", [112, 113, 1472])
def test_an_authenticated_answer_is_as_long_as_its_request(length: int) -> None:
    (out,) = ask(reflector(KEY), request(key=KEY, size=length))
    assert len(out.data) == length


@pytest.mark.parametrize("length", [0, 1, 14, 40])
def test_shorter_requests_are_counted_and_dropped(length: int) -> None:
    one = reflector()
    assert ask(one, request()[:length]) == [] and one.dropped == {"too short": 1}


@pytest.mark.parametrize("length", [41, 44, 111])
def test_with_a_key_112_bytes_are_asked_for(length: int) -> None:
    one = reflector(KEY)
    assert ask(one, request(key=KEY)[:length]) == [] and one.dropped == {"too short": 1}


def test_with_a_key_an_open_or_foreign_test_is_forged() -> None:
    one = reflector(KEY)
    assert ask(one, request(size=112)) == [] and ask(one, request(key=b"another key at all")) == []
    assert one.dropped == {"forged": 2}


@pytest.mark.parametrize(("port", "answered"), [(1024, True), (65535, True), (862, False), (53, False), (1023, False)])
def test_low_ports_are_not_answered(port: int, answered: bool) -> None:
    one = reflector()
    assert bool(ask(one, request(), ("192.0.2.9", port))) == answered
    assert one.dropped == ({} if answered else {"source port": 1})


def test_its_own_port_is_another_reflector_and_not_answered() -> None:
    one = reflector(own_port=8620)
    assert ask(one, request(), ("192.0.2.9", 8620)) == [] and one.dropped == {"source port": 1}


@pytest.mark.parametrize("key", [b"", KEY])
def test_two_reflectors_on_any_ports_never_answer_each_other(key: bytes) -> None:
    one, other = reflector(key, 8620), reflector(key, 8621)
    (out,) = ask(one, request(key=key), ("192.0.2.2", 8621))  # as if the other had asked
    assert ask(other, out.data, ("192.0.2.1", 8620)) == []
    assert other.dropped == {"an answer": 1}


def test_the_oldest_session_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_SESSIONS", 3)
    one = reflector()
    for ssid in (1, 2, 3, 1, 4):  # 4 drives 2 out: 1 has spoken since
        ask(one, request(ssid=ssid))
    numbers = {ssid: stamp.decode_reply(ask(one, request(ssid=ssid))[0].data).seq for ssid in (1, 3, 2)}
    assert numbers == {1: 2, 3: 1, 2: 0} and len(one.sessions) == 3


def test_sessions_of_a_flood_are_bounded() -> None:
    one = Reflector(stamp.ClockQuality(), policy=Policy(source_rate=1e6, rate=1e6))
    for port in range(1024, 1024 + answers.MAX_SESSIONS + 500):
        ask(one, request(), ("192.0.2.9", port))
    assert len(one.sessions) == answers.MAX_SESSIONS


@given(st.binary(max_size=1500), st.integers(0, 65535), st.sampled_from([b"", KEY]))
def test_hostile_bytes_are_dropped_and_counted_or_answered_no_longer(data: bytes, port: int, key: bytes) -> None:
    one = reflector(key)
    out = ask(one, data, ("192.0.2.9", port))
    assert len(out) + sum(one.dropped.values()) == 1
    assert all(len(answer.data) <= len(data) for answer in out)


def test_changed_packets_are_answered_no_longer_either() -> None:
    rng, one = random.Random(1), reflector()
    asked = answered = 0
    for _ in range(2000):
        data = bytearray(request(rng.randrange(2**32), rng.randrange(2**16), size=rng.randrange(200)))
        for _ in range(rng.randrange(4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        cut = bytes(data[: rng.randrange(len(data) + 1)])
        out = ask(one, cut)
        asked, answered = asked + len(cut), answered + sum(len(got.data) for got in out)
        assert all(len(got.data) <= len(cut) for got in out)
    assert answered <= asked and one.answered + sum(one.dropped.values()) == 2000


def test_what_its_socket_says_is_counted() -> None:
    one = reflector()
    one.unsent(None, "no route")
    one.unreachable(ASKER[0], ASKER[0], b"", 3, 3, 0.0)
    one.overflow(5)
    one.overflow(7)
    assert one.dropped == {"not sent": 1, "asker gone": 1, "overflow": 7}
    assert (one.events(), one.wake_at(), one.done) == ([], None, False)


def test_a_reply_is_never_taken_for_a_test_of_twamp_light() -> None:
    reply = StampReply(9, AT_NS + 10**6, 0x8001, 0, AT_NS, 42, AT_NS, 0x1601, 63)
    one = reflector()
    assert ask(one, stamp.encode_reply(reply)[:41]) == [] and one.dropped == {"an answer": 1}
