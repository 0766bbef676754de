"""Would a conference be good here? A direction's figures against a profile's limits; the limit that fails is named.

ProfileLimits: `reference/videoconference.md` §4.4. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from probes.kinds.media.figures import Direction, ShortWindow, WindowFigures
from probes.wire.media.shape import Sort

IN_WORDS = {"fwd": "there", "bwd": "back"}

_STREAMS = {Sort.VIDEO: "pictures", Sort.AUDIO: "sound"}
_FEW = 10  # packets: of fewer all may be lost


class Level(IntEnum):
    """The verdict."""

    PASS = 0
    WARN = 1
    FAIL = 2


class Limit(IntEnum):
    """What failed; the number is what is stored."""

    NONE = 0
    QUEUE = 1  # bursts do not fit, the same pictures paced do
    INTRA = 2  # intra frames do not fit, the others do
    DEAD = 3  # nothing arrives
    ABORTED = 4  # cut short, for it did harm
    LOSS = 5
    WINDOW_LOSS = 6
    LATE = 7
    JITTER = 8
    DELAY = 9
    FREEZE = 10
    AUDIO = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileLimits:
    """A profile's: up to the first number all is well, up to the second it is a warning, beyond it fails."""

    loss_percent: tuple[float, float]  # lost in the worst 20 s
    window_loss_percent: tuple[float, float]  # … in the worst 200 ms
    late_percent: tuple[float, float]  # too late for its buffer
    jitter_ms: tuple[float, float]  # of whole pictures, p95 above the least
    delay_ms: tuple[float, float]  # one way
    freeze_percent: tuple[float, float]  # of the time
    audio_mos: tuple[float, float]  # at least


