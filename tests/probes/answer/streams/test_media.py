"""The responder of media on an open network: cookies, bounds, streams at once, silence, any bytes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mediaworld import AGENT, RESPONDER, SHAPE, MediaWorld

from probes.answer.streams.media import MediaLimits, MediaResponder
from probes.wire.handshake import PacketType, SessionFailed, cookie_of
from probes.wire.media import packet as media
from probes.wire.media.packet import BACKWARD, FORWARD, MediaGo, MediaRefusal, ReportRequest
from probes.wire.media.sender import far_shape
from probes.wire.media.shape import VERSION, MediaShape, Variant, plan
from probes.wire.session import Arrival, Datagram

OTHER = ("192.0.2.7", 50_000)
KEY = b"a key of sixteen"


class Clock:
    """Monotonic ns, at 1 s."""

    now_ns = 1_000_000_000

    def __call__(self) -> int:
        return self.now_ns


def responder(limits: MediaLimits | None = None, key: bytes = b"") -> MediaResponder:
    return MediaResponder(key, limits, b"secret", Clock())


def told(one: MediaResponder, data: bytes, source: tuple[str, int] = AGENT, now: float = 1.0) -> list[Datagram]:
    one.receive(Arrival(data, source, 1), now)
    return list(one.transmit(now, 0))


def cookie_for(one: MediaResponder, source: tuple[str, int] = AGENT, now: float = 1.0, key: bytes = b"") -> bytes:
    (answer,) = told(one, media.CODEC.hello(5, key), source, now)
    return cookie_of(media.CODEC.checked(answer.data, key))[0]


def go(
    cookie: bytes, session: int = 5, shape: MediaShape = SHAPE, directions: int = FORWARD | BACKWARD, key: bytes = b""
) -> bytes:
    return media.CODEC.ask(
        PacketType.GO, session, cookie, media.go_body(MediaGo(VERSION, shape, directions, 136, 184)), key
    )


def kinds(datagrams: list[Datagram]) -> list[PacketType]:
    return [media.CODEC.head(one.data).type for one in datagrams]


def reason(datagrams: list[Datagram]) -> MediaRefusal:
    (answer,) = datagrams
    assert media.CODEC.head(answer.data).type is PacketType.NO
    return MediaRefusal(answer.data[16])


def test_a_cookie_is_good_for_the_address_it_was_sent_to_only() -> None:
    one = responder()
    cookie = cookie_for(one)
    assert told(one, go(cookie), OTHER) == []
    assert told(one, go(cookie), (AGENT[0], AGENT[1] + 1)) == []
    assert one.counts["no cookie"] == 2
    assert kinds(told(one, go(cookie)))[:2] == [PacketType.READY, PacketType.DATA]


def test_a_cookie_grows_old() -> None:
    one = responder()
    assert told(one, go(cookie_for(one)), now=1000.0) == []


@pytest.mark.parametrize("key", [b"", KEY])
def test_nobody_without_a_cookie_gets_more_than_he_sent(key: bytes) -> None:
    one = responder(key=key)
    for what in PacketType:
        for size in (16, 60, 95, 96, 1400):
            body = media.go_body(MediaGo(VERSION, SHAPE, 3, 0, 0))
            data = media.CODEC.ask(what, 5, bytes(16), body, key)[:size].ljust(size, b"\0")
            assert sum(len(answer.data) for answer in told(one, data)) <= len(data)
    assert not one._streams


def test_nothing_is_sent_without_our_key() -> None:
    one = responder(key=KEY)
    assert told(one, media.CODEC.hello(5)) == [] and told(one, media.CODEC.hello(5, b"quite another key")) == []
    assert told(one, go(cookie_for(one, key=KEY))) == []
    assert one.counts["forged"] == 3 and not one._streams
    assert PacketType.READY in kinds(told(one, go(cookie_for(one, key=KEY), key=KEY)))


def test_a_session_never_begins_twice() -> None:
    """Who has listened may send the agent's own words again from its address: they start nothing."""
    one = responder()
    cookie = cookie_for(one)
    told(one, go(cookie))
    told(one, media.CODEC.ask(PacketType.STOP, 5, cookie))
    assert reason(told(one, go(cookie))) is MediaRefusal.UNKNOWN


def test_saying_go_again_while_it_runs_changes_nothing() -> None:
    one = responder()
    cookie = cookie_for(one)
    told(one, go(cookie))
    assert kinds(told(one, go(cookie))) == [PacketType.READY] and one.counts["streams"] == 1


@pytest.mark.parametrize(
    ("shape", "limits", "why"),
    [
        (SHAPE._replace(rate_bps=9_000_000), MediaLimits(), MediaRefusal.BOUNDS),
        (SHAPE._replace(rate_bps=0), MediaLimits(), MediaRefusal.BOUNDS),
        (SHAPE._replace(duration_ms=61_000), MediaLimits(), MediaRefusal.BOUNDS),
        (SHAPE._replace(duration_ms=2**32 - 1), MediaLimits(), MediaRefusal.BOUNDS),
        (SHAPE, MediaLimits(bytes_per_minute=500_000), MediaRefusal.BUDGET),
        (SHAPE, MediaLimits(streams=0), MediaRefusal.BUSY),
        (SHAPE, MediaLimits(streams_per_source=0), MediaRefusal.YOURS),
    ],
)
def test_what_is_beyond_the_bounds_is_refused(shape: MediaShape, limits: MediaLimits, why: MediaRefusal) -> None:
    one = responder(limits)
    assert reason(told(one, go(cookie_for(one), shape=shape))) is why


