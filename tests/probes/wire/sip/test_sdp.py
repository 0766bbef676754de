"""Session descriptions: ours as others read them, others' as they really come, and no bytes that raise anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.errors import WireError
from probes.wire.sip import sdp
from probes.wire.sip.sdp import Codec, MediaDescription

PCMA, OPUS = Codec(8, "PCMA", 8000), Codec(96, "OPUS", 48000, 2)
H264 = Codec(97, "H264", 90000, about="profile-level-id=42e01f;packetization-mode=1")
OURS = [
    MediaDescription("audio", 17000, "10.99.0.2", (PCMA, OPUS)),
    MediaDescription("video", 17002, "10.99.0.2", (H264,), rate_bps=512_000),
]

# What baresip 1.0.0 answered to such an offer (recorded in November 2026).
BARESIP = (
    b"v=0\r\no=- 3363423155 1873458373 IN IP4 10.99.0.1\r\ns=-\r\nc=IN IP4 10.99.0.1\r\nt=0 0\r\na=tool:baresip 1.0.0\r\n"
    b"m=audio 16056 RTP/AVP 8 96\r\nb=AS:125\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:96 opus/48000/2\r\n"
    b"a=fmtp:96 stereo=1;sprop-stereo=1\r\na=rtcp:16057\r\na=sendrecv\r\na=ptime:20\r\n"
    b"m=video 16008 RTP/AVP 97\r\nb=AS:1000\r\na=rtpmap:97 H264/90000\r\na=fmtp:97 packetization-mode=1\r\n"
    b"a=rtcp:16009\r\na=sendrecv\r\na=framerate:30.00\r\n"
)


def test_our_offer_reads_back_as_it_was_meant() -> None:
    audio, video = sdp.read(sdp.offer(1, "10.99.0.2", OURS))
    assert (audio.kind, audio.port, audio.host, audio.rtcp_port) == ("audio", 17000, "10.99.0.2", 17001)
    assert [(one.payload, one.name, one.clock_hz) for one in audio.codecs] == [(8, "PCMA", 8000), (96, "OPUS", 48000)]
    assert video.rate_bps == 512_000 and video.codecs[0].name == "H264"


def test_an_offer_for_ipv6_says_so() -> None:
    data = sdp.offer(1, "fd99::2", [MediaDescription("audio", 17000, "fd99::2", (PCMA,))])
    assert b"c=IN IP6 fd99::2\r\n" in data and sdp.read(data)[0].host == "fd99::2"


def test_a_real_answer_is_read() -> None:
    audio, video = sdp.read(BARESIP)
    assert (audio.port, audio.rtcp_port, audio.codecs[0].name) == (16056, 16057, "PCMA")
    assert (video.host, video.port, video.rate_bps, video.codecs[0].payload) == ("10.99.0.1", 16008, 1_000_000, 97)


def test_field_equipment_may_end_lines_by_lf_and_leave_rtpmap_out() -> None:
    (audio,) = sdp.read(b"v=0\nc=IN IP4 10.0.0.1\nm=audio 5004 RTP/AVP 8\n")
    assert (audio.host, audio.port, audio.codecs) == ("10.0.0.1", 5004, (PCMA,))


@pytest.mark.parametrize(
    ("lines", "port"), [(b"a=rtcp-mux", 5004), (b"a=rtcp:9000 IN IP4 10.0.0.1", 9000), (b"a=sendrecv", 5005)]
)
def test_where_rtcp_goes_is_what_the_answer_says(lines: bytes, port: int) -> None:
    (audio,) = sdp.read(b"v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 5004 RTP/AVP 8\r\n" + lines + b"\r\n")
    assert audio.rtcp_port == port


def test_a_medias_own_address_and_way_win() -> None:
    (audio,) = sdp.read(
        b"v=0\r\nc=IN IP4 10.0.0.1\r\na=sendonly\r\nm=audio 5004 RTP/AVP 8\r\nc=IN IP4 10.0.0.2\r\na=inactive\r\n"
    )
    assert (audio.host, audio.direction) == ("10.0.0.2", "inactive")


@pytest.mark.parametrize("data", [b"", b"hello", b"m=audio 4000 RTP/AVP 8\r\n", b"v=0\r\n" * 600])
def test_what_is_no_description_is_one_typed_error(data: bytes) -> None:
    with pytest.raises(WireError):
        sdp.read(data)


@given(
    st.one_of(
        st.binary(max_size=400), st.builds(lambda cut, more: BARESIP[:cut] + more, st.integers(0, 600), st.binary())
    )
)
def test_any_bytes_raise_at_most_the_typed_error(data: bytes) -> None:
    try:
        read = sdp.read(data)
    except WireError:
        return
    assert len(read) <= sdp.MAX_MEDIA and all(0 <= one.port < 65_536 for one in read)


def test_a_payload_type_in_another_scripts_digits_is_passed_over() -> None:
    (line,) = sdp.read("v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 8 ¹7\n".encode("latin-1"))
    assert [one.payload for one in line.codecs] == [8]