PROFILES: dict[str, ProfileLimits] = {
    "conf-720p": ProfileLimits(
        loss_percent=(0.5, 1.0), window_loss_percent=(10.0, 20.0), late_percent=(0.5, 1.0), jitter_ms=(30.0, 40.0),
        delay_ms=(150.0, 200.0), freeze_percent=(25.0, 50.0), audio_mos=(4.0, 3.6),
    ),
    "conf-1080p": ProfileLimits(
        loss_percent=(0.1, 0.5), window_loss_percent=(10.0, 20.0), late_percent=(0.1, 0.5), jitter_ms=(20.0, 30.0),
        delay_ms=(150.0, 200.0), freeze_percent=(15.0, 40.0), audio_mos=(4.0, 3.6),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MediaVerdict:
    """`level` and the limit it is due to; `why` in words, "" when all is well."""

    level: Level
    limit: Limit = Limit.NONE
    why: str = ""


PASSED = MediaVerdict(Level.PASS)


def judge(direction: Direction, name: str, limits: ProfileLimits, delay_ms: float) -> MediaVerdict:
    """One direction (`fwd` or `bwd`); the worst of its limits."""
    dead = _dead(direction)
    if dead:
        return MediaVerdict(Level.FAIL, Limit.DEAD, f"{dead} {IN_WORDS[name]}")
    windows = [window for window in direction.windows if 2 * window.evidence >= 1.0] or [direction.whole]
    checks = [
        _intra(direction.whole, name, limits),
        *(_check(*measured, name) for measured in _measured(direction, windows, limits, delay_ms)),
    ]
    return max(checks, key=lambda check: check.level)  # the first of equals: what explains more stands first


def _dead(direction: Direction) -> str:
    """What of it never arrives; "" when something does of pictures and of sound."""
    gone = [_STREAMS[sort] for sort in Sort if direction.sent_of(sort) >= _FEW and direction.dscp(sort) is None]
    if direction.sent and not direction.rcvd:
        return "nothing of the stream arrives"
    return f"no {gone[0]} arrive" if gone == [_STREAMS[Sort.VIDEO]] else f"no {gone[0]} arrives" if gone else ""


_Checked = tuple[Limit, float | None, tuple[float, float], str]


def _measured(
    direction: Direction, windows: list[WindowFigures], limits: ProfileLimits, delay_ms: float
) -> list[_Checked]:
    """(limit, worst value, its bounds, how to say it) of everything with a number."""
    return [
        (Limit.LOSS, max(window.lost_percent for window in windows), limits.loss_percent, "{:.2f} % lost"),
        (Limit.WINDOW_LOSS, worst_cell(direction.cells(200)), limits.window_loss_percent, "{:.0f} % lost within 200 ms"),
        (Limit.LATE, max(_late_percent(window) for window in windows), limits.late_percent, "{:.2f} % too late for a buffer of 200 ms"),
        (Limit.JITTER, _worst(windows, lambda window: window.pictures.jitter_p95_ms), limits.jitter_ms, "pictures' delay varies by {:.0f} ms"),
        (Limit.DELAY, delay_ms, limits.delay_ms, "a delay of {:.0f} ms"),
        (Limit.FREEZE, freeze_percent(direction.whole), limits.freeze_percent, "frozen for {:.0f} % of the time"),
        (Limit.AUDIO, _min_mos(windows), limits.audio_mos, "sound of MOS {:.1f}"),
    ]  # fmt: skip


def _check(limit: Limit, value: float | None, bounds: tuple[float, float], words: str, name: str) -> MediaVerdict:
    if value is None:
        return PASSED
    good, bad = bounds
    sign = -1.0 if limit is Limit.AUDIO else 1.0  # of sound more is better
    level = Level(int(sign * value > sign * good) + int(sign * value > sign * bad))
    return MediaVerdict(level, limit, f"{words.format(value)} {IN_WORDS[name]}") if level else PASSED


def _intra(figures: WindowFigures, name: str, limits: ProfileLimits) -> MediaVerdict:
    """Do intra frames lose what the others do not, and are the others within their limit? Then the average fits and they do not."""
    pictures = figures.pictures
    lost, sent = pictures.other_packets
    if not pictures.too_large or 100.0 * lost > limits.loss_percent[1] * sent:
        return PASSED
    damaged = f"{pictures.intra_damaged} of {pictures.intra} I-frames damaged"
    return MediaVerdict(Level.FAIL, Limit.INTRA, f"average fits, I-frames do not: {damaged} {IN_WORDS[name]}")


def worst_cell(cells: list[ShortWindow]) -> float | None:
    """Highest loss, in percent, of the windows that are evidence and hold enough packets to speak of percent."""
    return max((100.0 * cell.share for cell in cells if not cell.ours and cell.sent >= 10), default=None)


def freeze_percent(figures: WindowFigures) -> float | None:
    """Share of the time a viewer saw nothing new."""
    lasts_s = figures.lasts_s * figures.evidence
    return min(100.0, 100.0 * figures.pictures.freeze_s / lasts_s) if lasts_s > 0 else None


def _late_percent(figures: WindowFigures) -> float:
    return 100.0 * figures.late_200 / figures.sent if figures.sent else 0.0


def _worst(windows: list[WindowFigures], what: Callable[[WindowFigures], float | None]) -> float | None:
    return max((value for value in map(what, windows) if value is not None), default=None)


def _min_mos(windows: list[WindowFigures]) -> float | None:
    return min((window.sound.mos for window in windows if window.sound), default=None)


def together(burst: MediaVerdict, paced: MediaVerdict) -> MediaVerdict:
    """What both variants say: a burst that fails where the same pictures paced pass names a queue that is too small."""
    if burst.level is Level.FAIL and paced.level is not Level.FAIL and burst.limit in _OF_BURSTS:
        return MediaVerdict(Level.FAIL, Limit.QUEUE, f"queue too small: {_plain(burst)}; paced they pass")
    return worse(burst, paced)


_OF_BURSTS = (Limit.INTRA, Limit.LOSS, Limit.WINDOW_LOSS, Limit.FREEZE, Limit.ABORTED)


def _plain(burst: MediaVerdict) -> str:
    return burst.why if burst.limit is Limit.INTRA else f"average fits, I-frames do not: {burst.why}"


def worse(*verdicts: MediaVerdict) -> MediaVerdict:
    """The worst; the first of equals."""
    return max(verdicts, key=lambda verdict: verdict.level)


def remarks(seen: Mapping[str, tuple[int, int | None]], name: str) -> list[str]:
    """Which DSCP was changed on the way: `seen` maps a stream's name to (sent, seen)."""
    return [
        f"DSCP {sent} of {what} arrives as {came} {IN_WORDS[name]}"
        for what, (sent, came) in seen.items()
        if came is not None and came != sent
    ]
