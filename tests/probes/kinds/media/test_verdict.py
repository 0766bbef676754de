"""Verdicts: which limit fails, and how it is said."""

from __future__ import annotations

import random

import pytest
from mediatraces import AUDIO, INTRA, PLAN, VIDEO, direction, of_frame

from probes.kinds.media.figures import Reception
from probes.kinds.media.verdict import PROFILES, Level, Limit, MediaVerdict, judge, remarks, together, worse, worst_cell

LIMITS = PROFILES["conf-720p"]


def judged(lost: object = (), delay_ms: float = 10.0, profile: str = "conf-720p", **more: object) -> MediaVerdict:
    return judge(direction(lost, **more), "fwd", PROFILES[profile], delay_ms)  # type: ignore[arg-type]


def scattered(percent: float, seed: int = 1) -> set[int]:
    """Exactly so many percent of the packets, anywhere."""
    return set(random.Random(seed).sample(range(len(PLAN)), round(len(PLAN) * percent / 100)))


def test_a_clean_stream_passes() -> None:
    assert judged() == MediaVerdict(Level.PASS) and judged(profile="conf-1080p") == MediaVerdict(Level.PASS)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    ("percent", "profile", "level"),
    [
        (0.45, "conf-720p", Level.PASS), (0.8, "conf-720p", Level.WARN), (1.2, "conf-720p", Level.FAIL),
        (2, "conf-720p", Level.FAIL), (5, "conf-720p", Level.FAIL), (0.07, "conf-1080p", Level.PASS),
        (0.3, "conf-1080p", Level.WARN), (0.8, "conf-1080p", Level.FAIL),
    ],
)  # fmt: skip
def test_losses_by_chance_are_judged_by_how_many_they_are(
    percent: float, profile: str, level: Level, seed: int
) -> None:
    found = judged(scattered(percent, seed), profile=profile)
    assert found.level is level
    assert found.limit in ((Limit.NONE,) if level is Level.PASS else (Limit.LOSS,))


def test_the_limit_that_fails_is_named_with_its_direction() -> None:
    assert judged(scattered(2)).why.endswith("% lost there")
    assert judge(direction(scattered(2)), "bwd", LIMITS, 10.0).why.endswith("% lost back")


def test_a_burst_of_losses_is_named_though_the_whole_is_small() -> None:
    lost = {number for number in VIDEO if 5e9 <= PLAN[number].due_ns < 5.06e9 and not PLAN[number].intra}
    found = judged(lost)
    assert found.limit in (Limit.WINDOW_LOSS, Limit.LOSS) and found.level >= Level.WARN


def test_intra_frames_that_do_not_fit_are_named() -> None:
    found = judged({number for frame in INTRA for number in of_frame(frame)[-2:]})
    assert (found.level, found.limit) == (Level.FAIL, Limit.INTRA)
    assert found.why == f"average fits, I-frames do not: {len(INTRA)} of {len(INTRA)} I-frames damaged there"


def test_where_the_others_do_not_fit_either_losses_are_what_is_named() -> None:
    lost = {number for frame in INTRA for number in of_frame(frame)[-12:]} | scattered(2)
    assert judged(lost).limit is Limit.LOSS


def test_what_arrives_too_late_is_no_better_than_lost() -> None:
    found = judged(held=dict.fromkeys(VIDEO[::50], 250.0))
    assert (found.level, found.limit) == (Level.FAIL, Limit.LATE)


def test_pictures_whose_delay_varies() -> None:
    held = {number: 35.0 for frame in range(0, 300, 10) for number in of_frame(frame)}
    assert judged(held=held).limit is Limit.JITTER and judged(held=held).level is Level.WARN
    assert judged(held=dict.fromkeys(held, 50.0)).level is Level.FAIL


def test_a_long_way() -> None:
    assert judged(delay_ms=170.0).level is Level.WARN and judged(delay_ms=170.0).limit is Limit.DELAY
    assert judged(delay_ms=250.0) == MediaVerdict(Level.FAIL, Limit.DELAY, "a delay of 250 ms there")


def test_sound_that_is_bad_though_pictures_are_good() -> None:
    found = judged(set(AUDIO[::25]) | set(AUDIO[1::25]), reception=Reception(codec=(0.0, 4.3)))
    assert found.limit in (Limit.LOSS, Limit.AUDIO) and found.level is Level.FAIL


def test_a_dead_direction() -> None:
    assert judged(range(len(PLAN))) == MediaVerdict(Level.FAIL, Limit.DEAD, "nothing of the stream arrives there")
    assert judged(VIDEO) == MediaVerdict(Level.FAIL, Limit.DEAD, "no pictures arrive there")
    assert judged(AUDIO) == MediaVerdict(Level.FAIL, Limit.DEAD, "no sound arrives there")


def test_burst_that_fails_where_paced_passes_names_the_queue() -> None:
    burst, good = (
        MediaVerdict(Level.FAIL, Limit.INTRA, "average fits, I-frames do not: 2 of 2"),
        MediaVerdict(Level.PASS),
    )
    assert together(burst, good).limit is Limit.QUEUE and together(burst, good).why.startswith(
        "queue too small: average fits"
    )
    assert together(burst, MediaVerdict(Level.WARN, Limit.LOSS, "0.7 % lost there")).limit is Limit.QUEUE
    loss = MediaVerdict(Level.FAIL, Limit.LOSS, "3 % lost there")
    assert "I-frames do not" in together(loss, good).why and together(loss, loss) == loss
    delay = MediaVerdict(Level.FAIL, Limit.DELAY, "a delay of 250 ms there")
    assert together(delay, good) == delay and together(good, loss) == loss


def test_the_worst_counts() -> None:
    warn, fail = MediaVerdict(Level.WARN, Limit.LOSS, "a"), MediaVerdict(Level.FAIL, Limit.JITTER, "b")
    assert worse(MediaVerdict(Level.PASS), warn, fail) == fail


def test_windows_of_no_evidence_are_not_looked_at() -> None:
    frame = next(frame for frame in range(100, 200) if frame not in INTRA)
    assert worst_cell(direction(of_frame(frame), late={of_frame(frame)[0]: 9000}).cells(200)) == 0.0


def test_a_changed_mark_is_named() -> None:
    assert remarks({"pictures": (34, 0), "sound": (46, 46)}, "bwd") == ["DSCP 34 of pictures arrives as 0 back"]
    assert remarks({"pictures": (34, None)}, "fwd") == []
