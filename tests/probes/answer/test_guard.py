"""Whom the reflector answers and how often, and that an authenticated test is taken once, in simulated time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.answer import guard
from probes.answer.guard import Guard, Policy, TokenBucket, prefix
from probes.answer.stamp.reflector import Reflector
from probes.answer.stamp.sessions import Session
from probes.wire.session import Arrival, Datagram
from probes.wire.stamp import packet as stamp

stamp.Test.__test__ = False  # type: ignore[attr-defined]
KEY, AT_NS = b"a key of sixteen", 1_800_000_000_000_000_000
STEPS = st.lists(st.tuples(st.integers(0, 3000), st.integers(-5, 40)), max_size=200)


def reflector(policy: Policy | None = None, key: bytes = KEY, clock: stamp.ClockQuality | None = None) -> Reflector:
    return Reflector(clock or stamp.ClockQuality(), key, 862, lambda: AT_NS, policy)


def request(seq: int, sent_ns: int = AT_NS, key: bytes = KEY, error: int = 0x1601) -> bytes:
    return stamp.encode_test(stamp.Test(seq, sent_ns, error, 7), key)


def ask(one: Reflector, data: bytes, host: str = "192.0.2.9", now: float = 0.0, port: int = 40000) -> list[Datagram]:
    one.receive(Arrival(data, (host, port), AT_NS + round(now * 1e9), 61, 0), now)
    return list(one.transmit(now, 0))


# --- whom ---


@pytest.mark.parametrize(
    ("host", "answered"),
    [("10.1.2.3", True), ("192.0.2.9", True), ("192.0.2.10", False), ("11.0.0.1", False), ("2001:db8::9", True),
     ("2001:db9::9", False)],
)  # fmt: skip
def test_only_allowed_prefixes_are_answered(host: str, answered: bool) -> None:
    one = reflector(Policy(allow=(prefix("10.0.0.0/8"), prefix("192.0.2.9"), prefix("2001:db8::/32"))))
    for number in range(2):  # the verdict is remembered, not changed
        assert bool(ask(one, request(number, AT_NS + number), host)) is answered
    assert one.dropped == ({} if answered else {"not allowed": 2})


@pytest.mark.parametrize("host", ["224.0.0.1", "255.255.255.255", "0.0.0.0", "ff02::1", "::", "nonsense"])
def test_sources_that_are_no_host_are_never_answered(host: str) -> None:
    one = reflector()
    assert ask(one, request(1), host) == [] and one.dropped == {"source address": 1}


def test_a_link_local_source_with_its_scope_is_a_host() -> None:
    assert ask(reflector(Policy(allow=(prefix("fe80::/10"),))), request(1), "fe80::1%v0")


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "10.0.0.0/33", "net", "10.0.0.0/8\x1b"])
def test_what_is_no_prefix_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        prefix(text)


# --- how often ---


@given(st.floats(1.0, 5000.0), st.lists(st.floats(0.0, 0.5), min_size=1, max_size=300))
def test_a_bucket_never_gives_more_than_its_rate_and_one_burst(rate: float, gaps: list[float]) -> None:
    bucket, now, given_ = TokenBucket(rate, rate / 2, 0.0), 0.0, 0
    for gap in gaps:
        now += gap
        given_ += bucket.take(now)
    assert given_ <= max(1.0, rate / 2) + now * rate + 1e-6


def test_a_steady_asker_below_the_rate_is_always_answered() -> None:
    one = reflector(Policy(source_rate=100.0), key=b"")
    answered = sum(bool(ask(one, request(n, key=b""), now=n / 99)) for n in range(2000))
    assert answered == 2000 and not one.dropped


def test_a_flood_from_one_source_costs_no_other_source_its_answers() -> None:
    one, rng, answered = reflector(Policy(source_rate=100.0, rate=1000.0), key=b""), random.Random(1), 0
    for number in range(20_000):  # 10 s: 2,000 a second from one source, 10 a second from another
        now = number / 2000
        ask(one, request(number, key=b""), now=now, port=rng.randrange(1024, 60000))
        if number % 200 == 0:
            answered += bool(ask(one, request(number, key=b""), "192.0.2.77", now))
    assert answered == 100
    assert 1000 <= one.answered - answered <= 1051 and one.dropped["rate of one source"] == 20_000 - (
        one.answered - 100
    )


def test_invented_sources_together_get_the_rate_of_all_and_fill_no_memory() -> None:
    one = reflector(Policy(source_rate=100.0, rate=200.0), key=b"")
    for number in range(guard.MAX_SOURCES + 5000):
        ask(one, request(number, key=b""), f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", number / 5000)
    assert one.answered <= 100 + 200 * 3 + 1 and one.dropped["rate of all"] == guard.MAX_SOURCES + 5000 - one.answered
    assert len(one._guard._verdicts) == len(one._guard._buckets) == guard.MAX_SOURCES


def test_the_addresses_of_one_ipv6_network_share_a_bucket() -> None:
    one = Guard(Policy(source_rate=2.0), 862)
    assert [one.overdrawn(f"2001:db8:0:1::{n}", 0.0) for n in range(3)] == [
        "",
        "rate of one source",
        "rate of one source",
    ]
    assert one.overdrawn("2001:db8:0:2::1", 0.0) == ""


def test_forged_and_replayed_tests_cost_their_source_no_tokens() -> None:
    one = reflector(Policy(source_rate=2.0))
    assert ask(one, request(1))
    for _ in range(50):
        ask(one, request(1))
        ask(one, request(2, key=b"another key at all"))
    assert one.dropped == {"replayed": 50, "forged": 50} and ask(one, request(2, AT_NS + 1), now=0.5)


# --- once ---


def test_a_replayed_authenticated_test_is_not_answered_again_nor_counted() -> None:
    one = reflector()
    packets = [request(number, AT_NS + number) for number in range(5)]
    assert [len(ask(one, packet)) for packet in packets + packets] == [1] * 5 + [0] * 5
    (out,) = ask(one, request(5, AT_NS + 5))
    assert stamp.decode_reply(out.data, KEY).seq == 5 and one.dropped == {"replayed": 5}


@given(st.permutations(range(200)), st.randoms(use_true_random=False))
def test_overtaken_tests_are_all_answered_once_whatever_their_order(order: list[int], rng: random.Random) -> None:
    one = Session()
    doubled = [number for number in order for _ in range(rng.choice((1, 1, 2)))]
    assert one.accept(0, AT_NS - 1)
    taken = [number for number in doubled if one.accept(number + 1, AT_NS + number)]
    assert sorted(taken) == list(range(200)) and len(doubled) >= 200


@given(STEPS, st.randoms(use_true_random=False))
def test_no_test_is_taken_twice_through_restarts_and_clock_steps(
    steps: list[tuple[int, int]], rng: random.Random
) -> None:
    one, taken, said = Session(), set(), []
    seq = at = 0
    for number, change in steps:
        seq, at = (number if number < 30 else seq + number % 1500), at + change
        said.append((seq, at))
        for packet in (said[-1], rng.choice(said), rng.choice(said)):
            if one.accept(*packet):
                assert packet not in taken
                taken.add(packet)


def test_an_asker_that_begins_anew_is_heard_at_once_and_its_old_tests_never() -> None:
    one = Session()
    old = [(number, AT_NS + number) for number in range(3000)]
    assert all(one.accept(*packet) for packet in old)
    assert all(one.accept(number, AT_NS + 10_000 + number) for number in range(100))
    assert not any(one.accept(*packet) for packet in old)
    assert one.accept(100, AT_NS + 20_000)


@pytest.mark.parametrize(
    ("off_s", "answered"), [(0.0, True), (1.9, True), (-1.9, True), (2.1, False), (-2.1, False), (1e6, False)]
)
def test_a_stamp_far_from_our_clock_is_not_fresh(off_s: float, answered: bool) -> None:
    one = reflector()
    assert bool(ask(one, request(1, AT_NS + round(off_s * 1e9)))) is answered
    assert one.dropped == ({} if answered else {"not fresh": 1})


def test_clocks_that_say_they_are_bad_get_more_room_and_no_lie_gets_it_all() -> None:
    bad, lie = stamp.ClockQuality(error_s=5.0).field, stamp.ClockQuality(error_s=1e6).field
    assert ask(reflector(), request(1, AT_NS - 14 * 10**9, error=bad))
    assert not ask(reflector(), request(1, AT_NS - 17 * 10**9, error=bad))
    assert ask(reflector(clock=stamp.ClockQuality(error_s=5.0)), request(1, AT_NS - 14 * 10**9))
    assert not ask(reflector(), request(1, AT_NS - 100 * 10**9, error=lie))
    assert ask(reflector(Policy(fresh_s=0.0)), request(1, AT_NS - 10**15))


def test_open_tests_carry_no_proof_so_their_age_is_not_asked() -> None:
    one = reflector(key=b"")
    assert all(ask(one, request(1, AT_NS - 10**15, key=b"")) for _ in range(3))