def test_another_law_of_drawing_is_refused() -> None:
    one = responder()
    body = media.go_body(MediaGo(VERSION + 1, SHAPE, 3, 0, 0))
    assert reason(told(one, media.CODEC.ask(PacketType.GO, 5, cookie_for(one), body))) is MediaRefusal.VERSION


def test_a_source_has_so_many_streams_and_all_together_so_many() -> None:
    one = responder(MediaLimits(streams=3, streams_per_source=2))
    mine = cookie_for(one)
    for session in (5, 6):
        assert PacketType.READY in kinds(told(one, go(mine, session)))
    assert reason([got for got in told(one, go(mine, 7)) if len(got.data) < 64]) is MediaRefusal.YOURS
    theirs = cookie_for_other(one)
    assert PacketType.READY in kinds(told(one, go(theirs, 8), OTHER))
    assert reason([got for got in told(one, go(theirs, 9), OTHER) if len(got.data) < 64]) is MediaRefusal.BUSY


def cookie_for_other(one: MediaResponder) -> bytes:
    answers = [
        got for got in told(one, media.CODEC.hello(8), OTHER) if media.CODEC.head(got.data).type is PacketType.CHALLENGE
    ]
    return cookie_of(answers[0].data[16:])[0]


def test_the_addresses_of_one_ipv6_site_count_as_one() -> None:
    one = responder(MediaLimits(streams_per_source=1))
    for host, answered in (
        ("2001:db8::1", PacketType.READY),
        ("2001:db8::2", PacketType.NO),
        ("2001:db8:0:1::1", PacketType.READY),
    ):
        source = (host, 50_000)
        got = [media.CODEC.head(it.data).type for it in told(one, go(cookie_of_ipv6(one, source)), source)]
        assert answered in got


def cookie_of_ipv6(one: MediaResponder, source: tuple[str, int]) -> bytes:
    answers = [
        got
        for got in told(one, media.CODEC.hello(5), source)
        if media.CODEC.head(got.data).type is PacketType.CHALLENGE
    ]
    return cookie_of(answers[0].data[16:])[0]


def test_many_streams_run_at_once_and_all_are_whole() -> None:
    clock = Clock()
    one = MediaResponder(b"", None, b"secret", clock)
    shape = MediaShape(500_000, 1000, Variant.PACED, 1)
    sources = [("192.0.2.1", 50_000), ("192.0.2.1", 50_001), ("192.0.2.2", 50_000)]
    found: Counter[tuple[str, int]] = Counter()
    cookies = [cookie_for(one, source) for source in sources]
    for source, cookie in zip(sources, cookies, strict=True):
        one.receive(Arrival(go(cookie, shape=shape, directions=BACKWARD), source, 1), 1.0)
    for _ in range(1100):
        clock.now_ns += 1_000_000
        found += Counter(got.to for got in one.transmit(1.0, 0) if media.CODEC.head(got.data).type is PacketType.DATA)
    assert {found[source] for source in sources} == {len(plan(far_shape(shape)))}


def test_a_stream_ends_when_its_agent_is_silent() -> None:
    one = responder()
    told(one, go(cookie_for(one)))
    assert one._streams and not told(one, b"", now=5.0) and not one._streams


def test_the_downstream_stops_when_it_is_told_to() -> None:
    one = responder()
    cookie = cookie_for(one)
    told(one, go(cookie))
    (answer,) = told(one, media.CODEC.ask(PacketType.ASK, 5, cookie, media.ask_body(ReportRequest(1, 0, True))))
    report = media.read_report(answer.data[16:])
    assert report.over and report.sent >= 1 and one.wake_at() is None


def test_an_agent_that_is_gone_gets_no_more() -> None:
    one = responder()
    told(one, go(cookie_for(one)))
    one.unreachable(AGENT[0], AGENT[0], b"", 3, 3, 1.0)
    assert not one._streams


def test_a_source_port_of_a_service_is_not_answered() -> None:
    one = responder()
    assert told(one, media.CODEC.hello(5), ("192.0.2.1", 53)) == [] and one.counts["source port"] == 1


def test_a_conversation_with_limits_ends_in_words() -> None:
    world = MediaWorld(limits=MediaLimits(bytes_per_minute=500_000))
    (got,) = world.run()
    assert isinstance(got, SessionFailed) and "bytes" in got.why


@given(st.binary(max_size=1400), st.integers(0, 12), st.booleans())
def test_no_bytes_break_the_responder_nor_get_more_back(data: bytes, what: int, with_head: bool) -> None:
    one = responder()
    whole = b"nmd1" + bytes([what, 0, 0, 0]) + data if with_head else data
    assert sum(len(answer.data) for answer in told(one, whole)) <= len(whole)


@given(st.binary(max_size=200), st.sampled_from([PacketType.GO, PacketType.ASK, PacketType.STOP, PacketType.DATA]))
def test_no_bytes_behind_a_cookie_break_the_responder(data: bytes, what: PacketType) -> None:
    one = responder()
    cookie = cookie_for(one)
    told(one, go(cookie, shape=MediaShape(200_000, 300, Variant.PACED, 1)))
    asked = media.CODEC.ask(what, 5, cookie, data)
    assert sum(len(answer.data) for answer in told(one, asked) if answer.data[4] != PacketType.DATA) <= len(asked)
    assert told(one, data, RESPONDER) == []
