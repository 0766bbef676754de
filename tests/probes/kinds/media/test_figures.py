"""PacketType became of a conference's stream: losses, bursts, delays, pictures and sound, from made-up traces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mediatraces import AUDIO, DEFAULT, INTRA, PLAN, VIDEO, direction, of_frame, trace

from probes.kinds.media.emodel import CODECS, VoicePath, rate
from probes.kinds.media.figures import Direction, Reception, by_chance, pattern
from probes.wire.media.flow import MediaTrace
from probes.wire.media.shape import MediaShape, Sort, Variant, plan


def test_a_clean_stream_loses_nothing_and_plays_on() -> None:
    whole = direction().whole
    assert (whole.sent, whole.lost, whole.late_80, whole.late_200, whole.dup, whole.reordered) == (
        len(PLAN),
        0,
        0,
        0,
        0,
        0,
    )
    assert whole.pdv_p99_ms == 0 and whole.pictures.freeze_s == 0 and whole.pictures.damaged == 0
    assert (whole.pictures.many, whole.pictures.intra) == (300, len(INTRA))
    assert whole.sound and whole.sound.mos == pytest.approx(4.4094, abs=1e-3)
    assert whole.rate_bps == pytest.approx(2_064_000, rel=0.01) and whole.evidence == 1.0


def test_losses_are_counted_and_their_runs() -> None:
    lost = {*VIDEO[100:103], VIDEO[500], *VIDEO[900:902]}
    whole = direction(lost).whole
    assert (
        whole.lost == 6
        and whole.video.lost == 6
        and whole.video.runs == {3: 1, 1: 1, 2: 1}
        and whole.video.longest == 3
    )
    assert whole.lost_percent == pytest.approx(100 * 6 / len(PLAN))


def test_bursts_hold_fewer_than_sixteen_received_in_a_row() -> None:
    lost = {10, 20, 35, 51, 100, 200, 216, 233}  # 51 - 35 = 16: one burst; 233 - 216 = 17: another
    found = pattern(range(1000), lambda number: number not in lost, 10.0)
    assert (found.sent, found.lost) == (1000, 8)
    first, second = 51 - 10 + 1, 216 - 200 + 1
    assert found.burst_density == pytest.approx(6 / (first + second))
    assert found.gap_density == pytest.approx(2 / (1000 - first - second))
    assert found.burst_ms == pytest.approx((first + second) * 10 / 2)
    assert found.gap_ms == pytest.approx((1000 - first - second) * 10 / 3)


@given(st.sets(st.integers(0, 299)), st.integers(300, 400))
def test_patterns_add_up(lost: set[int], sent: int) -> None:
    found = pattern(range(sent), lambda number: number not in lost, 1.0)
    assert found.lost == len(lost) == sum(length * many for length, many in found.runs.items())
    assert 0 <= found.burst_density <= 1 and 0 <= found.gap_density <= 1 and found.longest <= len(lost)


def test_a_packet_is_late_against_its_buffer() -> None:
    held = {VIDEO[40]: 79.0, VIDEO[80]: 81.0, VIDEO[120]: 199.0, VIDEO[160]: 201.0}
    whole = direction(held=held).whole
    assert (whole.late_80, whole.late_200, whole.lost) == (3, 1, 0)
    assert whole.pictures.damaged == 1


def test_what_came_twice_or_was_overtaken_is_neither_lost_nor_twice_received() -> None:
    burst = of_frame(INTRA[0])
    whole = direction(again=[5, 6, 7], held={burst[3]: 1.0}).whole
    assert (whole.lost, whole.dup) == (0, 3)
    assert whole.reordered == 1 and whole.sent == len(PLAN)


def test_sound_overtaking_pictures_is_no_reordering() -> None:
    assert direction(held=dict.fromkeys(VIDEO, 30.0)).whole.reordered == 0


def test_delay_variation_is_counted_over_the_least() -> None:
    held = dict.fromkeys(range(0, len(PLAN), 12), 10.0)  # 8 % of them
    whole = direction(held=held).whole
    assert whole.pdv_p95_ms == pytest.approx(10.0) and whole.pdv_p99_ms == pytest.approx(10.0)
    assert direction(held=dict.fromkeys(range(0, len(PLAN), 50), 10.0)).whole.pdv_p95_ms == 0.0


def test_a_picture_is_complete_with_its_last_packet() -> None:
    held = {of_frame(frame)[-1]: 12.0 for frame in range(300)}
    pictures = direction(held=held).whole.pictures
    assert pictures.complete_p95_ms == pytest.approx(12.0) and pictures.jitter_p95_ms == pytest.approx(12.0)


def test_pacing_is_no_jitter() -> None:
    paced = plan(MediaShape(2_000_000, 10_000, Variant.PACED, 1))
    pictures = direction(packets=paced).whole.pictures
    assert pictures.jitter_p95_ms == 0.0 and pictures.complete_p95_ms == pytest.approx(26.0, abs=2.0)


def test_a_damaged_picture_freezes_until_one_can_be_asked_for() -> None:
    lost = {of_frame(100)[0]}
    pictures = direction(lost).whole.pictures
    assert (pictures.damaged, pictures.intra_damaged) == (1, 0)
    assert pictures.freeze_s == pytest.approx(0.1, abs=0.001)  # what recovering takes
    slow = direction(lost, Reception(rtt_ms=400.0)).whole.pictures
    assert slow.freeze_s == slow.freeze_max_s == pytest.approx(0.5, abs=0.001)


def test_an_intra_frame_ends_a_freeze_early() -> None:
    lost = {of_frame(INTRA[-1] - 2)[0]}
    assert INTRA[-1] > 2
    assert direction(lost, Reception(rtt_ms=400.0)).whole.pictures.freeze_s == pytest.approx(2 / 30)


def test_intra_frames_that_never_get_through_freeze_for_good() -> None:
    lost = {number for frame in INTRA for number in of_frame(frame)[-3:]}
    pictures = direction(lost).whole.pictures
    assert pictures.too_large and pictures.intra_damaged == len(INTRA)
    assert pictures.freeze_s == pytest.approx(10.0, abs=0.05)


def test_losses_by_chance_do_not_say_that_intra_frames_are_too_large() -> None:
    assert not direction(set(VIDEO[::200]) | {of_frame(INTRA[0])[1]}).whole.pictures.too_large
    assert by_chance((1, 40), (10, 2000)) and by_chance((0, 40), (0, 2000))
    assert not by_chance((3, 40), (0, 2000))


def test_sound_is_rated_with_its_losses_and_how_they_cluster() -> None:
    scattered = direction(set(AUDIO[::25])).whole.sound
    assert scattered and scattered.ppl == pytest.approx(4.0) and scattered.burst_r == 1.0
    ie, bpl = CODECS["g711-plc"]
    assert scattered.r == pytest.approx(rate(VoicePath(ie=ie, bpl=bpl, ppl=4.0)).r)
    runs = direction({number for at in range(0, 500, 100) for number in AUDIO[at : at + 4]}).whole.sound
    assert runs and runs.burst_r == pytest.approx(4 * 0.96) and runs.r < scattered.r


def test_delay_costs_sound_its_buffer_too() -> None:
    far = direction(reception=Reception(delay_ms=200.0)).whole.sound
    assert far and far.r == pytest.approx(rate(VoicePath(ta_ms=300.0)).r, abs=0.01)


def test_what_left_late_is_no_evidence_nor_what_left_beside_it() -> None:
    lost = set(of_frame(100)) | {VIDEO[2000]}
    late = {of_frame(100)[0]: 6_000}
    found = direction(lost, late=late)
    assert found.whole.lost == 1 and 10 < found.whole.ours < 60 and found.whole.sent + found.whole.ours == len(PLAN)
    assert sum(cell.ours for cell in found.cells(200)) == 1 == sum(cell.ours for cell in found.cells(1000))
    assert direction(lost, late={of_frame(100)[0]: 4_900}).whole.lost == len(lost)


def test_windows_are_told_one_by_one() -> None:
    found = direction({number for number in VIDEO if 5e9 <= PLAN[number].due_ns < 5.2e9})
    shares = [cell.share for cell in found.cells(200)]
    assert len(shares) == 50 and shares[25] > 0.7 and sum(share > 0 for share in shares) == 1
    assert len(found.cells(1000)) == 10 and len(found.windows) == 1
    assert sum(one.lost for one in found.by(200)) == sum(one.lost for one in found.by(1000)) == found.whole.lost


def test_a_long_stream_has_windows_of_20_s_and_no_crumb_behind() -> None:
    long = plan(MediaShape(200_000, 49_000, Variant.BURST, 1))
    found = Direction(trace(packets=long), DEFAULT)
    assert [round(one.lasts_s) for one in found.windows] == [20, 29]
    assert sum(one.sent for one in found.windows) == len(long)


def test_marks_are_told_by_stream() -> None:
    assert direction(tos=0).dscp(Sort.VIDEO) == 0 and direction().dscp(Sort.AUDIO) == 34
    assert direction(range(len(PLAN))).dscp(Sort.VIDEO) is None


def test_nothing_arrived_or_nothing_left_is_no_fault_of_ours() -> None:
    dead = direction(range(len(PLAN)))
    assert dead.rcvd == 0 and dead.whole.lost == len(PLAN) and dead.whole.pdv_p95_ms is None
    empty = Direction(MediaTrace([], [], [], []), DEFAULT)
    assert empty.whole.sent == 0 and empty.windows == [] and empty.cells(200) == [] and empty.whole.evidence == 0.0


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 2**40), st.integers(0, 255)), max_size=50))
def test_no_arrivals_whatever_break_it(arrivals: list[tuple[int, int, int]]) -> None:
    short = PLAN[:300]
    found = Direction(MediaTrace(short, [one.due_ns for one in short], [0] * 300, arrivals), DEFAULT)
    assert 0 <= found.whole.lost <= 300 and found.whole.pictures.freeze_s >= 0
