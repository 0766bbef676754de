"""RTP and RTCP: bytes as others make them, a receiver's figures, and no bytes that raise anything else."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.errors import WireError
from probes.wire.rtp import packet as rtp
from probes.wire.rtp import rtcp
from probes.wire.rtp.packet import RtpPacket
from probes.wire.rtp.reception import RtpReception
from probes.wire.rtp.rtcp import Block, Goodbye, RtcpReport, Sent

scapy_rtp = pytest.importorskip("scapy.layers.rtp", reason="scapy is not installed")


def test_a_packet_is_what_scapy_says_it_is() -> None:
    data = rtp.encode(RtpPacket(8, 65_535, 160, 0xDEADBEEF, b"x" * 160, True))
    theirs = scapy_rtp.RTP(data)
    assert (theirs.version, theirs.payload_type, theirs.sequence, theirs.timestamp) == (2, 8, 65_535, 160)
    assert (theirs.sourcesync, theirs.marker, len(theirs.payload)) == (0xDEADBEEF, 1, 160)
    assert (
        bytes(
            scapy_rtp.RTP(version=2, payload_type=8, sequence=65_535, timestamp=160, sourcesync=0xDEADBEEF, marker=1)
            / (b"x" * 160)
        )
        == data
    )


@given(
    st.builds(
        RtpPacket,
        st.integers(0, 127),
        st.integers(0, 65_535),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**32 - 1),
        st.binary(max_size=64),
        st.booleans(),
    )
)
def test_what_is_encoded_reads_back(packet: RtpPacket) -> None:
    assert rtp.decode(rtp.encode(packet)) == packet


def test_contributors_an_extension_and_padding_are_left_out() -> None:
    plain = rtp.encode(RtpPacket(8, 1, 2, 3, b""))
    data = bytes([0xB1]) + plain[1:] + b"\0\0\0\7" + b"\xbe\xde\0\1abcd" + b"media" + b"\0\0\3"
    assert rtp.decode(data).payload == b"media"


@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda tail: b"\x80" + tail))
def test_any_bytes_are_a_packet_that_can_be_sent_or_the_typed_error(data: bytes) -> None:
    with suppress(WireError):
        packet = rtp.decode(data)
        assert packet.payload in data and rtp.decode(rtp.encode(packet)) == packet


@given(st.sampled_from([200, 201, 202, 203]), st.integers(0, 31), st.binary(max_size=160))
def test_any_bytes_are_reports_that_can_be_sent_or_the_typed_error(kind: int, count: int, body: bytes) -> None:
    data = bytes((0x80 | count, kind)) + (len(body) // 4).to_bytes(2, "big") + body[: len(body) & ~3]
    with suppress(WireError):
        for part in rtcp.decode(data):
            if isinstance(part, RtcpReport):
                assert len(part.blocks) == count and rtcp.decode(rtcp.encode(part, "n")) == [part]
            else:
                assert len(part.sources) <= count


def received(numbers: list[int], *, every_ns: int = 20_000_000) -> RtpReception:
    stream = RtpReception(8000)
    for place, number in enumerate(numbers):
        stream.receive(RtpPacket(8, number & 0xFFFF, 160 * number, 1, b"x"), place * every_ns)
    return stream


def test_losses_repeats_and_order_are_told_apart_across_the_wrap() -> None:
    stream = received([65_533, 65_534, 65_534, 65_536, 65_535, 65_539])
    totals = stream.totals
    assert (totals.expected, totals.received, totals.lost, totals.dup, totals.reordered) == (7, 5, 2, 1, 1)


def test_nothing_received_is_no_loss_and_no_jitter() -> None:
    stream = RtpReception(8000)
    assert (stream.totals.expected, stream.totals.lost, stream.jitter_ms) == (0, 0, None)


def test_an_even_stream_has_no_jitter_and_an_uneven_one_has() -> None:
    assert received(list(range(100))).jitter_ms == pytest.approx(0.0, abs=1e-6)
    stream, random_ms = RtpReception(8000), random.Random(1)
    for number in range(2000):
        at_ms = 20 * number + (5 if random_ms.random() < 0.5 else 0)
        stream.receive(RtpPacket(8, number & 0xFFFF, 160 * number, 1, b""), at_ms * 1_000_000)
    assert stream.jitter_ms == pytest.approx(2.5, rel=0.3)  # half the steps are 5 ms


def test_a_stranger_in_the_stream_is_counted_and_changes_nothing() -> None:
    stream = received([1, 2, 3])
    stream.receive(RtpPacket(8, 4, 0, 99, b""), 0)
    stream.receive(RtpPacket(8, 40_000, 0, 1, b""), 0)
    assert (stream.totals.expected, stream.totals.lost, stream.foreign) == (3, 0, 2)


def test_a_report_tells_the_losses_since_the_last_one() -> None:
    stream = received([1, 2, 3, 5])
    assert stream.report()[:3] == (51, 1, 5)
    stream.receive(RtpPacket(8, 6, 960, 1, b""), 100_000_000)
    assert stream.report()[:2] == (0, 1)


def test_a_compound_is_what_scapy_says_it_is() -> None:
    block = Block(7, 0.25, 3, 99, 12, 0x11223344, 0.5)
    data = rtcp.encode(
        RtcpReport(5, Sent(rtcp.ntp64(1_700_000_000_500_000_000), 160, 10, 1600), (block,)), "netmon@a", leaving=True
    )
    assert rtcp.decode(data) == [
        RtcpReport(5, Sent(rtcp.ntp64(1_700_000_000_500_000_000), 160, 10, 1600), (block,)),
        Goodbye((5,)),
    ]
    rtcp_layer = pytest.importorskip("scapy.contrib.rtcp", reason="scapy has no RTCP")
    theirs = rtcp_layer.RTCP(data)
    assert (theirs.packet_type, theirs.sourcesync, theirs.count) == (200, 5, 1)
    assert theirs.report_blocks[0].fraction_lost == 64 and theirs.report_blocks[0].cumulative_lost == 3


def test_the_round_trip_is_what_passed_less_what_the_far_end_held() -> None:
    sent_ns = 1_700_000_000_000_000_000
    last_sr = rtcp.ntp64(sent_ns) >> 16 & 0xFFFFFFFF
    block = Block(1, 0.0, 0, 0, 0, last_sr, 0.5)
    assert rtcp.round_trip_ms(block, sent_ns + 520_000_000) == pytest.approx(20, abs=0.1)
    assert rtcp.round_trip_ms(block._replace(last_sr=0), sent_ns) is None
