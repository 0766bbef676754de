"""Fast connect: the two offers of recorded calls, and what an answer opens."""

from __future__ import annotations

from h323bytes import RECORDED
from hypothesis import given
from hypothesis import strategies as st

from probes.wire.h323 import fast_connect as h245olc
from probes.wire.h323 import h225, q931
from probes.wire.h323.fast_connect import Channel, SoundAddresses

RTP, RTCP = ("10.99.0.2", 17_000), ("10.99.0.2", 17_001)
FAR_RTP, FAR_RTCP = ("10.99.0.1", 14_030), ("10.99.0.1", 14_031)


def test_our_offers_are_those_a_stack_opened_both_ways() -> None:
    (frame,) = q931.TpktFramer().feed(RECORDED["h323plus setup-fast"])
    assert list(h225.read_call(frame.user or b"").fast) == h245olc.offers(RTP, RTCP)


def test_offers_say_where_we_listen() -> None:
    assert h245olc.read(h245olc.offers(RTP, RTCP)) == [
        Channel(h245olc.SEND, False, True, SoundAddresses(None, RTCP)),
        Channel(h245olc.RECEIVE, True, True, SoundAddresses(RTP, RTCP)),
    ]


def test_an_answer_opens_both_ways_and_says_where_it_listens() -> None:
    answer = h245olc.answers(h245olc.offers(RTP, RTCP), FAR_RTP, FAR_RTCP)
    assert h245olc.opened(answer) == SoundAddresses(FAR_RTP, FAR_RTCP)
    assert [(one.number, one.backward) for one in h245olc.read(answer)] == [(1, False), (2, True)]


def test_ipv6_channels_are_read() -> None:
    rtp, rtcp = ("2001:db8::1", 5004), ("2001:db8::1", 5005)
    assert h245olc.opened(h245olc.answers(h245olc.offers(rtp, rtcp), rtp, rtcp)) == SoundAddresses(rtp, rtcp)


def test_one_way_or_nothing_readable_opens_nothing() -> None:
    send, receive = h245olc.offers(RTP, RTCP)
    assert h245olc.answers([send], FAR_RTP, FAR_RTCP) == h245olc.answers([receive], FAR_RTP, FAR_RTCP) == []
    assert h245olc.opened([]) is h245olc.opened([b"", b"\xff" * 9]) is h245olc.opened([receive]) is None
    assert h245olc.opened([send]) is None  # it says only where its reports go


def test_other_codecs_offered_beside_ours_are_passed_over() -> None:
    video = bytes.fromhex("0000000a")  # a channel of video, whose inside is not read
    offers = [video, *h245olc.offers(RTP, RTCP), b""]
    assert h245olc.opened(h245olc.answers(offers, FAR_RTP, FAR_RTCP)) == SoundAddresses(FAR_RTP, FAR_RTCP)


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_bytes_open_nothing_or_an_address(channels: list[bytes]) -> None:
    opened = h245olc.opened(channels)
    assert opened is None or opened.rtp
    h245olc.answers(channels, FAR_RTP, FAR_RTCP)
