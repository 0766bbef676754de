"""Fast connect: the two offers of recorded calls, and what an answer opens."""

from __future__ import annotations

from h323bytes import RECORDED
from hypothesis import given
from hypothesis import strategies as st

from probes.wire.h323 import fast_connect, h225, q931
from probes.wire.h323.fast_connect import Channel, SoundAddresses

RTP, RTCP = ("10.99.0.2", 17_000), ("10.99.0.2", 17_001)
FAR_RTP, FAR_RTCP = ("10.99.0.1", 14_030), ("10.99.0.1", 14_031)


def test_our_offers_are_those_a_stack_opened_both_ways() -> None:
    (frame,) = q931.tpkt_framer().feed(RECORDED["h323plus setup-fast"])
    assert list(h225.read_call(frame.user or b"").fast) == fast_connect.offers(RTP, RTCP)


def test_offers_say_where_we_listen() -> None:
    assert fast_connect.read(fast_connect.offers(RTP, RTCP)) == [
        Channel(fast_connect.SEND, False, True, SoundAddresses(None, RTCP)),
        Channel(fast_connect.RECEIVE, True, True, SoundAddresses(RTP, RTCP)),
    ]


def test_an_answer_opens_both_ways_and_says_where_it_listens() -> None:
    answer = fast_connect.answers(fast_connect.offers(RTP, RTCP), FAR_RTP, FAR_RTCP)
    assert fast_connect.opened(answer) == SoundAddresses(FAR_RTP, FAR_RTCP)
    assert [(one.number, one.backward) for one in fast_connect.read(answer)] == [(1, False), (2, True)]


def test_ipv6_channels_are_read() -> None:
    rtp, rtcp = ("2001:db8::1", 5004), ("2001:db8::1", 5005)
    assert fast_connect.opened(fast_connect.answers(fast_connect.offers(rtp, rtcp), rtp, rtcp)) == SoundAddresses(
        rtp, rtcp
    )


def test_one_way_or_nothing_readable_opens_nothing() -> None:
    send, receive = fast_connect.offers(RTP, RTCP)
    assert fast_connect.answers([send], FAR_RTP, FAR_RTCP) == fast_connect.answers([receive], FAR_RTP, FAR_RTCP) == []
    assert fast_connect.opened([]) is fast_connect.opened([b"", b"\xff" * 9]) is fast_connect.opened([receive]) is None
    assert fast_connect.opened([send]) is None  # it says only where its reports go


def test_other_codecs_offered_beside_ours_are_passed_over() -> None:
    video = bytes.fromhex("0000000a")  # a channel of video, whose inside is not read
    offers = [video, *fast_connect.offers(RTP, RTCP), b""]
    assert fast_connect.opened(fast_connect.answers(offers, FAR_RTP, FAR_RTCP)) == SoundAddresses(FAR_RTP, FAR_RTCP)


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_bytes_open_nothing_or_an_address(channels: list[bytes]) -> None:
    opened = fast_connect.opened(channels)
    assert opened is None or opened.rtp
    fast_connect.answers(channels, FAR_RTP, FAR_RTCP)
