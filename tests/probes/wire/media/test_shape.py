"""The shape of a conference's streams against what a real encoder gave (`reference/videoconference.md` §5.1)."""

from __future__ import annotations

import hashlib
import statistics
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire.media.shape import FRAME_RATE, MAX_BYTES, Drawn, MediaShape, Sort, Variant, frames, plan

MEASURED = [  # rate, mean of whole pictures, mean of the others, packets a second
    (1_000_000, 17_547, 4_109, 121),
    (1_500_000, 32_111, 6_171, 173),
    (2_000_000, 49_040, 8_176, 223),
    (4_000_000, 92_544, 16_269, 435),
]
shapes = st.builds(
    MediaShape, st.integers(100_000, 6_000_000), st.integers(200, 20_000), st.sampled_from(Variant), st.integers(0, 2**32 - 1)
)  # fmt: skip


@pytest.mark.parametrize(("rate_bps", "intra", "other", "pps"), MEASURED)
def test_sizes_are_those_of_a_real_encoder(rate_bps: int, intra: int, other: int, pps: int) -> None:
    shape = MediaShape(rate_bps, 400_000, Variant.BURST, 1)
    found = frames(shape)
    whole, small = ([size for size, is_intra in found if is_intra is kind] for kind in (True, False))
    assert statistics.mean(whole) == pytest.approx(intra, rel=0.12)
    assert statistics.mean(small) == pytest.approx(other, rel=0.03)
    assert statistics.stdev(small) / statistics.mean(small) == pytest.approx(0.09, abs=0.006)
    assert 4 <= statistics.mean(whole) / statistics.mean(small) <= 6
    packets = [one for one in plan(shape) if one.sort is Sort.VIDEO]
    assert len(packets) / 400 == pytest.approx(pps, rel=0.12)


@given(shapes)
def test_the_mean_is_the_rate(shape: MediaShape) -> None:
    sizes = [size for size, _ in frames(shape)]
    assert sum(sizes) == pytest.approx(shape.rate_bps / 8 * len(sizes) / FRAME_RATE, abs=64 * 1.5)


@given(shapes)
def test_packets_carry_their_pictures_and_no_more_than_1200_bytes(shape: MediaShape) -> None:
    packets, sizes = plan(shape), frames(shape)
    assert [one.due_ns for one in packets] == sorted(one.due_ns for one in packets)
    assert all(64 <= one.size <= MAX_BYTES for one in packets)
    video = [one for one in packets if one.sort is Sort.VIDEO]
    assert sum(one.size for one in video) == pytest.approx(sum(size for size, _ in sizes), rel=0.002, abs=200)
    assert {one.frame for one in video} == set(range(len(sizes)))
    assert all(one.intra == sizes[one.frame][1] for one in video)


@given(shapes)
def test_a_plan_that_is_drawn_when_needed_is_the_same(shape: MediaShape) -> None:
    packets, drawn = plan(shape), Drawn(shape)
    assert len(drawn) == len(packets) and drawn[len(packets) // 2] == packets[len(packets) // 2]
    assert drawn[-1] == packets[-1] and drawn[:5] == packets[:5] and list(drawn) == packets


def test_whole_pictures_come_every_ten_seconds_and_when_asked_for() -> None:
    found = [
        number for number, (_, intra) in enumerate(frames(MediaShape(1_000_000, 3_000_000, Variant.BURST, 3))) if intra
    ]
    gaps = [(after - before) / FRAME_RATE for before, after in zip(found, found[1:], strict=False)]
    assert found[0] == 0 and max(gaps) == 10.0
    assert statistics.mean(gaps) == pytest.approx(10 * (1 - 0.3679), rel=0.12)  # a Poisson gap of mean 10 s cut at 10 s


def test_a_burst_leaves_at_once_and_a_paced_one_over_nine_tenths() -> None:
    for variant, spread in ((Variant.BURST, 0.0), (Variant.PACED, 0.9), (Variant.SMOOTH, 1.0)):
        first = [
            one for one in plan(MediaShape(4_000_000, 1000, variant, 5)) if (one.sort, one.frame) == (Sort.VIDEO, 0)
        ]
        between = (first[-1].due_ns - first[0].due_ns) / 1e9 * FRAME_RATE
        assert between == pytest.approx(spread, abs=2 / len(first))
        dues = Counter(one.due_ns for one in first)
        most = {Variant.BURST: len(first), Variant.PACED: 2, Variant.SMOOTH: 1}[variant]
        assert max(dues.values()) == most


def test_a_smooth_stream_has_pictures_of_one_size() -> None:
    sizes = [size for size, intra in frames(MediaShape(1_000_000, 5000, Variant.SMOOTH, 5)) if not intra]
    assert max(sizes) - min(sizes) <= 1 and len(sizes) == 150


def test_sound_is_fifty_packets_of_160_bytes_a_second() -> None:
    audio = [one for one in plan(MediaShape(1_000_000, 10_000, Variant.BURST, 5)) if one.sort is Sort.AUDIO]
    assert len(audio) == 500 and {one.size for one in audio} == {160}
    assert {after.due_ns - before.due_ns for before, after in zip(audio, audio[1:], strict=False)} == {20_000_000}


def test_the_plan_is_law() -> None:
    """Both ends draw it by themselves: whoever changes it must raise `VERSION`."""
    drawn = repr([tuple(int(word) for word in one) for one in plan(MediaShape(2_000_000, 10_000, Variant.PACED, 42))])
    assert hashlib.sha256(drawn.encode()).hexdigest()[:16] == "949b6d77ae965980"
    assert plan(MediaShape(2_000_000, 1000, Variant.BURST, 1)) != plan(MediaShape(2_000_000, 1000, Variant.BURST, 2))
